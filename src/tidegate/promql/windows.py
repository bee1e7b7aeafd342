"""What happens in a window before each of many moments: `rate`, `increase`, `*_over_time`.

All series and all moments at once: the samples of the series lie one after the other, and a window is a pair of
positions. Sums are made in the order in which Prometheus makes them, so that the last digit is the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.promql.series import Floats, Labels, Moments, Series, is_stale

__all__ = ["RANGE_FUNCTIONS", "Windows", "cut_windows"]

Positions = NDArray[np.int64]
Mask = NDArray[np.bool_]
# Up to here every whole number is a float64, and sums of them are exact in any order.
_WHOLE_UP_TO: Final = 2.0**53


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of `n` series at `t` moments."""

    labels: Sequence[Labels]
    moments: Moments
    """Of all series, one after the other; without markers of staleness."""
    values: Floats
    first: Positions
    """`n` by `t`: where each window begins in `values`."""
    past: Positions
    """`n` by `t`: where it has ended."""
    starts: Moments
    ends: Moments
    range_ms: int

    @property
    def counts(self) -> Positions:
        return self.past - self.first

    @property
    def filled(self) -> Mask:
        return self.past > self.first

    def at(self, positions: Positions) -> Floats:
        """Return the values at `positions`; any value where a window has none."""
        if not self.values.size:
            return np.zeros(positions.shape)
        return self.values[np.clip(positions, 0, self.values.size - 1)]

    def moments_at(self, positions: Positions) -> Moments:
        if not self.moments.size:
            return np.zeros(positions.shape, dtype=np.int64)
        return self.moments[np.clip(positions, 0, self.moments.size - 1)]


def cut_windows(series: Sequence[Series], starts: Moments, ends: Moments, seen: Moments, *, is_open: bool) -> Windows:
    """Cut `series` into the windows from `starts` to `ends`, of which nothing after `seen` is there yet.

    `is_open`: a sample at the very start is outside (Prometheus 3), else inside (Prometheus 2).
    """
    kept = [_without_markers(one) for one in series]
    first = np.empty((len(kept), starts.size), dtype=np.int64)
    past = np.empty_like(first)
    until = np.minimum(ends, seen)
    offset = 0
    known: tuple[Moments, Positions, Positions] | None = None
    for row, (moments, _) in enumerate(kept):
        if known is None or not _same(moments, known[0]):
            low = np.searchsorted(moments, starts, side="right" if is_open else "left")
            known = (moments, low, np.maximum(np.searchsorted(moments, until, side="right"), low))
        first[row] = known[1] + offset
        past[row] = known[2] + offset
        offset += moments.size
    return Windows(
        labels=[one.labels for one in series],
        moments=np.concatenate([m for m, _ in kept]) if kept else np.empty(0, dtype=np.int64),
        values=np.concatenate([v for _, v in kept]) if kept else np.empty(0),
        first=first,
        past=past,
        starts=starts,
        ends=ends,
        range_ms=int(ends[0] - starts[0]) if ends.size else 0,
    )


def _same(one: Moments, other: Moments) -> bool:
    return one is other or (one.size == other.size and bool((one == other).all()))


def _without_markers(series: Series) -> tuple[Moments, Floats]:
    stale = is_stale(series.values)
    return (series.moments[~stale], series.values[~stale]) if stale.any() else (series.moments, series.values)


def _extrapolated(windows: Windows, *, is_rate: bool) -> tuple[Floats, Mask]:
    """Prometheus 2.42's `extrapolatedRate` for counters of floats."""
    enough = windows.counts >= 2
    first, last = windows.at(windows.first), windows.at(windows.past - 1)
    result = last - first + 0.0
    _add_resets(windows, result)
    first_at, last_at = windows.moments_at(windows.first), windows.moments_at(windows.past - 1)
    to_start = (first_at - windows.starts) / 1000
    to_end = (windows.ends - last_at) / 1000
    sampled = (last_at - first_at) / 1000
    average = sampled / (windows.counts - 1)
    # A counter begins at zero: the window reaches no further back than where the line would meet it.
    to_zero = sampled * (first / result)
    to_start = np.where((result > 0) & (first >= 0) & (to_zero < to_start), to_zero, to_start)
    limit = average * 1.1
    reach = sampled + np.where(to_start < limit, to_start, average / 2)
    reach += np.where(to_end < limit, to_end, average / 2)
    factor = reach / sampled
    if is_rate:
        factor /= windows.range_ms / 1000
    return result * factor, enough


