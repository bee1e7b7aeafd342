"""An exposition in OpenMetrics text as metric points: counters are sums, histograms stay, the rest is gauges."""

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tidegate.replays.formats import Unreadable
from tidegate.replays.model import NANO, Document, Reading, Row, Signal, UnreadableFileError, UnreadableRowError
from tidegate.replays.times import held_ns

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric
    from prometheus_client.samples import Sample

_CUMULATIVE = 2  # OTLP's AggregationTemporality
# A series of the text that is a part of a point rather than a point.
_PARTS = ("_created", "_gcount", "_gsum")


class _Counted:
    """Lines that know how many of them were taken: the parser names no line."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.number += 1
            yield line


def families_of(lines: Iterable[str]) -> "list[Metric]":
    """Return the metric families of an exposition, all or none.

    Raises:
        UnreadableFileError: it breaks the OpenMetrics specification; the line is named.
    """
    try:
        from prometheus_client.openmetrics.parser import text_fd_to_metric_families
    except ImportError as error:
        raise UnreadableFileError(
            "reading OpenMetrics needs prometheus-client: pip install 'tidegate[server]'"
        ) from error
    counted = _Counted(lines)
    try:
        return list(text_fd_to_metric_families(counted))  # type: ignore[no-untyped-call] # the library is half typed
    except Exception as error:  # the parser raises whatever its conversions raise: ValueError, IndexError, KeyError
        said = str(error) or type(error).__name__
        raise UnreadableFileError(f"line {counted.number}: it breaks OpenMetrics: {said}") from error


def read(lines: Iterable[str], reading: Reading) -> Iterator[Row | Unreadable]:
    """Yield one row: an exposition is one look at everything, so one that is broken is not sent at all.

    A sample of a time that the protocol cannot hold is passed over, and said.
    """
    families = families_of(lines)
    for family in families:
        kept = []
        for sample in family.samples:
            try:
                _time_of(sample, reading)
                kept.append(sample)
            except UnreadableRowError as error:
                yield Unreadable(1, f"{sample.name}: {error}")
        family.samples = kept
    metrics = [metric for family in families for metric in _metrics_of(family, reading)]
    resource = [_pair(key, value) for key, value in reading.resource("openmetrics").items()]
    content = {
        "resourceMetrics": [
            {
                "resource": {"attributes": resource},
                "scopeMetrics": [{"scope": {"name": "openmetrics"}, "metrics": metrics}],
            }
        ]
    }
    count = sum(len(_points_in(metric)) for metric in metrics)
    last_ns = max((int(point["timeUnixNano"]) for metric in metrics for point in _points_in(metric)), default=0)
    if count:
        yield Row(1, last_ns, (Document(Signal.METRICS, content, count),))


def _metrics_of(family: "Metric", reading: Reading) -> Iterator[dict[str, Any]]:
    about = {"name": family.name, "description": family.documentation, "unit": family.unit}
    if family.type == "histogram":
        yield about | {
            "histogram": {"aggregationTemporality": _CUMULATIVE, "dataPoints": list(_histograms(family, reading))}
        }
        return
    created = {_key_of(sample): sample.value for sample in family.samples if sample.name.endswith("_created")}
    by_name: dict[str, list[dict[str, Any]]] = {}
    for sample in family.samples:
        if sample.name.endswith(_PARTS) or math.isnan(sample.value):
            continue
        point = _point(sample, reading) | {"asDouble": _double(sample.value)}
        if family.type == "counter" and _key_of(sample) in created:
            start_ns = round(created[_key_of(sample)] * NANO) + reading.shift_ns
            point["startTimeUnixNano"] = str(max(0, min(start_ns, int(point["timeUnixNano"]))))
        by_name.setdefault(sample.name, []).append(point)
    for name, points in by_name.items():
        kind: dict[str, Any] = {"gauge": {"dataPoints": points}}
        if family.type == "counter":
            kind = {"sum": {"aggregationTemporality": _CUMULATIVE, "isMonotonic": True, "dataPoints": points}}
        yield about | {"name": family.name if family.type == "counter" else name} | kind


def _histograms(family: "Metric", reading: Reading) -> Iterator[dict[str, Any]]:
    series: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for sample in family.samples:
        series.setdefault(_key_of(sample), []).append(sample)
    for samples in series.values():
        buckets = [(float(s.labels["le"]), s.value) for s in samples if s.name.endswith("_bucket")]
        if not buckets:
            continue
        totals = [value for _, value in buckets]
        point = _point(samples[0], reading, without="le") | {
            "explicitBounds": [bound for bound, _ in buckets if not math.isinf(bound)],
            "bucketCounts": [str(round(b - a)) for a, b in zip([0.0, *totals], totals, strict=False)],
            "count": str(round(totals[-1])),
        }
        total = next((s.value for s in samples if s.name.endswith("_sum")), None)
        if total is not None and math.isfinite(total):
            point["sum"] = total
        yield point


def _point(sample: "Sample", reading: Reading, *, without: str = "") -> dict[str, Any]:
    labels = [_pair(key, value) for key, value in sample.labels.items() if key != without]
    return {"timeUnixNano": str(_time_of(sample, reading)), "attributes": labels}


def _time_of(sample: "Sample", reading: Reading) -> int:
    at_ns = reading.start_ns if sample.timestamp is None else round(float(sample.timestamp) * NANO)
    return held_ns(at_ns + reading.shift_ns, sample.timestamp)


def _key_of(sample: "Sample") -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value) for key, value in sample.labels.items() if key != "le"))


def _points_in(metric: dict[str, Any]) -> list[Any]:
    for kind in ("gauge", "sum", "histogram"):
        if kind in metric:
            points: list[Any] = metric[kind]["dataPoints"]
            return points
    return []


def _double(value: float) -> float | str:
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"  # as the protocol's JSON writes it
    return value


def _pair(key: str, value: object) -> dict[str, Any]:
    return {"key": key, "value": {"boolValue": value} if isinstance(value, bool) else {"stringValue": str(value)}}
