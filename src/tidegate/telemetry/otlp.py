"""OTLP trace requests: from bytes to rows. One bad span refuses its whole body, before anything is stored."""

import base64
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tidegate.kernel import WorkspaceId
from tidegate.telemetry import semconv
from tidegate.telemetry.content import MASK, MAX_CONTENT_CHARACTERS, Content, ContentPolicy, is_content, is_secret
from tidegate.telemetry.errors import (
    BodyTooLargeError,
    ContentEncodingError,
    OtlpMalformedError,
    ReplayNotAllowedError,
    ResourceTooLargeError,
    SpanInvalidError,
    SpansTooManyError,
)
from tidegate.telemetry.meaning import GenAi, first_of, gen_ai_of
from tidegate.telemetry.model import SpanRow, is_distrusted, precedence_of, second_of
from tidegate.telemetry.sampling import PLAIN_WEIGHT, weight_of
from tidegate.telemetry.span_events import SpanEvent, event_of
from tidegate.telemetry.values import kept_attributes

MAX_BODY_BYTES = 16 * 2**20
MAX_EXPANDED_BYTES = 64 * 2**20
MAX_SPANS = 65_536  # as many as may wait for one workspace: a larger body could never be stored
MAX_ATTRIBUTES = 1_024  # the SDKs' own default limit is 128
MAX_VALUE_CHARACTERS = 8_192
MAX_NAME = 512
_MAX_DEPTH = 16  # of arrays and maps inside an attribute
_NO_TRACE_ID = bytes(16)
_NO_SPAN_ID = bytes(8)
_HEX_FIELDS = ("traceId", "spanId", "parentSpanId")
DEFAULT_POLICY = ContentPolicy()


def expand(body: bytes, encoding: str) -> bytes:
    """Return the body without its gzip.

    Raises:
        ContentEncodingError: the encoding is neither gzip nor identity.
        BodyTooLargeError: it grows past the limit; reading stops there.
        OtlpMalformedError: it is cut off or no gzip.
    """
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise ContentEncodingError(encoding)
    expander = zlib.decompressobj(wbits=31)
    try:
        expanded = expander.decompress(body, MAX_EXPANDED_BYTES + 1)
    except zlib.error as error:
        raise OtlpMalformedError("its gzip is damaged.") from error
    if len(expanded) > MAX_EXPANDED_BYTES:
        raise BodyTooLargeError(limit_bytes=MAX_EXPANDED_BYTES, expanded=True)
    if not expander.eof:
        raise OtlpMalformedError("its gzip is cut off.")
    return expanded


def parse_protobuf(body: bytes) -> ExportTraceServiceRequest:
    """Read a protobuf body. Strings are checked to be UTF-8 by the parser.

    Raises:
        OtlpMalformedError: it is truncated, not UTF-8, or something else.
    """
    try:
        return ExportTraceServiceRequest.FromString(body)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OtlpMalformedError("the protobuf cannot be read.") from error


