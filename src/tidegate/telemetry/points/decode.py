"""OTLP metric requests: from bytes to rows of `raw_points`. A point that is bad alone is refused alone.

Identity: a digest of the series (resource, scope, metric, attributes), the time and the start. What comes twice counts
once; of two values for one moment the first that came stays.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tidegate.telemetry import semconv
from tidegate.telemetry.content import without_secrets_in
from tidegate.telemetry.meaning import first_of
from tidegate.telemetry.model import is_distrusted, precedence_of, second_of
from tidegate.telemetry.points.model import Kind, PointRow, Temporality
from tidegate.telemetry.points.numbers import (
    PointInvalidError,
    explicit_buckets,
    exponential_buckets,
    is_possible,
    written,
)
from tidegate.telemetry.records import Arrival
from tidegate.telemetry.values import (
    MAX_ATTRIBUTES,
    MAX_NAME_CHARACTERS,
    AttributePolicy,
    TooManyAttributesError,
    attributes_of,
    clean,
    kept_attributes,
)

_DIGEST_BYTES: Final = 16
_LAST_NS: Final = 2**63 - 1
_NO_RECORDED_VALUE: Final = 1  # DataPointFlags
_MAX_EXEMPLARS: Final = 16  # SDKs keep one a bucket; each is about 200 bytes
_MAX_QUANTILES: Final = 256
_TEMPORALITIES: Final = {0: Temporality.NONE, 1: Temporality.DELTA, 2: Temporality.CUMULATIVE}
_KINDS: Final = {each.value: each for each in Kind}


@dataclass(frozen=True, slots=True)
class _Metric:
    """What the points of one metric share."""

    digest: Any
    """Of resource, scope and metric: each series goes on from a copy."""
    name: str
    unit: str
    kind: Kind
    temporality: Temporality
    is_monotonic: int
    resource: Mapping[str, str]
    kept: Mapping[str, str]
    scope: str
    is_replayed: bool


def point_count_of(metric: Any) -> int:  # noqa: ANN401 - a generated protobuf message
    kind = metric.WhichOneof("data")
    return len(getattr(metric, kind).data_points) if kind else 0


def rows_of(request: ExportMetricsServiceRequest, arrival: Arrival) -> Iterator[PointRow]:
    """Yield a row a point; what is bad alone is added to the refusals of `arrival`."""
    start = arrival.start
    for r, resource_metrics in enumerate(request.resource_metrics, start.resource):
        place = f"resourceMetrics.{r}"
        try:
            resource = attributes_of(resource_metrics.resource.attributes)
        except TooManyAttributesError:
            scopes = resource_metrics.scope_metrics
            count = sum(point_count_of(metric) for scope in scopes for metric in scope.metrics)
            arrival.refusals.add(f"{place}.resource: more than {MAX_ATTRIBUTES} attributes.", count=count)
            continue
        digest = hashlib.blake2b(_canonical(resource_metrics.resource.attributes), digest_size=_DIGEST_BYTES)
        kept = kept_attributes(resource, arrival.policy)
        for s, scope_metrics in enumerate(resource_metrics.scope_metrics, start.scope_of(r)):
            name = scope_metrics.scope.name
            own = digest.copy()
            own.update(b"\0" + name.encode() + b"\0" + scope_metrics.scope.version.encode() + b"\0")
            scope = clean(name, MAX_NAME_CHARACTERS)
            for m, message in enumerate(scope_metrics.metrics, start.record_of(r, s)):
                metric = _metric_of(message, own, resource, kept, scope)
                if metric is not None:
                    yield from _rows_of_metric(message, metric, arrival, f"{place}.scopeMetrics.{s}.metrics.{m}")


def _metric_of(  # noqa: PLR0917 - what stands around a metric, passed by position a few times a body
    message: Any,  # noqa: ANN401 - a generated protobuf message: here bytes become types
    digest: Any,  # noqa: ANN401 - hashlib has no public type for what it returns
    resource: Mapping[str, str],
    kept: Mapping[str, str],
    scope: str,
) -> _Metric | None:
    kind = _KINDS.get(message.WhichOneof("data") or "")
    if kind is None:
        return None
    data = getattr(message, kind)
    temporality = Temporality.NONE
    if kind not in {Kind.GAUGE, Kind.SUMMARY}:
        temporality = _TEMPORALITIES.get(data.aggregation_temporality, Temporality.NONE)
    own = digest.copy()
    own.update(f"{message.name}\0{message.unit}\0{kind}\0{temporality}\0".encode())
    return _Metric(
        digest=own,
        name=clean(message.name, MAX_NAME_CHARACTERS),
        unit=clean(message.unit, MAX_NAME_CHARACTERS),
        kind=kind,
        temporality=temporality,
        is_monotonic=int(kind is not Kind.SUM or data.is_monotonic) if kind is not Kind.GAUGE else 0,
        resource=resource,
        kept=kept,
        scope=scope,
        is_replayed=resource.get("tidegate.replayed", "").lower() == "true",
    )


def _rows_of_metric(message: Any, metric: _Metric, arrival: Arrival, place: str) -> Iterator[PointRow]:  # noqa: ANN401 - a generated protobuf message
    for i, point in enumerate(getattr(message, metric.kind).data_points):
        try:
            yield _row_of(point, metric, arrival)
        except TooManyAttributesError:
            arrival.refusals.add(f"{place}.dataPoints.{i}: more than {MAX_ATTRIBUTES} attributes.")
        except PointInvalidError as error:
            arrival.refusals.add(f"{place}.dataPoints.{i} of {metric.name!r}: {error}.")


def _row_of(point: Any, metric: _Metric, arrival: Arrival) -> PointRow:  # noqa: ANN401 - a generated protobuf message
    attributes = attributes_of(point.attributes)
    is_missing = bool(point.flags & _NO_RECORDED_VALUE)
    numbers = _missing() if is_missing else _NUMBERS[metric.kind](point)
    time_ns, start_ns = min(point.time_unix_nano, _LAST_NS), min(point.start_time_unix_nano, _LAST_NS)
    # A recording keeps its own times; a start after the end, or buckets of another sum, nobody can believe.
    is_off = start_ns > time_ns or not is_possible(numbers.get("count", 0), numbers.get("bucket_counts", ()))
    if not metric.is_replayed:
        is_off = is_off or is_distrusted(time_ns, time_ns, arrival.received_ns)
    digest = metric.digest.copy()
    digest.update(_canonical(point.attributes))
    series: bytes = digest.digest()
    digest.update(b"\0%d\0%d" % (point.time_unix_nano, point.start_time_unix_nano))
    return PointRow(
        workspace=arrival.workspace,
        point_id=digest.hexdigest(),
        second=second_of(time_ns),
        time_ns=time_ns,
        start_ns=start_ns,
        received_ns=arrival.received_ns,
        precedence=precedence_of(distrusted=is_off, received_ns=arrival.received_ns),
        distrusted=int(is_off),
        replayed=int(metric.is_replayed),
        series_id=int.from_bytes(series[:8], "big"),
        kind=metric.kind,
        temporality=metric.temporality,
        is_monotonic=metric.is_monotonic,
        attributes=kept_attributes(attributes, arrival.policy),
        resource=metric.kept,
        exemplars=_exemplars_of(getattr(point, "exemplars", ()), arrival.policy),
        **_texts_of(metric, attributes),
        **numbers,
    )


def _texts_of(metric: _Metric, attributes: Mapping[str, str]) -> dict[str, Any]:
    return without_secrets_in(
        {
            "metric": metric.name,
            "unit": metric.unit,
            "service": first_of(metric.resource, semconv.SERVICE),
            "environment": first_of(metric.resource, semconv.ENVIRONMENT),
            "release": first_of(metric.resource, semconv.RELEASE),
            "tenant": first_of(attributes, semconv.TENANT) or first_of(metric.resource, semconv.TENANT),
            "scope": metric.scope,
        }
    )


def _missing() -> dict[str, Any]:
    return {"is_missing": 1, "value": "nan"}


def _of_number(point: Any) -> dict[str, Any]:  # noqa: ANN401 - a generated protobuf message
    kind = point.WhichOneof("value")
    if kind is None:
        raise PointInvalidError("it has no value")
    return {"value": written(float(getattr(point, kind)))}


def _of_histogram(point: Any) -> dict[str, Any]:  # noqa: ANN401 - a generated protobuf message
    bounds, counts = explicit_buckets(point)
    return {**_of_any_histogram(point), "bounds": bounds, "bucket_counts": counts}


def _of_exponential(point: Any) -> dict[str, Any]:  # noqa: ANN401 - a generated protobuf message
    bounds, counts = exponential_buckets(point)
    return {**_of_any_histogram(point), "bounds": bounds, "bucket_counts": counts}


def _of_any_histogram(point: Any) -> dict[str, Any]:  # noqa: ANN401 - a generated protobuf message
    return {
        "count": point.count,
        "sum": written(point.sum),
        "min": written(point.min) if point.HasField("min") else None,
        "max": written(point.max) if point.HasField("max") else None,
    }


def _of_summary(point: Any) -> dict[str, Any]:  # noqa: ANN401 - a generated protobuf message
    if len(point.quantile_values) > _MAX_QUANTILES:
        raise PointInvalidError(f"more than {_MAX_QUANTILES} quantiles")
    quantiles = [each.quantile for each in point.quantile_values]
    if not all(0 <= quantile <= 1 for quantile in quantiles):
        raise PointInvalidError("a quantile lies outside 0 to 1")
    values = [written(each.value) for each in point.quantile_values]
    return {"count": point.count, "sum": written(point.sum), "quantiles": quantiles, "quantile_values": values}


_NUMBERS: Final = {
    Kind.GAUGE: _of_number,
    Kind.SUM: _of_number,
    Kind.HISTOGRAM: _of_histogram,
    Kind.EXPONENTIAL_HISTOGRAM: _of_exponential,
    Kind.SUMMARY: _of_summary,
}


def _canonical(pairs: Any) -> bytes:  # noqa: ANN401 - a repeated field of generated messages
    """Return attributes as bytes in an order of their own: a collector may send them in another one."""
    parts = sorted(pair.SerializeToString(deterministic=True) for pair in pairs)
    return b"".join(b"%d:" % len(part) + part for part in parts)


def _exemplars_of(exemplars: Any, policy: AttributePolicy) -> str:  # noqa: ANN401 - a repeated field of generated messages
    if not exemplars:
        return ""
    kept = []
    for exemplar in exemplars[:_MAX_EXEMPLARS]:
        kind = exemplar.WhichOneof("value")
        kept.append(
            {
                "timeNs": exemplar.time_unix_nano,
                "value": written(float(getattr(exemplar, kind))) if kind else None,
                "traceId": exemplar.trace_id.hex(),
                "spanId": exemplar.span_id.hex(),
                "attributes": kept_attributes(attributes_of(exemplar.filtered_attributes), policy),
            }
        )
    return msgspec.json.encode(kept).decode()
