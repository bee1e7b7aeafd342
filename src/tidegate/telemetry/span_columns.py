"""Spans on their way into `raw_spans`: columns of one body, read once a span and understood once a kind of span.

What a span means depends on few of its attributes, and a service sends the same few over and over: the meaning is
computed once for each combination and shared (`Meaning`), and what differs from span to span (ids, times, tokens,
names of tenants) is read beside it. The span itself is stored as its sender wrote it; nothing of it is taken apart
before somebody looks at it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tidegate.telemetry import semconv
from tidegate.telemetry.content import MAX_VALUE_CHARACTERS, Content, ContentPolicy, is_content, is_secret
from tidegate.telemetry.masking import has_personal_data, has_secrets
from tidegate.telemetry.meaning import (
    GenAi,
    Usage,
    cost_of,
    first_chunk_of,
    gen_ai_of,
    usage_of,
)
from tidegate.telemetry.span_events import SpanEvent, event_of
from tidegate.telemetry.values import MAX_NAME_CHARACTERS, clean, text_of

_MAX_SHAPES: Final = 4_096  # a service has some dozens; a hostile one starts over: 20 MB
_MAX_MEANINGS: Final = 32_768

# What differs from span to span, and is read for each by itself.
_OWN_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "tenant": semconv.TENANT,
    "request_id": semconv.REQUEST_ID,
    "correlation_id": semconv.CORRELATION_ID,
    "client_address": semconv.CLIENT_ADDRESS,
    "conversation_id": semconv.CONVERSATION,
}
_USAGE_FIELDS: Final = (
    semconv.INPUT_TOKENS,
    semconv.OUTPUT_TOKENS,
    semconv.CACHED_TOKENS,
    semconv.CACHE_WRITE_TOKENS,
    semconv.REASONING_TOKENS,
)
_RARE_FIELDS: Final = (
    *semconv.COST, *semconv.COST_OF_INPUT, *semconv.COST_OF_OUTPUT, *semconv.FIRST_CHUNK_S, *semconv.FIRST_CHUNK_MS,
    *semconv.COST_CURRENCY,
)  # fmt: skip
# Where one of these is there, the meaning is the span's own: not worth remembering.
_VARIED: Final = frozenset(
    (*semconv.PRINCIPAL_TENANT, *semconv.TARGET_TENANT, *semconv.DOCUMENTS, *semconv.DOCUMENT_COUNT, *semconv.SCORE,
     *semconv.WAIT_MS, *semconv.URL_PATH)
)  # fmt: skip
_OWN: Final = frozenset(key for keys in _OWN_FIELDS.values() for key in keys)
_COUNTED: Final = frozenset(key for keys in _USAGE_FIELDS for key in keys)
_DECIDING: Final = (
    frozenset(key for keys in semconv.SPAN_FIELDS.values() for key in keys) - _OWN - _COUNTED - frozenset(_RARE_FIELDS)
)


class Meaning(NamedTuple):
    """What spans that are alike say."""

    event: SpanEvent
    gen_ai: GenAi
    error_type: str
    is_sampled: bool


class Shape(NamedTuple):
    """Where the attributes stand in spans with the same keys in the same order."""

    deciding: tuple[int, ...]
    keys: tuple[str, ...]
    """Of the deciding ones."""
    own: tuple[tuple[int, ...], ...]
    """Places of each of `_OWN_FIELDS`, the first choice first."""
    usage: tuple[tuple[int, ...], ...]
    rare: tuple[int, ...]
    rare_keys: tuple[str, ...]
    content: tuple[int, ...]
    is_secret: bool
    """Whether a key says that its value is one."""
    is_varied: bool


class Place(NamedTuple):
    """Where a body's spans come from, the same for all of one resource and scope."""

    resource: bytes
    service: str
    environment: str
    release: str
    tenant: str
    scope: str
    replayed: int
    is_sampled: int


class SpanIds(NamedTuple):
    """What each span has that no other has, and what is read for each."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    start_ns: int
    end_ns: int
    name: str
    kind: int
    status: int
    status_message: str
    trace_state: str
    flags: int
    weight_milli: int
    is_sampled: int
    distrusted: int
    own: tuple[str, ...]
    usage: Usage
    cost_nano_usd: int | None
    ttfc_ns: int
    span: bytes


@dataclass(slots=True, repr=False)
class SpanColumns:
    """The spans of one body, column by column; the three lists are equally long."""

    received_ns: int
    places: list[Place] = field(default_factory=list)
    meanings: list[Meaning] = field(default_factory=list)
    ids: list[SpanIds] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)


class SpanReader:
    """Reads spans; remembers shapes and meanings. One a process."""

    def __init__(self, policy: ContentPolicy) -> None:
        self.policy = policy
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._meanings: dict[tuple[object, ...], Meaning] = {}

    def shape_of(self, pairs: Sequence[Any]) -> Shape:
        """Return the shape of these key-value pairs."""
        keys = tuple([pair.key for pair in pairs])
        shape = self._shapes.get(keys)
        if shape is None:
            if len(self._shapes) >= _MAX_SHAPES:
                self._shapes.clear()
            shape = self._shapes[keys] = _shape_of(keys)
        return shape

    def meaning_of(
        self, attributes: Sequence[Any], shape: Shape, *, kind: int, status: int, has_tenant: bool
    ) -> Meaning:
        """Return what a span with these attributes says."""
        texts = tuple([_text(attributes[place].value) for place in shape.deciding])
        if shape.is_varied:
            return _meaning_of(dict(zip(shape.keys, texts, strict=True)), kind, status, has_tenant=has_tenant)
        key = (shape.keys, texts, kind, status, has_tenant)
        meaning = self._meanings.get(key)
        if meaning is None:
            if len(self._meanings) >= _MAX_MEANINGS:
                self._meanings.clear()
            said = dict(zip(shape.keys, texts, strict=True))
            meaning = self._meanings[key] = _meaning_of(said, kind, status, has_tenant=has_tenant)
        return meaning


def own_of(attributes: Sequence[Any], shape: Shape) -> tuple[str, ...]:
    """Return the fields that are read for each span, in the order of `OWN_NAMES`."""
    return tuple([_first(attributes, places) if places else "" for places in shape.own])


def figures_of(attributes: Sequence[Any], shape: Shape) -> tuple[Usage, int | None, int]:
    """Return tokens, the sender's own cost in billionths of a dollar, and nanoseconds to the first chunk."""
    usage = usage_of(*[_first(attributes, places) if places else "" for places in shape.usage])
    if not shape.rare:
        return usage, None, 0
    said = {key: _text(attributes[place].value) for key, place in zip(shape.rare_keys, shape.rare, strict=True)}
    return usage, cost_of(said), first_chunk_of(said)


