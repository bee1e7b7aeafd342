"""OTLP bodies by their bytes: where each span, log record or metric lies, before anything is parsed. Pure.

A message of two bytes takes 80 in memory once it is taken apart, so a body of 64 MB could take gigabytes. Hence the
spans of large bodies are taken apart in chunks, one after the other. Bodies of logs and metrics have the same shape,
and are read here as if their records were spans.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tidegate.telemetry.errors import OtlpMalformedError, SpansTooManyError
from tidegate.telemetry.salvage import bytes_field

MAX_CHUNK_BYTES: Final = 2**20  # at most 80 MB while it is taken apart
MAX_CHUNK_SPANS: Final = 1_024  # 10 ms of work: other requests are served in between
MAX_HEAD_BYTES: Final = 2**20  # what a resource or a scope says of itself
MAX_SPAN_BYTES: Final = 4 * 2**20  # 320 MB while it is parsed, when it is made to hurt
MAX_SPANS: Final = 65_536  # as many as may wait for one workspace: a larger body could never be stored
MAX_GROUPS: Final = 8_192  # resources and scopes: the Collector joins a few hundred
_MAX_HEAD_FIELDS: Final = 64  # of a body, a resource or a scope; OTLP has two
_RESOURCE_SPANS: Final = 0x0A  # tags: number and kind of a field
_SPANS: Final = 0x12  # of ScopeSpans.spans, and of ResourceSpans.scope_spans
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES: Final = 10


@dataclass(slots=True)
class ScopePlace:
    """One ScopeSpans: what it says of itself, and where its spans lie in the body."""

    head: bytes = b""
    spans: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class ResourcePlace:
    """One ResourceSpans."""

    head: bytes = b""
    scopes: list[ScopePlace] = field(default_factory=list)


def places_of(body: bytes) -> list[ResourcePlace]:
    """Return where the spans lie, in the order in which a parser gives them.

    Raises:
        OtlpMalformedError: it is no protobuf, or has far too many parts.
        SpansTooManyError: there are more spans than can wait.
    """
    resources: list[ResourcePlace] = []
    count, groups = 0, 0
    try:
        others = 0
        for tag, start, end, _ in _fields(body, 0, len(body)):
            if tag != _RESOURCE_SPANS:
                others += 1
                if others > _MAX_HEAD_FIELDS:
                    raise OtlpMalformedError(_TOO_MUCH_ELSE)
                continue
            resource = _resource_at(body, start, end)
            resources.append(resource)
            count += sum(len(scope.spans) for scope in resource.scopes)
            if count > MAX_SPANS:
                raise SpansTooManyError(limit=MAX_SPANS)
            groups += 1 + len(resource.scopes)
            if groups > MAX_GROUPS:
                raise OtlpMalformedError(f"it has more than {MAX_GROUPS} resources and scopes.")
    except IndexError as error:
        raise OtlpMalformedError("the protobuf cannot be read.") from error
    return resources


def _resource_at(body: bytes, start: int, end: int) -> ResourcePlace:
    resource = ResourcePlace()
    count = others = 0
    for tag, inner, inner_end, before in _fields(body, start, end):
        if tag != _SPANS:
            others += 1
            resource.head = _longer(resource.head, body[before:inner_end], others)
            continue
        scope = _scope_at(body, inner, inner_end)
        resource.scopes.append(scope)
        count += 1 + len(scope.spans)
        if count > MAX_SPANS + MAX_GROUPS:
            raise SpansTooManyError(limit=MAX_SPANS)
    return resource


def _scope_at(body: bytes, start: int, end: int) -> ScopePlace:
    scope = ScopePlace()
    spans = scope.spans
    at, others = start, 0
    while at < end:
        # By hand, because this runs once a span: tag, then a length of mostly two bytes.
        if body[at] != _SPANS:
            _, _, at_next = _field_at(body, at, end)
            others += 1
            scope.head = _longer(scope.head, body[at:at_next], others)
            at = at_next
            continue
        length = body[at + 1]
        at += 2
        if length > 0x7F:
            second = body[at]
            at += 1
            length = length & 0x7F | (second & 0x7F) << 7
            if second > 0x7F:
                length, at = _varint_at(body, at - 2)
        spans.append((at, at + length))
        if len(spans) > MAX_SPANS:
            raise SpansTooManyError(limit=MAX_SPANS)
        at += length
    if at != end:
        raise IndexError
    return scope


_TOO_MUCH_ELSE: Final = f"it has more than {_MAX_HEAD_FIELDS} fields beside its resources, scopes or records."


def _longer(head: bytes, field: bytes, count: int) -> bytes:
    """Return `head` with one more `field`; each copies what is there, so they are few and short."""
    if count > _MAX_HEAD_FIELDS:
        raise OtlpMalformedError(_TOO_MUCH_ELSE)
    if len(head) + len(field) > MAX_HEAD_BYTES:
        raise OtlpMalformedError("a resource or a scope says more than a megabyte.")
    return head + field


def _fields(body: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield tag, start and end of what is in it, and where the field itself begins."""
    at = start
    while at < end:
        before = at
        tag, inner, at = _field_at(body, at, end)
        yield tag, inner, at, before


