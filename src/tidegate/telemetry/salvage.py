"""What can still be read of a protobuf body with bad parts: each record alone, by the wire format. Pure.

The parser refuses a whole body for one text that is not UTF-8. A collector repeats what is refused, or drops it: one
bad line must not cost the other ten thousand.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import DecodeError

_GROUPS: Final = 1  # ExportLogsServiceRequest.resource_logs, ExportMetricsServiceRequest.resource_metrics
_PARTS: Final = 2  # ResourceLogs.scope_logs and ScopeLogs.log_records, and the same of metrics
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES: Final = 10


class NotWireFormatError(ValueError):
    """The bytes are no protobuf at all, or cut off."""


@dataclass(frozen=True, slots=True)
class Salvage:
    """A body without its bad records."""

    body: bytes
    kept_count: int
    refused_count: int


def salvage(body: bytes, *, group: type[Any], record: type[Any]) -> Salvage:
    """Return `body` without the records that `record` cannot parse, nor those under a resource or scope that is bad.

    Raises:
        NotWireFormatError: it is no protobuf.
    """
    whole, kept, refused = bytearray(), 0, 0
    for number, content, raw in _fields(body):
        if number != _GROUPS or content is None:
            continue
        if _parses(group, content):
            whole += raw
            kept += 1
            continue
        rebuilt, good, bad = _without_bad(content, group, record)
        whole += bytes_field(_GROUPS, rebuilt) if good else b""
        kept, refused = kept + good, refused + bad
    return Salvage(bytes(whole), kept, refused)


def _without_bad(content: bytes, group: type[Any], record: type[Any]) -> tuple[bytes, int, int]:
    """Return one resource with the scopes and records that are good, and how many are good and bad."""
    head, scopes = _split(content)
    kept, good, bad = bytearray(), 0, 0
    for scope in scopes:
        own_head, records = _split(scope)
        fine = [bytes_field(_PARTS, each) for each in records if _parses(record, each)]
        # The heads are judged with nothing below them: one that is bad takes all its records with it.
        if not _parses(group, head + bytes_field(_PARTS, own_head)):
            fine = []
        good, bad = good + len(fine), bad + len(records) - len(fine)
        if fine:
            kept += bytes_field(_PARTS, own_head + b"".join(fine))
    return head + bytes(kept), good, bad


def _split(content: bytes) -> tuple[bytes, list[bytes]]:
    """Return what a message says of itself, and its parts."""
    head, parts = bytearray(), []
    for number, inner, raw in _fields(content):
        if number == _PARTS and inner is not None:
            parts.append(inner)
        else:
            head += raw
    return bytes(head), parts


def _parses(message: type[Any], content: bytes) -> bool:
    try:
        message.FromString(content)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _fields(content: bytes) -> Iterator[tuple[int, bytes | None, bytes]]:
    """Yield number, content (`None` unless it is of bytes) and raw bytes of each field."""
    at = 0
    while at < len(content):
        start = at
        key, at = _varint(content, at)
        inner: bytes | None = None
        kind = key & 7
        if kind == _VARINT:
            _, at = _varint(content, at)
        elif kind == _BYTES:
            length, at = _varint(content, at)
            inner = content[at : at + length]
            at += length
        elif kind in {_FIXED64, _FIXED32}:
            at += 8 if kind == _FIXED64 else 4
        else:
            raise NotWireFormatError
        if at > len(content):
            raise NotWireFormatError
        yield key >> 3, inner, content[start:at]


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(content[at : at + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, at + shift + 1
    raise NotWireFormatError


def bytes_field(number: int, content: bytes) -> bytes:
    """Return a field that holds bytes, a text or a message."""
    return bytes([number << 3 | _BYTES]) + _written(len(content)) + content


def varint_field(number: int, value: int) -> bytes:
    """Return a field that holds a whole number, not below zero."""
    return bytes([number << 3 | _VARINT]) + _written(value)


def _written(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
