"""Stored spans taken apart again, for somebody who looks at one."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tidegate.telemetry.content import MAX_CONTENT_CHARACTERS
from tidegate.telemetry.traces.model import SpanEvent, SpanLink
from tidegate.telemetry.values import MAX_NAME_CHARACTERS, clean, text_of


class StoredSpan(NamedTuple):
    """What a span says besides its columns."""

    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    events: tuple[SpanEvent, ...]
    links: tuple[SpanLink, ...]


def read_stored(span: bytes, resource: bytes) -> StoredSpan:
    """Return what was stored of a span; nothing of what cannot be read, which is no reason to show nothing."""
    read = _read(Span, span)
    return StoredSpan(
        _texts(read.attributes),
        _texts(_read(Resource, resource).attributes),
        tuple(
            SpanEvent(clean(event.name, MAX_NAME_CHARACTERS), event.time_unix_nano, _texts(event.attributes))
            for event in read.events
        ),
        tuple(SpanLink(link.trace_id.hex(), link.span_id.hex(), _texts(link.attributes)) for link in read.links),
    )


def _read(message: Any, raw: bytes) -> Any:  # noqa: ANN401 - generated protobuf messages
    try:
        return message.FromString(raw)
    except DecodeError:
        return message()


def _texts(pairs: Any) -> Mapping[str, str]:  # noqa: ANN401 - a list of protobuf messages
    return {clean(pair.key, MAX_NAME_CHARACTERS): text_of(pair.value, MAX_CONTENT_CHARACTERS) for pair in pairs}
