"""Spans of a body, checked and read; those that are bad alone are left out and counted."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from tidegate.telemetry import semconv
from tidegate.telemetry.content import ContentPolicy
from tidegate.telemetry.errors import ReplayNotAllowedError
from tidegate.telemetry.meaning import NO_USAGE, first_of
from tidegate.telemetry.model import is_distrusted
from tidegate.telemetry.named_events import NamedEvents
from tidegate.telemetry.otlp import parse_protobuf
from tidegate.telemetry.pieces import MAX_SPAN_BYTES, Piece, pieces_of
from tidegate.telemetry.records import Refusals
from tidegate.telemetry.sampling import PLAIN_WEIGHT, weight_of
from tidegate.telemetry.span_columns import (
    OWN_NAMES,
    Place,
    SpanColumns,
    SpanIds,
    SpanReader,
    figures_of,
    kept_span,
    mask_pairs,
    own_of,
)
from tidegate.telemetry.values import (
    MAX_ATTRIBUTES,
    MAX_NAME_CHARACTERS,
    MAX_VALUE_CHARACTERS,
    TooManyAttributesError,
    attributes_of,
    clean,
)

_SPANS_PER_TURN: Final = 256  # 5 ms of work: other requests are served in between
_TENANT: Final = OWN_NAMES.index("tenant")
_NO_FIGURES: Final = (NO_USAGE, None, 0)
_ANY_ID: Final = frozenset({0, 8})
_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)


async def read_spans(
    body: bytes,
    reader: SpanReader,
    *,
    received_ns: int,
    may_replay: bool,
    refusals: Refusals,
    events: NamedEvents | None = None,
) -> SpanColumns:
    """Return the columns of a body's spans; what is bad alone is counted in `refusals`.

    Events of spans that count by their names are added to `events`.

    Raises:
        OtlpMalformedError: it cannot be read.
        SpansTooManyError: there are more of them than can wait.
        ReplayNotAllowedError: a resource says that it is replayed, and the sender may not.
    """
    columns = SpanColumns(received_ns)
    done = 0
    for piece in pieces_of(body):
        if piece.is_too_large:
            where = "resourceSpans.{}.scopeSpans.{}.spans.{}".format(*piece.where)
            refusals.add(f"{where}: More than {MAX_SPAN_BYTES // 2**20} MB.")
        for span, raw, place, where in _spans_of(piece, reader.policy, events, may_replay=may_replay):
            problem = _problem_of(span)
            if problem:
                refusals.add(f"{where}: {problem}")
            else:
                if events is not None and span.events:
                    events.add(span)  # before what may not be kept of it is gone
                _add(columns, (span, raw), place, reader)
            done += 1
            if done % _SPANS_PER_TURN == 0:
                await asyncio.sleep(0)
    return columns


def _spans_of(
    piece: Piece, policy: ContentPolicy, events: NamedEvents | None, *, may_replay: bool
) -> Iterator[tuple[Any, bytes, Place, str]]:
    request = parse_protobuf(piece.body)
    first_resource, first_scope, first_span = piece.where
    for r, (resource_spans, at) in enumerate(zip(request.resource_spans, piece.resources, strict=True)):
        group = f"resourceSpans.{first_resource + r}"
        origin = _place_of(resource_spans.resource, f"{group}.resource", policy, may_replay=may_replay)
        for s, (scope_spans, scope_at) in enumerate(zip(resource_spans.scope_spans, at.scopes, strict=True)):
            place = origin._replace(scope=clean(scope_spans.scope.name, MAX_NAME_CHARACTERS))
            if events is not None:
                events.under(resource_spans.resource, scope_spans.scope)
            where = f"{group}.scopeSpans.{first_scope + s}.spans"
            for i, (span, (start, end)) in enumerate(zip(scope_spans.spans, scope_at.spans, strict=True)):
                yield span, piece.body[start:end], place, f"{where}.{first_span + i}"


def _place_of(resource: Any, where: str, policy: ContentPolicy, *, may_replay: bool) -> Place:  # noqa: ANN401 - a generated protobuf message
    try:
        said = attributes_of(resource.attributes)
    except TooManyAttributesError:
        said = {}
        del resource.attributes[MAX_ATTRIBUTES:]
    is_replayed = first_of(said, semconv.REPLAYED).lower() == "true"
    if is_replayed and not may_replay:
        raise ReplayNotAllowedError(f"{where}.attributes.{semconv.REPLAYED[0]}")
    mask_pairs(resource.attributes, policy)
    return Place(
        resource=resource.SerializeToString(),
        service=first_of(said, semconv.SERVICE),
        environment=first_of(said, semconv.ENVIRONMENT),
        release=first_of(said, semconv.RELEASE),
        tenant=first_of(said, semconv.TENANT),
        scope="",
        replayed=int(is_replayed),
        is_sampled=int(first_of(said, semconv.SAMPLED).lower() == "true"),
    )


def _problem_of(span: Any) -> str:  # noqa: ANN401 - a generated protobuf message
    trace_id, span_id = span.trace_id, span.span_id
    if len(trace_id) != 16 or trace_id == _NO_TRACE:
        return "traceId must have 16 bytes that are not all zero."
    if len(span_id) != 8 or span_id == _NO_SPAN:
        return "spanId must have 8 bytes that are not all zero."
    if len(span.parent_span_id) not in _ANY_ID:
        return "parentSpanId must have 8 bytes, or none."
    if len(span.attributes) > MAX_ATTRIBUTES:
        return f"More than {MAX_ATTRIBUTES} attributes."
    return _problem_below(span) if span.events or span.links else ""


def _problem_below(span: Any) -> str:  # noqa: ANN401 - a generated protobuf message
    if len(span.events) > MAX_ATTRIBUTES or len(span.links) > MAX_ATTRIBUTES:
        return f"More than {MAX_ATTRIBUTES} events or links."
    if any(len(event.attributes) > MAX_ATTRIBUTES for event in span.events):
        return f"More than {MAX_ATTRIBUTES} attributes of an event."
    return ""


def _add(columns: SpanColumns, sent: tuple[Any, bytes], place: Place, reader: SpanReader) -> None:
    span, _ = sent
    # Each look at an attribute of a message makes an object anew: this list is made once.
    pairs = list(span.attributes)
    shape = reader.shape_of(pairs)
    own = own_of(pairs, shape)
    if not own[_TENANT] and place.tenant:
        own = (*own[:_TENANT], place.tenant, *own[_TENANT + 1 :])
    said = span.status
    status, kind, message, name, state = said.code, span.kind, said.message, span.name, span.trace_state
    meaning = reader.meaning_of(pairs, shape, kind=kind, status=status, has_tenant=bool(own[_TENANT]))
    usage, cost, ttfc_ns = figures_of(pairs, shape) if meaning.gen_ai.role else _NO_FIGURES
    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
    is_off = end_ns < start_ns or (not place.replayed and is_distrusted(start_ns, end_ns, columns.received_ns))
    weight = weight_of(state) if state else PLAIN_WEIGHT
    columns.places.append(place)
    columns.meanings.append(meaning)
    columns.ids.append(
        SpanIds(
            span.trace_id,
            span.span_id,
            span.parent_span_id,
            start_ns,
            end_ns,
            name if len(name) <= MAX_NAME_CHARACTERS and "\0" not in name else clean(name, MAX_NAME_CHARACTERS),
            kind if 0 <= kind < 256 else 0,
            status if 0 <= status < 256 else 0,
            reader.policy.text(clean(message, MAX_VALUE_CHARACTERS)) if message else "",
            clean(state, MAX_NAME_CHARACTERS) if state else "",
            span.flags,
            weight.milli,
            int(weight.is_sampled or place.is_sampled or meaning.is_sampled),
            int(is_off),
            own,
            usage,
            cost,
            ttfc_ns,
            kept_span(sent, pairs, shape, reader.policy),
        )
    )
