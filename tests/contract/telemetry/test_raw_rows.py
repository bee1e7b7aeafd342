"""Rows of logs and points in the real engine: every column is read back as it was meant."""

import math
from datetime import UTC, datetime

import msgspec
from tests.factories import NANO
from tests.unit.telemetry.logs.records import NOW_NS, Everything, make_logs, make_record
from tests.unit.telemetry.points.metrics import make_counter, make_metric, make_metrics

from tidegate.kernel import WorkspaceId
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.telemetry.logs.decode import rows_of as log_rows_of
from tidegate.telemetry.logs.model import LOG_COLUMNS
from tidegate.telemetry.points.decode import rows_of as point_rows_of
from tidegate.telemetry.points.model import POINT_COLUMNS
from tidegate.telemetry.records import Arrival
from tidegate.telemetry.stored import StoredRecords

_ENCODER = msgspec.json.Encoder()


def arrival(workspace: WorkspaceId) -> Arrival:
    return Arrival(workspace=workspace, received_ns=NOW_NS, policy=Everything())


async def test_a_log_record_is_read_back_as_it_was_meant(engine: TelemetryEngine, workspace: WorkspaceId) -> None:
    attributes = {"tidegate.meter": "tokens", "tidegate.quantity": 2.5, "note": "a\x1b\u2028\U0001f600\ud7ff\\\"'"}
    record = make_record("line\twith\nall", attributes, event_name="usage.recorded", trace_id=b"\1" * 16)
    plain = make_record("a sign-in", time_unix_nano=0)
    rows = list(log_rows_of(make_logs(record, plain), arrival(workspace)))
    await engine.insert([workspace], "raw_logs", LOG_COLUMNS, _ENCODER.encode_lines(rows), token="t-logs")
    found = await engine.select([workspace], f"SELECT {', '.join(LOG_COLUMNS)} FROM raw_logs ORDER BY second DESC", {})
    for row, stored in zip(rows, found, strict=True):
        wanted = msgspec.to_builtins(row)
        stored["second"] = int(stored["second"].timestamp())
        assert stored == wanted


async def test_points_are_read_back_as_they_were_meant(engine: TelemetryEngine, workspace: WorkspaceId) -> None:
    values = (float("nan"), float("inf"), -float("inf"), 2.5)
    metrics = [make_metric("gauge", f"g{n}", as_double=value) for n, value in enumerate(values)]
    histogram = make_metric(
        "histogram", count=2, sum=1.5, max=float("inf"), explicit_bounds=[1.0], bucket_counts=[1, 1]
    )
    summary = make_metric("summary", quantile_values=[{"quantile": 0.5, "value": float("nan")}])
    metrics += [histogram, summary, make_counter(2**53, start_time_unix_nano=NOW_NS - 9 * NANO)]
    rows = list(point_rows_of(make_metrics(*metrics), arrival(workspace)))
    await engine.insert([workspace], "raw_points", POINT_COLUMNS, _ENCODER.encode_lines(rows), token="t-points")
    found = await engine.select([workspace], f"SELECT {', '.join(POINT_COLUMNS)} FROM raw_points", {})
    by_id = {row["point_id"]: row for row in found}
    for row in rows:
        stored, wanted = by_id[row.point_id], msgspec.to_builtins(row)
        for name in ("value", "sum", "min", "max"):
            assert same(stored.pop(name), wanted.pop(name)), (row.metric, name)
        assert all(map(same, stored.pop("quantile_values"), wanted.pop("quantile_values"))), row.metric
        stored["second"] = int(stored["second"].timestamp())
        for name in ("bounds", "bucket_counts", "quantiles"):
            stored[name], wanted[name] = list(stored[name]), list(wanted[name])
        assert stored == wanted
    assert len(by_id) == len(rows)


async def test_points_that_come_twice_count_once(engine: TelemetryEngine, workspace: WorkspaceId) -> None:
    rows = list(point_rows_of(make_metrics(make_counter(1), make_metric("gauge", as_int=1)), arrival(workspace)))
    for token in ("t-1", "t-2", "t-3"):
        lines = _ENCODER.encode_lines(rows)
        await engine.insert([workspace], "raw_points", POINT_COLUMNS, lines, token=f"{workspace}-{token}")
    stored = await StoredRecords(engine).count_points(workspace)
    assert (stored.count, stored.newest_at) == (2, datetime.fromtimestamp(NOW_NS // NANO - 1, UTC))


def same(stored: float | None, wanted: float | str | None) -> bool:
    if stored is None or wanted is None:
        return stored is wanted
    value = float(wanted)
    return stored == value or (math.isnan(stored) and math.isnan(value))
