"""AI runs out of the spans of many traces at once, without a loop over spans. Pure.

A run is one topmost agent or workflow span, else one inference span without an agent, workflow or inference above it.
A span whose parent is not there counts as topmost; when the parent comes, its trace is counted again.
`tests/oracle_runs.py` says the same span by span, and a test holds the two together.

Who stands on top is found by doubling the length of the way up (`jump = jump[jump]`); where that way never ends, it is
a cycle, and the smallest id is on top.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.signals.run_costs import Counted, Prices, costs_of, usage_of
from tidegate.signals.spans import Spans, code_of
from tidegate.storage.native import Numbers

ROLES: Final = ("", "agent", "inference", "step")
AGENT, INFERENCE = 1, 2
OUTCOMES: Final = ("policy_blocked", "validation_error", "failed", "cancelled", "ok")  # the worst first
FAILED, OK, NO_OUTCOME = 2, 4, 5
TOO_LARGE: Final = "trace_too_large"


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


def find_runs(spans: Spans, prices: Prices) -> Runs:
    """Return the runs of all traces."""
    count = len(spans)
    role = _recoded(spans, "role", ROLES, 0)
    top = _top_of_each(spans, role)
    is_member = (role > 0) & (top < count)
    members = np.flatnonzero(is_member)
    root, place = np.unique(top[members], return_inverse=True)
    run_of = np.full(count, -1, np.int64)
    run_of[members] = place
    inside = np.where(np.r_[top, count][spans.parent] == top, spans.parent, count)  # the parent within the same run
    counted = _counted(spans, role, run_of=run_of, inside=inside, root=root)
    outcome, cause = _outcomes(spans, run_of, inside, len(root))
    sums = usage_of(counted)
    sums["cost_nano_usd"], cost_source, versions = costs_of(counted, prices)
    sums["span_count"] = np.bincount(place, minlength=len(root)).astype(np.int64)
    words_of = {name: _first_word(name, counted) for name in _BELOW}
    words_of["tenant"] = _first_word("tenant", _saying("tenant", spans, root, members=members, run_of=place))
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
        _smallest_on_top(spans, role, endless, (agent, inference))
    found: Numbers = np.where(agent != count, agent, inference)[:count]
    return found


def _smallest_on_top(spans: Spans, role: Numbers, endless: Numbers, tops: tuple[Numbers, Numbers]) -> None:
    """Put the smallest id on top of spans whose way up is a cycle or leads into one: all of them agree on it."""
    count = len(spans)
    ranked = np.argsort(spans.span, kind="stable")
    rank = np.empty(count + 1, np.int64)
    rank[ranked], rank[count] = np.arange(count), count
    at_rank = np.r_[ranked, count]
    for top, kind in zip(tops, (AGENT, INFERENCE), strict=True):
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


def _counted(spans: Spans, role: Numbers, *, run_of: Numbers, inside: Numbers, root: Numbers) -> Counted:
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
    return Counted(spans, root, counted[order], runs[order])


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
    is_named = spans.codes("error_type") != code_of(spans.columns.words["error_type"], "")
    is_explained = _above(left & is_named, inside)
    causes = np.flatnonzero(left & (is_named | (ends != FAILED) | ~is_explained))
    start = spans.number("start_ns")
    worst = causes[np.lexsort((spans.span[causes], start[causes], ~is_named[causes], ends[causes], run_of[causes]))]
    runs, first = np.unique(run_of[worst], return_index=True)
    outcome[runs] = ends[worst[first]]
    cause[runs] = worst[first]
    return outcome, cause


def _not_made_good(spans: Spans, rows: Numbers, run_of: Numbers, ends: Numbers) -> Numbers:
    """Return which of `rows` went wrong and were not made good by a later attempt of the same step.

    A step is the same parent, operation, and model or tool; spans without a parent in common are no attempts of one.
    """
    parent = spans.number("parent", rows)
    step = np.where(parent == 0, spans.span[rows], parent)
    operation, subject = spans.codes("operation", rows), _subjects(spans)[rows]
    start, end = spans.number("start_ns", rows), spans.number("end_ns", rows)
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


def _saying(name: str, spans: Spans, root: Numbers, *, members: Numbers, run_of: Numbers) -> Counted:
    """Return those of `members` that say `name` in runs whose own span does not, by run and id."""
    nothing = code_of(spans.columns.words[name], "")
    is_wanted = (spans.codes(name, root) == nothing)[run_of] & (spans.codes(name, members) != nothing)
    rows, runs = members[is_wanted], run_of[is_wanted]
    order = np.lexsort((spans.span[rows], runs))
    return Counted(spans, root, rows[order], runs[order])


def _first_word(name: str, among: Counted) -> Numbers:
    """Return the span that says `name` of each run: its own, else the first of `among` that says it at all."""
    spans, root = among.spans, among.root
    nothing = code_of(spans.columns.words[name], "")
    codes = spans.codes(name)
    says = root.copy()
    is_said = codes[among.rows] != nothing
    with_word, first = np.unique(among.runs[is_said], return_index=True)
    silent = codes[root[with_word]] == nothing
    says[with_word[silent]] = among.rows[is_said][first[silent]]
    return says