def _field_at(body: bytes, at: int, end: int) -> tuple[int, int, int]:
    tag, at = _varint_at(body, at)
    kind = tag & 7
    inner = at
    if kind == _VARINT:
        _, at = _varint_at(body, at)
    elif kind == _BYTES:
        length, inner = _varint_at(body, at)
        at = inner + length
    elif kind in {_FIXED64, _FIXED32}:
        at += 8 if kind == _FIXED64 else 4
    else:
        raise IndexError
    if at > end:
        raise IndexError
    return tag, inner, at


def _varint_at(body: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(_MAX_VARINT_BYTES):
        byte = body[at + shift]
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, at + shift + 1
    raise IndexError


@dataclass(frozen=True, slots=True)
class Run:
    """Spans of one scope that follow each other."""

    resource: int
    """Which of the body's resources."""
    scope: int
    """Which of the resource's scopes."""
    first: int
    """Place of its first span in the scope."""
    spans: list[bytes]


def chunks_of(
    body: bytes, resources: list[ResourcePlace], *, max_bytes: int = MAX_CHUNK_BYTES, max_spans: int = MAX_CHUNK_SPANS
) -> Iterator[list[Run]]:
    """Yield all spans of `body` in order, as many at a time as may be taken apart together: one at least."""
    chunk: list[Run] = []
    size = count = 0
    for r, resource in enumerate(resources):
        size += len(resource.head)
        for s, scope in enumerate(resource.scopes):
            run = Run(r, s, 0, [])
            size += len(scope.head)
            for number, (start, end) in enumerate(scope.spans):
                if count and (size + end - start > max_bytes or count == max_spans):
                    yield [*chunk, run]
                    chunk, run, size, count = [], Run(r, s, number, []), 0, 0
                run.spans.append(body[start:end])
                size += end - start
                count += 1
            chunk.append(run)
    if count:
        yield chunk


def bodies_of(body: bytes, resources: list[ResourcePlace]) -> Iterator[tuple[tuple[int, int, int], bytes]]:
    """Yield `body` in pieces that may be parsed whole, and where in it each begins: resource, scope and record."""
    for chunk in chunks_of(body, resources):
        parts: list[bytes] = []
        scopes: list[bytes] = []
        for run, following in zip(chunk, [*chunk[1:], None], strict=True):
            resource = resources[run.resource]
            records = b"".join(bytes_field(2, record) for record in run.spans)
            scopes.append(bytes_field(2, resource.scopes[run.scope].head + records))
            if following is None or following.resource != run.resource:
                parts.append(bytes_field(1, resource.head + b"".join(scopes)))
                scopes = []
                gap = 0 if following is None else following.resource - run.resource - 1
                parts += [bytes_field(1, b"")] * gap
        yield (chunk[0].resource, chunk[0].scope, chunk[0].first), b"".join(parts)
