"""OTLP as protobuf, by hand: the command line needs neither the generated classes nor their runtime.

Field numbers are those of opentelemetry-proto 1.x (trace, logs, common, resource); a test reads what is written here
with the generated classes.
"""

import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

from tidegate.replays.model import Attributes, Log, Span, SpanEvent, Value

_Item = TypeVar("_Item", Span, Log)

_FIXED64 = struct.Struct("<Q")
_DOUBLE = struct.Struct("<d")
_SCOPE_NAME = b"tidegate.replay"
_U64 = 2**64


def traces_request(spans: Sequence[Span]) -> bytes:
    """Return an `ExportTraceServiceRequest`."""
    return b"".join(_request(resource, [_field(2, _span(span)) for span in group]) for resource, group in _of(spans))


def logs_request(logs: Sequence[Log]) -> bytes:
    """Return an `ExportLogsServiceRequest`."""
    return b"".join(_request(resource, [_field(2, _log(log)) for log in group]) for resource, group in _of(logs))


def rejected_in(answer: bytes) -> tuple[int, str]:
    """Return how many of a request were refused, and why: the partial success in an export response of any signal.

    Raises:
        ValueError: it is no such response.
    """
    count, message = 0, ""
    for number, value in _fields(answer):
        if number != 1 or not isinstance(value, bytes):
            continue
        for inner, found in _fields(value):
            if inner == 1 and isinstance(found, int):
                count = found
            elif inner == 2 and isinstance(found, bytes):
                message = found.decode("utf-8", "replace")
    return count, message


def _of(items: Sequence[_Item]) -> Collection[tuple[Attributes, list[_Item]]]:
    # Rows of one file share a handful of resources, and mean the very same object by them.
    groups: dict[int, tuple[Attributes, list[_Item]]] = {}
    for item in items:
        groups.setdefault(id(item.resource), (item.resource, []))[1].append(item)
    return groups.values()


def _request(resource: Attributes, items: Iterable[bytes]) -> bytes:
    scope = _field(1, _field(1, _SCOPE_NAME))
    return _field(1, _field(1, _attributes(1, resource)) + _field(2, scope + b"".join(items)))


def _span(span: Span) -> bytes:
    parts = [_field(1, span.trace_id), _field(2, span.span_id)]
    if span.parent_id:
        parts.append(_field(4, span.parent_id))
    parts += [
        _field(5, _text(span.name)),
        _number(6, span.kind),
        _fixed64(7, span.start_ns),
        _fixed64(8, span.end_ns),
        _attributes(9, span.attributes),
    ]
    parts += [_field(11, _event(event)) for event in span.events]
    if span.status:
        message = _field(2, _text(span.status_message)) if span.status_message else b""
        parts.append(_field(15, message + _number(3, span.status)))
    return b"".join(parts)


def _event(event: SpanEvent) -> bytes:
    return _fixed64(1, event.time_ns) + _field(2, _text(event.name)) + _attributes(3, event.attributes)


def _log(log: Log) -> bytes:
    # When somebody saw it is when it happened: a recording knows of no other moment.
    parts = [_fixed64(1, log.time_ns), _fixed64(11, log.time_ns)]
    if log.severity:
        parts.append(_number(2, log.severity))
    if log.severity_text:
        parts.append(_field(3, _text(log.severity_text)))
    if log.body:
        parts.append(_field(5, _value(log.body)))
    parts.append(_attributes(6, {"log.record.uid": log.uid, **log.attributes}))
    if log.trace_id:
        parts.append(_field(9, log.trace_id))
    if log.span_id:
        parts.append(_field(10, log.span_id))
    if log.event_name:
        parts.append(_field(12, _text(log.event_name)))
    return b"".join(parts)


def _attributes(number: int, attributes: Attributes) -> bytes:
    return b"".join([_field(number, _key(key) + _field(2, _value(value))) for key, value in attributes.items()])


@lru_cache(maxsize=4096)  # a format has a few dozen keys and writes them for every row
def _key(key: str) -> bytes:
    return _field(1, _text(key))


def _value(value: Value) -> bytes:
    if isinstance(value, str):
        return _field(1, _text(value))
    if isinstance(value, bool):
        return _number(2, int(value))
    if isinstance(value, int):
        return _number(3, value)
    if isinstance(value, float):
        return b"\x21" + _DOUBLE.pack(value)
    return _field(5, b"".join([_field(1, _value(item)) for item in value]))


def _text(text: str) -> bytes:
    # JSON may hold half of a surrogate pair; protobuf may not.
    return text.encode("utf-8", "replace")


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value % _U64)


def _fixed64(number: int, value: int) -> bytes:
    return _varint(number << 3 | 1) + _FIXED64.pack(value % _U64)


def _varint(value: int) -> bytes:
    if value < 0x80:
        return _SMALL[value]
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


_SMALL = [bytes([value]) for value in range(0x80)]


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    place = 0
    while place < len(message):
        tag, place = _read_varint(message, place)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, place = _read_varint(message, place)
            yield number, value
            continue
        if kind == 2:
            size, place = _read_varint(message, place)
        elif kind in {1, 5}:
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if place + size > len(message):
            raise ValueError("cut off")
        yield number, message[place : place + size]
        place += size


def _read_varint(message: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("cut off")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("a number without end")
