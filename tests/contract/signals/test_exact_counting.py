"""Whatever way spans arrive — alone, joined, again, late, out of order — each counts once, in every rollup."""

import secrets
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random

import asyncpg
import pytest
from tests.signals_rows import NANO, Pipeline, Row, agent_rows, auth_row, span_row

from tidegate.kernel import TimeRange, UnavailableError, WorkspaceId
from tidegate.signals import Family, SignalScope, Totals
from tidegate.signals.errors import CountingBehindError
from tidegate.signals.ports import Ranges, Seconds
from tidegate.signals.spans import MAX_TRACE_SPANS
from tidegate.signals.spans_read import SpanRows
from tidegate.signals.tasks import build_closer, build_reader
from tidegate.storage import Database
from tidegate.storage.native import Columns, Dictionaries
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.testing import FakeClock

WHOLE = SignalScope()
RUN_OUTCOMES = {"timeout": "failed", "content_filter": "policy_blocked"}


@pytest.fixture
def pipeline(database: Database, engine: TelemetryEngine) -> Pipeline:
    return Pipeline(database, engine)


@pytest.fixture
async def other_workspace(owner_connection: "asyncpg.Connection[asyncpg.Record]") -> WorkspaceId:
    name = WorkspaceId(f"w-{secrets.token_hex(6)}")
    await owner_connection.execute("INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now())", name)
    return name


def last_hour() -> TimeRange:
    now = datetime.now(UTC)
    return TimeRange(now - timedelta(hours=1), now + timedelta(minutes=1))


async def test_a_span_sent_alone_joined_and_again_counts_once(pipeline: Pipeline, workspace: WorkspaceId) -> None:
    a, b, c = (auth_row(workspace, 200) for _ in range(3))
    for batch in ([a, b], [a, c], [c, a]):
        await pipeline.flush(batch)
        await pipeline.close()
    assert await pipeline.reader.span_count(workspace) == 3
    totals = await pipeline.reader.totals(workspace, Family.AUTH, last_hour(), scope=WHOLE)
    assert (totals.count, totals.success_count) == (3, 3)


async def test_a_late_child_changes_the_run_that_was_counted(pipeline: Pipeline, workspace: WorkspaceId) -> None:
    agent, chat = agent_rows(workspace, time.time_ns() - 30 * NANO, outcome="validation_error")
    await pipeline.flush([agent])
    await pipeline.close()
    before = await pipeline.reader.totals(workspace, Family.AI_RUN, None, scope=WHOLE)
    await pipeline.flush([chat])
    await pipeline.close()
    after = await pipeline.reader.totals(workspace, Family.AI_RUN, None, scope=WHOLE)
    assert (before.count, before.input_tokens, before.validation_error_count) == (1, 1700, 0)
    assert (after.count, after.input_tokens, after.validation_error_count) == (1, 700, 1)
    assert (after.priced_count, after.cost_nano_usd) == (1, 250_000_000)


