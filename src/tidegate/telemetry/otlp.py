"""OTLP trace requests: from bytes to rows. One bad span refuses its whole body, before anything is stored."""

import base64
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tidegate.kernel import WorkspaceId
from tidegate.telemetry import semconv
from tidegate.telemetry.errors import (
    BodyTooLargeError,
    ContentEncodingError,
    OtlpMalformedError,
    ResourceTooLargeError,
    SpanInvalidError,
    SpansTooManyError,
)
from tidegate.telemetry.meaning import first_of, gen_ai_of, http_status_of, is_auth_route
from tidegate.telemetry.model import SpanRow, is_distrusted, precedence_of, second_of

MAX_BODY_BYTES = 16 * 2**20
MAX_EXPANDED_BYTES = 64 * 2**20
MAX_SPANS = 65_536  # as many as may wait for one workspace: a larger body could never be stored
MAX_ATTRIBUTES = 1_024  # the SDKs' own default limit is 128
MAX_VALUE_CHARACTERS = 8_192
_MAX_NAME_CHARACTERS = 512
_MAX_DEPTH = 16  # of arrays and maps inside an attribute
_KIND_SERVER = 2
_NO_TRACE_ID = bytes(16)
_NO_SPAN_ID = bytes(8)
_HEX_FIELDS = ("traceId", "spanId", "parentSpanId")
# A service has a few dozen keys and sends them with every span; keys are cut, so this holds 8 MB at most.
_is_content = lru_cache(maxsize=4_096)(semconv.is_content)


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


def rows_of(request: ExportTraceServiceRequest, workspace: WorkspaceId, received_ns: int) -> Iterator[SpanRow]:
    """Yield a row a span.

    Raises:
        SpanInvalidError: an id is missing or has a wrong length, or there are too many attributes; the field is named.
        SpansTooManyError: there are more of them than can wait.
        ResourceTooLargeError: a large resource has too many spans to be stored with each.
    """
    if sum(len(scope.spans) for one in request.resource_spans for scope in one.scope_spans) > MAX_SPANS:
        raise SpansTooManyError(limit=MAX_SPANS)
    repeated = 0
    for r, resource_spans in enumerate(request.resource_spans):
        place = f"resourceSpans.{r}.resource.attributes"
        resource = _attributes_of(resource_spans.resource.attributes, place)
        # Each row carries the resource: 8 MB of it under 8,000 empty spans would become 64 GB.
        size = sum(len(key) + len(text) for key, text in resource.items())
        repeated += size * sum(len(scope.spans) for scope in resource_spans.scope_spans)
        if repeated > MAX_EXPANDED_BYTES:
            raise ResourceTooLargeError(limit_bytes=MAX_EXPANDED_BYTES, field=place)
        for s, scope_spans in enumerate(resource_spans.scope_spans):
            scope = _clean(scope_spans.scope.name, _MAX_NAME_CHARACTERS)
            for i, span in enumerate(scope_spans.spans):
                place = f"resourceSpans.{r}.scopeSpans.{s}.spans.{i}"
                yield _row_of(span, place, workspace, received_ns, resource, scope)


def _row_of(  # noqa: PLR0917 - the span and the five things around it; called once a span, by position
    span: Any,  # noqa: ANN401 - a generated protobuf message: here bytes become types
    place: str,
    workspace: WorkspaceId,
    received_ns: int,
    resource: Mapping[str, str],
    scope: str,
) -> SpanRow:
    _check_ids(span, place)
    attributes = _attributes_of(span.attributes, f"{place}.attributes")
    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
    distrusted = is_distrusted(start_ns, end_ns, received_ns)
    gen_ai = gen_ai_of(attributes, status=span.status.code)
    method = first_of(attributes, semconv.HTTP_METHOD) if span.kind == _KIND_SERVER else ""
    route = first_of(attributes, semconv.ROUTE)
    return SpanRow(
        workspace=workspace,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        second=second_of(end_ns),
        start_ns=start_ns,
        end_ns=end_ns,
        received_ns=received_ns,
        distrusted=int(distrusted),
        precedence=precedence_of(distrusted=distrusted, received_ns=received_ns),
        name=_clean(span.name, _MAX_NAME_CHARACTERS),
        kind=span.kind if 0 <= span.kind < 256 else 0,
        status=span.status.code if 0 <= span.status.code < 256 else 0,
        status_message=_clean(span.status.message, MAX_VALUE_CHARACTERS),
        trace_state=_clean(span.trace_state, _MAX_NAME_CHARACTERS),
        flags=span.flags,
        service=first_of(resource, semconv.SERVICE),
        environment=first_of(resource, semconv.ENVIRONMENT),
        release=first_of(resource, semconv.RELEASE),
        tenant=first_of(attributes, semconv.TENANT) or first_of(resource, semconv.TENANT),
        http_method=method,
        route=route,
        http_status=http_status_of(attributes) if method else 0,
        error_type=first_of(attributes, semconv.ERROR_CODE),
        request_id=first_of(attributes, semconv.REQUEST_ID),
        correlation_id=first_of(attributes, semconv.CORRELATION_ID),
        is_auth=int(bool(method) and is_auth_route(route or first_of(attributes, ("url.path",)))),
        role=gen_ai.role,
        operation=gen_ai.operation,
        outcome=gen_ai.outcome,
        provider=gen_ai.provider,
        model=gen_ai.model,
        tool=gen_ai.tool,
        input_tokens=gen_ai.input_tokens,
        output_tokens=gen_ai.output_tokens,
        cached_input_tokens=gen_ai.cached_input_tokens,
        cost_nano_usd=gen_ai.cost_nano_usd,
        scope=scope,
        attributes={key: value for key, value in attributes.items() if not _is_content(key)},
        resource=resource,
        events=_events_of(span.events, place) if span.events else "",
    )


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
        attributes[pair.key[:_MAX_NAME_CHARACTERS]] = _clean(text, MAX_VALUE_CHARACTERS) if text else _text_of(value)
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


def _events_of(events: Iterable[Any], place: str) -> str:
    kept = []
    for e, event in enumerate(events):
        attributes = _attributes_of(event.attributes, f"{place}.events.{e}.attributes")
        # Events named gen_ai.… carry messages; their names and times stay, what was said does not.
        silent = event.name.startswith("gen_ai.")
        kept.append(
            {
                "name": event.name[:_MAX_NAME_CHARACTERS],
                "timeNs": event.time_unix_nano,
                "attributes": {} if silent else {key: text for key, text in attributes.items() if not _is_content(key)},
            }
        )
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
