"""From raw rows to counts: groups of rows that are alike, as columns of the table `counts`. Pure.

A statement that does this costs 200 CPU-ms of planning, whatever it finds; here it is some milliseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tidegate.signals.ports import Seconds
from tidegate.signals.run_costs import UNPRICED
from tidegate.signals.runs import OUTCOMES, TOO_LARGE, Runs
from tidegate.storage.native import Columns, Numbers, Words, used_of
from tidegate.telemetry.families import FAMILY_BITS

# Durations are kept without tenants: buckets by tenant would be a row an event.
TIMED: Final = frozenset({"request", "tool_call", "ingestion", "retrieval", "delivery"})
ROUTED: Final = frozenset({"request", "auth", "tenant"})
_WORDS: Final = (
    "workspace", "family", "service", "environment", "release", "tenant", "route", "error_code", "model", "provider",
    "outcome", "object", "detail", "source",
)  # fmt: skip
_PLAIN: Final = frozenset({"tenant", "source"})
_NUMBERS: Final = {
    "second": "DateTime('UTC')", "arrived": "DateTime('UTC')", "status": "UInt16", "replayed": "UInt8",
    "distrusted": "UInt8", "bucket": "Int16", "count": "UInt64", "weight_milli": "UInt64", "sampled_count": "UInt64",
    "priced_milli": "UInt64", "cost_nano_usd": "Int128", "input_tokens": "UInt64", "output_tokens": "UInt64",
    "cached_input_tokens": "UInt64", "cache_write_tokens": "UInt64", "reasoning_tokens": "UInt64",
    "duration_us": "UInt64", "wait_us": "UInt64", "amount_count": "UInt64", "amount_micro": "Int128",
    "limit_micro": "Int64",
}  # fmt: skip
_COMMON: Final = ("workspace", "service", "environment", "release")
_NANO: Final = 1_000_000_000
_DENSE: Final = 8  # keys for each row: a table of them costs less than to sort the rows
_MOST: Final = 2**62  # of one row, scaled: somebody else's number

Keys = dict[str, Words | Numbers]


@dataclass(slots=True)
class Counts:
    """Rows of the table, grown block by block; what a block does not say is empty or 0."""

    words: dict[str, dict[str, int]] = field(default_factory=lambda: {name: {"": 0} for name in _WORDS})
    blocks: list[dict[str, Numbers]] = field(default_factory=list)

    def add(self, keys: Keys, sums: Mapping[str, Numbers], rows: Numbers) -> None:
        """Add the groups of `rows`: columns are as long as all rows are, and cut to `rows` here."""
        if not len(rows):
            return
        columns = {name: (one.codes if isinstance(one, Words) else one)[rows] for name, one in keys.items()}
        first, group = _groups(list(columns.values()))
        block = {name: self._recoded(name, keys[name], column[first]) for name, column in columns.items()}
        block["count"] = np.bincount(group, minlength=len(first)).astype(np.int64)
        for name, values in sums.items():
            block[name] = _summed(values[rows], group, len(first), is_max=name == "limit_micro")
        self.blocks.append(block)

    def _recoded(self, name: str, column: Words | Numbers, codes: Numbers) -> Numbers:
        if not isinstance(column, Words):
            return codes
        known = self.words[name]
        used, places = used_of(codes, len(column.words))
        own = np.array([known.setdefault(column.words[code], len(known)) for code in used.tolist()], np.int64)
        recoded: Numbers = own[places]
        return recoded

    def mark(self, family: str, seconds: Seconds) -> None:
        """Say that `family` is counted whole in `seconds`."""
        for workspace, found in seconds.items():
            count = len(found)
            self.blocks.append(
                {
                    "workspace": np.full(count, self._code("workspace", workspace)),
                    "family": np.full(count, self._code("family", family)),
                    "second": np.array(found, np.int64),
                    "count": np.ones(count, np.int64),
                }
            )

    def _code(self, name: str, word: str) -> int:
        return self.words[name].setdefault(word, len(self.words[name]))

    def columns(self, **constants: tuple[str, int]) -> list[tuple[str, str, Numbers | Words]]:
        """Return everything as columns with the engine's types; `constants` are the same in each row."""
        lengths = [len(block["second"]) for block in self.blocks]
        joined: list[tuple[str, str, Numbers | Words]] = []
        for name in _WORDS:
            kind = "String" if name in _PLAIN else "LowCardinality(String)"
            joined.append((name, kind, Words(list(self.words[name]), self._joined(name, lengths))))
        joined += [(name, kind, self._joined(name, lengths)) for name, kind in _NUMBERS.items()]
        joined += [(name, kind, np.full(sum(lengths), value)) for name, (kind, value) in constants.items()]
        return joined

    def _joined(self, name: str, lengths: Sequence[int]) -> Numbers:
        parts = [
            block[name] if name in block else np.zeros(length, np.int64)
            for block, length in zip(self.blocks, lengths, strict=True)
        ]
        joined: Numbers = np.concatenate(parts) if parts else np.zeros(0, np.int64)
        return joined


