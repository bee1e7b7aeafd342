"""Metric points: each once, sums that begin anew, and what a window says of each metric."""

import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.signals_rows import NANO, insert_rows, precedence_of

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import SignalScope
from tidegate.signals.metric_points import EnginePoints
from tidegate.signals.runtime import EngineRuntime
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
    assert (found.point_count, await runtime.count(workspace)) == (7, 8)
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