def _add_resets(windows: Windows, result: Floats) -> None:
    """Add to `result` what the counters had reached before each fall inside its window, in order."""
    falls = np.flatnonzero(windows.values[1:] < windows.values[:-1]) + 1
    if not falls.size:
        return
    begin = np.searchsorted(falls, windows.first + 1, side="left")
    count = np.searchsorted(falls, windows.past, side="left") - begin
    for step in range(int(count.max(initial=0))):
        more = count > step
        result[more] += windows.values[falls[begin[more] + step] - 1]


def _rate(windows: Windows) -> tuple[Floats, Mask]:
    return _extrapolated(windows, is_rate=True)


def _increase(windows: Windows) -> tuple[Floats, Mask]:
    return _extrapolated(windows, is_rate=False)


def _sum(windows: Windows) -> tuple[Floats, Mask]:
    whole = _whole_sums(windows)
    if whole is not None:
        return whole, windows.filled
    total = np.zeros(windows.first.shape)
    lost = np.zeros(windows.first.shape)
    for more, value, _ in _each(windows):
        _add_exactly(total, lost, more, value)
    return np.where(np.isinf(total), total, total + lost), windows.filled


def _whole_sums(windows: Windows) -> Floats | None:
    """Return sums by differences of one running sum where all numbers are whole, so that this is exact."""
    values = windows.values
    if not values.size or not np.isfinite(values).all() or (values != np.floor(values)).any():
        return None
    if float(np.abs(values).sum()) >= _WHOLE_UP_TO:
        return None
    running = np.concatenate([np.zeros(1), np.cumsum(values)])
    return np.asarray(running[windows.past] - running[windows.first])


def _average(windows: Windows) -> tuple[Floats, Mask]:
    mean = np.zeros(windows.first.shape)
    lost = np.zeros(windows.first.shape)
    for more, value, count in _each(windows):
        held = mean[more]
        # An infinite mean stays, unless its opposite or no number comes.
        stays = np.isinf(held) & (np.isfinite(value) | (np.isinf(value) & ((held > 0) == (value > 0))))
        moves = more.copy()
        moves[more] = ~stays
        _add_exactly(mean, lost, moves, value[~stays] / count - held[~stays] / count)
    return np.where(np.isinf(mean), mean, mean + lost), windows.filled


def _each(windows: Windows) -> Iterator[tuple[Mask, Floats, int]]:
    """Yield the first samples of all windows, then the second ones, and so on: which have one, it, its number."""
    counts = windows.counts
    for step in range(int(counts.max(initial=0))):
        more = counts > step
        yield more, windows.values[windows.first[more] + step], step + 1


def _add_exactly(total: Floats, lost: Floats, where: Mask, value: Floats) -> None:
    """Kahan's sum as Neumaier improved it: what a sum loses in its last digits is kept beside it."""
    held = total[where]
    reached = held + value
    lost[where] += np.where(np.abs(held) >= np.abs(value), (held - reached) + value, (value - reached) + held)
    total[where] = reached


def _extreme(better: np.ufunc) -> Callable[[Windows], tuple[Floats, Mask]]:
    def extreme(windows: Windows) -> tuple[Floats, Mask]:
        """Two overlapping stretches of a power of two cover each window."""
        filled, counts = windows.filled, windows.counts
        result = np.zeros(windows.first.shape)
        if not filled.any():
            return result, filled
        levels = np.where(filled, np.frexp(counts.astype(np.float64))[1] - 1, -1)
        stretch = windows.values
        for level in range(int(levels.max()) + 1):
            if level:
                half = 1 << (level - 1)
                stretch = better(stretch[:-half], stretch[half:])
            here = levels == level
            result[here] = better(stretch[windows.first[here]], stretch[windows.past[here] - (1 << level)])
        return result, filled

    return extreme


RANGE_FUNCTIONS: Final[Mapping[str, Callable[[Windows], tuple[Floats, Mask]]]] = {
    "rate": _rate,
    "increase": _increase,
    "sum_over_time": _sum,
    "avg_over_time": _average,
    "min_over_time": _extreme(np.fmin),
    "max_over_time": _extreme(np.fmax),
    "count_over_time": lambda windows: (windows.counts.astype(np.float64), windows.filled),
    "last_over_time": lambda windows: (windows.at(windows.past - 1), windows.filled),
    "present_over_time": lambda windows: (np.ones(windows.first.shape), windows.filled),
}
