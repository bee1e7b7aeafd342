"""Wire shapes of the stored counts. The shape of `/metrics/{family}` is open: its figures differ by family."""

from tidegate.edge.wire import Utc, WireModel


class TelemetryStatsOut(WireModel):
    """Exact stored counts of the caller's workspace; what came twice counts once."""

    spans: int
    last_span_at: Utc | None
    """When the newest believable span ended; `null` before the first."""
    logs: int
    last_log_at: Utc | None
    """Time of the newest believable log record; `null` before the first."""
    metric_points: int
    last_metric_point_at: Utc | None
    """Time of the newest believable metric point; `null` before the first."""
