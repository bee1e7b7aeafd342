"""A metric point as it is stored. Pure."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from tidegate.kernel import WorkspaceId


class Kind(StrEnum):
    """OTLP's kinds of metrics."""

    GAUGE = "gauge"
    SUM = "sum"
    HISTOGRAM = "histogram"
    EXPONENTIAL_HISTOGRAM = "exponential_histogram"
    SUMMARY = "summary"


class Temporality(StrEnum):
    """What the value of a sum or histogram is counted from."""

    NONE = ""
    DELTA = "delta"
    """The point before."""
    CUMULATIVE = "cumulative"
    """The start of the series."""


class PointRow(msgspec.Struct, kw_only=True, frozen=True):
    """One row of the table `raw_points`."""

    workspace: WorkspaceId
    point_id: str
    second: int
    time_ns: int
    start_ns: int
    """0 when the sender does not say since when it counts."""
    received_ns: int
    precedence: int
    distrusted: int
    replayed: int
    series_id: int
    metric: str
    unit: str
    kind: Kind
    temporality: Temporality
    is_monotonic: int
    service: str
    environment: str
    release: str
    tenant: str
    scope: str
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    value: float | str = 0.0
    """Of gauges and sums; `nan`, `inf` and `-inf` as text, which JSON has no numbers for."""
    count: int = 0
    sum: float | str = 0.0
    min: float | str | None = None
    max: float | str | None = None
    bounds: Sequence[float] = ()
    bucket_counts: Sequence[int] = ()
    quantiles: Sequence[float] = ()
    quantile_values: Sequence[float | str] = ()
    is_missing: int = 0
    exemplars: str = ""


POINT_COLUMNS = PointRow.__struct_fields__
