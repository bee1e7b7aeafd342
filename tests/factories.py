"""Builders of OTLP bodies, for tests of every tier."""

import secrets
from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

NANO = 1_000_000_000


def any_value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
    return AnyValue(string_value=value)


def key_values(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def make_span(**changes: Any) -> Span:
    """Return a span with fresh ids; `attributes` is a plain mapping, `status` OTLP's status code."""
    attributes = changes.pop("attributes", {})
    status = changes.pop("status", 0)
    facts: dict[str, Any] = {
        "trace_id": secrets.token_bytes(16),
        "span_id": secrets.token_bytes(8),
        "name": "GET /",
        "kind": Span.SPAN_KIND_SERVER,
        "start_time_unix_nano": 1_700_000_000 * NANO,
        "end_time_unix_nano": 1_700_000_001 * NANO,
    }
    built = Span(**(facts | changes), attributes=key_values(attributes))
    built.status.code = status
    return built


def make_request(*spans: Span, service: str = "harbor", **resource: Any) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    holder = request.resource_spans.add()
    holder.resource.attributes.extend(key_values({"service.name": service} | resource))
    holder.scope_spans.add().spans.extend(spans)
    return request


def auth_span(status: int, *, at_ns: int, tenant: str = "acme", **changes: Any) -> Span:
    """Return a sign-in request that ended at `at_ns` with the HTTP `status`."""
    attributes = {
        "http.request.method": "POST",
        "http.route": "/auth/login",
        "http.response.status_code": status,
        "tenant.id": tenant,
    }
    return make_span(
        name="POST /auth/login",
        attributes=attributes | changes.pop("attributes", {}),
        start_time_unix_nano=at_ns - 5_000_000,
        end_time_unix_nano=at_ns,
        **changes,
    )