OWN_NAMES: Final = tuple(_OWN_FIELDS)


def kept_span(sent: tuple[Any, bytes], pairs: Sequence[Any], shape: Shape, policy: ContentPolicy) -> bytes:
    """Return the bytes of a span that are stored: as they came, unless something of it may not be kept."""
    span, raw = sent
    if shape.is_secret or has_secrets(raw) or len(raw) > MAX_VALUE_CHARACTERS or _is_hidden(span, pairs, shape, policy):
        _mask(span, policy)
        return span.SerializeToString()  # type: ignore[no-any-return]
    return raw


def _is_hidden(span: Any, pairs: Sequence[Any], shape: Shape, policy: ContentPolicy) -> bool:  # noqa: ANN401 - a generated protobuf message
    if policy.content is Content.KEEP:
        return False
    if policy.content is Content.DROP:
        return bool(shape.content) or bool(span.events)
    return bool(span.events) or any(has_personal_data(_text(pairs[place].value)) for place in shape.content)


def _mask(span: Any, policy: ContentPolicy) -> None:  # noqa: ANN401 - a generated protobuf message
    mask_pairs(span.attributes, policy)
    for event in span.events:
        # Events named gen_ai.… carry messages: all that they say is content.
        mask_pairs(event.attributes, policy, is_message=event.name.startswith("gen_ai."))
    for link in span.links:
        mask_pairs(link.attributes, policy)
    if span.status.message:
        span.status.message = policy.text(clean(span.status.message, MAX_VALUE_CHARACTERS))


def mask_pairs(pairs: Any, policy: ContentPolicy, *, is_message: bool = False) -> None:  # noqa: ANN401 - a list of protobuf messages
    """Change `pairs` into what is stored of them."""
    for place in range(len(pairs) - 1, -1, -1):
        pair = pairs[place]
        text = text_of(pair.value, 4 * MAX_VALUE_CHARACTERS)
        kept = _message_kept(pair.key, text, policy) if is_message else policy.attribute(pair.key, text)
        if kept is None:
            del pairs[place]
        elif kept != text or len(text) > MAX_VALUE_CHARACTERS:
            pair.value.string_value = kept


def _message_kept(key: str, text: str, policy: ContentPolicy) -> str | None:
    if policy.content is Content.DROP:
        return None
    return policy.attribute(key, text) if is_secret(key) else policy.text(text)


def _shape_of(keys: tuple[str, ...]) -> Shape:
    place = {key: number for number, key in enumerate(keys)}  # of a key that is there twice the last
    routed = any(key in place for key in semconv.ROUTE)
    # Paths are many, and matter only where there is no route.
    deciding = tuple(key for key in place if key in _DECIDING and not (routed and key in semconv.URL_PATH))
    # Documents of a retrieval are counted by their keys.
    documents = tuple(key for key in place if semconv.is_document_key(key))
    rare = tuple(key for key in place if key in _RARE_FIELDS)
    return Shape(
        deciding=tuple(place[key] for key in (*deciding, *documents)),
        keys=(*deciding, *documents),
        own=tuple(_places(place, names) for names in _OWN_FIELDS.values()),
        usage=tuple(_places(place, names) for names in _USAGE_FIELDS),
        rare=tuple(place[key] for key in rare),
        rare_keys=rare,
        content=tuple(number for key, number in place.items() if is_content(key)),
        is_secret=any(is_secret(key) for key in place),
        is_varied=bool(documents) or not _VARIED.isdisjoint(deciding),
    )


def _places(place: Mapping[str, int], names: Sequence[str]) -> tuple[int, ...]:
    return tuple(place[name] for name in names if name in place)


def _meaning_of(attributes: Mapping[str, str], kind: int, status: int, *, has_tenant: bool) -> Meaning:
    error_type = next((attributes[key] for key in semconv.ERROR_CODE if attributes.get(key)), "")
    return Meaning(
        event_of(attributes, kind=kind, status=status, has_tenant=has_tenant),
        gen_ai_of(attributes, status=status),
        error_type[:MAX_NAME_CHARACTERS],
        any(attributes.get(key, "").lower() == "true" for key in semconv.SAMPLED),
    )


def _first(attributes: Sequence[Any], places: Sequence[int]) -> str:
    for place in places:
        text = _text(attributes[place].value)
        if text:
            return text[:MAX_NAME_CHARACTERS]
    return ""


def _text(value: Any) -> str:  # noqa: ANN401 - AnyValue, a generated protobuf message
    # Any other kind answers with an empty text. Asking for the kind first costs as much again.
    text: str = value.string_value
    if not text:
        return text_of(value, MAX_VALUE_CHARACTERS)
    return text if len(text) <= MAX_NAME_CHARACTERS and "\0" not in text else clean(text, MAX_VALUE_CHARACTERS)