def parse_json(body: bytes) -> ExportTraceServiceRequest:
    """Read an OTLP/JSON body: ids are hexadecimal there, unknown fields are passed over.

    Raises:
        OtlpMalformedError: it is no JSON or has other shapes.
        SpanInvalidError: an id is not hexadecimal.
    """
    try:
        document = msgspec.json.decode(body)
        _ids_to_base64(document)
        return json_format.ParseDict(document, ExportTraceServiceRequest(), ignore_unknown_fields=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OtlpMalformedError("the JSON cannot be read.") from error
    except (json_format.ParseError, AttributeError, TypeError, ValueError) as error:
        raise OtlpMalformedError("the JSON has other shapes than OTLP/JSON.") from error


def rows_of(
    request: ExportTraceServiceRequest,
    workspace: WorkspaceId,
    received_ns: int,
    *,
    policy: ContentPolicy = DEFAULT_POLICY,
    may_replay: bool = False,
) -> Iterator[SpanRow]:
    """Yield a row a span.

    Raises:
        SpanInvalidError: an id is missing or has a wrong length, or there are too many attributes; the field is named.
        SpansTooManyError: there are more of them than can wait.
        ResourceTooLargeError: a large resource has too many spans to be stored with each.
        ReplayNotAllowedError: a resource says that it is replayed, and the sender may not.
    """
    if sum(len(scope.spans) for one in request.resource_spans for scope in one.scope_spans) > MAX_SPANS:
        raise SpansTooManyError(limit=MAX_SPANS)
    repeated = 0
    for r, resource_spans in enumerate(request.resource_spans):
        place = f"resourceSpans.{r}.resource.attributes"
        said = _attributes_of(resource_spans.resource.attributes, place)
        if not may_replay and said.get(semconv.REPLAYED[0], "").lower() == "true":
            raise ReplayNotAllowedError(f"{place}.{semconv.REPLAYED[0]}")
        resource = _resource_of(said, policy)
        # Each row carries the resource: 8 MB of it under 8,000 empty spans would become 64 GB.
        size = sum(len(key) + len(text) for key, text in resource.attributes.items())
        repeated += size * sum(len(scope.spans) for scope in resource_spans.scope_spans)
        if repeated > MAX_EXPANDED_BYTES:
            raise ResourceTooLargeError(limit_bytes=MAX_EXPANDED_BYTES, field=place)
        for s, scope_spans in enumerate(resource_spans.scope_spans):
            origin = _Origin(workspace, received_ns, policy, resource, _clean(scope_spans.scope.name, MAX_NAME))
            for i, span in enumerate(scope_spans.spans):
                yield _row_of(span, f"resourceSpans.{r}.scopeSpans.{s}.spans.{i}", origin)


class _Resource(NamedTuple):
    """What is the same for all spans of a resource."""

    attributes: Mapping[str, str]
    service: str
    environment: str
    release: str
    tenant: str
    is_replayed: bool
    is_sampled: bool


class _Origin(NamedTuple):
    """Where a span stands in its body."""

    workspace: WorkspaceId
    received_ns: int
    policy: ContentPolicy
    resource: _Resource
    scope: str


def _resource_of(said: dict[str, str], policy: ContentPolicy) -> _Resource:
    return _Resource(
        kept_attributes(said, policy),
        service=first_of(said, semconv.SERVICE),
        environment=first_of(said, semconv.ENVIRONMENT),
        release=first_of(said, semconv.RELEASE),
        tenant=first_of(said, semconv.TENANT),
        is_replayed=first_of(said, semconv.REPLAYED).lower() == "true",
        is_sampled=first_of(said, semconv.SAMPLED).lower() == "true",
    )


def _row_of(
    span: Any,  # noqa: ANN401 - a generated protobuf message: here bytes become types
    place: str,
    origin: _Origin,
) -> SpanRow:
    _check_ids(span, place)
    attributes = _attributes_of(span.attributes, f"{place}.attributes")
    resource, policy = origin.resource, origin.policy
    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
    distrusted = end_ns < start_ns or (not resource.is_replayed and is_distrusted(start_ns, end_ns, origin.received_ns))
    status = span.status.code
    gen_ai = gen_ai_of(attributes, status=status)
    tenant = first_of(attributes, semconv.TENANT) or resource.tenant
    event = event_of(attributes, kind=span.kind, status=status, has_tenant=bool(tenant))
    weight = weight_of(span.trace_state) if span.trace_state else PLAIN_WEIGHT
    is_sampled = weight.is_sampled or resource.is_sampled or first_of(attributes, semconv.SAMPLED).lower() == "true"
    return SpanRow(
        workspace=origin.workspace,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        second=second_of(end_ns),
        start_ns=start_ns,
        end_ns=end_ns,
        received_ns=origin.received_ns,
        precedence=precedence_of(distrusted=distrusted, received_ns=origin.received_ns),
        name=_clean(span.name, MAX_NAME),
        kind=span.kind if 0 <= span.kind < 256 else 0,
        status=status if 0 <= status < 256 else 0,
        status_message=policy.text(_clean(span.status.message, MAX_VALUE_CHARACTERS)) if span.status.message else "",
        trace_state=_clean(span.trace_state, MAX_NAME),
        flags=span.flags,
        scope=origin.scope,
        attributes=kept_attributes(attributes, policy),
        resource=resource.attributes,
        events=_events_of(span.events, place, policy) if span.events else "",
        links=_links_of(span.links) if span.links else "",
        request_id=first_of(attributes, semconv.REQUEST_ID),
        correlation_id=first_of(attributes, semconv.CORRELATION_ID),
        distrusted=int(distrusted),
        replayed=int(resource.is_replayed),
        is_sampled=int(is_sampled),
        weight_milli=weight.milli,
        service=resource.service,
        environment=resource.environment,
        release=resource.release,
        tenant=tenant,
        error_type=first_of(attributes, semconv.ERROR_CODE),
        limit_micro=None,
        duration_ns=max(end_ns - start_ns, 0),
        **_columns_of(event),
        **_columns_of(gen_ai),
    )


def _columns_of(part: SpanEvent | GenAi) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.__slots__}