def _groups(columns: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
    """Return the first row of each group of equal rows, and the group of each row."""
    key = np.zeros(len(columns[0]), np.int64)
    radix = 1
    for column in columns:
        codes = column.astype(np.int64)
        lowest = int(codes.min())
        size = int(codes.max()) - lowest + 1
        if size == 1:
            continue
        if radix * size > 2**62:
            distinct, key = np.unique(key, return_inverse=True)
            radix = len(distinct)
        if radix * size > 2**62:
            own, codes = np.unique(codes, return_inverse=True)
            lowest, size = 0, len(own)
        key = key * size + (codes - lowest)
        radix *= size
    if radix > _DENSE * len(key):
        _, first, group = np.unique(key, return_index=True, return_inverse=True)
        return first, group
    first_of = np.full(radix, -1, np.int64)
    first_of[key[::-1]] = np.arange(len(key) - 1, -1, -1)
    used = np.flatnonzero(first_of >= 0)
    first = first_of[used]
    first_of[used] = np.arange(len(used))
    return first, first_of[key]


def _summed(values: Numbers, group: Numbers, count: int, *, is_max: bool) -> Numbers:
    sums = np.zeros(count, np.int64)
    if is_max:
        np.maximum.at(sums, group, values)
        return sums
    if len(values) and int(np.abs(values).max()) * len(values) < 2**62:
        np.add.at(sums, group, values)
        return sums
    exact: Numbers = np.zeros(count, object)  # as many digits as it takes: the column holds 128 bits
    np.add.at(exact, group, values.astype(object))
    return exact


def scaled(values: Numbers, weight_milli: Numbers) -> Numbers:
    """Return `values` times the adjusted count of their rows."""
    other = np.flatnonzero(weight_milli != 1000)
    values = values.astype(np.int64)
    if len(other):
        weights = weight_milli[other].tolist()
        values = values.copy()
        values[other] = [
            max(-_MOST, min(_MOST, one * weight // 1000))
            for one, weight in zip(values[other].tolist(), weights, strict=True)
        ]
    return values


def count_events(counts: Counts, columns: Columns, rows: Numbers, kind: str) -> None:
    """Add the counts of `rows` of a raw table; `kind` is the family in which each of them counts once."""
    events = _Events(columns, columns.numbers, kind)
    families = events.numbers["families"]
    is_distrusted = events.numbers["distrusted"] == 1
    for name, bit in FAMILY_BITS.items():
        own = rows[(families[rows] & bit) != 0]
        trusted = own[~is_distrusted[own]]
        counts.add(events.keys(name), events.sums, trusted)
        counts.add(events.keys(f"{name}.distrusted"), events.sums, own[is_distrusted[own]])
        if name in TIMED:
            counts.add(events.duration_keys(name), events.time_sums, trusted)
    counts.add(events.keys(kind), events.sums, rows[~is_distrusted[rows]])
    hidden = rows[is_distrusted[rows]]
    counts.add(events.keys(f"{kind}.distrusted"), events.sums, hidden)
    if "role" in columns.words:
        role = columns.words["role"]
        is_run = np.isin(role.codes, [code for code, word in enumerate(role.words) if word in {"agent", "inference"}])
        counts.add(events.keys("ai_run.distrusted"), events.sums, hidden[is_run[hidden]])


class _Events:
    """What is the same for all families of one fetch."""

    def __init__(self, columns: Columns, numbers: Mapping[str, Numbers], kind: str) -> None:
        self.numbers = numbers
        self._words = columns.words
        self._kind = kind
        weight = numbers["weight_milli"].astype(np.int64)
        spent_us = np.minimum(numbers["duration_ns"] // np.uint64(1000), np.uint64(2**62)).astype(np.int64)
        self._bucket = np.floor(8 * np.log2(np.maximum(spent_us, 1))).astype(np.int64)
        self._received = (numbers["received_ns"] // np.uint64(_NANO)).astype(np.int64)
        has_amount = numbers["has_amount"].astype(np.int64)
        self.time_sums = {
            "weight_milli": weight,
            "sampled_count": numbers["is_sampled"].astype(np.int64),
            "duration_us": scaled(spent_us, weight),
        }
        self.sums = {
            **self.time_sums,
            "wait_us": scaled((numbers["wait_ns"] // np.uint64(1000)).astype(np.int64), weight),
            "amount_count": has_amount * weight,
            "amount_micro": scaled(numbers["amount_said"], weight),
            "limit_micro": numbers["limit_said"],
        }

    def keys(self, family: str) -> Keys:
        name = family.removesuffix(".distrusted")
        keys = self._common(family)
        if family != name:
            keys |= {"distrusted": self.numbers["distrusted"], "arrived": self._received}
        if name == self._kind:
            return keys
        keys |= {"tenant": self._words["tenant"], "error_code": self._words["error_type"]}
        if name in ROUTED:
            keys |= {"route": self._words["route"], "status": self.numbers["http_status"]}
        if name == "auth":
            keys |= {
                "object": self._words["auth_method"],
                "outcome": self._words["outcome"],
                "source": self._words["client_address"],
            }
        elif name == "tenant":
            keys |= self._tenant_keys()
        elif name in FAMILY_BITS and name != "request":
            keys |= {part: self._words[part] for part in ("object", "detail", "outcome")}
        return keys

    def duration_keys(self, name: str) -> Keys:
        keys = self._common(f"{name}.duration") | {"bucket": self._bucket}
        if name == "request":
            return keys | {"route": self._words["route"]}
        return keys | {"object": self._words["object"]}

    def _common(self, family: str) -> Keys:
        count = len(self._bucket)
        keys: Keys = {name: self._words[name] for name in _COMMON}
        return keys | {
            "family": Words([family], np.zeros(count, np.int64)),
            "second": self.numbers["second"],
            "replayed": self.numbers["replayed"],
        }

    def _tenant_keys(self) -> Keys:
        denial, method = self._words["denial_class"], self._words["http_method"]
        is_event = np.isin(method.codes, [code for code, word in enumerate(method.words) if not word])
        leak = np.where(self._is_leak(), len(denial.words), denial.codes)
        return {
            "object": self._words["lifecycle_action"],
            "outcome": self._words["lifecycle_outcome"],
            "detail": Words([*denial.words, "leak"], leak),
            "source": Words(["request", "event"], is_event.astype(np.int64)),
        }

    def _is_leak(self) -> Numbers:
        """Return which rows are an access to another tenant that was let through, without a grant."""
        status = self.numbers["http_status"]
        principal, target = self._words["principal_tenant"], self._words["target_tenant"]
        known = {word: code for code, word in enumerate(principal.words)}
        as_principal = np.array([known.get(word, -1) for word in target.words], np.int64)
        is_leak: Numbers = (
            (status >= 200)
            & (status <= 299)
            & (self.numbers["is_granted"] == 0)
            & _is_said(principal)
            & _is_said(target)
            & (as_principal[target.codes] != principal.codes if len(target.codes) else True)
        )
        return is_leak


def _is_said(words: Words) -> Numbers:
    said = np.array([bool(word) for word in words.words], bool)
    found: Numbers = said[words.codes] if len(words.codes) else np.zeros(0, bool)
    return found


_RUN_SUMS: Final = (
    "cost_nano_usd", "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens",
)  # fmt: skip


def count_runs(counts: Counts, runs: Runs, which: Numbers) -> None:
    """Add the counts of `which` of `runs`, and how long they took."""
    if not len(which):
        return
    spans, root = runs.spans, runs.root
    weight = spans.number("weight_milli", root).astype(np.int64)
    spent = np.maximum(spans.number("end_ns").astype(np.int64) - spans.number("start_ns").astype(np.int64), 0)
    spent_us = spent[root] // 1000
    sums = {name: scaled(runs.sums[name], weight) for name in _RUN_SUMS} | {
        "weight_milli": weight,
        "sampled_count": spans.number("is_sampled", root).astype(np.int64),
        "priced_milli": np.where(runs.cost_source == UNPRICED, 0, weight),
        "duration_us": scaled(spent_us, weight),
    }
    keys: Keys = {
        **{name: _of_runs(runs, name, root) for name in _COMMON},
        "model": _of_runs(runs, "model", runs.words_of["model"]),
        "provider": _of_runs(runs, "provider", runs.words_of["model"]),
        "object": _of_runs(runs, "agent_name", root),
        "outcome": Words(OUTCOMES, runs.outcome),
        "second": spans.number("second", root),
        "replayed": spans.number("replayed", root),
    }
    timed = keys | {"family": _named("ai_run.duration", len(root)), "bucket": _bucket_of(spent_us)}
    whole = keys | {
        "family": _named("ai_run", len(root)),
        "tenant": _of_runs(runs, "tenant", runs.words_of["tenant"]),
        "error_code": causes_of(runs),
    }
    counts.add(whole, sums, which)
    counts.add(timed, {name: sums[name] for name in ("weight_milli", "sampled_count", "duration_us")}, which)


def causes_of(runs: Runs) -> Words:
    """Return what went wrong with each run, in one word."""
    found = runs.spans.columns.words["error_type"]
    words = [*found.words, "", TOO_LARGE]
    codes = np.full(len(runs), len(words) - 2, np.int64)
    has_cause = runs.cause >= 0
    codes[has_cause] = found.codes[runs.spans.rows[runs.cause[has_cause]]]
    codes[runs.is_cut_off] = len(words) - 1
    return Words(words, codes)


def _of_runs(runs: Runs, name: str, rows: Numbers) -> Words:
    column = runs.spans.columns.words[name]
    return Words(column.words, column.codes[runs.spans.rows[rows]])


def _named(family: str, count: int) -> Words:
    return Words([family], np.zeros(count, np.int64))


def _bucket_of(spent_us: Numbers) -> Numbers:
    bucket: Numbers = np.floor(8 * np.log2(np.maximum(spent_us, 1))).astype(np.int64)
    return bucket
