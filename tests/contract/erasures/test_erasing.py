"""Erasing in the real engines: what is meant goes from every table, nothing else does, and no crash leaves a half."""

import secrets
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest
from tests.doing import BY, trail_of
from tests.telemetry_rows import (
    AT_NS,
    NANO,
    TRACE,
    make_log_row,
    make_run_row,
    make_span_row,
    marker_of,
    patiently,
    span_id,
    store,
)

from tidegate.kernel import RandomIds, UnavailableError, WorkspaceId
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.telemetry.erasures import (
    EngineErasedRows,
    EraseRunner,
    ErasureKind,
    ErasureService,
    ErasureState,
    PostgresErasures,
)
from tidegate.telemetry.erasures.errors import NothingToEraseError
from tidegate.testing import FakeClock

SECOND = AT_NS // NANO
OTHER_TRACE = "0" * 31 + "1"
NOW = datetime.fromtimestamp(SECOND + 3_600, UTC)
HOLD = timedelta(days=7)
NOBODY = WorkspaceId("nobody")


class Failing:
    """The engine, which fails at one delete and then always: what a crash leaves behind. Else it is waited for."""

    def __init__(self, engine: TelemetryEngine, workspace: WorkspaceId = NOBODY, *, deletes: int = -1) -> None:
        self._engine = engine
        self._workspace = workspace  # other tests leave erasures that a runner finds as well
        self.deletes_left = deletes

    async def select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        return await patiently(partial(self._engine.select, workspaces, sql, parameters))

    async def delete(
        self,
        workspaces: Collection[WorkspaceId],
        table: str,
        condition: str,
        parameters: Mapping[str, object] | None = None,
    ) -> None:
        if self._workspace in workspaces:
            if self.deletes_left == 0:
                raise UnavailableError("gone")
            self.deletes_left -= 1
        await patiently(partial(self._engine.delete, workspaces, table, condition, parameters))

    async def admin(self, sql: str) -> list[dict[str, Any]]:
        return await patiently(partial(self._engine.admin, sql))


class World:
    def __init__(self, database: Database, engine: TelemetryEngine, workspace: WorkspaceId) -> None:
        self.database, self.engine, self.workspace = database, engine, workspace
        self.clock = FakeClock(NOW)
        self.store = PostgresErasures(database, trail_of(database))
        rows = EngineErasedRows(Failing(engine))
        self.service = ErasureService(
            rows=rows, store=self.store, ids=RandomIds(), clock=self.clock, hold=HOLD, on_requested=lambda: None
        )

    def runner(self, engine: Any = None, *, holder: str = "one") -> EraseRunner:
        rows = EngineErasedRows(engine or Failing(self.engine))
        return EraseRunner(rows=rows, store=self.store, clock=self.clock, holder=holder)

    async def put(self, table: str, *rows: dict[str, Any], workspace: WorkspaceId | None = None) -> None:
        await store(self.engine, workspace or self.workspace, table, rows)

    async def left(self, table: str, column: str = "trace_id", *, workspace: WorkspaceId | None = None) -> list[str]:
        sql = f"SELECT DISTINCT {column} AS one FROM {table} ORDER BY one"
        return [str(row["one"]) for row in await self.engine.select([workspace or self.workspace], sql)]

    async def touched(self) -> dict[str, set[int]]:
        """Return touched seconds by state."""
        async with self.database.transaction(self.workspace) as connection:
            rows = await connection.fetch(
                "SELECT state, seconds FROM telemetry_touches WHERE workspace = $1", self.workspace
            )
        found: dict[str, set[int]] = {}
        for row in rows:
            found.setdefault(row["state"], set()).update(row["seconds"])
        return found

    async def ask(self, kind: ErasureKind = ErasureKind.TRACE, subject: str = TRACE) -> str:
        erasure = await self.service.request(self.workspace, kind, subject, reason="asked for", by=BY)
        return erasure.id

    async def state(self, erasure_id: str) -> ErasureState:
        return (await self.service.get(self.workspace, erasure_id)).state


@pytest.fixture
async def world(
    database: Database,
    engine: TelemetryEngine,
    workspace: WorkspaceId,
    owner_connection: "asyncpg.Connection[asyncpg.Record]",
) -> World:
    # A runner looks for late copies of all that is not over: what other tests left would be looked for each time.
    await owner_connection.execute("UPDATE erasures SET state = 'over' WHERE state <> 'over'")
    return World(database, engine, workspace)


@pytest.fixture
async def other_workspace(owner_connection: "asyncpg.Connection[asyncpg.Record]") -> WorkspaceId:
    name = WorkspaceId(f"w-{secrets.token_hex(6)}")
    await owner_connection.execute("INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now())", name)
    return name


