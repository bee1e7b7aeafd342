"""What runs used and cost, summed over the spans that count. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tidegate.signals.ports import PriceBook
from tidegate.signals.prices.calls import Calls
from tidegate.signals.spans import Spans
from tidegate.storage.native import Numbers

SENDER, TABLE, MIXED, UNPRICED = range(4)
COST_SOURCES: Final = ("sender", "table", "mixed", "unpriced")
MAX_COST_NANO_USD: Final = 2**62  # the column holds 2**63: a hostile sum must not come back negative
_SUMMED: Final = ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens")


@dataclass(frozen=True, slots=True)
class Counted:
    """Spans that count for runs: `rows[i]` for `runs[i]`, ordered by run and id."""

    spans: Spans
    root: Numbers
    """The topmost span of each run."""
    rows: Numbers
    runs: Numbers


def usage_of(counted: Counted) -> dict[str, Numbers]:
    """Return the sums of usage of each run, and how long it took to the first chunk."""
    spans, rows, runs, root = counted.spans, counted.rows, counted.runs, counted.root
    sums: dict[str, Numbers] = {}
    for name in _SUMMED:
        sums[name] = np.zeros(len(root), np.int64)
        np.add.at(sums[name], runs, spans.number(name, rows).astype(np.int64))
    sums["is_cache_exclusive"] = np.zeros(len(root), np.int64)
    np.maximum.at(sums["is_cache_exclusive"], runs, spans.number("is_cache_exclusive", rows).astype(np.int64))
    ttfc = spans.number("ttfc_ns").astype(np.int64)
    sums["ttfc_ns"] = ttfc[root]
    has_answer = ttfc[rows] > 0
    answered, of_run = rows[has_answer], runs[has_answer]
    order = np.lexsort((spans.span[answered], spans.number("start_ns", answered), of_run))
    which, first = np.unique(of_run[order], return_index=True)
    silent = ttfc[root[which]] == 0
    sums["ttfc_ns"][which[silent]] = ttfc[answered[order[first[silent]]]]
    return sums


@dataclass(frozen=True, slots=True)
class Prices:
    """The books of workspaces, by name; one without a book has no prices."""

    books: Mapping[str, PriceBook] = field(default_factory=dict)


def costs_of(counted: Counted, prices: Prices) -> tuple[Numbers, Numbers, Sequence[str]]:
    """Return the cost of each run, where it is from, and under which version of prices.

    Of each span that is counted the sender's figure, else the price table's; a run has a price only when all have one.
    Where no sender's figure stands below, the run's own outranks the table.
    """
    spans, runs, root = counted.spans, counted.runs, counted.root
    told = spans.number("cost_nano_usd").astype(np.int64)  # -1: the sender gives none
    is_told = told[counted.rows] >= 0
    told_of, all_of = np.bincount(runs[is_told], minlength=len(root)), np.bincount(runs, minlength=len(root))
    own = (told_of == 0) & (told[root] >= 0)
    cost, is_known = np.where(is_told, told[counted.rows], 0), is_told.copy()
    versions = _ask(counted, prices, ~is_told & ~own[runs], (cost, is_known))
    # A call that failed before it used anything costs nothing beside calls whose cost is known; alone it stays unknown.
    is_known |= _used_nothing(counted) & (np.bincount(runs[is_known], minlength=len(root)) > 0)[runs]
    known_of = np.bincount(runs[is_known], minlength=len(root))
    source = np.select([own | (told_of == all_of), known_of < all_of, told_of == 0], [SENDER, UNPRICED, TABLE], MIXED)
    total, about = np.zeros(len(root), np.int64), np.zeros(len(root))
    np.add.at(total, runs, cost)
    np.add.at(about, runs, cost.astype(np.float64))
    total[about >= MAX_COST_NANO_USD] = MAX_COST_NANO_USD
    total = np.where(own, np.minimum(told[root], MAX_COST_NANO_USD), total)
    return np.where(source == UNPRICED, 0, total), source, versions


def _used_nothing(counted: Counted) -> Numbers:
    spans, rows = counted.spans, counted.rows
    outcome = spans.columns.words["run_outcome"]
    went_wrong = np.array([word not in {"", "ok"} for word in outcome.words], bool)
    nothing: Numbers = went_wrong[outcome.codes[spans.rows[rows]]]
    for name in ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens"):
        nothing &= spans.number(name, rows) == 0
    return nothing


def _ask(counted: Counted, prices: Prices, is_asked: Numbers, answers: tuple[Numbers, Numbers]) -> list[str]:
    """Ask the books for spans without a figure, note the `answers`, and return the version of each run."""
    versions = [""] * len(counted.root)
    if not prices.books:
        return versions
    cost, is_known = answers
    places = np.flatnonzero(is_asked)
    workspace = counted.spans.columns.words["workspace"]
    owners = workspace.codes[counted.spans.rows[counted.rows[places]]]
    for code in np.unique(owners).tolist():
        name = workspace.words[code]
        book = prices.books.get(name)
        if book is None:
            continue
        own = places[owners == code]
        quoted = book.costs(_calls(counted, own))
        cost[own], is_known[own] = np.clip(quoted, 0, MAX_COST_NANO_USD), quoted >= 0
        for run in np.unique(counted.runs[own]).tolist():
            versions[run] = book.version
    return versions


def _calls(counted: Counted, places: Numbers) -> Calls:
    rows = counted.spans.rows[counted.rows[places]]
    words, numbers = counted.spans.columns.words, counted.spans.columns.numbers
    provider, model = words["provider"], words["model"]
    return Calls(
        providers=provider.words,
        models=model.words,
        provider_codes=provider.codes[rows],
        model_codes=model.codes[rows],
        at_s=numbers["second"][rows],
        input_tokens=numbers["input_tokens"][rows],
        cached_input_tokens=numbers["cached_input_tokens"][rows],
        cache_write_tokens=numbers["cache_write_tokens"][rows],
        output_tokens=numbers["output_tokens"][rows],
    )
