"""Columns of many bodies as one block of the engine's Native format.

What spans share is written as dictionaries: a word once, then a number a span. It costs the engine a third of what rows
of JSON do.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from tidegate.kernel import WorkspaceId
from tidegate.storage.native import (
    Blobs,
    Column,
    Columns,
    Encoded,
    Numbers,
    Optional,
    Words,
    hex_texts,
    used_codes,
    write_native,
)
from tidegate.telemetry.content import without_secrets
from tidegate.telemetry.counted_columns import counted_columns
from tidegate.telemetry.masking import has_secrets
from tidegate.telemetry.meaning import Usage
from tidegate.telemetry.model import LAST_SECOND, NANO
from tidegate.telemetry.span_columns import TEXTS, BodySpans, Meaning, Place, Shared, SpanColumns, gathered

_LOW: Final = "LowCardinality(String)"
_BELIEVABLE: Final = np.uint64(1 << 63)
_EVENT_WORDS: Final = (
    "route", "http_method", "auth_method", "denial_class", "lifecycle_action", "lifecycle_outcome", "object", "detail",
    "outcome",
)  # fmt: skip
_EVENT_TEXTS: Final = ("principal_tenant", "target_tenant")
_RUN_WORDS: Final = (
    "role", "operation", "run_outcome", "provider", "model", "tool", "agent_name", "prompt_version", "finish_reason",
)  # fmt: skip
_PLAIN_NUMBERS: Final = (
    ("kind", "UInt8"), ("status", "UInt8"), ("flags", "UInt32"), ("is_sampled", "UInt8"), ("weight_milli", "UInt32"),
    ("ttfc_ns", "UInt64"), *((name, "UInt64") for name in Usage._fields[:-1]), ("is_cache_exclusive", "UInt8"),
)  # fmt: skip
_ALWAYS: Final = frozenset({"workspace", "second", "distrusted", "precedence"})
Named = tuple[str, str, Column]


def block_of(bodies: Sequence[tuple[WorkspaceId, BodySpans]]) -> tuple[tuple[str, ...], bytes]:
    """Return the names of the columns and the block; all bodies came on one day."""
    names, block, _ = block_and_columns_of(bodies)
    return names, block


def block_and_columns_of(
    bodies: Sequence[tuple[WorkspaceId, BodySpans]],
) -> tuple[tuple[str, ...], bytes, Callable[[], Columns]]:
    """Return also what makes the columns out of it that counting would read back."""
    spans, owners = gathered(bodies)
    columns: list[Named] = [("workspace", _LOW, owners), ("received_ns", "UInt64", spans.received_ns)]
    columns += [
        ("trace_id", "String", hex_texts(spans.trace_ids)),
        ("span_id", "String", hex_texts(spans.span_ids)),
        ("parent_span_id", "String", hex_texts(spans.parent_span_ids, blank=(spans.parent_span_ids == 0).all(axis=1))),
        ("span", "String", Blobs(spans.spans)),
    ]
    columns += _times(spans)
    columns += [(name, _LOW if name == "name" else "String", _masked(spans.texts[name])) for name in TEXTS]
    columns += [(name, kind, spans.numbers[name]) for name, kind in _PLAIN_NUMBERS]
    columns += [("cost_nano_usd", "Nullable(Int64)", _costs(spans))]
    columns += _placed(_Shared(spans.places))
    columns += _meant(_Shared(spans.meanings))
    whole = columns
    # What no span says is left to the table's defaults: a third of the columns, and a tenth of what an insert costs.
    columns = [(name, kind, column) for name, kind, column in columns if name in _ALWAYS or not _is_default(column)]
    return tuple(name for name, _, _ in columns), write_native(columns), partial(counted_columns, spans, whole)


def _is_default(column: Column) -> bool:
    if isinstance(column, Words):
        return not any(column.words[code] for code in used_codes(column)[0].tolist())
    if isinstance(column, Optional):
        return all(value is None for value in column.values)
    return not isinstance(column, Blobs | Encoded) and not column.any()


def _masked(texts: Words) -> Words:
    """Return `texts` without secrets: most hold none, so all are searched at once."""
    if not has_secrets("\n".join(texts.words).encode()):
        return texts
    return Words([without_secrets(text) for text in texts.words], texts.codes)


def _times(spans: SpanColumns) -> list[Named]:
    start, end = spans.numbers["start_ns"], spans.numbers["end_ns"]
    distrusted = spans.numbers["distrusted"]
    first = (_BELIEVABLE - np.uint64(1)) - np.minimum(spans.received_ns, _BELIEVABLE - np.uint64(1))
    return [
        ("second", "DateTime('UTC')", np.minimum(end // np.uint64(NANO), np.uint64(LAST_SECOND))),
        ("start_ns", "UInt64", start),
        ("end_ns", "UInt64", end),
        ("duration_ns", "UInt64", np.where(end > start, end - start, np.uint64(0))),
        ("distrusted", "UInt8", distrusted),
        ("precedence", "UInt64", np.where(distrusted == 0, first | _BELIEVABLE, first)),
    ]


def _costs(spans: SpanColumns) -> Optional:
    costs, has_cost = spans.numbers["cost_nano_usd"].tolist(), spans.numbers["has_cost"].tolist()
    return Optional([cost if has else None for cost, has in zip(costs, has_cost, strict=True)])


def _placed(places: "_Shared") -> list[Named]:
    return [
        ("origin", _LOW, places.raw(lambda place: place.resource)),
        *((name, _LOW, places.words(_field(name))) for name in ("service", "environment", "release", "scope")),
        ("replayed", "UInt8", places.numbers(lambda place: place.replayed)),
    ]


def _meant(meanings: "_Shared") -> list[Named]:
    def of_event(name: str) -> Callable[[Meaning], Any]:
        return lambda one: getattr(one.event, name)

    def of_run(name: str) -> Callable[[Meaning], Any]:
        return lambda one: getattr(one.gen_ai, name)

    return [
        ("error_type", _LOW, meanings.words(lambda one: one.error_type)),
        *((name, _LOW, meanings.words(of_event(name))) for name in _EVENT_WORDS),
        *((name, "String", meanings.words(of_event(name))) for name in _EVENT_TEXTS),
        *((name, _LOW, meanings.words(of_run(name))) for name in _RUN_WORDS),
        ("families", "UInt32", meanings.numbers(of_event("families"))),
        ("http_status", "UInt16", meanings.numbers(of_event("http_status"))),
        ("is_granted", "UInt8", meanings.numbers(of_event("is_granted"))),
        ("attempt", "UInt32", meanings.numbers(of_event("attempt"))),
        ("wait_ns", "UInt64", meanings.numbers(of_event("wait_ns"))),
        ("amount_micro", "Nullable(Int64)", meanings.optional(of_event("amount_micro"))),
    ]


def _field(name: str) -> Callable[[Place], Any]:
    return lambda place: getattr(place, name)


class _Shared:
    """Columns out of values that many rows share: each value is asked once."""

    def __init__(self, shared: Shared) -> None:
        self._values: Sequence[Any] = shared.values
        self._codes = shared.codes

    def words(self, of: Callable[[Any], str]) -> Words:
        return _masked(self.raw(of))

    def raw(self, of: Callable[[Any], Any]) -> Words:
        """Return words that are masked already, or bytes."""
        known: dict[Any, int] = {}
        codes = [known.setdefault(of(value), len(known)) for value in self._values]
        return Words(list(known), np.array(codes, np.int64)[self._codes])

    def numbers(self, of: Callable[[Any], int]) -> Numbers:
        return np.array([of(value) for value in self._values], np.uint64)[self._codes]

    def optional(self, of: Callable[[Any], int | None]) -> Optional:
        found = [of(value) for value in self._values]
        return Optional([found[code] for code in self._codes.tolist()])
