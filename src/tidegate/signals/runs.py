"""AI runs out of the spans of many traces at once, without a loop over spans. Pure.

A run is one topmost agent or workflow span, else one inference span without an agent, workflow or inference above it.
A span whose parent is not there counts as topmost; when the parent comes, its trace is counted again. A step is no part
of its parent's work when it began more than `LINK_SLACK_S` after that had ended, or ended as long before it began: so
it is known how far back a trace has to be read. `tests/oracle_runs.py` says the same span by span, and a test holds the
two together.

How: ids are numbers, parents are found by one sort and one search, who stands on top by doubling the length of the way
up (`jump = jump[jump]`); where that way never ends, it is a cycle, and the smallest id is on top.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tidegate.signals.ports import PriceBook, Usage
from tidegate.storage.native import Columns, Numbers, Words

ROLES: Final = ("", "agent", "inference", "step")
AGENT, INFERENCE = 1, 2
OUTCOMES: Final = ("policy_blocked", "validation_error", "failed", "cancelled", "ok")  # the worst first
FAILED, OK, NO_OUTCOME = 2, 4, 5
COST_SOURCES: Final = ("sender", "table", "mixed", "unpriced")
MAX_TRACE_SPANS: Final = 20_000  # the bar of a trace page is 5,000; an id used for ever must not fill our memory
LINK_SLACK_S: Final = 10  # clocks of two hosts differ by less; more slack is more spans to read again with each count
MAX_SPAN_S: Final = 3_600  # a longer span is taken as one of an hour: nobody reads further back for its parts
MAX_COST_NANO_USD: Final = 2**62  # the column holds 2**63: a hostile sum must not come back negative
TOO_LARGE: Final = "trace_too_large"
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


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs as columns; every array has one entry a run."""

    spans: Spans
    root: Numbers
    """The place of each run's topmost span."""
    outcome: Numbers
    """As a place in `OUTCOMES`."""
    cause: Numbers
    """The span whose error type explains the outcome; -1: none."""
    is_cut_off: Numbers
    words_of: Mapping[str, Numbers]
    """Of each column that may stand further down: the span that says it."""
    sums: Mapping[str, Numbers]
    cost_source: Numbers
    price_version: Sequence[str]
    run_of: Numbers
    """The run of each span of `spans`; -1: it is part of none."""

    def __len__(self) -> int:
        return len(self.root)


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
    traces, place, counts = np.unique(trace[order], return_inverse=True, return_counts=True)
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


def find_runs(spans: Spans, books: Mapping[str, PriceBook]) -> Runs:
    """Return the runs of all traces; `books` by workspace, one without a book has no prices."""
    count = len(spans)
    role = _recoded(spans, "role", ROLES, 0)
    top = _top_of_each(spans, role)
    is_member = (role > 0) & (top < count)
    members = np.flatnonzero(is_member)
    root, place = np.unique(top[members], return_inverse=True)
    run_of = np.full(count, -1, np.int64)
    run_of[members] = place
    inside = np.where(np.r_[top, count][spans.parent] == top, spans.parent, count)  # the parent within the same run
    counted, run_of_counted = _counted(spans, role, run_of, inside, root)
    outcome, cause = _outcomes(spans, run_of, inside, len(root))
    sums, cost_source, versions = _sums(spans, counted, run_of_counted, root, books)
    sums["span_count"] = np.bincount(place, minlength=len(root)).astype(np.int64)
    by_span = members[np.lexsort((spans.span[members], place))]
    words_of = {name: _first_word(spans, name, root, counted, run_of_counted) for name in _BELOW}
    words_of |= {name: _first_word(spans, name, root, by_span, run_of[by_span]) for name in ("tenant",)}
    is_cut_off = spans.cut_off[root]
    outcome[is_cut_off] = FAILED  # what was cut off is not known, and unknown is not good
    return Runs(spans, root, outcome, cause, is_cut_off, words_of, sums, cost_source, versions, run_of)


_BELOW: Final = ("model", "prompt_version", "conversation_id", "finish_reason")


def _recoded(spans: Spans, name: str, known: Sequence[str], other: int) -> Numbers:
    words = spans.columns.words[name].words
    codes = np.array([known.index(word) if word in known else other for word in words], dtype=np.int64)
    recoded: Numbers = codes[spans.codes(name)] if len(spans) else np.zeros(0, np.int64)
    return recoded


def _top_of_each(spans: Spans, role: Numbers) -> Numbers:
    """Return the topmost agent on the way up from each span, itself included, else the topmost inference."""
    count = len(spans)
    agent = np.where(np.r_[role, 0] == AGENT, np.arange(count + 1), count)
    inference = np.where(np.r_[role, 0] == INFERENCE, np.arange(count + 1), count)
    jump = np.r_[spans.parent, count]
    for _ in range(count.bit_length() + 1):
        going = np.flatnonzero(jump != count)
        if not len(going):
            break
        ahead = jump[going]
        for top in (agent, inference):
            above = top[ahead]
            top[going] = np.where(above != count, above, top[going])
        jump[going] = jump[ahead]
    endless = np.flatnonzero(jump != count)
    if len(endless):
        _smallest_on_top(spans, role, endless, agent, inference)
    found: Numbers = np.where(agent != count, agent, inference)[:count]
    return found