def _check_ids(span: Any, place: str) -> None:  # noqa: ANN401 - a generated protobuf message
    for field, value, nothing in (("traceId", span.trace_id, _NO_TRACE_ID), ("spanId", span.span_id, _NO_SPAN_ID)):
        if len(value) != len(nothing) or value == nothing:
            raise SpanInvalidError(
                f"{field} must have {len(nothing)} bytes that are not all zero. Nothing of this body was stored.",
                field=f"{place}.{field}",
            )
    if len(span.parent_span_id) not in {0, 8}:
        raise SpanInvalidError(
            "parentSpanId must have 8 bytes, or none. Nothing of this body was stored.", field=f"{place}.parentSpanId"
        )


def _attributes_of(pairs: Collection[Any], place: str) -> dict[str, str]:
    # All of them count, not the names: a name that is sent a million times is no less work.
    if len(pairs) > MAX_ATTRIBUTES:
        raise SpanInvalidError(f"More than {MAX_ATTRIBUTES} attributes. Nothing of this body was stored.", field=place)
    attributes: dict[str, str] = {}
    for pair in pairs:
        value = pair.value
        # Any other kind answers with an empty text. Asking for the kind first costs as much again, 20 times a span.
        text = value.string_value
        key = _clean(pair.key, MAX_NAME)
        limit = MAX_CONTENT_CHARACTERS if len(text) > MAX_VALUE_CHARACTERS and is_content(key) else MAX_VALUE_CHARACTERS
        attributes[key] = _clean(text, limit) if text else _text_of(value)
    return attributes


def _text_of(value: Any) -> str:  # noqa: ANN401 - AnyValue, a generated protobuf message
    kind = value.WhichOneof("value")
    if kind == "string_value":
        text: str = value.string_value
        return _clean(text, MAX_VALUE_CHARACTERS)
    if kind == "int_value":
        return str(value.int_value)
    if kind is None:
        return ""
    plain = _plain(value, _MAX_DEPTH)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, int | float | str):
        return str(plain)[:MAX_VALUE_CHARACTERS]
    return msgspec.json.encode(plain).decode()[:MAX_VALUE_CHARACTERS]


def _clean(text: str, limit: int) -> str:
    """Cut `text`, and replace NUL: PostgreSQL cannot store it, and one tenant's name must not stop the evaluator."""
    if len(text) > limit:
        text = text[:limit]
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _plain(value: Any, depth: int) -> Any:  # noqa: ANN401 - AnyValue in, JSON out
    kind = value.WhichOneof("value")
    if kind is None or depth == 0:
        return None
    if kind == "array_value":
        return [_plain(item, depth - 1) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value, depth - 1) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, kind)


def _events_of(events: Iterable[Any], place: str, policy: ContentPolicy) -> str:
    kept = [
        {
            "name": event.name[:MAX_NAME],
            "timeNs": event.time_unix_nano,
            "attributes": kept_attributes(
                _attributes_of(event.attributes, f"{place}.events.{e}.attributes"),
                # Events named gen_ai.… carry messages: all that they say is content.
                _Message(policy) if event.name.startswith("gen_ai.") else policy,
            ),
        }
        for e, event in enumerate(events)
    ]
    return msgspec.json.encode(kept).decode()


class _Message(NamedTuple):
    """The policy for a message: whatever its attributes are called, they are content."""

    policy: ContentPolicy

    def attribute(self, key: str, value: str) -> str | None:
        if self.policy.content is Content.DROP:
            return None
        return MASK if is_secret(key) else self.policy.text(value)


def _links_of(links: Iterable[Any]) -> str:
    kept = [{"traceId": link.trace_id.hex(), "spanId": link.span_id.hex()} for link in links]
    return msgspec.json.encode(kept).decode()


def _ids_to_base64(document: Any) -> None:  # noqa: ANN401 - JSON of unknown shape
    for r, resource_spans in enumerate(document.get("resourceSpans", ())):
        for s, scope_spans in enumerate(resource_spans.get("scopeSpans", ())):
            for i, span in enumerate(scope_spans.get("spans", ())):
                place = f"resourceSpans.{r}.scopeSpans.{s}.spans.{i}"
                _hex_to_base64(span, _HEX_FIELDS, place)
                for k, link in enumerate(span.get("links", ())):
                    _hex_to_base64(link, _HEX_FIELDS[:2], f"{place}.links.{k}")


def _hex_to_base64(holder: dict[str, Any], fields: Iterable[str], place: str) -> None:
    for field in fields:
        if field in holder:
            try:
                holder[field] = base64.b64encode(bytes.fromhex(holder[field])).decode()
            except (ValueError, TypeError) as error:
                raise SpanInvalidError(f"{field} must be hexadecimal.", field=f"{place}.{field}") from error
