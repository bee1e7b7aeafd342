"""Spans of a body, checked and read; those that are bad alone are left out and counted."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from tidegate.storage.native import Words
from tidegate.telemetry import semconv
from tidegate.telemetry.content import Content, ContentPolicy
from tidegate.telemetry.errors import OtlpMalformedError, ReplayNotAllowedError
from tidegate.telemetry.meaning import first_of
from tidegate.telemetry.model import DISTRUST_AFTER_NS
from tidegate.telemetry.named_events import NamedEvents
from tidegate.telemetry.pieces import MAX_HEAD_BYTES, MAX_SPAN_BYTES, ResourcePlace, Run, chunks_of, places_of
from tidegate.telemetry.records import Refusals
from tidegate.telemetry.sampling import PLAIN_WEIGHT, weight_of
from tidegate.telemetry.span_columns import Place, Shared, SpanColumns, joined
from tidegate.telemetry.span_masking import mask_pairs, mask_span, rows_to_mask
from tidegate.telemetry.span_meaning import Meanings, costs_of, usage_of
from tidegate.telemetry.span_slots import OWN_FIELDS, Slots
from tidegate.telemetry.span_table import NONE, Array, SpanDamagedError, SpanTable
from tidegate.telemetry.values import (
    MAX_ATTRIBUTES,
    MAX_NAME_CHARACTERS,
    MAX_VALUE_CHARACTERS,
    TooManyAttributesError,
    attributes_of,
    clean,
)

_REQUEST_BIT: Final = 1
_DAMAGED: Final = "A span cannot be read: its text is not UTF-8, or it is damaged."


class Source(NamedTuple):
    """Whose spans they are: a place, and the messages that say so."""

    place: Place
    resource: Any
    scope: Any


@dataclass(slots=True)
class Sent:
    """Spans that are read together, before anything of them is known; the lists are equally long."""

    raw_spans: list[bytes] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    where: list[tuple[int, int, int]] = field(default_factory=list)
    """Resource, scope and span in the body."""

    def without(self, rows: Mapping[int, str]) -> "Sent":
        kept = [row for row in range(len(self.raw_spans)) if row not in rows]
        return Sent(
            [self.raw_spans[row] for row in kept],
            [self.sources[row] for row in kept],
            [self.where[row] for row in kept],
        )


class SpanReader:
    """Reads spans; remembers what they mean. One a process."""

    def __init__(self, policy: ContentPolicy) -> None:
        self.policy = policy
        self.meanings = Meanings()


async def read_spans(
    body: bytes,
    reader: SpanReader,
    *,
    received_ns: int,
    may_replay: bool,
    refusals: Refusals,
    events: NamedEvents | None = None,
) -> SpanColumns | None:
    """Return the columns of a body's spans, `None` when none is good; what is bad alone is counted in `refusals`.

    Events of spans that count by their names are added to `events`.

    Raises:
        OtlpMalformedError: it cannot be read.
        SpansTooManyError: there are more of them than can wait.
        ReplayNotAllowedError: a resource says that it is replayed, and the sender may not.
    """
    resources = places_of(body)
    sources = _Sources(resources, reader.policy, may_replay=may_replay)
    parts = []
    for number, chunk in enumerate(chunks_of(body, resources)):
        if number:
            await asyncio.sleep(0)
        part = _read_chunk(_sent(chunk, sources), reader, received_ns, refusals, events)
        if part is not None:
            parts.append(part)
    return joined(parts) if parts else None


class _Sources:
    """The resources and scopes of a body, each read once."""

    def __init__(self, resources: Sequence[ResourcePlace], policy: ContentPolicy, *, may_replay: bool) -> None:
        self._resources = resources
        self._found: dict[tuple[int, int], Source] = {}
        self._origins: dict[int, tuple[Place, Any]] = {}
        self._policy = policy
        self._may_replay = may_replay

    def of(self, resource: int, scope: int) -> Source:
        found = self._found.get((resource, scope))
        if found is None:
            place, message = self._origin(resource)
            said = _parsed(ScopeSpans, self._resources[resource].scopes[scope].head).scope
            place = place._replace(scope=clean(said.name, MAX_NAME_CHARACTERS))
            found = self._found[resource, scope] = Source(place, message, said)
        return found

    def _origin(self, resource: int) -> tuple[Place, Any]:
        found = self._origins.get(resource)
        if found is None:
            message = _parsed(ResourceSpans, self._resources[resource].head).resource
            where = f"resourceSpans.{resource}.resource"
            found = _place_of(message, where, self._policy, may_replay=self._may_replay), message
            self._origins[resource] = found
        return found


def _parsed(kind: Any, head: bytes) -> Any:  # noqa: ANN401 - generated protobuf messages
    if len(head) > MAX_HEAD_BYTES:
        raise OtlpMalformedError("a resource or a scope says more than a megabyte.")
    try:
        return kind.FromString(head)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OtlpMalformedError("the protobuf cannot be read.") from error


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


def _sent(chunk: Sequence[Run], sources: _Sources) -> Sent:
    sent = Sent()
    for run in chunk:
        if run.spans:
            sent.raw_spans += run.spans
            sent.sources += [sources.of(run.resource, run.scope)] * len(run.spans)
            sent.where += [(run.resource, run.scope, run.first + number) for number in range(len(run.spans))]
    return sent


def _read_chunk(
    sent: Sent, reader: SpanReader, received_ns: int, refusals: Refusals, events: NamedEvents | None
) -> SpanColumns | None:
    """Return the columns of the good ones of `sent`."""
    bad = {row: _TOO_LARGE for row, raw in enumerate(sent.raw_spans) if len(raw) > MAX_SPAN_BYTES}
    while True:
        for row, problem in bad.items():
            where = "resourceSpans.{}.scopeSpans.{}.spans.{}".format(*sent.where[row])
            refusals.add(f"{where}: {problem}")
        if bad:
            sent = sent.without(bad)
        if not sent.raw_spans:
            return None
        try:
            table = SpanTable(sent.raw_spans)
            table.check_lists()
        except SpanDamagedError:
            bad = _damaged(sent.raw_spans)
            continue
        bad, messages = _checked(table, sent.raw_spans)
        if not bad:
            return _columns_of(table, sent, messages, reader, received_ns, events)


_TOO_LARGE: Final = f"More than {MAX_SPAN_BYTES // 2**20} MB."


def _damaged(raw_spans: Sequence[bytes]) -> dict[int, str]:
    bad = {}
    for row, raw in enumerate(raw_spans):
        try:
            SpanTable([raw]).check_lists()
        except SpanDamagedError:
            bad[row] = _DAMAGED
    return bad


def _checked(table: SpanTable, raw_spans: Sequence[bytes]) -> tuple[dict[int, str], dict[int, Any]]:
    """Return what is wrong with which rows, and the messages of those that have events or links."""
    bad: dict[int, str] = {}
    for name, length, may_miss, words in _IDS:
        flat, lengths = table.ids(name)
        is_bad = (lengths != length) & ~(may_miss & (lengths == 0))
        if not may_miss and not is_bad.any():
            is_bad = ~flat.reshape(-1, length).any(axis=1)
        for row in np.flatnonzero(is_bad).tolist():
            bad.setdefault(row, words)
    for row in np.flatnonzero(table.pair_counts > MAX_ATTRIBUTES).tolist():
        bad.setdefault(row, f"More than {MAX_ATTRIBUTES} attributes.")
    events, links = table.counts("events"), table.counts("links")
    for row in np.flatnonzero((events > MAX_ATTRIBUTES) | (links > MAX_ATTRIBUTES)).tolist():
        bad.setdefault(row, f"More than {MAX_ATTRIBUTES} events or links.")
    messages = {}
    for row in np.flatnonzero((events > 0) | (links > 0)).tolist():
        if row in bad:
            continue
        try:
            messages[row] = Span.FromString(raw_spans[row])
        except (DecodeError, UnicodeDecodeError, RecursionError):
            bad[row] = _DAMAGED
            continue
        if any(len(event.attributes) > MAX_ATTRIBUTES for event in messages[row].events):
            bad[row] = f"More than {MAX_ATTRIBUTES} attributes of an event."
    return bad, messages


_IDS: Final = (
    ("trace_id", 16, False, "traceId must have 16 bytes that are not all zero."),
    ("span_id", 8, False, "spanId must have 8 bytes that are not all zero."),
    ("parent_span_id", 8, True, "parentSpanId must have 8 bytes, or none."),
)


def _columns_of(  # noqa: PLR0917 - what a chunk is, and what is done with it
    table: SpanTable,
    sent: Sent,
    messages: Mapping[int, Any],
    reader: SpanReader,
    received_ns: int,
    events: NamedEvents | None,
) -> SpanColumns:
    if events is not None:
        for row, message in messages.items():
            if message.events:
                events.under(sent.sources[row].resource, sent.sources[row].scope)
                events.add(message)  # before what may not be kept of it is gone
    slots = Slots(table)
    places = _places_of(sent.sources)
    has_own_tenant = slots.first(OWN_FIELDS["tenant"]) != NONE
    has_tenant = has_own_tenant | _each(places, lambda place: place.tenant != "")
    meanings = reader.meanings.of(table, slots, has_tenant)
    is_run = _each(meanings, lambda one: one.gen_ai.role != "")
    texts = _own_texts(table, slots, places, meanings, is_run)
    texts |= _said_texts(table, reader.policy)
    return SpanColumns(
        received_ns=np.full(table.row_count, received_ns, np.uint64),
        places=places,
        meanings=meanings,
        trace_ids=table.ids("trace_id")[0].reshape(-1, 16),
        span_ids=table.ids("span_id")[0].reshape(-1, 8),
        parent_span_ids=_parents_of(table),
        texts=texts,
        numbers=_numbers_of(table, slots, places, meanings, texts["trace_state"], is_run, received_ns),
        spans=_kept_spans(table, sent.raw_spans, messages, reader.policy),
    )


def _places_of(sources: Sequence[Source]) -> Shared:
    known: dict[int, int] = {}
    codes = [known.setdefault(id(source), len(known)) for source in sources]
    by_id = {id(source): source.place for source in sources}
    return Shared([by_id[one] for one in known], np.array(codes, np.int64))


def _each(shared: Shared, of: Any) -> Array:  # noqa: ANN401 - a truth or a number of one value
    return np.array([of(value) for value in shared.values])[shared.codes]


def _own_texts(
    table: SpanTable, slots: Slots, places: Shared, meanings: Shared, is_run: Array
) -> dict[str, Words]:
    is_request = _each(meanings, lambda one: bool(one.event.families & _REQUEST_BIT))
    shown = {"client_address": is_request, "conversation_id": is_run}
    texts = {}
    for name, keys in OWN_FIELDS.items():
        pairs = slots.first(keys)
        if name in shown:
            pairs = np.where(shown[name], pairs, NONE)
        said = table.words(pairs)
        texts[name] = Words([word[:MAX_NAME_CHARACTERS] for word in said.words], said.codes)
    own = texts["tenant"]
    of_place = [place.tenant for place in places.values]
    texts["tenant"] = Words([*own.words, *of_place], np.where(own.codes == 0, len(own.words) + places.codes, own.codes))
    return texts


def _said_texts(table: SpanTable, policy: ContentPolicy) -> dict[str, Words]:
    names, states = table.texts("name"), table.texts("trace_state")
    messages = table.status_messages()
    kept = Words([""], np.zeros(table.row_count, np.int64))
    if messages is not None:
        words = [policy.text(clean(text, MAX_VALUE_CHARACTERS)) if text else "" for text in messages.words]
        kept = Words(words, messages.codes)
    return {
        "name": Words([clean(name, MAX_NAME_CHARACTERS) for name in names.words], names.codes),
        "trace_state": Words([clean(state, MAX_NAME_CHARACTERS) for state in states.words], states.codes),
        "status_message": kept,
    }


def _parents_of(table: SpanTable) -> Array:
    flat, lengths = table.ids("parent_span_id")
    parents = np.zeros((table.row_count, 8), np.uint8)
    parents[lengths == 8] = flat.reshape(-1, 8)
    return parents


def _numbers_of(  # noqa: PLR0917 - what is known of the rows by now
    table: SpanTable, slots: Slots, places: Shared, meanings: Shared, states: Words, is_run: Array, received_ns: int
) -> dict[str, Array]:
    start, end = table.numbers("start"), table.numbers("end")
    received = np.uint64(received_ns)
    is_far = np.where(end > received, end - received, received - end) > DISTRUST_AFTER_NS
    is_off = (end < start) | (is_far & (_each(places, lambda place: place.replayed) == 0))
    weights = [weight_of(state) if state else PLAIN_WEIGHT for state in states.words]
    is_sampled = (
        np.array([weight.is_sampled for weight in weights])[states.codes]
        | (_each(places, lambda place: place.is_sampled) == 1)
        | _each(meanings, lambda one: one.is_sampled)
    )
    kind, status = table.numbers("kind"), table.status_codes()
    return {
        "start_ns": start,
        "end_ns": end,
        "kind": np.where((kind >= 0) & (kind < 256), kind, 0),
        "status": np.where((status >= 0) & (status < 256), status, 0),
        "flags": table.numbers("flags"),
        "weight_milli": np.array([weight.milli for weight in weights])[states.codes],
        "is_sampled": is_sampled,
        "distrusted": is_off,
        **usage_of(table, slots, is_run),
        **costs_of(table, slots, is_run),
    }


def _kept_spans(
    table: SpanTable, raw_spans: list[bytes], messages: Mapping[int, Any], policy: ContentPolicy
) -> list[bytes]:
    """Return what is stored of each span: as it came, unless something of it may not be kept."""
    rows = rows_to_mask(table, raw_spans, policy)
    if policy.content is not Content.KEEP:
        rows.update(row for row, message in messages.items() if message.events)
    if not rows:
        return raw_spans
    kept = list(raw_spans)
    for row in rows:
        span = messages.get(row) or Span.FromString(raw_spans[row])
        mask_span(span, policy)
        kept[row] = span.SerializeToString()
    return kept
