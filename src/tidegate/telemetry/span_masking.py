"""What may not be kept of spans: which ones of a table hold some of it, and what is stored of those instead. Pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.telemetry.content import MAX_VALUE_CHARACTERS, Content, ContentPolicy, is_secret
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
    return rows


def _personal(table: SpanTable, pairs: Array) -> Array:
    is_text = table.kinds[pairs] == Kind.TEXT
    texts, others = pairs[is_text], pairs[~is_text]
    found: Array = texts[:0]
    values = table.raw_texts(texts)
    if has_personal_data(b"\n".join(values)):
        found = texts[np.array([has_personal_data(value) for value in values], np.bool_)]
    if len(others):
        said = table.words(others)
        is_hit = np.array([has_personal_data(word.encode()) for word in said.words])
        found = np.concatenate([found, others[is_hit[said.codes]]])
    return found


def mask_span(span: Any, policy: ContentPolicy) -> None:  # noqa: ANN401 - a generated protobuf message
    """Change `span` into what is stored of it."""
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
