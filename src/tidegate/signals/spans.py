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


@dataclass(frozen=True, slots=True)
class Spans:
    """The spans of some traces, each once, and who is whose parent."""

    columns: Columns
    rows: Numbers
    """Where in `columns` each span stands."""
    trace: Numbers
    span: Numbers
    parent: Numbers
    """The place of each span's parent; the number of spans where there is none."""
    cut_off: Numbers
    """Whether the span is of a trace that is too large to be looked at whole."""

    def __len__(self) -> int:
        return len(self.rows)

    def number(self, name: str) -> Numbers:
        found: Numbers = self.columns.numbers[name][self.rows]
        return found

    def codes(self, name: str) -> Numbers:
        found: Numbers = self.columns.words[name].codes[self.rows]
        return found


def link_spans(columns: Columns) -> Spans:
    """Return each span once, with its parent; of two rows of one span the one with the higher precedence."""
    count = columns.row_count
    numbers, words = columns.numbers, columns.words
    trace = words["trace_id"].codes.astype(np.int64) * max(1, len(words["workspace"].words)) + words["workspace"].codes
    span = numbers["span"]
    keys, order = _keyed(trace, span) if count else (span, np.zeros(0, np.int64))
    order = order[_best_of_each(keys[order], numbers["precedence"][order])]
    order, cut_off = _cut(order, trace, span, numbers["start_ns"])
    rows, sorted_keys = order, keys[order]
    mixed = keys[rows] ^ span[rows]  # what the trace adds to a key
    parent_id = numbers["parent"][rows]
    parent = np.searchsorted(sorted_keys, parent_id ^ mixed)
    found = np.minimum(parent, max(0, len(rows) - 1))
    is_there = (parent_id != 0) & (parent < len(rows))
    if len(rows):
        is_there &= (span[rows][found] == parent_id) & (trace[rows][found] == trace[rows])
        is_there &= _belongs(numbers, rows, rows[found])
    return Spans(columns, rows, trace[rows], span[rows], np.where(is_there, parent, len(rows)), cut_off)


def _keyed(trace: Numbers, span: Numbers) -> tuple[Numbers, Numbers]:
    """Return a number for each (trace, span), equal for equal ones only, and the order by it."""
    salts = np.random.default_rng()
    while True:
        multiplier, shift = salts.integers(1, 2**63, 2, dtype=np.uint64)
        with np.errstate(over="ignore"):
            mixed = (trace.astype(np.uint64) + shift) * (multiplier | np.uint64(1))
        keys = span ^ mixed
        order = np.argsort(keys, kind="stable")
        same = keys[order][1:] == keys[order][:-1]
        first, second = order[:-1][same], order[1:][same]
        if bool(np.all((span[first] == span[second]) & (trace[first] == trace[second]))):
            return keys, order


def _best_of_each(keys: Numbers, precedence: Numbers) -> Numbers:
    """Return the places of the row of highest precedence among neighbours with equal keys."""
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, np.int64)
    if len(starts) == len(keys):
        return starts
    group = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(keys)]))
    ranked = np.lexsort((precedence, group))
    best: Numbers = ranked[np.r_[group[ranked][1:] != group[ranked][:-1], True]]
    return best


def _cut(order: Numbers, trace: Numbers, span: Numbers, start_ns: Numbers) -> tuple[Numbers, Numbers]:
    """Keep the first spans of a trace that is too large, and say which are of such a trace."""
    _, place, counts = np.unique(trace[order], return_inverse=True, return_counts=True)
    is_large = counts >= MAX_TRACE_SPANS
    if not is_large.any():
        return order, np.zeros(len(order), bool)
    keep = np.ones(len(order), bool)
    for number in np.flatnonzero(is_large):
        members = np.flatnonzero(place == number)
        ranked = members[np.lexsort((span[order][members], start_ns[order][members]))]
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
