"""From a table of good spans to the columns that are stored of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tidegate.storage.native import Words
from tidegate.telemetry.content import ContentPolicy
from tidegate.telemetry.model import DISTRUST_AFTER_NS
from tidegate.telemetry.sampling import PLAIN_WEIGHT, weight_of
from tidegate.telemetry.sent import Sent, Source
from tidegate.telemetry.span_columns import Shared, SpanColumns
from tidegate.telemetry.span_masking import masked, rows_to_mask
from tidegate.telemetry.span_meaning import Meanings, costs_of, usage_of
from tidegate.telemetry.span_slots import OWN_FIELDS, Slots
from tidegate.telemetry.span_table import NONE, Array, SpanTable
from tidegate.telemetry.values import MAX_NAME_CHARACTERS, MAX_VALUE_CHARACTERS, clean

_REQUEST_BIT: Final = 1


class SpanReader:
    """Knows what may be kept of spans, and remembers what they mean. One a process."""

    def __init__(self, policy: ContentPolicy) -> None:
        self.policy = policy
        self.meanings = Meanings()


def columns_of(table: SpanTable, sent: Sent, messages: Mapping[int, Any], reader: SpanReader) -> SpanColumns:
    """Return the columns of all spans of `table`; `messages` are those with events or links, by their row.

    Raises:
        SpanDamagedError: a value cannot be read.
    """
    slots, places = Slots(table), _places_of(sent.sources)
    has_tenant = (slots.first(OWN_FIELDS["tenant"]) != NONE) | _each(places, lambda place: place.tenant != "")
    meanings = reader.meanings.of(table, slots, has_tenant)
    received = np.array([source.letter.received_ns for source in sent.sources], np.uint64)
    texts = _own_texts(table, slots, places, meanings) | _said_texts(table, reader.policy)
    return SpanColumns(
        received_ns=received,
        places=places,
        meanings=meanings,
        trace_ids=table.ids("trace_id")[0].reshape(-1, 16),
        span_ids=table.ids("span_id")[0].reshape(-1, 8),
        parent_span_ids=_parents_of(table),
        texts=texts,
        numbers={
            **_said_numbers(table),
            **_sampling(texts["trace_state"], places, meanings),
            **_used(table, slots, meanings),
            "distrusted": _distrusted(table, places, received),
        },
        spans=_kept_spans(table, sent.raw_spans, messages, reader.policy),
    )


def _places_of(sources: Sequence[Source]) -> Shared:
    known: dict[int, int] = {}
    codes = [known.setdefault(id(source), len(known)) for source in sources]
    by_id = {id(source): source.place for source in sources}
    return Shared([by_id[one] for one in known], np.array(codes, np.int64))


def _each(shared: Shared, of: Callable[[Any], bool]) -> Array:
    found: Array = np.array([of(value) for value in shared.values], np.bool_)[shared.codes]
    return found


def _is_run(meanings: Shared) -> Array:
    return _each(meanings, lambda one: one.gen_ai.role != "")


def _own_texts(table: SpanTable, slots: Slots, places: Shared, meanings: Shared) -> dict[str, Words]:
    is_request = _each(meanings, lambda one: bool(one.event.families & _REQUEST_BIT))
    shown = {"client_address": is_request, "conversation_id": _is_run(meanings)}
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


def _said_numbers(table: SpanTable) -> dict[str, Array]:
    kind, status = table.numbers("kind"), table.status_codes()
    return {
        "start_ns": table.numbers("start"),
        "end_ns": table.numbers("end"),
        "kind": np.where((kind >= 0) & (kind < 256), kind, 0),
        "status": np.where((status >= 0) & (status < 256), status, 0),
        "flags": table.numbers("flags"),
    }


def _sampling(states: Words, places: Shared, meanings: Shared) -> dict[str, Array]:
    weights = [weight_of(state) if state else PLAIN_WEIGHT for state in states.words]
    says_so = np.array([weight.is_sampled for weight in weights], np.bool_)[states.codes]
    of_place = _each(places, lambda place: bool(place.is_sampled))
    return {
        "weight_milli": np.array([weight.milli for weight in weights], np.uint64)[states.codes],
        "is_sampled": says_so | of_place | _each(meanings, lambda one: one.is_sampled),
    }


def _used(table: SpanTable, slots: Slots, meanings: Shared) -> dict[str, Array]:
    is_run = _is_run(meanings)
    return usage_of(table, slots, is_run) | costs_of(table, slots, is_run)


def _distrusted(table: SpanTable, places: Shared, received: Array) -> Array:
    """Return which times cannot be believed, as `model.is_distrusted` has it; those of a recording are old."""
    start, end = table.numbers("start"), table.numbers("end")
    is_far = np.where(end > received, end - received, received - end) > DISTRUST_AFTER_NS
    found: Array = (end < start) | (is_far & ~_each(places, lambda place: bool(place.replayed)))
    return found


def _kept_spans(
    table: SpanTable, raw_spans: list[bytes], messages: Mapping[int, Any], policy: ContentPolicy
) -> list[bytes]:
    """Return what is stored of each span: as it came, unless something of it may not be kept."""
    rows = rows_to_mask(table, raw_spans, policy) | messages.keys()
    if not rows:
        return raw_spans
    kept = list(raw_spans)
    for row in rows:
        kept[row] = masked(messages.get(row) or Span.FromString(raw_spans[row]), policy)
    return kept