async def put_trace(world: World) -> None:
    await world.put(
        "raw_spans",
        make_span_row(1, role="agent", tenant="acme"),
        make_span_row(2, parent=1, start_ms=-5_000, tenant="acme"),
        make_span_row(9, trace_id=OTHER_TRACE, tenant="acme"),
    )
    await world.put("raw_logs", make_log_row(tenant="acme"), make_log_row(trace_id=OTHER_TRACE, tenant="globex"))
    await world.put("ai_runs", make_run_row(1, tenant="acme"), make_run_row(9, trace_id=OTHER_TRACE), marker_of(SECOND))


async def test_a_trace_goes_from_every_table_and_its_seconds_are_counted_again(world: World) -> None:
    await put_trace(world)
    found = await world.service.preview(world.workspace, ErasureKind.TRACE, TRACE)
    assert (found.spans, found.logs, found.runs, found.points, found.seconds) == (2, 1, 1, 0, 2)
    erasure_id = await world.ask()
    assert await world.runner().run_once() >= 1  # others may have left some
    assert await world.left("raw_spans") == [OTHER_TRACE]
    assert await world.left("raw_logs") == [OTHER_TRACE]
    assert await world.left("ai_runs") == ["", OTHER_TRACE]
    assert await world.touched() == {"stored": {SECOND, SECOND - 5}}
    erasure = await world.service.get(world.workspace, erasure_id)
    assert (erasure.state, erasure.progress, erasure.finished_at) == (ErasureState.HELD, 1.0, NOW)


async def test_the_bytes_leave_the_disk(world: World) -> None:
    await put_trace(world)
    await world.ask()
    await world.runner().run_once()
    masked: list[dict[str, Any]] = [{}]
    for _ in range(200):
        masked = await world.engine.admin(
            "SELECT name FROM system.parts WHERE database = 'tidegate' AND active AND has_lightweight_delete"
        )
        if not masked:
            break
    assert masked == []


async def test_a_tenant_goes_with_its_points_and_what_it_does_later_stays(world: World) -> None:
    later_ns = (SECOND + 7_200) * NANO
    await put_trace(world)
    point = {"second": SECOND, "time_ns": AT_NS, "received_ns": AT_NS, "metric": "m"}
    await world.put("raw_points", point | {"point_id": "a", "tenant": "acme"})
    await world.put("raw_points", point | {"point_id": "b", "tenant": "globex"})
    await world.put(
        "raw_spans",
        make_span_row(3, trace_id=OTHER_TRACE, tenant="globex"),
        make_span_row(4, trace_id="f" * 32, tenant="acme", start_ns=later_ns, end_ns=later_ns, received_ns=later_ns),
    )
    await world.ask(ErasureKind.TENANT, "acme")
    await world.runner().run_once()
    assert await world.left("raw_spans", "(tenant, trace_id)") == [
        str(("acme", "f" * 32)),
        str(("globex", OTHER_TRACE)),
    ]
    assert await world.left("raw_logs", "tenant") == ["globex"]
    assert await world.left("raw_points", "tenant") == ["globex"]
    assert await world.left("ai_runs", "tenant") == [""]


async def test_a_run_that_loses_a_part_is_counted_again_where_it_ended(world: World) -> None:
    await world.put(
        "raw_spans",
        make_span_row(1, role="agent", length_ms=60_000),
        make_span_row(2, parent=1, role="inference", tenant="acme"),
    )
    await world.ask(ErasureKind.TENANT, "acme")
    await world.runner().run_once()
    assert await world.left("raw_spans", "span_id") == [span_id(1)]
    assert await world.touched() == {"stored": {SECOND, SECOND + 60}}


async def test_another_workspace_loses_nothing_and_can_erase_nothing_here(
    world: World, other_workspace: WorkspaceId
) -> None:
    await put_trace(world)
    await world.put("raw_spans", make_span_row(1), workspace=other_workspace)
    await world.ask()
    await world.runner().run_once()
    assert await world.left("raw_spans", workspace=other_workspace) == [TRACE]
    with pytest.raises(NothingToEraseError):
        await world.service.preview(other_workspace, ErasureKind.TENANT, "acme")
    assert await world.service.list_newest(other_workspace) == []


@pytest.mark.parametrize("deletes", [0, 1, 2, 3, 4, 5])
async def test_whatever_a_crash_leaves_another_process_finishes(world: World, deletes: int) -> None:
    """A batch is three deletes; two seconds of work that are more than a batch apart are two of them."""
    await world.put("raw_spans", *[make_span_row(n, start_ms=n * 1_000) for n in range(600)])
    await world.put("raw_logs", make_log_row())
    erasure_id = await world.ask()
    with pytest.raises(UnavailableError):
        await world.runner(Failing(world.engine, world.workspace, deletes=deletes)).run_once()
    assert await world.runner(holder="two").run_once() == 0, "the lease of the dead one still holds"
    world.clock.advance(timedelta(minutes=2))
    assert await world.runner(holder="two").run_once() == 1
    assert await world.left("raw_spans") == []
    assert await world.left("raw_logs") == []
    assert await world.touched() == {"stored": set(range(SECOND, SECOND + 600))}
    assert await world.state(erasure_id) is ErasureState.HELD