async def test_a_late_parent_takes_over_the_runs_of_its_children(pipeline: Pipeline, workspace: WorkspaceId) -> None:
    now = time.time_ns()
    agent, chat = agent_rows(workspace, now)
    agent["start_ns"] -= 75 * NANO
    chat = {**chat, "start_ns": now - 72 * NANO, "end_ns": now - 70 * NANO, "second": (now - 70 * NANO) // NANO}
    await pipeline.flush([chat])
    await pipeline.close()
    await pipeline.flush([agent])
    await pipeline.close()
    assert (await pipeline.reader.totals(workspace, Family.AI_RUN, None, scope=WHOLE)).count == 1


async def test_a_trace_too_large_to_be_looked_at_whole_is_no_success(
    pipeline: Pipeline, workspace: WorkspaceId
) -> None:
    now = time.time_ns()
    agent, chat = agent_rows(workspace, now)
    below = {"trace_id": agent["trace_id"], "parent_span_id": agent["span_id"]}
    steps = [span_row(workspace, **below, start_ns=now - 50, end_ns=now - 20) for _ in range(MAX_TRACE_SPANS)]
    await pipeline.flush([agent, chat, *steps])
    await pipeline.close()
    totals = await pipeline.reader.totals(workspace, Family.AI_RUN, None, scope=WHOLE)
    assert (totals.count, totals.failed_count) == (1, 1)


async def test_distrusted_spans_are_stored_and_counted_and_leave_signals_out(
    pipeline: Pipeline, workspace: WorkspaceId
) -> None:
    year = 366 * 86_400 * NANO
    spans = [
        auth_row(workspace, 401, end_ns=time.time_ns() + shift, distrusted=int(shift != 0))
        for shift in (0, year, -year)
    ]
    for _ in range(2):
        await pipeline.flush(spans[:1])
        await pipeline.flush(spans[1:])
        await pipeline.close()
    for window in (None, last_hour()):
        totals = await pipeline.reader.totals(workspace, Family.AUTH, window, scope=WHOLE)
        assert (totals.count, totals.distrusted_count) == (1, 2)
    assert await pipeline.reader.span_count(workspace) == 3


async def test_figures_wait_while_counting_is_behind(
    pipeline: Pipeline, database: Database, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    await pipeline.close()
    later = FakeClock(datetime.now(UTC) + timedelta(seconds=16))
    with pytest.raises(CountingBehindError):
        await build_reader(database, engine, later).totals(workspace, Family.AUTH, None, scope=WHOLE)


async def test_a_backlog_holds_up_its_own_workspace_and_no_other(
    pipeline: Pipeline, database: Database, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    await pipeline.close()
    await pipeline.flush([auth_row(workspace, 200)])
    later = FakeClock(datetime.now(UTC) + timedelta(seconds=16))
    await build_closer(database, engine, later).touches.caught_up(later.now())
    behind = build_reader(database, engine, later)
    with pytest.raises(CountingBehindError):
        await behind.totals(workspace, Family.AUTH, None, scope=WHOLE)
    assert (await behind.totals(WorkspaceId("default"), Family.AUTH, None, scope=WHOLE)).count == 0
    await pipeline.close()


async def test_another_workspaces_spans_are_not_seen(
    pipeline: Pipeline, workspace: WorkspaceId, owner_connection: object
) -> None:
    await pipeline.flush([auth_row(workspace, 200)])
    await pipeline.close()
    other = await pipeline.reader.totals(WorkspaceId("default"), Family.AUTH, None, scope=WHOLE)
    assert other.count == 0


async def test_counts_equal_a_recount_for_random_deliveries(pipeline: Pipeline, workspace: WorkspaceId) -> None:
    """Random spans in random bodies, re-sent in other company, out of order: rollups equal a model's recount."""
    random = Random(8420)
    now = time.time_ns()
    spans: list[tuple[str, Row]] = []
    for _ in range(150):
        at = now - random.randrange(40) * NANO
        status = random.choice([200, 200, 401, 403, 500])
        spans.append(
            (f"auth-{status}", auth_row(workspace, status, end_ns=at, tenant=random.choice(["acme", "globex"])))
        )
        outcome = random.choice(["ok", "ok", "timeout", "content_filter", "validation_error"])
        spans.extend(
            (f"ai-{outcome}", part) for part in agent_rows(workspace, at, outcome=RUN_OUTCOMES.get(outcome, outcome))
        )
    delivered: set[int] = set()
    for _ in range(60):
        picked = random.sample(range(len(spans)), random.randrange(1, 25))
        delivered |= set(picked)
        await pipeline.flush([spans[i][1] for i in picked])
        if random.random() < 0.5:
            await pipeline.close()
    await pipeline.flush([spans[i][1] for i in set(range(len(spans))) - delivered])
    await pipeline.close()
    kinds = Counter(kind for kind, _ in spans)
    auth = await pipeline.reader.totals(workspace, Family.AUTH, None, scope=WHOLE)
    runs = await pipeline.reader.totals(workspace, Family.AI_RUN, None, scope=WHOLE)
    assert auth == Totals(
        count=150,
        success_count=kinds["auth-200"],
        failure_count=150 - kinds["auth-200"],
        unauthorized_count=kinds["auth-401"] + kinds["auth-403"],
    )
    assert runs == Totals(
        count=150,
        failed_count=kinds["ai-timeout"] // 2,
        policy_blocked_count=kinds["ai-content_filter"] // 2,
        validation_error_count=kinds["ai-validation_error"] // 2,
        priced_count=150,
        cost_nano_usd=150 * 250_000_000,
        input_tokens=150 * 700,
    )
    assert await pipeline.reader.span_count(workspace) == len(spans)


async def test_a_flush_of_a_thousand_far_apart_seconds_is_counted_and_stops_nobody(
    pipeline: Pipeline, workspace: WorkspaceId
) -> None:
    month = 31 * 86_400 * NANO
    hostile = [auth_row(workspace, 200, end_ns=number * month, distrusted=1) for number in range(1, 1_101)]
    await pipeline.flush(hostile)
    await pipeline.flush([auth_row(workspace, 200)])
    await pipeline.close()
    totals = await pipeline.reader.totals(workspace, Family.AUTH, None, scope=WHOLE)
    assert (totals.count, totals.distrusted_count) == (1, 1_100)
    assert await pipeline.reader.span_count(workspace) == 1_101


async def test_one_workspace_with_many_touched_seconds_holds_up_no_other(
    pipeline: Pipeline, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    month = 31 * 86_400 * NANO
    await pipeline.close()
    flood, victim = sorted((workspace, other_workspace))
    for start in (0, 700):
        await pipeline.flush([auth_row(flood, 200, end_ns=(start + n) * month, distrusted=1) for n in range(1, 651)])
    await pipeline.flush([auth_row(victim, 200)])
    await pipeline.closer.close_once()
    assert await pipeline.reader.span_count(victim) == 1
    await pipeline.close()
    assert await pipeline.reader.span_count(flood) == 1_300


async def test_the_costs_of_a_window_never_add_up_to_less_than_nothing(
    pipeline: Pipeline, workspace: WorkspaceId
) -> None:
    now = time.time_ns()
    priceless = {"role": "inference", "operation": "chat", "cost_nano_usd": 1_000_000 * NANO}
    spans = [span_row(workspace, **priceless, start_ns=now - NANO, end_ns=now) for _ in range(9_300)]
    await pipeline.flush(spans)
    await pipeline.close()
    totals = await pipeline.reader.totals(workspace, Family.AI_RUN, None, scope=WHOLE)
    assert totals.cost_nano_usd == 9_300 * 1_000_000 * NANO


async def test_a_window_outside_of_all_time_that_can_be_stored_is_empty(
    pipeline: Pipeline, workspace: WorkspaceId
) -> None:
    await pipeline.flush([auth_row(workspace, 200), auth_row(workspace, 200, end_ns=(2**32 - 1) * NANO, distrusted=1)])
    await pipeline.close()
    assert await pipeline.reader.span_count(workspace) == 2
    first = TimeRange(datetime(1, 1, 2, tzinfo=UTC), datetime(1, 1, 3, tzinfo=UTC))
    last = TimeRange(datetime(9998, 1, 2, tzinfo=UTC), datetime(9998, 1, 3, tzinfo=UTC))
    for window in (first, last):
        assert await pipeline.reader.totals(workspace, Family.AUTH, window, scope=WHOLE) == Totals()


class ShortOfMemory:
    """Reads of spans that fail when they are of more than two seconds."""

    def __init__(self, rows: SpanRows) -> None:
        self._rows = rows

    async def spans(self, seconds: Seconds, dictionaries: Dictionaries) -> Columns:
        if sum(map(len, seconds.values())) > 2:
            raise UnavailableError("The telemetry engine is short of memory for the moment.")
        return await self._rows.spans(seconds, dictionaries)

    async def neighbours(
        self, seconds: Seconds, ranges: Sequence[tuple[int, int]], dictionaries: Dictionaries
    ) -> Columns:
        return await self._rows.neighbours(seconds, ranges, dictionaries)

    async def stored_seconds(self, ranges: Ranges) -> Seconds:
        return await self._rows.stored_seconds(ranges)


async def test_what_the_engine_cannot_read_at_once_is_counted_in_parts(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    now_s = int(time.time())
    pipeline = Pipeline(database, engine, clock=FakeClock(datetime.fromtimestamp(now_s + 200, UTC)))
    for second in range(now_s, now_s + 9):  # each was hot when it came, and nobody counted since
        await pipeline.flush([auth_row(workspace, 200, end_ns=second * NANO)])
    closer = pipeline.closer
    closer.reads.rows = ShortOfMemory(closer.reads.rows)
    for _ in range(20):
        with suppress(UnavailableError):
            while await closer.close_once():
                pass
    assert await pipeline.reader.span_count(workspace) == 9
