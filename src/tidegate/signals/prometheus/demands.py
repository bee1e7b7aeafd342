"""What an expression needs of each of its selectors: from when to when, how far apart, and by which labels. Pure.

Counts become samples of a counter, and where they lie is ours to say. They are laid where the expression looks: at each
of its moments and at the start of each range, so that a range holds exactly the events between its two ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import gcd
from typing import Final

import numpy as np

from tidegate.kernel import TimeRange
from tidegate.promql.durations import MINUTE_MS
from tidegate.promql.expressions import Aggregate, Binary, Call, Expression, Negation, RangeSelector, Selector, Subquery
from tidegate.promql.series import Matcher, Moments

__all__ = ["LOOKBACK_MS", "Demand", "Grid", "demands_of", "grid_of"]

LOOKBACK_MS: Final = 5 * MINUTE_MS
SUBQUERY_STEP_MS: Final = MINUTE_MS
_SECOND_MS: Final = 1_000
_COARSER: Final = (3_600, 60, 1)


@dataclass(frozen=True, slots=True)
class Demand:
    """What all selectors with the same matchers need together."""

    matchers: tuple[Matcher, ...]
    first_ms: int
    last_ms: int
    gap_ms: int
    """Samples as far apart as this meet every moment and every start of a range; 0: any distance does."""
    by: frozenset[str] | None
    """The labels that what is added up is kept apart by; `None` for all."""
    has_range: bool
    """Whether all samples between two moments matter, not the newest alone."""

    def joined(self, other: "Demand") -> "Demand":
        # Both lie on one grid only if the way from one to the other is a multiple of its distance as well.
        gap = gcd(self.gap_ms, other.gap_ms, abs(self.last_ms - other.last_ms))
        return Demand(
            self.matchers,
            min(self.first_ms, other.first_ms),
            max(self.last_ms, other.last_ms),
            gap,
            None if self.by is None or other.by is None else self.by | other.by,
            self.has_range or other.has_range,
        )


@dataclass(frozen=True, slots=True)
class _Looking:
    """The moments at which a part of an expression is evaluated."""

    first_ms: int
    last_ms: int
    step_ms: int

    def shifted(self, offset_ms: int) -> "_Looking":
        return _Looking(self.first_ms - offset_ms, self.last_ms - offset_ms, self.step_ms)


def demands_of(
    expression: Expression, *, first_ms: int, last_ms: int, step_ms: int
) -> Mapping[tuple[Matcher, ...], Demand]:
    """Return what `expression` needs to be evaluated from `first_ms` to `last_ms`; a step of 0 is a single moment."""
    found: dict[tuple[Matcher, ...], Demand] = {}
    last_ms = first_ms + (last_ms - first_ms) // step_ms * step_ms if step_ms else first_ms
    _walk(expression, _Looking(first_ms, last_ms, step_ms), None, found)
    return found


def _walk(node: Expression, at: _Looking, by: frozenset[str] | None, found: dict[tuple[Matcher, ...], Demand]) -> None:
    match node:
        case Selector():
            _note(node, at, 0, by, found)
        case RangeSelector(selector, range_ms):
            _note(selector, at, range_ms, by, found)
        case Subquery(inner, range_ms, step_ms, offset_ms):
            step = step_ms or SUBQUERY_STEP_MS
            past = at.shifted(offset_ms)
            first = -(-(past.first_ms - range_ms) // step) * step
            _walk(inner, _Looking(first, max(past.last_ms // step * step, first), step), None, found)
        case Aggregate(op, inner, labels, is_without):
            _walk(inner, at, frozenset(labels) if op == "sum" and not is_without and _adds_up(inner) else None, found)
        case Call(_, arguments):
            for argument in arguments:
                _walk(argument, at, by, found)
        case Negation(inner):
            _walk(inner, at, None, found)
        case Binary(_, left, right):
            _walk(left, at, None, found)
            _walk(right, at, None, found)
        case _:
            return


def _adds_up(node: Expression) -> bool:
    """Return whether a sum over series is the same as that of their sums: counters, and how far they rise."""
    if isinstance(node, Call):
        return node.function in {"rate", "increase"} and isinstance(node.arguments[0], RangeSelector)
    return isinstance(node, Selector)


def _note(  # noqa: PLR0917 - a selector and how it is looked at
    selector: Selector,
    at: _Looking,
    range_ms: int,
    by: frozenset[str] | None,
    found: dict[tuple[Matcher, ...], Demand],
) -> None:
    past = at.shifted(selector.offset_ms)
    demand = Demand(
        selector.matchers,
        past.first_ms - (range_ms or LOOKBACK_MS),
        past.last_ms,
        gcd(at.step_ms, range_ms),
        by,
        range_ms > 0,
    )
    known = found.get(selector.matchers)
    found[selector.matchers] = demand if known is None else known.joined(demand)


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the samples of counters lie, and which buckets each of them has behind it."""

    first_ms: int
    step_ms: int
    count: int
    """At least two: a counter is told by two samples."""
    bucket_s: int
    now_ms: int
    """What is to come is not counted yet: the last sample lies here at the latest."""

    @property
    def moments(self) -> Moments:
        return np.minimum(self.first_ms + np.arange(self.count, dtype=np.int64) * self.step_ms, self.now_ms)

    @property
    def origin_s(self) -> int:
        """Where the first bucket begins: a sample counts the buckets that are over by then."""
        return self.first_ms // _SECOND_MS // self.bucket_s * self.bucket_s

    @property
    def step_s(self) -> int:
        return self.step_ms // _SECOND_MS

    @property
    def window(self) -> TimeRange:
        first = max(self.origin_s, 0)
        end = min(self.origin_s + (self.count - 1) * self.step_s, self.now_ms // _SECOND_MS + 1)
        end = max(end, first + 1)
        return TimeRange(datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(end, UTC))

    @property
    def coarsest_s(self) -> int:
        """The longest buckets that end wherever a step ends."""
        return coarsest_in(gcd(self.origin_s, self.step_s))


def coarsest_in(length_s: int) -> int:
    return next(one for one in _COARSER if length_s % one == 0)


def grid_of(demand: Demand, *, bucket_s: int, now_ms: int) -> Grid | None:
    """Return where samples lie of counts that are kept in buckets of `bucket_s`; `None` when all of it is to come."""
    bucket_ms = bucket_s * _SECOND_MS
    step = demand.gap_ms or max(demand.last_ms - demand.first_ms, bucket_ms)
    step += -step % bucket_ms
    if now_ms <= demand.first_ms:
        return None
    # From the last moment backwards: where steps had to be widened, the newest sample is as new as it can be. A client
    # whose clock is ahead, or that asks to the end of a step, sees what there is now.
    last = demand.last_ms - max(demand.last_ms - now_ms, 0) // step * step
    # The first sample is the last one before all that is asked for.
    back = max(-(-(last - demand.first_ms) // step), 1)
    return Grid(last - back * step, step, back + 1, bucket_s, now_ms)
