"""From sums by step to sums of every window: sliding, exact, a block of subjects at a time. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np

from tidegate.alerts.backtest.model.ticks import Ticks
from tidegate.alerts.crossings import Batch, Subjects, place_of, storable
from tidegate.alerts.model import Filter, Source
from tidegate.kernel import WorkspaceId
from tidegate.signals import Stepped
from tidegate.signals.quantiles import upper_bound_ms
from tidegate.storage.native import Numbers

__all__ = ["KNOWN_FOR", "Block", "Grouping", "blocks_of", "buckets_of"]

KNOWN_FOR: Final = timedelta(hours=1)
_CELLS: Final = 500_000  # of a block: 4 MB a column
_SHARES_MILLI: Final = ((500, "p50_ms"), (950, "p95_ms"), (990, "p99_ms"))
_Key = tuple[WorkspaceId, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Grouping:
    """How subjects are told apart, and over which window they are judged."""

    group_by: Sequence[str]
    where: Sequence[Filter]
    source: Source
    window: timedelta
    needs_known: bool
    """Whether it matters who was there within the hour before."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some subjects, whole places, at every look. Rows go by subject, then by look."""

    batch: Batch
    is_here: Numbers
    """By subject and look, whether anything was counted within the window."""
    known: Batch | None
    """The same subjects over the hour before the window."""
    subject_count: int


@dataclass(frozen=True, slots=True, eq=False)
class _Named:
    """Subjects of all rows by one name each, places together."""

    keys: Sequence[_Key]
    place: Numbers
    tenants: Sequence[str]
    tenant: Numbers
    subject: Numbers
    """By row."""


