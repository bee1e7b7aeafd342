"""What is kept is told by what is stored: minutes of a recording of years ago, and none where they were dropped."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.signals.test_coarser import rest, work_off
from tests.contract.signals.test_retention import job_of
from tests.doing import BY, trail_of
from tests.signals_rows import NANO, Pipeline, agent_rows, auth_row

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import Family, SignalScope
from tidegate.signals.retention import PostgresRetention, Retention
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.testing import FakeClock

WHOLE = SignalScope()
OLD_S = 1_700_158_620  # 2023-11-16T18:17:00Z


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime.now(UTC))


@pytest.fixture
def pipeline(database: Database, engine: TelemetryEngine, clock: FakeClock) -> Pipeline:
    return Pipeline(database, engine, clock=clock)


def between(start_s: int, end_s: int) -> TimeRange:
    return TimeRange(datetime.fromtimestamp(start_s, UTC), datetime.fromtimestamp(end_s, UTC))


async def settle(pipeline: Pipeline, clock: FakeClock) -> None:
    """Count what waits, and leave everything alone until hours are made."""
    await pipeline.close()
    await rest(pipeline, clock)


async def count(pipeline: Pipeline, workspace: WorkspaceId, window: TimeRange | None = None) -> int:
    return (await pipeline.reader.totals(workspace, Family.AUTH, window, scope=WHOLE)).count


def replayed(workspace: WorkspaceId, clock: FakeClock, *seconds: int) -> list[dict[str, object]]:
    received_ns = int(clock.now().timestamp()) * NANO
    return [
        auth_row(workspace, 200, end_ns=second * NANO, received_ns=received_ns, replayed=1, tenant=f"t-{place}")
        for place, second in enumerate(seconds)
    ]


async def test_a_recording_of_years_ago_keeps_its_minutes(
    pipeline: Pipeline, workspace: WorkspaceId, clock: FakeClock
) -> None:
    seconds = [OLD_S + shift for shift in (0, 59, 60, 61, 62, 400, 3_599, 3_600)]
    rows = replayed(workspace, clock, *seconds)
    for _ in range(2):
        await pipeline.flush(rows)
        await pipeline.close()
    for _ in range(2):
        assert [await count(pipeline, workspace, between(start, start + 60)) for start in (OLD_S, OLD_S + 60)] == [2, 3]
        points = await pipeline.reader.series(
            workspace, Family.AUTH, between(OLD_S, OLD_S + 3_660), step_s=60, scope=WHOLE
        )
        assert {int(point.start.timestamp()) - OLD_S: point.totals.count for point in points} == {
            0: 2, 60: 3, 360: 1, 3_540: 1, 3_600: 1,
        }  # fmt: skip
        await settle(pipeline, clock)


async def test_a_recording_whose_minutes_are_gone_is_read_by_whole_hours(
    pipeline: Pipeline, engine: TelemetryEngine, workspace: WorkspaceId, clock: FakeClock
) -> None:
    seconds = [OLD_S, OLD_S + 61, OLD_S + 3_599, OLD_S + 7_200]
    await pipeline.flush(replayed(workspace, clock, *seconds))
    await settle(pipeline, clock)
    await drop_minutes(pipeline, engine, workspace, clock)
    window = between(OLD_S, OLD_S + 60)
    assert await pipeline.reader.resolution_s(workspace, window) == 3_600
    assert await count(pipeline, workspace, window) == 2
    points = await pipeline.reader.series(workspace, Family.AUTH, between(OLD_S, OLD_S + 9_000), step_s=60, scope=WHOLE)
    assert [point.totals.count for point in points] == [2, 1, 1]


async def drop_minutes(pipeline: Pipeline, engine: TelemetryEngine, workspace: WorkspaceId, clock: FakeClock) -> None:
    """Delete what a retention of two days deletes, and let readers know."""
    await PostgresRetention(pipeline.database, trail_of(pipeline.database)).set_retention(
        workspace, Retention(raw_days=2, minute_days=2, hour_days=400), by=BY
    )
    job = job_of(pipeline)
    job._next = clock.now()
    clock.advance(timedelta(days=3))
    await pipeline.close()
    assert pipeline.closer._watermark is not None
    await engine.delete([workspace], "counts", "resolution = 1")
    assert await job.step(pipeline.closer._watermark)
    await work_off(pipeline)


async def test_a_workspace_that_keeps_fewer_minutes_is_read_by_whole_hours(
    pipeline: Pipeline, engine: TelemetryEngine, workspace: WorkspaceId, clock: FakeClock
) -> None:
    start = int(clock.now().timestamp()) // 3_600 * 3_600 - 7_200
    rows = [auth_row(workspace, 200, end_ns=(start + shift) * NANO) for shift in (0, 61, 1_800)]
    await pipeline.flush(rows)
    await settle(pipeline, clock)
    window = between(start + 60, start + 3_600)
    assert await count(pipeline, workspace, window) == 2
    await drop_minutes(pipeline, engine, workspace, clock)
    groups = await pipeline.reader.groups([workspace, WorkspaceId("default")], Family.AUTH, window)
    assert await count(pipeline, workspace, window) == 3
    assert [group.totals.count for group in groups if group.tenant is None and group.workspace == workspace] == [3]


async def test_a_late_row_of_an_hour_without_minutes_is_counted_with_its_hour(
    pipeline: Pipeline, engine: TelemetryEngine, workspace: WorkspaceId, clock: FakeClock
) -> None:
    await pipeline.flush(replayed(workspace, clock, OLD_S, OLD_S + 61, OLD_S + 3_600))
    await settle(pipeline, clock)
    await engine.delete([workspace], "counts", "resolution < 3600")
    await pipeline.flush(replayed(workspace, clock, OLD_S + 1))
    await settle(pipeline, clock)
    assert await count(pipeline, workspace) == 4
    assert await count(pipeline, workspace, between(OLD_S, OLD_S + 60)) == 2


async def test_a_parent_that_comes_hours_late_leaves_the_rest_of_its_children_s_minutes(
    pipeline: Pipeline, engine: TelemetryEngine, workspace: WorkspaceId, clock: FakeClock
) -> None:
    at_s = int(clock.now().timestamp()) // 3_600 * 3_600 - 5 * 3_600
    agent, chat = agent_rows(workspace, at_s * NANO)
    agent |= {"end_ns": (at_s + 300) * NANO, "second": at_s + 300}
    await pipeline.flush([chat, auth_row(workspace, 200, end_ns=(at_s - 1) * NANO)])
    await settle(pipeline, clock)
    await engine.delete([workspace], "counts", "resolution = 1")  # as after two hours
    await pipeline.flush([agent])
    await settle(pipeline, clock)
    assert await count(pipeline, workspace) == 1
    runs = await pipeline.reader.totals(workspace, Family.AI_RUN, None, scope=WHOLE)
    assert (runs.count, runs.input_tokens) == (1, 700)


async def test_seconds_of_a_clock_that_is_ahead_are_kept_until_they_have_passed(
    pipeline: Pipeline, workspace: WorkspaceId, clock: FakeClock
) -> None:
    ahead_s = int(clock.now().timestamp()) + 5 * 3_600
    await pipeline.flush([auth_row(workspace, 200, end_ns=ahead_s * NANO)])
    await settle(pipeline, clock)
    clock.advance(timedelta(hours=5, minutes=1))
    await work_off(pipeline)
    job = job_of(pipeline)
    assert pipeline.closer._watermark is not None
    await job._drop_partitions([Retention()], clock.now(), pipeline.closer._watermark)
    assert await count(pipeline, workspace, between(ahead_s - 7, ahead_s + 1)) == 1
    assert await count(pipeline, workspace, between(ahead_s - 7, ahead_s)) == 0
