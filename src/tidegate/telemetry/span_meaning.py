"""What the spans of a table mean: computed once for each combination that decides it, and remembered.

What a span means depends on few of its attributes, and a service sends the same few over and over. What differs from
span to span (ids, tokens, names of tenants) is read beside it, a column at a time.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import numpy as np

from tidegate.telemetry import semconv
from tidegate.telemetry.meaning import Usage, cost_of, count_of, first_chunk_of, gen_ai_of
from tidegate.telemetry.span_columns import Meaning, Shared
from tidegate.telemetry.span_events import event_of
from tidegate.telemetry.span_slots import DECIDING_KEYS, RARE_KEYS, USAGE_FIELDS, Slots, document_pairs
from tidegate.telemetry.span_table import NONE, Array, Kind, SpanTable
from tidegate.telemetry.values import MAX_NAME_CHARACTERS

_MAX_MEANINGS: Final = 32_768
_MAX_TOKENS: Final = 2**40  # as `count_of` has it
# Where one of these is there, the meaning is the span's own: not worth remembering.
_VARIED: Final = frozenset(
    (*semconv.PRINCIPAL_TENANT, *semconv.TARGET_TENANT, *semconv.DOCUMENTS, *semconv.SCORE, *semconv.WAIT_MS,
     *semconv.URL_PATH)
)  # fmt: skip
_MIXERS: Final = np.random.default_rng().integers(1, 2**63, size=len(DECIDING_KEYS) + 8, dtype=np.uint64) | np.uint64(1)


class Meanings:
    """Remembers what combinations of attributes mean. One a process."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Meaning] = {}

    def of(self, table: SpanTable, slots: Slots, has_tenant: Array) -> Shared:
        """Return the `Meaning` of each row.

        Raises:
            SpanDamagedError: a value cannot be read.
        """
        keys = slots.present(DECIDING_KEYS)
        pairs = _deciding_pairs(table, slots, keys)
        words = table.words(pairs.ravel())
        documents = _documents_of(table)
        status, kind = table.status_codes(), table.numbers("kind")
        alone = np.zeros(table.row_count, np.int64)
        alone[list(documents)] = np.array(list(documents), np.int64) + 1
        facts = np.vstack([words.codes.reshape(pairs.shape), kind, status, has_tenant, alone])
        first, codes = _distinct(facts)
        meanings = []
        for row, column in zip(first.tolist(), facts[:, first].T.tolist(), strict=True):
            said = {key: words.words[code] for key, code in zip(keys, column, strict=False) if code}
            own = documents.get(row)
            if own:
                said.update(dict.fromkeys(own, ""))
            meanings.append(self._meaning(said, int(column[-4]), int(column[-3]), has_tenant=bool(column[-2])))
        return Shared(meanings, codes)

    def _meaning(self, said: dict[str, str], kind: int, status: int, *, has_tenant: bool) -> Meaning:
        if not _VARIED.isdisjoint(said) or any(map(semconv.is_document_key, said)):
            return _meaning_of(said, kind, status, has_tenant=has_tenant)
        key = (*said, *said.values(), kind, status, has_tenant)
        meaning = self._known.get(key)
        if meaning is None:
            if len(self._known) >= _MAX_MEANINGS:
                self._known.clear()
            meaning = self._known[key] = _meaning_of(said, kind, status, has_tenant=has_tenant)
        return meaning


def _deciding_pairs(table: SpanTable, slots: Slots, keys: list[str]) -> Array:
    """Return the pairs that decide, a line for each of `keys`; without those that do not matter for a row."""
    pairs = np.full((len(keys), table.row_count), NONE, np.int32)
    for line, key in enumerate(keys):
        pairs[line] = slots.of(key)
    routes = [slots.of(key) for key in slots.present(semconv.ROUTE)]
    for key in set(keys) & set(semconv.URL_PATH):
        # Paths are many, and matter only where there is no route.
        for route in routes:
            pairs[keys.index(key), route != NONE] = NONE
    for key in set(keys) & set(semconv.DOCUMENTS):
        # So are lists of documents, which are counted where nobody says how many they are.
        pairs[keys.index(key), slots.first(semconv.DOCUMENT_COUNT) != NONE] = NONE
    return pairs


