"""Metric points: each once, sums that begin anew, and what a window says of each metric."""

import math
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.signals_rows import NANO, Pipeline, bits, insert_rows, precedence_of, span_row

from tidegate.kernel import SystemClock, TimeRange, WorkspaceId
from tidegate.signals import Family, SignalScope
from tidegate.signals.exposition import exposition_of
from tidegate.signals.metric_points import EnginePoints
from tidegate.signals.runtime import EngineRuntime
from tidegate.signals.service import SignalService
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine


def point(workspace: WorkspaceId, at_s: int, value: float, **changes: Any) -> dict[str, Any]:
    row = {
        "workspace": workspace, "point_id": secrets.token_hex(16), "second": at_s, "time_ns": at_s * NANO,
        "received_ns": time.time_ns(), "distrusted": 0, "series_id": 1, "metric": "process.cpu.time", "kind": "sum",
        "temporality": "cumulative", "is_monotonic": 1, "value": value,
    }  # fmt: skip
    row |= changes
    return row | {"precedence": precedence_of(row)}


async def test_a_cumulative_sum_that_begins_anew_still_says_how_far_it_rose(
    engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    now = int(time.time())
    rows = [point(workspace, now - 50 + 10 * place, value) for place, value in enumerate([5, 9, 2, 6])]
    again = rows[1] | {"received_ns": rows[1]["received_ns"] + 1, "precedence": rows[1]["precedence"] - 1}
    gauges = [
        point(workspace, now - 9 + shift, value, metric="queue.depth", kind="gauge", temporality="", is_monotonic=0)
        for shift, value in enumerate([3.0, 1.0, 2.0])
    ]
    missing = point(workspace, now - 5, 0.0, metric="queue.depth", kind="gauge", temporality="", is_missing=1)
    await insert_rows(engine, "raw_points", [*rows, again, *gauges, missing], token=secrets.token_hex(8))
    window = TimeRange(datetime.fromtimestamp(now - 60, UTC), datetime.fromtimestamp(now, UTC) + timedelta(seconds=1))
    runtime = EngineRuntime(engine)
    found = await runtime.measure(workspace, window, tenant=None)
    assert (found.point_count, (await runtime.totals(workspace)).count) == (7, 8)
    assert found.by_metric["process.cpu.time"] == {
        "count": 4, "last": 6.0, "min": 2.0, "max": 9.0, "mean": 5.5, "increase": 4 + 2 + 4,
    }  # fmt: skip
    assert found.by_metric["queue.depth"] == {
        "count": 3, "last": 2.0, "min": 1.0, "max": 3.0, "mean": 2.0, "increase": None,
    }  # fmt: skip


WHOLE = SignalScope()
CPU = SignalScope(object="process.cpu.time")


async def test_a_metric_over_time_adds_up_to_its_window(engine: TelemetryEngine, workspace: WorkspaceId) -> None:
    now = int(time.time()) // 60 * 60
    rows = [point(workspace, now - 100 + 20 * place, value) for place, value in enumerate([5, 9, 2, 6])]
    again = rows[1] | {"received_ns": rows[1]["received_ns"] + 1, "precedence": rows[1]["precedence"] - 1}
    deltas = [
        point(workspace, now - 30 + place, 7.0, metric="jobs", series_id=2, temporality="delta", service="worker")
        for place in range(3)
    ]
    hidden = point(workspace, now - 40, 99.0, distrusted=1)
    await insert_rows(engine, "raw_points", [*rows, again, *deltas, hidden], token=secrets.token_hex(8))
    points = EnginePoints(engine)
    window = TimeRange(datetime.fromtimestamp(now - 120, UTC), datetime.fromtimestamp(now, UTC))
    (whole,) = await points.table(workspace, window, scope=CPU)
    assert (whole.count, whole.last, whole.low, whole.high, whole.mean) == (4, 6.0, 2.0, 9.0, 5.5)
    assert whole.increase == 4 + 2 + 4
    steps = await points.series(workspace, window, step_s=60, scope=CPU)
    assert [(int(row.start.timestamp()) - now, row.count, row.increase) for row in steps if row.start] == [
        (-120, 2, 4), (-60, 2, 2 + 4),
    ]  # fmt: skip
    by_metric = await points.table(workspace, window, scope=WHOLE, by="object")
    assert [(row.key, row.count, row.increase) for row in by_metric] == [("process.cpu.time", 4, 10), ("jobs", 3, 21)]
    (mixed,) = await points.table(workspace, window, scope=WHOLE)
    assert (mixed.count, mixed.last, mixed.increase) == (7, None, None)
    largest = await points.series(workspace, window, step_s=60, scope=WHOLE, by="object", limit=1)
    assert {row.key for row in largest} == {"process.cpu.time"}
    assert (
        await points.distrusted_count(workspace, TimeRange(window.start, window.end + timedelta(hours=1)), scope=CPU)
        == 1
    )


async def test_points_that_are_no_number_are_counted_as_distrusted_and_stand_in_no_figure(
    engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    now = int(time.time())
    odd = [float("inf"), 3.0, float("nan"), 1.0, float("-inf")]
    gauges = [
        point(workspace, now - 9 + shift, value, metric="queue.depth", kind="gauge", temporality="", is_monotonic=0)
        for shift, value in enumerate(odd)
    ]
    rows = [row | {"value": row["value"] if math.isfinite(row["value"]) else str(row["value"])} for row in gauges]
    await insert_rows(engine, "raw_points", rows, token=secrets.token_hex(8))
    window = TimeRange(datetime.fromtimestamp(now - 60, UTC), datetime.fromtimestamp(now + 60, UTC))
    points, runtime, depth = EnginePoints(engine), EngineRuntime(engine), SignalScope(object="queue.depth")
    (whole,) = await points.table(workspace, window, scope=depth)
    assert (whole.count, whole.last, whole.low, whole.high, whole.mean) == (2, 1.0, 1.0, 3.0, 2.0)
    assert await points.distrusted_count(workspace, window, scope=depth) == 3
    steps = await points.series(workspace, window, step_s=60, scope=depth)
    assert sum(row.count for row in steps) == 2
    found = await runtime.measure(workspace, window, tenant=None)
    assert (found.point_count, found.distrusted_count, found.by_metric["queue.depth"]["max"]) == (2, 3, 3.0)
    totals = await runtime.totals(workspace)
    assert (totals.count, totals.distrusted_count) == (2, 3)


async def test_a_mean_beyond_what_a_float_holds_is_not_known(engine: TelemetryEngine, workspace: WorkspaceId) -> None:
    now = int(time.time())
    rows = [point(workspace, now - 9 + shift, 1.5e308, metric="large", kind="gauge") for shift in range(3)]
    await insert_rows(engine, "raw_points", rows, token=secrets.token_hex(8))
    window = TimeRange(datetime.fromtimestamp(now - 60, UTC), datetime.fromtimestamp(now + 60, UTC))
    (whole,) = await EnginePoints(engine).table(workspace, window, scope=SignalScope(object="large"))
    assert (whole.high, whole.mean) == (1.5e308, None)


async def test_prometheus_and_the_family_route_say_the_same_points_and_the_same_distrusted_ones(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    now = int(time.time())
    rows = [point(workspace, now - 9 + shift, 1.0 + shift, distrusted=int(shift == 3)) for shift in range(4)]
    await insert_rows(engine, "raw_points", rows, token=secrets.token_hex(8))
    pipeline = Pipeline(database, engine)
    await pipeline.flush([span_row(workspace, families=bits("request"), end_ns=(now - 9) * NANO)])
    await pipeline.close()
    service = SignalService(reader=pipeline.reader, clock=SystemClock(), runtime=EngineRuntime(engine))
    text = exposition_of(await service.retained(workspace)).decode()
    said = await service.metrics(workspace, Family.RUNTIME)
    assert "tidegate_runtime_point_total 3.0" in text
    assert "tidegate_runtime_distrusted_total 1.0" in text
    for figures in (said.totals, said.window_figures):
        assert (figures["pointCount"], figures["distrustedCount"]) == (3, 1)


async def test_the_first_point_of_a_series_that_began_in_the_window_rose_from_nothing(
    engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    now = int(time.time())
    starts = {"short": now - 50, "long": now - 500, "unsaid": 0, "unknown": now - 10}
    rows = [
        point(workspace, now - 10, 40.0, metric=metric, series_id=place, start_ns=start * NANO)
        for place, (metric, start) in enumerate(starts.items())
    ]
    rows.append(point(workspace, now - 5, 42.0, metric="short", series_id=0, start_ns=(now - 50) * NANO))
    await insert_rows(engine, "raw_points", rows, token=secrets.token_hex(8))
    window = TimeRange(datetime.fromtimestamp(now - 60, UTC), datetime.fromtimestamp(now + 60, UTC))
    found = await EnginePoints(engine).table(workspace, window, scope=WHOLE, by="object")
    assert {row.key: row.increase for row in found} == {"short": 42.0, "long": 0.0, "unsaid": 0.0, "unknown": 0.0}


async def test_a_histogram_says_how_many_observations_it_had_and_their_mean(
    engine: TelemetryEngine, workspace: WorkspaceId
) -> None:
    now = int(time.time())
    rows = [
        point(workspace, now - 30 + 10 * place, 0.0, metric="order.ms", kind="histogram", sum=total, count=count)
        for place, (total, count) in enumerate([(500.0, 10), (900.0, 14), (300.0, 2)])
    ]
    rows.append(point(workspace, now - 5, 3.0, metric="jobs", series_id=2))
    await insert_rows(engine, "raw_points", rows, token=secrets.token_hex(8))
    window = TimeRange(datetime.fromtimestamp(now - 60, UTC), datetime.fromtimestamp(now + 60, UTC))
    found = {row.key: row for row in await EnginePoints(engine).table(workspace, window, scope=WHOLE, by="object")}
    orders, jobs = found["order.ms"], found["jobs"]
    assert (orders.increase, orders.observation_count, orders.observation_mean) == (400 + 300, 4 + 2, 700 / 6)
    assert (jobs.observation_count, jobs.observation_mean) == (None, None)
