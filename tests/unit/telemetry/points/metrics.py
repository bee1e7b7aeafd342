"""Builders of OTLP metric bodies."""

from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint
from tests.factories import NANO, key_values
from tests.unit.telemetry.logs.records import NOW_NS, Everything, W

from tidegate.telemetry.points.decode import rows_of
from tidegate.telemetry.points.model import PointRow
from tidegate.telemetry.records import Arrival, Refusals


def make_metric(kind: str, name: str = "queue.depth", *, temporality: int = 2, **point: Any) -> Metric:
    """Return a metric of one point, a second ago unless said."""
    metric = Metric(name=name, unit="1")
    data = getattr(metric, kind)
    if kind not in {"gauge", "summary"}:
        data.aggregation_temporality = temporality
    attributes = key_values(point.pop("attributes", {}))
    data.data_points.add(**({"time_unix_nano": NOW_NS - NANO} | point), attributes=attributes)
    return metric


def make_counter(value: int, **point: Any) -> Metric:
    metric = make_metric("sum", "requests", as_int=value, **point)
    metric.sum.is_monotonic = True
    return metric


def make_metrics(*metrics: Metric, service: str = "harbor", **resource: Any) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    holder = request.resource_metrics.add()
    holder.resource.attributes.extend(key_values({"service.name": service} | resource))
    holder.scope_metrics.add().metrics.extend(metrics)
    return request


def read(request: ExportMetricsServiceRequest, refusals: Refusals | None = None) -> list[PointRow]:
    arrival = Arrival(workspace=W, received_ns=NOW_NS, policy=Everything(), refusals=refusals or Refusals())
    return list(rows_of(request, arrival))


def read_one(metric: Metric) -> PointRow:
    (row,) = read(make_metrics(metric))
    return row


__all__ = ["NumberDataPoint", "make_counter", "make_metric", "make_metrics", "read", "read_one"]
