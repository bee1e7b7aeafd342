"""Minutes and hours say exactly what their seconds said, and recounts what a first count would."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from tests.doing import BY
from tests.price_books import QuotingBook
from tests.signals_rows import NANO, Pipeline, agent_rows, auth_row, span_row

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import Family, SignalScope, Totals
from tidegate.signals.prices.model import Quote, Usage
from tidegate.signals.repricing import RecountState
from tidegate.signals.roller import Roller
from tidegate.signals.tasks import build_recounts
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.testing import FakeClock

WHOLE = SignalScope()


@pytest.fixture
def clock() -> FakeClock:
    # Never late in the hour: after rests of some minutes what is asked is younger than two hours still.
    now = datetime.now(UTC)
    return FakeClock(now if now.minute < 25 else now.replace(minute=24))


@pytest.fixture
def pipeline(database: Database, engine: TelemetryEngine, clock: FakeClock) -> Pipeline:
    return Pipeline(database, engine, clock=clock)


async def work_off(pipeline: Pipeline) -> None:
    await pipeline.close()
    for chore in pipeline.closer.chores:
        if isinstance(chore, Roller):
            chore._next_s = 0
    while await pipeline.closer.step():
        await pipeline.close()


async def rest(pipeline: Pipeline, clock: FakeClock) -> None:
    """Leave everything alone until minutes are made, and again until hours are."""
    for _ in range(2):
        clock.advance(timedelta(seconds=200))
        await work_off(pipeline)


async def rows_of(engine: TelemetryEngine, workspace: WorkspaceId) -> dict[int, int]:
    """Return how many published rows there are at each resolution."""
    found = await engine.select(
        [workspace], "SELECT resolution, count() AS found FROM counts WHERE family = 'published' GROUP BY resolution"
    )
    return {row["resolution"]: row["found"] for row in found}


def windows(at_s: int) -> list[TimeRange | None]:
    start = datetime.fromtimestamp(at_s, UTC)
    edges = [(-7200, 7200), (0, 61), (-37, 59), (-3600, 3601), (-1, 1), (60, 3600)]
    return [None, *(TimeRange(start + timedelta(seconds=a), start + timedelta(seconds=b)) for a, b in edges)]


async def asked(pipeline: Pipeline, workspace: WorkspaceId, at_s: int) -> list[object]:
    answers: list[object] = []
    for window in windows(at_s):
        for family in (Family.AUTH, Family.AI_RUN, Family.TOOL_CALL):
            answers.append(await pipeline.reader.totals(workspace, family, window, scope=WHOLE))
            answers.append(await pipeline.reader.totals_by(workspace, family, window, by="tenant", scope=WHOLE))
    return answers


async def test_rolling_changes_no_answer_and_a_late_row_changes_all_of_them(
    pipeline: Pipeline, engine: TelemetryEngine, workspace: WorkspaceId, clock: FakeClock
) -> None:
    at_s = int(time.time()) // 3600 * 3600 - 3600
    spans = []
    for shift in (0, 1, 30, 59, 60, 61, 130, 600, 3599):
        spans.append(auth_row(workspace, 200 if shift % 2 else 401, end_ns=(at_s + shift) * NANO + 5))
        spans += agent_rows(workspace, (at_s + shift) * NANO + 200, tenant=f"t-{shift % 3}")
    await pipeline.flush(spans[:-3])
    await pipeline.close()
    await pipeline.flush(spans[-3:])
    await pipeline.close()
    before = await asked(pipeline, workspace, at_s)
    await rest(pipeline, clock)
    kinds = await rows_of(engine, workspace)
    assert kinds[60] >= 5
    assert kinds[3600] >= 1
    assert await asked(pipeline, workspace, at_s) == before
    await pipeline.flush([auth_row(workspace, 500, end_ns=(at_s + 30) * NANO)])
    await pipeline.close()
    late = await asked(pipeline, workspace, at_s)
    total = await pipeline.reader.totals(workspace, Family.AUTH, None, scope=WHOLE)
    assert (total.count, total.failure_count) == (10, 6)
    await rest(pipeline, clock)
    assert await asked(pipeline, workspace, at_s) == late


async def test_a_late_row_of_a_minute_whose_seconds_are_gone_is_counted_with_its_minute(
    pipeline: Pipeline, engine: TelemetryEngine, workspace: WorkspaceId, clock: FakeClock
) -> None:
    at_s = int(time.time()) // 3600 * 3600 - 2 * 3600
    await pipeline.flush([auth_row(workspace, 200, end_ns=(at_s + shift) * NANO) for shift in (0, 30, 61)])
    await rest(pipeline, clock)
    await engine.delete([workspace], "counts", "resolution = 1")
    assert (await pipeline.reader.totals(workspace, Family.AUTH, None, scope=WHOLE)).count == 3
    await pipeline.flush([auth_row(workspace, 200, end_ns=(at_s + 31) * NANO)])
    await pipeline.close()
    assert (await pipeline.reader.totals(workspace, Family.AUTH, None, scope=WHOLE)).count == 4


@dataclass(frozen=True)
class Book(QuotingBook):
    """Prices every token alike; as the real ones, a book never changes its mind."""

    nano_per_token: int | None = None

    def quote(self, usage: Usage, /) -> Quote:
        price = self.nano_per_token
        return Quote(None if price is None else price * usage.input_tokens, f"v{price}")


class Books:
    def __init__(self) -> None:
        self.book = Book()

    async def books_of(self, workspaces: Collection[WorkspaceId]) -> Mapping[WorkspaceId, Book]:
        return dict.fromkeys(workspaces, self.book)


async def test_a_recount_prices_stored_runs_again_and_says_what_changed(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId, clock: FakeClock
) -> None:
    books = Books()
    pipeline = Pipeline(database, engine, clock=clock, prices=books)
    now = time.time_ns()
    spans = [
        span_row(workspace, role="inference", operation="chat", model=model, run_outcome="ok", input_tokens=10,
                 start_ns=now - shift * NANO - 5, end_ns=now - shift * NANO)
        for shift in range(0, 90, 3) for model in ("a", "b")
    ]  # fmt: skip
    await pipeline.flush(spans)
    await pipeline.close()
    assert (await pipeline.reader.totals(workspace, Family.AI_RUN, None, scope=WHOLE)).priced_count == 0
    books.book = Book(nano_per_token=7)
    jobs = build_recounts(database, clock)
    begun = await jobs.begin(workspace, reason="reprice", start=None, end=None, by=BY)
    assert begun.state is RecountState.WAITING
    await work_off(pipeline)
    done = await jobs.get_recount(workspace, begun.id)
    assert (done.state, done.seconds_done, done.seconds_total) == (RecountState.DONE, 30, 30)
    assert [(one.model, one.before.run_count, one.after.run_count) for one in done.models] == [
        ("a", 30, 30),
        ("b", 30, 30),
    ]
    assert [(one.before.unpriced_count, one.after.unpriced_count) for one in done.models] == [(30, 0), (30, 0)]
    assert [one.after.cost_nano_usd for one in done.models] == [30 * 70, 30 * 70]
    totals = await pipeline.reader.totals(workspace, Family.AI_RUN, None, scope=WHOLE)
    assert totals == Totals(count=60, priced_count=60, cost_nano_usd=60 * 70, input_tokens=600)
    page = await jobs.list_recounts(workspace, limit=10, cursor=None)
    assert [one.id for one in page.items] == [begun.id]
