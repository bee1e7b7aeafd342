"""Spans of many traces as columns, each once, with who is whose parent. Pure.

Ids are numbers, and parents are found by one sort and one search. A span is no part of its parent's work when it began
more than `LINK_SLACK_S` after that had ended, or ended as long before it began: so it is known how far back a trace has
to be read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.storage.native import Columns, Numbers, Words

MAX_TRACE_SPANS: Final = 20_000  # the bar of a trace page is 5,000; an id used for ever must not fill our memory
LINK_SLACK_S: Final = 10  # clocks of two hosts differ by less; more slack is more spans to read again with each count
MAX_SPAN_S: Final = 3_600  # a longer span is taken as one of an hour: nobody reads further back for its parts
_NANO: Final = 1_000_000_000
_MASK: Final = np.uint64(2**16 - 1)


@dataclass(frozen=True, slots=True)
class Spans:
    """The spans of some traces, each once, and who is whose parent."""

    columns: Columns
    rows: Numbers
    """Where in `columns` each span stands."""
    trace: Numbers
    """A number for the trace of each span; two traces have the same once in many million years."""
    span: Numbers
    parent: Numbers
    """The place of each span's parent; the number of spans where there is none."""
    cut_off: Numbers
    """Whether the span is of a trace that is too large to be looked at whole."""

    def __len__(self) -> int:
        return len(self.rows)

    def number(self, name: str, of: Numbers | None = None) -> Numbers:
        """Return a column, or of it the spans at the places `of`."""
        found: Numbers = self.columns.numbers[name][self.rows if of is None else self.rows[of]]
        return found

    def codes(self, name: str, of: Numbers | None = None) -> Numbers:
        """Return the codes of a column, or of it of the spans at the places `of`."""
        found: Numbers = self.columns.words[name].codes[self.rows if of is None else self.rows[of]]
        return found


@dataclass(frozen=True, slots=True)
class Fetched:
    """Rows as they were read: of some a copy is stored twice, and each has a number by its trace and id."""

    columns: Columns
    trace: Numbers
    keys: Numbers
    order: Numbers
    """The rows by their keys."""

    def distinct_rows(self) -> Numbers:
        """Return each row that counts: of copies that ended in the same second the one with the highest precedence."""
        keys = self.keys[self.order]
        is_copied = np.zeros(len(keys), bool)
        is_copied[1:] = keys[1:] == keys[:-1]
        is_copied[:-1] |= is_copied[1:]
        copies = self.order[is_copied]
        if not len(copies):
            return self.order
        second, precedence = self.columns.numbers["second"][copies], self.columns.numbers["precedence"][copies]
        ranked = copies[np.lexsort((precedence, second, self.keys[copies]))]
        is_last = np.ones(len(ranked), bool)
        is_last[:-1] = (self.keys[ranked][1:] != self.keys[ranked][:-1]) | (
            self.columns.numbers["second"][ranked][1:] != self.columns.numbers["second"][ranked][:-1]
        )
        once: Numbers = np.concatenate([self.order[~is_copied], ranked[is_last]])
        return once


def sort_spans(columns: Columns) -> Fetched:
    """Return rows with a number each, by which copies and parents are found."""
    while True:
        first, second, third = (one | np.uint64(1) for one in _salts.integers(1, 2**63, 3, dtype=np.uint64))
        numbers = columns.numbers
        with np.errstate(over="ignore"):
            trace = numbers["trace_hi"] * first + numbers["trace_lo"] * second
            trace += columns.words["workspace"].codes.astype(np.uint64) * third
        trace ^= trace >> np.uint64(32)
        keys = numbers["span"] ^ trace
        order = np.argsort(keys)
        same = np.flatnonzero(keys[order][1:] == keys[order][:-1])
        if len(same):  # copies stand in the order of their rows
            places = np.union1d(same, same + 1)
            copies = np.sort(order[places])
            order[places] = copies[np.argsort(keys[copies], kind="stable")]
        if _is_same(columns, order[same], order[same + 1], "span"):
            return Fetched(columns, trace, keys, order)


_salts: Final = np.random.default_rng()


def _is_same(columns: Columns, rows: Numbers, others: Numbers, id_name: str) -> bool:
    return bool(_same_rows(columns, rows, others, id_name).all())