def blocks_of(stepped: Stepped, grouping: Grouping, ticks: Ticks) -> Iterator[Block]:
    """Yield all subjects with the sums of the window that ends at each look."""
    if not len(stepped.subject):
        return
    named = _named(stepped, grouping)
    order = np.argsort(named.subject, kind="stable")
    ranked = named.subject[order]
    before = ticks.steps_of(KNOWN_FOR) if grouping.needs_known else 0
    steps = ticks.step_count + ticks.steps_of(grouping.window) + before
    for first, last in _cuts(named.place, max(1, _CELLS // (steps * max(1, buckets_of(stepped))))):
        rows = order[np.searchsorted(ranked, first) : np.searchsorted(ranked, last)]
        yield _block(stepped, grouping, ticks, named, (first, last), rows)


def buckets_of(stepped: Stepped) -> int:
    """Return how many buckets of durations there are; 0 where something else is counted."""
    return 0 if stepped.bucket is None else len(np.unique(stepped.bucket))


def _named(stepped: Stepped, grouping: Grouping) -> _Named:
    """Put together subjects that have one name once it can be stored, and sort them by place."""
    subjects = Subjects()
    keys = [place_of(workspace, values, grouping.group_by, grouping.where) for workspace, values in stepped.places]
    unique: dict[_Key, int] = {}
    places = np.array([unique.setdefault(key, len(unique)) for key in keys], np.int64)
    tenants = np.append(np.array([subjects.tenant(storable(one)) for one in stepped.tenants], np.int64), 0)
    place, tenant = places[stepped.place], tenants[stepped.tenant]
    width = len(subjects) + 1
    found, own = np.unique(place * width + tenant, return_inverse=True)
    names = [""] * max(0, width - 1)
    for one in stepped.tenants:
        names[subjects.tenant(storable(one)) - 1] = storable(one)
    return _Named(list(unique), found // width, names, found % width - 1, own[stepped.subject])


def _cuts(place: Numbers, most: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of subjects that hold whole places, of at most `most` subjects where places are no larger."""
    ends = np.append(np.flatnonzero(np.diff(place)) + 1, len(place)).tolist()
    start = 0
    for position, end in enumerate(ends):
        following = ends[position + 1] if position + 1 < len(ends) else None
        if following is None or following - start > most:
            yield start, end
            start = end


def _block(  # noqa: PLR0917 - the parts of a block
    stepped: Stepped, grouping: Grouping, ticks: Ticks, named: _Named, cut: tuple[int, int], rows: Numbers
) -> Block:
    first, last = cut
    before = ticks.steps_of(KNOWN_FOR) if grouping.needs_known else 0
    length = ticks.steps_of(grouping.window)
    lead = length + before - 1  # steps that were read before the first one that is looked at
    sliding = _Sliding(stepped, rows, named.subject[rows] - first, shape=(last - first, lead + ticks.step_count))
    ends = ticks.steps + lead + 1
    looks = len(ends)
    subject = np.arange((last - first) * looks)
    place, tenant = np.repeat(named.place[first:last], looks), np.repeat(named.tenant[first:last], looks)

    def batch_of(sums: dict[str, Numbers]) -> Batch:
        flat = {name: values.reshape(-1) for name, values in sums.items()}
        return Batch(named.keys, place, named.tenants, tenant, subject, flat, grouping.source)

    sums = sliding.over(ends, length)
    is_here = sliding.is_here(sums)
    known = None
    if grouping.needs_known:
        known_ends = ticks.known_steps + lead + 1 - length
        known = batch_of(sliding.over(known_ends, before))
    return Block(batch_of(sums), is_here, known, last - first)


class _Sliding:
    """Sums of some subjects over any range of steps."""

    def __init__(self, stepped: Stepped, rows: Numbers, subject: Numbers, *, shape: tuple[int, int]) -> None:
        count, step_count = shape
        self._thousandths = stepped.thousandths
        self._buckets = None if stepped.bucket is None else np.unique(stepped.bucket)
        step = stepped.step[rows]
        dense_shape: tuple[int, ...] = shape
        at: tuple[Numbers, ...] = (subject, step)
        if self._buckets is not None and stepped.bucket is not None:
            dense_shape = (count, len(self._buckets), step_count)
            at = (subject, np.searchsorted(self._buckets, stepped.bucket[rows]), step)
        self._sums: dict[str, Numbers] = {}
        self._highest: dict[str, Numbers] = {}
        for name, values in stepped.sums.items():
            dense = np.zeros(dense_shape, object if values.dtype == object else np.int64)
            if name == "limit_micro":
                np.maximum.at(dense, at, values[rows])
                self._highest[name] = dense
                continue
            np.add.at(dense, at, values[rows])
            total = np.zeros((*dense_shape[:-1], step_count + 1), dense.dtype)
            np.cumsum(dense, axis=-1, out=total[..., 1:])
            self._sums[name] = total

    def over(self, ends: Numbers, length: int) -> dict[str, Numbers]:
        """Return by subject and end the sums of the `length` steps before it."""
        starts = np.maximum(ends - length, 0)
        found = {name: total[..., ends] - total[..., starts] for name, total in self._sums.items()}
        if self._buckets is not None:
            return _durations(found, self._buckets)
        found = {name: values // 1000 if name in self._thousandths else values for name, values in found.items()}
        return found | {name: _highest(values, starts, length) for name, values in self._highest.items()}

    def is_here(self, sums: dict[str, Numbers]) -> Numbers:
        some: Any = False
        for name, values in sums.items():
            if self._buckets is None:
                some |= values != 0
            elif name == "mean_ms":
                some |= ~np.isnan(values)
        found: Numbers = np.asarray(some)
        return found


def _durations(found: dict[str, Numbers], buckets: Numbers) -> dict[str, Numbers]:
    """Return what `durations_by_group` says of each window."""
    seen = np.cumsum(found["weight"], axis=1)
    total, spent = seen[:, -1], found["spent_us"].sum(axis=1)
    bounds = np.array([upper_bound_ms(int(one)) for one in buckets.tolist()])
    is_empty = total == 0
    means = [
        round(one / of, 3) if of else np.nan
        for one, of in zip(spent.reshape(-1).tolist(), total.reshape(-1).tolist(), strict=True)
    ]
    sums: dict[str, Numbers] = {"count": total // 1000, "mean_ms": np.array(means).reshape(total.shape)}
    for share, name in _SHARES_MILLI:
        enough = -(-total * share // 1000)
        sums[name] = np.where(is_empty, np.nan, bounds[np.argmax(seen >= enough[:, None, :], axis=1)])
    return sums


def _highest(values: Numbers, starts: Numbers, length: int) -> Numbers:
    """Return the highest of `length` values from each start: of two overlapping ranges whose length is a power of 2."""
    reach = 1
    best = values
    while reach * 2 <= length:
        shifted = np.zeros_like(best)
        shifted[..., :-reach] = best[..., reach:]
        best = np.maximum(best, shifted)
        reach *= 2
    last = np.minimum(starts + length - reach, values.shape[-1] - 1)
    found: Numbers = np.maximum(best[..., starts], best[..., last])
    return found