def _smallest_on_top(spans: Spans, role: Numbers, endless: Numbers, agent: Numbers, inference: Numbers) -> None:
    """Put the smallest id on top of spans whose way up is a cycle or leads into one: all of them agree on it."""
    count = len(spans)
    ranked = np.argsort(spans.span, kind="stable")
    rank = np.empty(count + 1, np.int64)
    rank[ranked], rank[count] = np.arange(count), count
    at_rank = np.r_[ranked, count]
    for top, kind in ((agent, AGENT), (inference, INFERENCE)):
        smallest = np.where(np.r_[role, 0] == kind, rank, count)
        jump = np.r_[spans.parent, count]
        for _ in range(count.bit_length() + 1):
            smallest[endless] = np.minimum(smallest[endless], smallest[jump[endless]])
            jump[endless] = jump[jump[endless]]
        top[endless] = at_rank[smallest[endless]]


def _above(marked: Numbers, inside: Numbers) -> Numbers:
    """Return which spans stand above a marked one in the same run; itself only where its way up is a cycle."""
    count = len(inside)
    reached = np.r_[marked, False]
    jump = np.r_[inside, count]
    going = np.flatnonzero(jump[:count] != count)
    for _ in range(count.bit_length() + 1):
        if not len(going):
            break
        hits = going[reached[going]]
        reached[jump[hits]] = True
        reached[count] = False
        jump[going] = jump[jump[going]]
        going = going[jump[going] != count]
    above = np.zeros(count + 1, bool)
    above[inside[reached[:count]]] = True
    found: Numbers = above[:count]
    return found


def _counted(
    spans: Spans, role: Numbers, run_of: Numbers, inside: Numbers, root: Numbers
) -> tuple[Numbers, Numbers]:
    """Return the spans whose usage counts, with their runs, by run and id: leaf inferences, else the run's own span.

    Aggregates are never added.
    """
    is_inference = (role == INFERENCE) & (run_of >= 0)
    leaves = np.flatnonzero(is_inference & ~_above(is_inference, inside))
    has_leaf = np.zeros(len(root), bool)
    has_leaf[run_of[leaves]] = True
    counted = np.r_[leaves, root[~has_leaf]]
    runs = np.r_[run_of[leaves], np.flatnonzero(~has_leaf)]
    order = np.lexsort((spans.span[counted], runs))
    return counted[order], runs[order]


def _outcomes(spans: Spans, run_of: Numbers, inside: Numbers, run_count: int) -> tuple[Numbers, Numbers]:
    """Return the worst outcome of each run, and the span that explains it.

    Of several the first with a name, however the spans arrived. An error without a name says only that something below
    went wrong: what is below and has a name is the cause.
    """
    outcome, cause = np.full(run_count, OK, np.int64), np.full(run_count, -1, np.int64)
    ends = _recoded(spans, "run_outcome", OUTCOMES, NO_OUTCOME)
    went_wrong = np.zeros(run_count + 1, bool)
    went_wrong[run_of[(ends < OK) & (run_of >= 0)]] = True
    rows = np.flatnonzero(went_wrong[run_of] & (run_of >= 0))
    if not len(rows):
        return outcome, cause
    left = np.zeros(len(spans), bool)
    left[rows[_not_made_good(spans, rows, run_of, ends)]] = True
    is_named = spans.codes("error_type") != _code_of(spans.columns.words["error_type"], "")
    is_explained = _above(left & is_named, inside)
    causes = np.flatnonzero(left & (is_named | (ends != FAILED) | ~is_explained))
    start = spans.number("start_ns")
    worst = causes[
        np.lexsort((spans.span[causes], start[causes], ~is_named[causes], ends[causes], run_of[causes]))
    ]
    runs, first = np.unique(run_of[worst], return_index=True)
    outcome[runs] = ends[worst[first]]
    cause[runs] = worst[first]
    return outcome, cause


