"""What may not be kept of spans: which ones of a table hold some of it, and what is stored of those instead. Pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.telemetry.content import (
    CONTENT_EVENTS,
    MASK,
    MAX_VALUE_CHARACTERS,
    Content,
    ContentPolicy,
    is_content,
    is_secret,
    without_secrets,
)
from tidegate.telemetry.masking import has_personal_data, has_secrets
from tidegate.telemetry.span_slots import content_pairs, secret_pairs
from tidegate.telemetry.span_table import Array, Kind, SpanTable
from tidegate.telemetry.values import clean, text_of


def rows_to_mask(table: SpanTable, raw_spans: Sequence[bytes], policy: ContentPolicy) -> set[int]:
    """Return the rows that may not be stored as they came; those with events or links have to be looked at besides.

    Most bodies hold nothing of it, so all of a body is searched at once; only where something is found, each span.
    """
    rows = {row for row, raw in enumerate(raw_spans) if len(raw) > MAX_VALUE_CHARACTERS}
    rows.update(table.owners[secret_pairs(table)].tolist())
    if has_secrets(b"\n".join(raw_spans)):
        rows.update(row for row, raw in enumerate(raw_spans) if has_secrets(raw))
    if policy.content is Content.KEEP:
        return rows
    pairs = content_pairs(table)
    if policy.content is Content.REDACT:
        pairs = _personal(table, pairs)
    rows.update(table.owners[pairs].tolist())
    rows.update(_personal_status(table))
    return rows


def _personal(table: SpanTable, pairs: Array) -> Array:
    kinds = table.kinds[pairs]
    found: list[Array] = []
    for kind in (Kind.TEXT, Kind.LIST, Kind.MAP, Kind.BYTES):
        own = pairs[kinds == kind]
        values = table.raw_values(kind, own)
        if has_personal_data(b"\n".join(values)):
            found.append(own[np.array([has_personal_data(value) for value in values], np.bool_)])
    others = pairs[kinds != Kind.TEXT]  # numbers are digits in their texts alone
    if len(others):
        said = table.words(others)
        is_hit = np.array([has_personal_data(word.encode()) for word in said.words])
        found.append(others[is_hit[said.codes]])
    return np.concatenate([pairs[:0], *found])


def _personal_status(table: SpanTable) -> list[int]:
    said = table.status_messages()
    if said is None:
        return []
    is_hit = np.array([has_personal_data(text.encode()) for text in said.words], np.bool_)
    rows: list[int] = np.flatnonzero(is_hit[said.codes]).tolist()
    return rows


def masked(span: Any, policy: ContentPolicy) -> bytes:  # noqa: ANN401 - a generated protobuf message
    """Change `span` into what is stored of it, and return that as bytes."""
    _mask_texts(span, "name", "trace_state")
    mask_pairs(span.attributes, policy)
    for event in span.events:
        # They carry messages: all that they say is content.
        mask_pairs(event.attributes, policy, is_message=event.name.startswith(CONTENT_EVENTS))
        _mask_texts(event, "name")
    for link in span.links:
        mask_pairs(link.attributes, policy)
        _mask_texts(link, "trace_state")
    if span.status.message:
        span.status.message = policy.text(clean(span.status.message, MAX_VALUE_CHARACTERS))
    raw: bytes = span.SerializeToString()
    if has_secrets(raw):  # in a field of a later OTLP, of which nothing else is known
        span.DiscardUnknownFields()
        raw = span.SerializeToString()
    return raw


def _mask_texts(message: Any, *fields: str) -> None:  # noqa: ANN401 - a generated protobuf message
    for field in fields:
        text = getattr(message, field)
        kept = without_secrets(text)
        if kept != text:
            setattr(message, field, kept)


def mask_pairs(pairs: Any, policy: ContentPolicy, *, is_message: bool = False) -> None:  # noqa: ANN401 - a list of protobuf messages
    """Change `pairs` into what is stored of them."""
    for place in range(len(pairs) - 1, -1, -1):
        pair = pairs[place]
        text = text_of(pair.value, 4 * MAX_VALUE_CHARACTERS)
        kept = _message_kept(pair.key, text, policy) if is_message else policy.attribute(pair.key, text)
        if kept is None:
            del pairs[place]
            continue
        if kept != text or len(text) > MAX_VALUE_CHARACTERS:
            pair.value.string_value = kept
        elif _hides(pair.value, policy, is_content=is_message or is_content(pair.key)):
            pair.value.string_value = MASK
        _mask_texts(pair, "key")


def _hides(value: Any, policy: ContentPolicy, *, is_content: bool) -> bool:  # noqa: ANN401 - AnyValue
    """Return whether bytes, a list or a map hold what their text does not show: it is base64, or leaves parts out."""
    if value.WhichOneof("value") not in {"bytes_value", "array_value", "kvlist_value"}:
        return False
    raw = value.SerializeToString()
    return has_secrets(raw) or (is_content and policy.content is not Content.KEEP and has_personal_data(raw))


def _message_kept(key: str, text: str, policy: ContentPolicy) -> str | None:
    if policy.content is Content.DROP:
        return None
    return policy.attribute(key, text) if is_secret(key) else policy.text(text)
