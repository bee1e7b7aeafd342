"""Wire shapes of the stored counts. The shape of `/metrics/{family}` is open: its figures differ by family."""

from tidegate.edge.wire import Utc, WireModel


class RetentionIn(WireModel):
    """For how many days a workspace keeps what; what is left out stays."""

    raw_days: int | None = None
    """Spans, log records and metric points: 2 to 400."""
    minute_days: int | None = None
    """Counts by minute, and AI runs: 2 to 400."""
    hour_days: int | None = None
    """Counts by hour: 2 to 4,000."""


class RetentionOut(WireModel):
    raw_days: int
    minute_days: int
    hour_days: int


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