async def test_copies_that_come_late_do_not_come_back(world: World) -> None:
    await put_trace(world)
    trace, tenant = await world.ask(), await world.ask(ErasureKind.TENANT, "acme")
    runner = world.runner()
    await runner.run_once()
    assert await runner.run_once() == 0
    world.clock.advance(timedelta(hours=1))
    came = int(world.clock.now().timestamp()) * NANO
    await world.put("raw_spans", make_span_row(1, received_ns=came, tenant="acme"))
    await world.put("raw_logs", make_log_row(received_ns=came, trace_id="", tenant="acme"))
    assert await runner.run_once() == 2
    assert await world.left("raw_spans") == []
    assert await world.left("raw_logs", "tenant") == ["globex"]
    assert {await world.state(one) for one in (trace, tenant)} == {ErasureState.HELD}


async def test_another_process_finds_late_copies_as_well(world: World) -> None:
    await put_trace(world)
    await world.ask()
    await world.runner().run_once()
    world.clock.advance(timedelta(days=1))
    await world.put("raw_spans", make_span_row(1, received_ns=AT_NS + 3_700 * NANO))
    assert await world.runner(holder="two").run_once() == 1
    assert await world.left("raw_spans") == [OTHER_TRACE]


async def test_when_no_copy_can_be_left_the_hold_ends(world: World) -> None:
    await put_trace(world)
    erasure_id = await world.ask()
    await world.runner().run_once()
    world.clock.advance(HOLD)
    await world.runner().run_once()
    assert await world.state(erasure_id) is ErasureState.OVER
    await world.put("raw_spans", make_span_row(1, received_ns=int(world.clock.now().timestamp()) * NANO))
    await world.runner().run_once()
    assert await world.left("raw_spans") == [OTHER_TRACE, TRACE]


async def test_the_same_request_twice_is_one(world: World) -> None:
    await put_trace(world)
    assert await world.ask() == await world.ask(subject=TRACE.upper())


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        (ErasureKind.TRACE, "1" * 32),
        (ErasureKind.TRACE, "' OR 1 = 1 --"),
        (ErasureKind.TENANT, "nobody"),
        (ErasureKind.TENANT, ""),
        (ErasureKind.TENANT, "a\0b"),
        (ErasureKind.TENANT, "x" * 513),
        (ErasureKind.TENANT, "acme') OR ('1' = '1"),
    ],
)
async def test_what_is_not_there_is_not_erased(world: World, kind: ErasureKind, subject: str) -> None:
    await put_trace(world)
    with pytest.raises(NothingToEraseError):
        await world.ask(kind, subject)
    assert len(await world.left("raw_spans", "span_id")) == 3


async def test_many_seconds_go_in_batches_that_are_seen_as_progress(world: World) -> None:
    await world.put("raw_spans", *[make_span_row(n, start_ms=n * 1_000, tenant="acme") for n in range(1_100)])
    erasure_id = await world.ask(ErasureKind.TENANT, "acme")
    with pytest.raises(UnavailableError):
        await world.runner(Failing(world.engine, world.workspace, deletes=4)).run_once()
    erasure = await world.service.get(world.workspace, erasure_id)
    assert 0.4 < erasure.progress < 0.5
    world.clock.advance(timedelta(minutes=2))
    await world.runner().run_once()
    assert await world.left("raw_spans") == []
    assert len((await world.touched())["stored"]) == 1_100


class Refusing:
    """Knows nobody who may still have anything done."""

    async def why_not(self, workspace: WorkspaceId, asker: str, action: str) -> str:
        assert (asker, action) == ("tok_test", "telemetry:erase")
        return "The token was revoked."


async def test_an_erasure_is_not_begun_for_whom_it_may_not_be_done_any_more(world: World) -> None:
    await put_trace(world)
    erasure_id = await world.ask()
    rows = EngineErasedRows(Failing(world.engine))
    runner = EraseRunner(rows=rows, store=world.store, clock=world.clock, holder="one", askers=Refusing())
    assert await runner.run_once() == 0
    refused = await world.service.get(world.workspace, erasure_id)
    assert (refused.state, refused.progress, refused.finished_at) == (ErasureState.REFUSED, 0.0, NOW)
    assert await world.left("raw_spans") == sorted([OTHER_TRACE, TRACE])
    again = await world.ask()
    assert again != erasure_id
    assert await world.runner().run_once() == 1
    assert await world.state(again) is ErasureState.HELD
