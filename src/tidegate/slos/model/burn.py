"""Pairs of windows that tell a fast burn from a slow one, as the Site Reliability Workbook has them. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Final

from tidegate.kernel import format_duration

__all__ = [
    "SHOWN",
    "WORKBOOK",
    "BurnPair",
    "BurnSeverity",
    "LeftOut",
    "factor_of",
    "least_count",
    "pairs_for",
    "problem_with",
    "too_late",
    "windows_of",
]

_MINUTE: Final = timedelta(minutes=1)


class BurnSeverity(StrEnum):
    P1 = "P1"
    P2 = "P2"


@dataclass(frozen=True, slots=True)
class BurnPair:
    """It burns when both windows burn at `factor` or more: the long one says that it matters, the short one that it
    still does.
    """

    severity: BurnSeverity
    long: timedelta
    short: timedelta
    factor: Fraction
    min_count: int | None = None
    """Below so many events in the long window nothing is said to burn; `None`: as `least_count` has it."""

    @property
    def words(self) -> str:
        return f"{format_duration(self.long)}/{format_duration(self.short)} at {float(self.factor):g}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A pair of the workbook that makes no sense for an objective, and why."""

    pair: BurnPair
    reason: str


SHOWN: Final = (timedelta(hours=1), timedelta(hours=6), timedelta(days=3))
"""Over which windows people are shown how fast it burns."""
_ENOUGH: Final = 20  # SIGNALS section 3: below 20 events a ratio says nothing
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_MONTH: Final = 30 * _DAY
_FEWEST_STEPS: Final = 5  # of a long window: fewer make a page of one bad minute
_FEWEST_SHORT_STEPS: Final = 2
# Severity, share of the budget, long and short window: for 30 days the factors are 14.4, 6, 3 and 1.
WORKBOOK: Final = (
    (BurnSeverity.P1, Fraction(2, 100), _HOUR, timedelta(minutes=5)),
    (BurnSeverity.P1, Fraction(5, 100), timedelta(hours=6), timedelta(minutes=30)),
    (BurnSeverity.P2, Fraction(10, 100), _DAY, timedelta(hours=2)),
    (BurnSeverity.P2, Fraction(10, 100), timedelta(days=3), timedelta(hours=6)),
)


def factor_of(budget_share: Fraction, *, window: timedelta, long: timedelta) -> Fraction:
    """Return the burn that uses up `budget_share` of a window's budget within `long`."""
    return budget_share * Fraction(window // _MINUTE, long // _MINUTE)


def least_count(pair: BurnPair, *, allowed_share: Fraction) -> int:
    """Return how many events the long window needs until `pair` can be said to burn.

    Unless the pair says it: so many that one bad event alone is no burn, and enough for a ratio to mean anything.
    """
    if pair.min_count is not None:
        return pair.min_count
    return max(math.floor(1 / (pair.factor * allowed_share)) + 1, _ENOUGH)


def problem_with(
    pair: BurnPair, *, allowed_share: Fraction, window: timedelta, resolution: timedelta = _MINUTE
) -> str | None:
    """Return why `pair` can never burn, or cannot be told; `None` when it can."""
    if pair.short >= pair.long:
        return (
            f"The short window ({format_duration(pair.short)}) must be shorter than the long one "
            f"({format_duration(pair.long)})."
        )
    if pair.long > window:
        return (
            f"The long window ({format_duration(pair.long)}) is longer than the objective's "
            f"({format_duration(window)}): it would look at what is forgiven already."
        )
    if pair.short < resolution or pair.short % resolution or pair.long % resolution:
        return (
            f"The windows {format_duration(pair.long)} and {format_duration(pair.short)} are finer than the data, "
            f"which are counted every {format_duration(resolution)}."
        )
    if pair.factor <= 0:
        return "The factor must be above 0."
    if pair.factor * allowed_share >= 1:
        highest = 1 / allowed_share
        return (
            f"A burn of {float(pair.factor):g} can never be exceeded: with nothing but bad events it is "
            f"{float(highest):g}. Lower the factor, or aim higher."
        )
    return None


def too_late(pair: BurnPair, *, window: timedelta) -> str | None:
    """Return why `pair` only burns when the budget is gone; `None` when it burns before.

    However fast it burns, the pair is reached when `factor` times the long window's share of the budget is used up.
    """
    share = pair.factor * Fraction(pair.long // _MINUTE, window // _MINUTE)
    if share < 1:
        return None
    return (
        f"A burn of {float(pair.factor):g} over {format_duration(pair.long)} is reached when the budget of "
        f"{format_duration(window)} is used up. Lower the factor, or shorten the windows."
    )


def pairs_for(
    *, allowed_share: Fraction, window: timedelta, resolution: timedelta = _MINUTE
) -> tuple[tuple[BurnPair, ...], tuple[LeftOut, ...]]:
    """Return the workbook's pairs for a window, and those that make no sense for it.

    Where its windows are too long for all of them to make sense, the pairs keep their factors and their windows shrink.
    """
    wanted = [
        BurnPair(severity, long, short, factor_of(share, window=window, long=long))
        for severity, share, long, short in WORKBOOK
    ]
    taken, left_out = _sorted(wanted, allowed_share=allowed_share, window=window, resolution=resolution)
    if taken:
        return taken, left_out
    shrunk = [_shrunk(one, window=window, resolution=resolution) for one in WORKBOOK]
    return _sorted(shrunk, allowed_share=allowed_share, window=window, resolution=resolution)


def _sorted(
    pairs: Sequence[BurnPair], *, allowed_share: Fraction, window: timedelta, resolution: timedelta
) -> tuple[tuple[BurnPair, ...], tuple[LeftOut, ...]]:
    """Return those of `pairs` that make sense, and the others."""
    taken: list[BurnPair] = []
    left_out: list[LeftOut] = []
    for pair in pairs:
        problem = problem_with(pair, allowed_share=allowed_share, window=window, resolution=resolution)
        if problem is None and pair.factor < 1:
            problem = f"A burn of {float(pair.factor):g} is below 1: a budget that burns so lasts the window out."
        problem = problem or too_late(pair, window=window)
        if problem is None:
            taken.append(pair)
        else:
            left_out.append(LeftOut(pair, problem))
    return tuple(taken), tuple(left_out)


def _shrunk(
    entry: tuple[BurnSeverity, Fraction, timedelta, timedelta], *, window: timedelta, resolution: timedelta
) -> BurnPair:
    """Return a pair of the workbook with its factor, and windows as much shorter as `window` is shorter than 30 days.

    In whole steps of what is counted, rounded up: the long window is at least five, the short one two, since the
    running step has only just begun.
    """
    severity, share, long, short = entry
    steps = Fraction(window // _MINUTE, _MONTH // _MINUTE) / (resolution // _MINUTE)
    long_steps = max(math.ceil(steps * (long // _MINUTE)), _FEWEST_STEPS)
    short_steps = max(math.ceil(Fraction(long_steps * (short // _MINUTE), long // _MINUTE)), _FEWEST_SHORT_STEPS)
    factor = factor_of(share, window=_MONTH, long=long)
    return BurnPair(severity, long_steps * resolution, short_steps * resolution, factor)


def windows_of(pairs: Sequence[BurnPair]) -> tuple[timedelta, ...]:
    """Return the windows that `pairs` need, shortest first."""
    return tuple(sorted({window for pair in pairs for window in (pair.short, pair.long)}))
