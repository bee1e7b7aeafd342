"""An insert is one partition, hence one part: stored whole or not at all, whenever the batches of a flush came."""

import asyncio
import secrets

import pytest
from tests.factories import NANO, make_request, make_span
from tests.signals_rows import insert_rows, span_row
from tests.span_rows import batch_of

from tidegate.kernel import RandomIds, TidegateError, WorkspaceId
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.telemetry import EngineBatchStore, IngestService, PostgresTouchLedger
from tidegate.telemetry.ports import Nobody

MIDNIGHT_NS = 1_795_305_600 * NANO


async def stored(engine: TelemetryEngine, workspace: WorkspaceId) -> list[tuple[str, int]]:
    rows = await engine.select(
        [workspace],
        "SELECT _partition_id AS day, uniqExact(span_id) AS found FROM raw_spans GROUP BY day ORDER BY day",
    )
    return [(str(row["day"]), int(row["found"])) for row in rows]


async def test_a_flush_over_midnight_is_an_insert_a_day(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    service = IngestService(
        store=EngineBatchStore(engine),
        touches=PostgresTouchLedger(database, writer="tests"),
        ids=RandomIds(),
        listener=Nobody(),
    )
    batches = [
        batch_of(make_request(*(make_span(span_id=secrets.token_bytes(8)) for _ in range(3))), MIDNIGHT_NS + shift_ns)
        for shift_ns in (-1_000, 0)
    ]
    waiting = [asyncio.ensure_future(service.accept(workspace, batch)) for batch in batches]
    await asyncio.sleep(0)
    running = asyncio.ensure_future(service.run())
    await asyncio.gather(*waiting)
    running.cancel()
    assert await stored(engine, workspace) == [("20261121", 3), ("20261122", 3)]


async def test_the_engine_refuses_an_insert_of_two_days(engine: TelemetryEngine, workspace: WorkspaceId) -> None:
    rows = [span_row(workspace, received_ns=MIDNIGHT_NS + shift_ns) for shift_ns in (-1_000, 0)]
    with pytest.raises(TidegateError, match="partitions"):
        await insert_rows(engine, "raw_spans", rows, token=secrets.token_hex(8))
    assert await stored(engine, workspace) == []
