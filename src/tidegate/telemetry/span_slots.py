"""Which pair of each span stands in which field: the spellings of `semconv`, for all spans of a table at once."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from tidegate.telemetry import semconv
from tidegate.telemetry.content import is_content, is_secret
from tidegate.telemetry.span_columns import OWN_TEXTS
from tidegate.telemetry.span_table import NONE, Array, SpanTable

OWN_FIELDS: Final[Mapping[str, tuple[str, ...]]] = dict(
    zip(
        OWN_TEXTS,
        (semconv.TENANT, semconv.REQUEST_ID, semconv.CORRELATION_ID, semconv.CLIENT_ADDRESS, semconv.CONVERSATION),
        strict=True,
    )
)
USAGE_FIELDS: Final = (
    semconv.INPUT_TOKENS,
    semconv.OUTPUT_TOKENS,
    semconv.CACHED_TOKENS,
    semconv.CACHE_WRITE_TOKENS,
    semconv.REASONING_TOKENS,
)
RARE_KEYS: Final = (
    *semconv.COST, *semconv.COST_OF_INPUT, *semconv.COST_OF_OUTPUT, *semconv.FIRST_CHUNK_S, *semconv.FIRST_CHUNK_MS,
    *semconv.COST_CURRENCY,
)  # fmt: skip
_OWN_KEYS: Final = frozenset(key for keys in (*OWN_FIELDS.values(), *USAGE_FIELDS) for key in keys)
DECIDING_KEYS: Final = tuple(
    dict.fromkeys(
        key for keys in semconv.SPAN_FIELDS.values() for key in keys if key not in _OWN_KEYS and key not in RARE_KEYS
    )
)
"""What a span means depends on these, and on nothing else of its attributes but keys of documents."""
_KNOWN: Final = frozenset((*_OWN_KEYS, *RARE_KEYS, *DECIDING_KEYS))


class Slots:
    """A table's attributes by their keys. Of a key that a span has twice the last counts."""

    def __init__(self, table: SpanTable) -> None:
        self._table = table
        known = [key for key in table.keys if key in _KNOWN]
        self._columns = {key: number for number, key in enumerate(known)}
        column_of = np.array([self._columns.get(key, NONE) for key in table.keys], np.int32)
        columns = column_of[table.key_codes] if len(table.keys) else table.key_codes
        pairs = np.flatnonzero(columns != NONE).astype(np.int32)
        self._pairs = np.full((len(known), table.row_count), NONE, np.int32)
        self._pairs[columns[pairs], table.owners[pairs]] = pairs

    def of(self, key: str) -> Array:
        """Return the pair of each row with a key that is `present`, `NONE` where there is none."""
        found: Array = self._pairs[self._columns[key]]
        return found

    def first(self, keys: Sequence[str]) -> Array:
        """Return the pair of each row with the first of `keys` whose value is not empty, else `NONE`."""
        found = np.full(self._table.row_count, NONE, np.int32)
        for key in self.present(keys):
            pairs = self.of(key)
            # Where there is none, -1 asks the last pair; the first condition makes that no matter.
            found = np.where((found == NONE) & (pairs != NONE) & self._table.is_filled[pairs], pairs, found)
        return found

    def present(self, keys: Sequence[str]) -> list[str]:
        """Return those of `keys` that a row has."""
        return [key for key in keys if key in self._columns]


def pairs_with(table: SpanTable, is_meant: Sequence[bool]) -> Array:
    """Return the pairs whose key `is_meant`, a truth for each of the table's different keys."""
    if not any(is_meant):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.array(is_meant)[table.key_codes])


def content_pairs(table: SpanTable) -> Array:
    """Return the pairs that carry prompts, outputs or documents."""
    return pairs_with(table, [is_content(key) for key in table.keys])


def secret_pairs(table: SpanTable) -> Array:
    """Return the pairs whose key says that the value is a secret."""
    return pairs_with(table, [is_secret(key) for key in table.keys])


def document_pairs(table: SpanTable) -> Array:
    """Return the pairs whose key names one document of a retrieval."""
    return pairs_with(table, [semconv.is_document_key(key) for key in table.keys])