def _same_rows(columns: Columns, rows: Numbers, others: Numbers, id_name: str) -> Numbers:
    """Return where the id of `rows` under a name is the span id of `others`, in one trace of one workspace."""
    numbers, workspace = columns.numbers, columns.words["workspace"].codes
    same: Numbers = (
        (numbers[id_name][rows] == numbers["span"][others])
        & (numbers["trace_hi"][rows] == numbers["trace_hi"][others])
        & (numbers["trace_lo"][rows] == numbers["trace_lo"][others])
        & (workspace[rows] == workspace[others])
    )
    return same


def link_spans(fetched: Fetched) -> Spans:
    """Return believable spans of traces with GenAI spans, each once, with its parent; of copies as above."""
    columns, keys, order = fetched.columns, fetched.keys, fetched.order
    numbers = columns.numbers
    order = order[_is_of_interest(fetched)[order]]
    order = order[_best_of_each(keys[order], numbers["precedence"][order])]
    rows, cut_off = _cut(order, fetched)
    count, sorted_keys = len(rows), keys[rows]
    parent = np.searchsorted(sorted_keys, numbers["parent"][rows] ^ fetched.trace[rows])
    is_there = (numbers["parent"][rows] != 0) & (parent < count)
    if count:
        found = rows[np.minimum(parent, count - 1)]
        is_there &= _same_rows(columns, rows, found, "parent") & _belongs(numbers, rows, found)
    return Spans(columns, rows, fetched.trace[rows], numbers["span"][rows], np.where(is_there, parent, count), cut_off)


def _is_of_interest(fetched: Fetched) -> Numbers:
    role = fetched.columns.words["role"]
    is_trusted = fetched.columns.numbers["distrusted"] == 0
    traces = np.unique(fetched.trace[is_trusted & (role.codes != code_of(role, ""))])
    if not len(traces):
        return np.zeros(len(is_trusted), bool)
    place = np.minimum(np.searchsorted(traces, fetched.trace), len(traces) - 1)
    found: Numbers = is_trusted & (traces[place] == fetched.trace)
    return found


def _best_of_each(keys: Numbers, precedence: Numbers) -> Numbers:
    """Return the places of the row of highest precedence among neighbours with equal keys."""
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, np.int64)
    if len(starts) == len(keys):
        return starts
    group = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(keys)]))
    ranked = np.lexsort((precedence, group))
    best: Numbers = ranked[np.r_[group[ranked][1:] != group[ranked][:-1], True]]
    return best


def _cut(order: Numbers, fetched: Fetched) -> tuple[Numbers, Numbers]:
    """Keep the first spans of a trace that is too large, and say which are of such a trace."""
    numbers = fetched.columns.numbers
    traces = fetched.trace[order]
    if np.bincount((traces & _MASK).astype(np.int64), minlength=1).max() < MAX_TRACE_SPANS:
        return order, np.zeros(len(order), bool)  # nor have many traces together as many
    _, place, counts = np.unique(traces, return_inverse=True, return_counts=True)
    is_large = counts >= MAX_TRACE_SPANS
    if not is_large.any():
        return order, np.zeros(len(order), bool)
    keep = np.ones(len(order), bool)
    for number in np.flatnonzero(is_large):
        members = np.flatnonzero(place == number)
        rows = order[members]
        ranked = members[np.lexsort((numbers["span"][rows], numbers["start_ns"][rows]))]
        keep[ranked[MAX_TRACE_SPANS:]] = False
    return order[keep], is_large[place][keep]


def _belongs(numbers: Mapping[str, Numbers], child: Numbers, parent: Numbers) -> Numbers:
    start, end = numbers["start_ns"].astype(np.int64), numbers["end_ns"].astype(np.int64)
    begun = np.maximum(start, end - MAX_SPAN_S * _NANO)
    slack = LINK_SLACK_S * _NANO
    linked: Numbers = (begun[child] <= end[parent] + slack) & (end[child] >= begun[parent] - slack)
    return linked


def code_of(words: Words, word: str) -> int:
    """Return the code of `word`, -1 when no row has it."""
    return words.words.index(word) if word in words.words else -1
