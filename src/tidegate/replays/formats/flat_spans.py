"""Spans that stand flat, one an object: `{trace_id, span_id, parent_span_id, name, start_time, …}`."""

from collections.abc import Mapping
from typing import Any

from tidegate.replays.model import Reading, Row, Span, SpanKind, UnreadableRowError, Value
from tidegate.replays.times import moment_of

_STATUSES = {"OK": 1, "ERROR": 2}


def is_flat_span(content: Mapping[str, Any]) -> bool:
    return {"trace_id", "span_id", "start_time"} <= content.keys()


class FlatSpans:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._resources: dict[str, dict[str, Value]] = {}

    def row_of(self, number: int, content: Mapping[str, Any]) -> Row:
        reading = self._reading
        start_ns = moment_of(content["start_time"]) + reading.shift_ns
        end = content.get("end_time")
        end_ns = start_ns if end is None else moment_of(end) + reading.shift_ns
        status = _mapping(content.get("status"))
        parent = content.get("parent_span_id")
        span = Span(
            trace_id=reading.naming.own(str(content["trace_id"]), length=16),
            span_id=reading.naming.own(str(content["span_id"]), length=8),
            parent_id=reading.naming.own(str(parent), length=8) if parent else b"",
            name=str(content.get("name") or "span"),
            kind=_kind(content.get("kind")),
            start_ns=start_ns,
            end_ns=end_ns,
            attributes=attributes_of(_mapping(content.get("attributes"))),
            resource=self._resource(_mapping(_mapping(content.get("resource")).get("attributes"))),
            status=_STATUSES.get(str(status.get("code")).upper().removeprefix("STATUS_CODE_"), 0),
            status_message=str(status.get("message") or ""),
        )
        return Row(number, end_ns, (span,))

    def _resource(self, attributes: Mapping[str, Any]) -> dict[str, Value]:
        named = attributes_of(attributes)
        key = repr(sorted(named.items()))
        if key not in self._resources:
            service = str(named.get("service.name") or "unknown_service")
            self._resources[key] = named | self._reading.resource(service)
        return self._resources[key]


def attributes_of(found: Mapping[str, Any]) -> dict[str, Value]:
    """Return attributes that the protocol can carry: null is not set, an object becomes one key a leaf."""
    attributes: dict[str, Value] = {}
    for key, value in found.items():
        if value is None:
            continue
        if isinstance(value, str | bool | int | float):
            attributes[str(key)] = value if not isinstance(value, int) or abs(value) < 2**63 else float(value)
        elif isinstance(value, Mapping):
            attributes |= attributes_of({f"{key}.{inner}": each for inner, each in value.items()})
        elif isinstance(value, list):
            attributes[str(key)] = [str(each) for each in value]
    return attributes


def _mapping(value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UnreadableRowError("status, resource and attributes must be objects")
    return value


def _kind(value: object) -> int:
    if isinstance(value, int):
        return value if 0 <= value <= 5 else 0
    name = str(value or "").upper().removeprefix("SPAN_KIND_").removeprefix("SPANKIND.")
    return SpanKind[name] if name in SpanKind.__members__ else 0
