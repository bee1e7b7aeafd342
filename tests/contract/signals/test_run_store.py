"""Counted runs out of the real engine: the newest published version of each, in pages, narrowed as asked."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest
from tests.telemetry_rows import AT_NS, NANO, TRACE, make_run_row, marker_of, patiently, span_id, store

from tidegate.kernel import InvalidInputError, TimeRange, WorkspaceId
from tidegate.signals.ai_runs import EngineRunStore, RunQuery
from tidegate.storage.telemetry import TelemetryEngine

SECOND = AT_NS // NANO
PUBLISHED = 10


async def watermark(_: object) -> int:
    return PUBLISHED


@pytest.fixture
def runs(engine: TelemetryEngine) -> EngineRunStore:
    return EngineRunStore(engine, watermark=watermark)


@pytest.fixture
async def other_workspace(owner_connection: "asyncpg.Connection[asyncpg.Record]") -> WorkspaceId:
    name = WorkspaceId(f"w-{secrets.token_hex(6)}")
    await owner_connection.execute("INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now())", name)
    return name


async def put(engine: TelemetryEngine, workspace: WorkspaceId, *rows: dict[str, Any], version: int = 1) -> None:
    counted = [row | {"version": version} for row in rows]
    markers = [marker_of(second, version=version) for second in sorted({row["second"] for row in counted})]
    await store(engine, workspace, "ai_runs", [*counted, *markers])


async def test_a_run_that_was_counted_again_is_shown_once_as_it_was_counted_last(
    runs: EngineRunStore, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    await put(engine, workspace, make_run_row(1, outcome="ok"), version=1)
    await put(engine, workspace, make_run_row(1, outcome="failed"), version=2)
    page = await runs.list_runs(workspace, RunQuery())
    assert [run.outcome for run in page.items] == ["failed"]
    found = await runs.find_run(workspace, TRACE, span_id(1))
    assert found is not None
    assert found.outcome == "failed"


async def test_a_run_that_is_no_run_any_more_is_gone(
    runs: EngineRunStore, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    await put(engine, workspace, make_run_row(1), make_run_row(2), version=1)
    await put(engine, workspace, make_run_row(2), version=2)  # the second again: its first run got a parent
    assert [run.span_id for run in (await runs.list_runs(workspace, RunQuery())).items] == [span_id(2)]
    assert await runs.find_run(workspace, TRACE, span_id(1)) is None


async def test_what_is_not_published_is_not_shown(
    runs: EngineRunStore, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    await put(engine, workspace, make_run_row(1), version=PUBLISHED + 1)
    assert (await runs.list_runs(workspace, RunQuery())).items == ()


async def test_another_workspace_sees_none_of_them(
    runs: EngineRunStore, engine: TelemetryEngine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    await put(engine, workspace, make_run_row(1))
    assert (await runs.list_runs(other_workspace, RunQuery())).items == ()
    assert await runs.find_run(other_workspace, TRACE, span_id(1)) is None


async def test_pages_fit_together_newest_first(
    runs: EngineRunStore, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    await put(engine, workspace, *[make_run_row(n, start_ms=(n % 4) * 50_000_000 + n) for n in range(1, 24)])
    seen: list[tuple[int, str]] = []
    cursor = None
    while True:
        page = await runs.list_runs(workspace, RunQuery(limit=5, cursor=cursor))
        seen += [(run.end_ns, run.span_id) for run in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 23


@pytest.mark.parametrize(
    ("change", "numbers"),
    [
        pytest.param({"outcome": "failed"}, [1], id="outcome"),
        pytest.param({"model": "big"}, [2], id="model"),
        pytest.param({"provider": "anthropic"}, [2], id="provider"),
        pytest.param({"tenant": "acme"}, [1], id="tenant"),
        pytest.param({"tenant": "' OR 1 = 1 --"}, [], id="a name that wants to be more"),
        pytest.param({"service": "jobs"}, [3], id="service"),
        pytest.param({"release": "2"}, [3], id="release"),
        pytest.param({"min_cost_nano_usd": 500}, [2], id="cost"),
        pytest.param({"is_unpriced": True}, [3, 1], id="unpriced"),
        pytest.param({"outcome": "ok", "is_unpriced": True}, [3], id="two filters"),
    ],
)
async def test_a_list_of_runs_can_be_narrowed(
    runs: EngineRunStore, engine: TelemetryEngine, workspace: WorkspaceId, change: dict[str, Any], numbers: list[int]
) -> None:
    await put(
        engine,
        workspace,
        make_run_row(1, outcome="failed", tenant="acme"),
        make_run_row(2, model="big", provider="anthropic", is_priced=1, cost_nano_usd=500, start_ms=10),
        make_run_row(3, service="jobs", release="2", start_ms=20),
        make_run_row(4, is_priced=1, cost_nano_usd=0, outcome="cancelled", start_ms=30),
    )
    page = await runs.list_runs(workspace, RunQuery(**change))
    assert [run.span_id for run in page.items] == [span_id(number) for number in numbers]


async def test_a_window_bounds_the_list(runs: EngineRunStore, engine: TelemetryEngine, workspace: WorkspaceId) -> None:
    await put(engine, workspace, *[make_run_row(n, start_ms=n * 3_600_000) for n in range(5)])
    start = datetime.fromtimestamp(SECOND, UTC) + timedelta(hours=1)
    page = await runs.list_runs(workspace, RunQuery(TimeRange(start, start + timedelta(hours=2))))
    assert [run.span_id for run in page.items] == [span_id(2), span_id(1)]


@pytest.mark.parametrize("cursor", ["x", "YSBiIGM", "wrMgYSBi", "MSAy"])
async def test_a_made_up_cursor_is_refused(runs: EngineRunStore, workspace: WorkspaceId, cursor: str) -> None:
    with pytest.raises(InvalidInputError):
        await runs.list_runs(workspace, RunQuery(cursor=cursor))


async def test_one_tenant_and_outcome_among_many_runs_are_found_in_time(
    runs: EngineRunStore, engine: TelemetryEngine, workspace: WorkspaceId, processor_s: Callable[[], float]
) -> None:
    """The bar is 50 ms over 200,000 on a quiet machine; here thrice the processor time, of the best of some."""
    for first in range(0, 200_000, 10_000):
        insert = f"""
            INSERT INTO tidegate.ai_runs
                (workspace, second, trace_id, span_id, version, start_ns, end_ns, outcome, tenant)
            SELECT '{workspace}', toDateTime({SECOND} + number % 3000, 'UTC'), lower(hex(MD5(toString(number)))),
                'a', 1, toUInt64({AT_NS} + number % 3000 * {NANO}), toUInt64({AT_NS} + number % 3000 * {NANO}),
                if(number % 50 = 0, 'failed', 'ok'), concat('t', toString(number % 1000)) FROM numbers({first}, 10000)
            """
        await patiently(partial(engine.admin, insert))
    await store(engine, workspace, "ai_runs", [marker_of(SECOND + number) for number in range(3_000)])
    taken: list[float] = []
    for _ in range(9):
        started = processor_s()
        page = await runs.list_runs(workspace, RunQuery(tenant="t50", outcome="failed"))
        taken.append(processor_s() - started)
        assert len(page.items) == 50
    print(f"runs of one tenant among 200,000: best {min(taken) * 1000:.1f} CPU-ms")  # noqa: T201 - quoted in reports
    assert min(taken) <= 0.150
