"""Wire shapes of the stored counts. The shape of `/metrics/{family}` is open: its figures differ by family."""

from tidegate.edge.wire import Utc, WireModel


class TelemetryStatsOut(WireModel):
    """Exact stored counts of the caller's workspace; what came twice counts once."""

    spans: int
    last_span_at: Utc | None
    """When the newest believable span ended; `null` before the first."""
