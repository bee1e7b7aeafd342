"""Metric points: each once, sums that begin anew, and what a window says of each metric."""

import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.signals_rows import NANO, insert_rows, precedence_of

from tidegate.kernel import TimeRange, WorkspaceId
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
    await insert_rows(engine, "raw_points", [*rows, again, *gauges], token=secrets.token_hex(8))
    window = TimeRange(datetime.fromtimestamp(now - 60, UTC), datetime.fromtimestamp(now, UTC) + timedelta(seconds=1))
    runtime = EngineRuntime(engine)
    found = await runtime.measure(workspace, window, tenant=None)
    assert (found.point_count, await runtime.count(workspace)) == (7, 7)
    assert found.by_metric["process.cpu.time"] == {
        "count": 4, "last": 6.0, "min": 2.0, "max": 9.0, "mean": 5.5, "increase": 4 + 2 + 4,
    }  # fmt: skip
    assert found.by_metric["queue.depth"] == {
        "count": 3, "last": 2.0, "min": 1.0, "max": 3.0, "mean": 2.0, "increase": None,
    }  # fmt: skip
