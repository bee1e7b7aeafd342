"""OTLP log requests: from bytes to rows of `raw_logs`. A record that is bad alone is refused alone.

Identity: the sender's `log.record.uid`, else a digest of all that the record says, with its resource and scope, and
its place among identical records of the same body. So a body that comes twice counts once, also joined with others.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tidegate.telemetry import semconv
from tidegate.telemetry.content import without_secrets_in
from tidegate.telemetry.logs import names
from tidegate.telemetry.logs.events import event_of
from tidegate.telemetry.logs.lines import event_of_line
from tidegate.telemetry.logs.model import Event, LogRow
from tidegate.telemetry.logs.requests import (
    CORRELATION_ID,
    REQUEST_ID,
    SEVERITY,
    SPAN_ID,
    TRACE_ID,
    fields_of,
    request_of,
)
from tidegate.telemetry.meaning import first_of
from tidegate.telemetry.model import is_distrusted, precedence_of, second_of
from tidegate.telemetry.records import Arrival
from tidegate.telemetry.values import (
    MAX_ATTRIBUTES,
    MAX_NAME_CHARACTERS,
    TooManyAttributesError,
    attributes_of,
    clean,
    kept_attributes,
    text_of,
)

MAX_BODY_CHARACTERS: Final = 32_768
CUT: Final = "tidegate.body.characters"
"""Attribute of a record whose body was longer than we keep: how long it was."""
_DIGEST_BYTES: Final = 16
_MAX_UID_CHARACTERS: Final = 256
_SAMPLED: Final = 1  # the flag of W3C trace context
_LAST_NS: Final = 2**63 - 1
_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_HEX: Final = frozenset("0123456789abcdef")
_NUMBERS: Final[Mapping[str, int]] = {
    "trace": 1, "debug": 5, "info": 9, "information": 9, "informational": 9, "notice": 10, "warn": 13, "warning": 13,
    "error": 17, "err": 17, "critical": 21, "crit": 21, "fatal": 21, "alert": 22, "emergency": 23, "emerg": 23,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Origin:
    """What the records of one scope share."""

    digest: Any
    """Of resource and scope: each record goes on from a copy."""
    resource: Mapping[str, str]
    kept: Mapping[str, str]
    """What is stored of the resource."""
    scope: str
    is_replayed: bool

    @property
    def names(self) -> Mapping[str, str]:
        return {
            "service": first_of(self.resource, semconv.SERVICE),
            "environment": first_of(self.resource, semconv.ENVIRONMENT),
            "release": first_of(self.resource, semconv.RELEASE),
        }


def rows_of(request: ExportLogsServiceRequest, arrival: Arrival) -> Iterator[LogRow]:
    """Yield a row a record; what is bad alone is added to the refusals of `arrival`."""
    start = arrival.start
    for r, resource_logs in enumerate(request.resource_logs, start.resource):
        place = f"resourceLogs.{r}"
        try:
            resource = attributes_of(resource_logs.resource.attributes)
        except TooManyAttributesError:
            count = sum(len(each.log_records) for each in resource_logs.scope_logs)
            arrival.refusals.add(f"{place}.resource: more than {MAX_ATTRIBUTES} attributes.", count=count)
            continue
        digest = hashlib.blake2b(
            resource_logs.resource.SerializeToString(deterministic=True), digest_size=_DIGEST_BYTES
        )
        kept = kept_attributes(resource, arrival.policy)
        is_replayed = resource.get("tidegate.replayed", "").lower() == "true"
        for s, scope_logs in enumerate(resource_logs.scope_logs, start.scope_of(r)):
            own = digest.copy()
            own.update(b"\0" + scope_logs.scope.SerializeToString(deterministic=True) + b"\0")
            scope = clean(scope_logs.scope.name, MAX_NAME_CHARACTERS)
            origin = _Origin(own, resource, kept, scope, is_replayed)
            for i, record in enumerate(scope_logs.log_records, start.record_of(r, s)):
                if not record.ListFields():
                    arrival.refusals.add(f"{place}.scopeLogs.{s}.logRecords.{i}: it says nothing.")
                    continue
                try:
                    yield _row_of(record, arrival, origin)
                except TooManyAttributesError:
                    where = f"{place}.scopeLogs.{s}.logRecords.{i}"
                    arrival.refusals.add(f"{where}: more than {MAX_ATTRIBUTES} attributes.")


def _row_of(
    record: Any,  # noqa: ANN401 - a generated protobuf message: here bytes become types
    arrival: Arrival,
    origin: _Origin,
) -> LogRow:
    attributes = attributes_of(record.attributes)
    body = _Body.of(record)
    event_name = clean(record.event_name, MAX_NAME_CHARACTERS) or first_of(attributes, names.EVENT_NAME)
    fields = {**body.fields, **attributes}
    event = _event_of(record, event_name, attributes, body)
    time_ns = min(record.time_unix_nano or record.observed_time_unix_nano, _LAST_NS)
    is_off = not origin.is_replayed and is_distrusted(time_ns, time_ns, arrival.received_ns)
    trace_id, span_id = _ids_of(record, body.fields)
    severity_text = clean(record.severity_text, 64) or first_of(body.fields, SEVERITY)[:64]
    kept = kept_attributes(attributes, arrival.policy)
    if body.characters > MAX_BODY_CHARACTERS:
        kept[CUT] = str(body.characters)
    texts: dict[str, Any] = {
        "tenant": first_of(attributes, semconv.TENANT) or first_of(origin.resource, semconv.TENANT),
        "error_type": first_of(attributes, semconv.ERROR_CODE),
        "request_id": first_of(fields, REQUEST_ID),
        "correlation_id": first_of(fields, CORRELATION_ID),
    }
    # What the record says in general stands where the event is silent.
    texts |= {key: value for key, value in event.items() if value or key not in texts}
    texts |= {"severity_text": severity_text, "event_name": event_name, "scope": origin.scope, **origin.names}
    return LogRow(
        workspace=arrival.workspace,
        log_id=_log_id(record, attributes, origin, arrival.seen),
        second=second_of(time_ns),
        time_ns=time_ns,
        received_ns=arrival.received_ns,
        precedence=precedence_of(distrusted=is_off, received_ns=arrival.received_ns),
        trace_id=trace_id,
        span_id=span_id,
        severity=_severity_of(record.severity_number, severity_text),
        body=arrival.policy.text(body.text),
        attributes=kept,
        resource=origin.kept,
        distrusted=int(is_off),
        replayed=int(origin.is_replayed),
        **without_secrets_in(texts),
    )


@dataclass(frozen=True, slots=True)
class _Body:
    text: str
    characters: int
    """How long it was before it was cut."""
    fields: Mapping[str, str]

    @classmethod
    def of(cls, record: Any) -> "_Body":  # noqa: ANN401 - a generated protobuf message
        said = record.body.string_value
        characters = len(said)
        text = clean(said, MAX_BODY_CHARACTERS) if said else text_of(record.body, MAX_BODY_CHARACTERS)
        return cls(text, characters, fields_of(text))


def _event_of(record: Any, event_name: str, attributes: Mapping[str, str], body: _Body) -> Event:  # noqa: ANN401 - a generated protobuf message
    if event_name:
        return event_of(event_name, {**body.fields, **attributes} if body.fields else attributes)
    # Of a request in a sampled span, the span counts it: the line that its handler wrote is the same request.
    if record.span_id and record.flags & _SAMPLED:
        return {}
    if body.fields:
        return request_of({**body.fields, **attributes})
    return event_of_line(body.text) or request_of({"message": body.text, **attributes})


def _log_id(record: Any, attributes: Mapping[str, str], origin: _Origin, seen: dict[bytes, int]) -> str:  # noqa: ANN401 - a generated protobuf message
    uid = attributes.get("log.record.uid", "")
    if uid and len(uid) <= _MAX_UID_CHARACTERS:
        return f"u:{uid}"
    digest = origin.digest.copy()
    digest.update(uid.encode() if uid else record.SerializeToString(deterministic=True))
    found: bytes = digest.digest()
    ordinal = seen.get(found, 0)
    seen[found] = ordinal + 1
    return f"{found.hex()}:{ordinal}" if ordinal and not uid else found.hex()


def _ids_of(record: Any, fields: Mapping[str, str]) -> tuple[str, str]:  # noqa: ANN401 - a generated protobuf message
    """Return the ids of the record's span; as OTLP says, an id of a wrong length is none."""
    if len(record.trace_id) == _TRACE_ID_BYTES and any(record.trace_id):
        is_span = len(record.span_id) == _SPAN_ID_BYTES and any(record.span_id)
        return record.trace_id.hex(), record.span_id.hex() if is_span else ""
    trace_id, span_id = first_of(fields, TRACE_ID).lower(), first_of(fields, SPAN_ID).lower()
    if len(trace_id) != 2 * _TRACE_ID_BYTES or not set(trace_id) <= _HEX or set(trace_id) == {"0"}:
        return "", ""
    return trace_id, span_id if len(span_id) == 2 * _SPAN_ID_BYTES and set(span_id) <= _HEX else ""


def _severity_of(number: int, text: str) -> int:
    return number if 1 <= number <= 24 else _NUMBERS.get(text.strip().lower(), 0)
