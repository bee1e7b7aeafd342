"""Short of memory the engine refuses inserts again and again: what was acknowledged is stored, and counts once."""

import asyncio
import secrets
import time
from pathlib import Path

import httpx
import pytest
from tests.authority import shipped_authorizer
from tests.contract.short_of_memory import Ballast, small_engine
from tests.factories import make_request, make_span

from tidegate.app.ingest_edge import build_ingest, telemetry_doors
from tidegate.app.running import running
from tidegate.edge.caller import Caller, Scope
from tidegate.kernel import SystemClock, UnavailableError, WorkspaceId
from tidegate.signals.tasks import build_closer, build_reader
from tidegate.storage import Database
from tidegate.storage.disk import DiskLimit, DiskWatch
from tidegate.storage.migrations import migrate_telemetry
from tidegate.storage.postgres.layout import PostgresDsns
from tidegate.storage.telemetry import TelemetryEngine

SPANS_A_BODY = 400
PADDING = "x" * 1500


class Anybody:
    """Lets every token in, to one workspace."""

    def __init__(self, workspace: WorkspaceId) -> None:
        self._caller = Caller(workspace=workspace, scope=Scope.INGEST, actor="tests", by_session=False)

    async def caller_of_token(self, _: str) -> Caller:
        return self._caller

    async def caller_of_session(self, _: str) -> Caller:
        return self._caller


async def nothing(scope: object, receive: object, send: object) -> None:
    raise AssertionError("only telemetry is sent")


def body() -> bytes:
    now = time.time_ns()
    spans = [
        make_span(
            start_time_unix_nano=now - 1000, end_time_unix_nano=now, attributes={"pad": PADDING + secrets.token_hex(50)}
        )
        for _ in range(SPANS_A_BODY)
    ]
    return make_request(*spans).SerializeToString()


async def send_until_taken(client: httpx.AsyncClient, content: bytes, ballast: Ballast) -> None:
    headers = {"authorization": "Bearer any", "content-type": "application/x-protobuf"}
    async with asyncio.timeout(240):
        while True:
            answer = await client.post("/v1/traces", content=content, headers=headers)
            if answer.status_code == 200:
                return
            assert answer.status_code in {429, 503}, answer.text
            await ballast.give_back_some()


async def take_in(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId, ballast: Ballast, *, bodies: int
) -> None:
    ingest = build_ingest(database, engine, disk=DiskWatch([], DiskLimit()))
    doors = telemetry_doors(nothing, ingest, Anybody(workspace), shipped_authorizer())
    left = iter(range(bodies))
    async with (
        running(ingest.tasks)(None),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=doors), base_url="http://tidegate.test", timeout=120
        ) as client,
    ):

        async def send_some() -> None:
            for number in left:
                content = body()
                await send_until_taken(client, content, ballast)
                if number % 5 == 0:
                    await send_until_taken(client, content, ballast)  # as an exporter does that missed the answer

        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(send_some())


async def counted(database: Database, engine: TelemetryEngine, workspace: WorkspaceId) -> int:
    closer = build_closer(database, engine, SystemClock())
    async with asyncio.timeout(240):
        while True:
            try:
                while await closer.close_once():
                    pass
                return await build_reader(database, engine, SystemClock()).span_count(workspace)
            except UnavailableError:  # merges and counting are short of memory as well
                await asyncio.sleep(0.2)


async def stored_under_pressure(
    folder: Path, dsns: PostgresDsns, database: Database, workspace: WorkspaceId, *, bodies: int, memory_mb: int
) -> int:
    async with small_engine(folder, memory_mb * 2**20) as engine:
        await migrate_telemetry(dsns.owner, engine)
        ballast = Ballast(engine, memory_mb * 2**20)
        await ballast.take()
        await take_in(database, engine, workspace, ballast, bodies=bodies)
        refused = await engine.admin("SELECT value FROM system.errors WHERE name = 'MEMORY_LIMIT_EXCEEDED'")
        assert refused, "the cap was never reached: nothing was tried"
        await ballast.give_back_all()
        return await counted(database, engine, workspace)


async def test_what_is_acknowledged_short_of_memory_is_counted_once(
    tmp_path: Path, state_dsns: PostgresDsns, database: Database, workspace: WorkspaceId
) -> None:
    stored = await stored_under_pressure(tmp_path, state_dsns, database, workspace, bodies=60, memory_mb=110)
    assert stored == 60 * SPANS_A_BODY


@pytest.mark.long
async def test_thousands_of_bodies_short_of_memory_are_counted_once(
    tmp_path: Path, state_dsns: PostgresDsns, database: Database, workspace: WorkspaceId
) -> None:
    stored = await stored_under_pressure(tmp_path, state_dsns, database, workspace, bodies=3000, memory_mb=140)
    assert stored == 3000 * SPANS_A_BODY
