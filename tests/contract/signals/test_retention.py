"""What is older than a workspace keeps is gone, and what is younger is there."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.doing import BY, trail_of
from tests.signals_rows import NANO, Pipeline, auth_row

from tidegate.kernel import InvalidInputError, WorkspaceId
from tidegate.signals import Family, SignalScope
from tidegate.signals.retention import PostgresRetention, Retention, RetentionJob
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.testing import FakeClock


def job_of(pipeline: Pipeline) -> RetentionJob:
    return next(chore for chore in pipeline.closer.chores if isinstance(chore, RetentionJob))


async def count_of(engine: TelemetryEngine, workspace: WorkspaceId, table: str, condition: str = "1") -> int:
    rows = await engine.select([workspace], f"SELECT count() AS found FROM {table} WHERE {condition}")
    return int(rows[0]["found"])


async def test_seconds_go_when_their_minutes_are_made_and_answers_stay(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    clock = FakeClock(datetime.now(UTC) - timedelta(hours=8))
    pipeline = Pipeline(database, engine, clock=clock)
    at_ns = int(clock.now().timestamp()) * NANO
    await pipeline.flush([auth_row(workspace, 200, end_ns=at_ns, received_ns=at_ns)])
    await pipeline.close()
    job = job_of(pipeline)
    clock.advance(timedelta(hours=4))
    await pipeline.close()
    watermark = pipeline.closer._watermark
    assert watermark is not None
    await job._drop_partitions([Retention()], clock.now(), watermark)
    assert await count_of(engine, workspace, "counts", "resolution = 1") > 0
    while await pipeline.closer.step():
        await pipeline.close()
    watermark = pipeline.closer._watermark
    assert watermark is not None
    await job._drop_partitions([Retention()], clock.now(), watermark)
    assert await count_of(engine, workspace, "counts", "resolution = 1") == 0
    assert (await pipeline.reader.totals(workspace, Family.AUTH, None, scope=SignalScope())).count == 1


async def test_a_workspace_that_keeps_less_loses_its_own_rows_only(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    clock = FakeClock(datetime.now(UTC))
    pipeline = Pipeline(database, engine, clock=clock)
    old_ns = int((clock.now() - timedelta(days=3)).timestamp()) * NANO
    for name in (workspace, WorkspaceId("default")):
        await pipeline.flush([auth_row(name, 200, end_ns=old_ns, received_ns=old_ns), auth_row(name, 200)])
    before = await count_of(engine, WorkspaceId("default"), "raw_spans")
    await PostgresRetention(database, trail_of(database)).set_retention(
        workspace, Retention(raw_days=2, minute_days=2, hour_days=400), by=BY
    )
    job = job_of(pipeline)
    await pipeline.close()
    watermark = pipeline.closer._watermark
    assert watermark is not None
    assert not await job.step(watermark)
    clock.advance(timedelta(minutes=11))
    assert await job.step(watermark)
    assert await count_of(engine, workspace, "raw_spans") == 1
    assert await count_of(engine, WorkspaceId("default"), "raw_spans") == before


@pytest.mark.parametrize(
    ("retention", "field"),
    [
        pytest.param(Retention(raw_days=1), "rawDays", id="too short to count late rows"),
        pytest.param(Retention(minute_days=401), "minuteDays", id="too long"),
        pytest.param(Retention(minute_days=100, hour_days=50), "minuteDays", id="minutes longer than hours"),
    ],
)
async def test_a_time_that_cannot_be_kept_is_refused(
    database: Database, workspace: WorkspaceId, retention: Retention, field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await PostgresRetention(database, trail_of(database)).set_retention(workspace, retention, by=BY)
    assert refused.value.field == field
    assert await PostgresRetention(database, trail_of(database)).get_retention(workspace) == Retention()