def _not_made_good(spans: Spans, rows: Numbers, run_of: Numbers, ends: Numbers) -> Numbers:
    """Return which of `rows` went wrong and were not made good by a later attempt of the same step.

    A step is the same parent, operation, and model or tool; spans without a parent in common are no attempts of one.
    """
    parent = spans.number("parent")[rows]
    step = np.where(parent == 0, spans.span[rows], parent)
    operation, subject = spans.codes("operation")[rows], _subjects(spans)[rows]
    start, end = spans.number("start_ns")[rows], spans.number("end_ns")[rows]
    order = np.lexsort((spans.span[rows], end, start, subject, operation, step, run_of[rows]))
    keys = (run_of[rows][order], step[order], operation[order], subject[order])
    is_new = np.ones(len(rows), bool)
    is_new[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    group, place = np.cumsum(is_new) - 1, np.arange(len(rows))
    is_good = ends[rows][order] == OK
    last_good = np.full(int(group[-1]) + 1, -1, np.int64)
    np.maximum.at(last_good, group[is_good], place[is_good])
    left = (place > last_good[group]) & (ends[rows][order] < OK)
    found: Numbers = order[left]
    return found


def _subjects(spans: Spans) -> Numbers:
    """Return one code for the tool of each span, or else its model: equal for equal texts in either column."""
    tools, models = spans.columns.words["tool"], spans.columns.words["model"]
    known: dict[str, int] = {"": 0}
    tool = np.array([known.setdefault(word, len(known)) for word in tools.words], dtype=np.int64)[spans.codes("tool")]
    model = np.array([known.setdefault(word, len(known)) for word in models.words], dtype=np.int64)
    found: Numbers = np.where(tool != 0, tool, model[spans.codes("model")])
    return found


def _first_word(spans: Spans, name: str, root: Numbers, rows: Numbers, runs: Numbers) -> Numbers:
    """Return the span that says `name` of each run: its own, else the first of `rows` that says it at all."""
    nothing = _code_of(spans.columns.words[name], "")
    codes = spans.codes(name)
    says = root.copy()
    below = rows[codes[rows] != nothing]
    with_word, first = np.unique(runs[codes[rows] != nothing], return_index=True)
    silent = codes[root[with_word]] == nothing
    says[with_word[silent]] = below[first[silent]]
    return says


def _code_of(words: Words, word: str) -> int:
    return words.words.index(word) if word in words.words else -1


_SUMMED: Final = ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens")


def _sums(
    spans: Spans, counted: Numbers, runs: Numbers, root: Numbers, books: Mapping[str, PriceBook]
) -> tuple[dict[str, Numbers], Numbers, list[str]]:
    sums: dict[str, Numbers] = {}
    for name in _SUMMED:
        sums[name] = np.zeros(len(root), np.int64)
        np.add.at(sums[name], runs, spans.number(name)[counted].astype(np.int64))
    sums["is_cache_exclusive"] = np.zeros(len(root), np.int64)
    np.maximum.at(sums["is_cache_exclusive"], runs, spans.number("is_cache_exclusive")[counted].astype(np.int64))
    ttfc = spans.number("ttfc_ns").astype(np.int64)
    sums["ttfc_ns"] = ttfc[root]
    answered = counted[ttfc[counted] > 0]
    by_start = np.lexsort((spans.span[answered], spans.number("start_ns")[answered], runs[ttfc[counted] > 0]))
    which, first = np.unique(runs[ttfc[counted] > 0][by_start], return_index=True)
    silent = ttfc[root[which]] == 0
    sums["ttfc_ns"][which[silent]] = ttfc[answered[by_start[first[silent]]]]
    sums["cost_nano_usd"], source, versions = _costs(spans, counted, runs, root, books)
    return sums, source, versions


def _costs(
    spans: Spans, counted: Numbers, runs: Numbers, root: Numbers, books: Mapping[str, PriceBook]
) -> tuple[Numbers, Numbers, list[str]]:
    """Return the cost of each run, where it is from, and under which version of prices.

    Of each span that is counted the sender's figure, else the price table's; a run has a price only when all have one.
    Where no sender's figure stands below, the run's own outranks the table.
    """
    told = spans.number("cost_nano_usd").astype(np.int64)  # -1: the sender gives none
    is_told = told[counted] >= 0
    told_of, all_of = np.bincount(runs[is_told], minlength=len(root)), np.bincount(runs, minlength=len(root))
    own = (told_of == 0) & (told[root] >= 0)
    cost = np.where(is_told, told[counted], 0)
    is_asked = ~is_told & ~own[runs]
    is_known = is_told.copy()
    versions = [""] * len(root)
    for place, usage, workspace in _usages(spans, counted, np.flatnonzero(is_asked)):
        book = books.get(workspace)
        if book is None:
            continue
        quote = book.quote(usage)
        versions[int(runs[place])] = quote.price_version
        if quote.cost_nano_usd is not None:
            cost[place], is_known[place] = min(quote.cost_nano_usd, MAX_COST_NANO_USD), True
    known_of = np.bincount(runs[is_known], minlength=len(root))
    source = np.select([own | (told_of == all_of), known_of < all_of, told_of == 0], [0, 3, 1], 2)
    total, about = np.zeros(len(root), np.int64), np.zeros(len(root))
    np.add.at(total, runs, cost)
    np.add.at(about, runs, cost.astype(np.float64))
    total[about >= MAX_COST_NANO_USD] = MAX_COST_NANO_USD
    total = np.where(own, np.minimum(told[root], MAX_COST_NANO_USD), total)
    return np.where(source == 3, 0, total), source, versions


def _usages(spans: Spans, counted: Numbers, places: Numbers) -> Iterator[tuple[int, Usage, str]]:
    rows = spans.rows[counted[places]]
    words, numbers = spans.columns.words, spans.columns.numbers
    named: list[list[str]] = [
        [words[name].words[code] for code in words[name].codes[rows].tolist()]
        for name in ("provider", "model", "workspace")
    ]
    figures: list[list[Any]] = [
        numbers[name][rows].tolist()
        for name in ("second", "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens")
    ]
    for place, provider, model, workspace, *used in zip(places.tolist(), *named, *figures, strict=True):
        yield place, Usage(provider, model, *used), workspace