def _documents_of(table: SpanTable) -> Mapping[int, list[str]]:
    """Return the keys of documents, by their row."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for pair in document_pairs(table).tolist():
        found[int(table.owners[pair])].append(table.keys[table.key_codes[pair]])
    return found


def _distinct(facts: Array) -> tuple[Array, Array]:
    """Return a row of each different column of `facts`, and for every column which of them it is like."""
    mixed = (facts.astype(np.uint64) * _MIXERS[: len(facts), None]).sum(axis=0, dtype=np.uint64)
    _, first, codes = np.unique(mixed, return_index=True, return_inverse=True)
    if not np.array_equal(facts[:, first][:, codes], facts):  # two that are mixed alike: once in 2^64
        _, first, codes = np.unique(facts, axis=1, return_index=True, return_inverse=True)
    return first, codes.ravel()


def _meaning_of(attributes: Mapping[str, str], kind: int, status: int, *, has_tenant: bool) -> Meaning:
    error_type = next((attributes[key] for key in semconv.ERROR_CODE if attributes.get(key)), "")
    return Meaning(
        event_of(attributes, kind=kind, status=status, has_tenant=has_tenant),
        gen_ai_of(attributes, status=status),
        error_type[:MAX_NAME_CHARACTERS],
        any(attributes.get(key, "").lower() == "true" for key in semconv.SAMPLED),
    )


def usage_of(table: SpanTable, slots: Slots, is_run: Array) -> dict[str, Array]:
    """Return the columns of `Usage`, zeros where a row `is_run` no part of an AI run."""
    whole, output, cached, written, reasoning = (
        _counts_of(table, np.where(is_run, slots.first(keys), NONE)) for keys in USAGE_FIELDS
    )
    extra = cached + written
    is_exclusive = extra > whole  # some providers' own figures exclude cached tokens
    columns = (whole + np.where(is_exclusive, extra, 0), output, cached, written, reasoning, is_exclusive)
    return {name: column.astype(np.uint64) for name, column in zip(Usage._fields, columns, strict=True)}


def _counts_of(table: SpanTable, pairs: Array) -> Array:
    counts = np.zeros(len(pairs), np.int64)
    rows = np.flatnonzero(pairs != NONE)
    if not len(rows):
        return counts
    is_whole = table.kinds[pairs[rows]] == Kind.WHOLE
    found = table.wholes(pairs[rows[is_whole]])
    counts[rows[is_whole]] = np.where((found >= 0) & (found <= _MAX_TOKENS), found, 0)
    spelled = rows[~is_whole]
    if len(spelled):
        said = table.words(pairs[spelled])
        counts[spelled] = np.array([count_of(word) for word in said.words], np.int64)[said.codes]
    return counts


def costs_of(table: SpanTable, slots: Slots, is_run: Array) -> dict[str, Array]:
    """Return the senders' own cost in billionths of a dollar, whether there is one, and the time to the first chunk."""
    cost, has_cost, ttfc = (np.zeros(table.row_count, kind) for kind in (np.int64, np.bool_, np.uint64))
    said: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for key in slots.present(RARE_KEYS):
        pairs = slots.of(key)
        rows = np.flatnonzero((pairs != NONE) & is_run)
        words = table.words(pairs[rows])
        for row, code in zip(rows.tolist(), words.codes.tolist(), strict=True):
            said[row][key] = words.words[code]
    for row, attributes in said.items():
        own = cost_of(attributes)
        if own is not None:
            cost[row], has_cost[row] = own, True
        ttfc[row] = first_chunk_of(attributes)
    return {"cost_nano_usd": cost, "has_cost": has_cost, "ttfc_ns": ttfc}
