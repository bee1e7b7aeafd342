"""What an expression over the counters of `/metrics` counts: sums of one family over one window, and shares of two.

Only what a figure of a family says exactly is read; everything else is refused by name. Pure.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tidegate.alerts.importing.errors import NotKeptError
from tidegate.promql.expressions import Aggregate, Binary, Call, Expression, Matching, NumberLiteral, RangeSelector
from tidegate.promql.series import METRIC_NAME, Matcher
from tidegate.signals import Family
from tidegate.signals.prometheus import CATALOGUE, ReadingKind

__all__ = ["Amount", "Scope", "Share", "counted_in"]

_SUMMED: Final = "write it as sum by (…) (increase(metric[window])), or with rate"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which events are counted, over which time, told apart by what."""

    family: Family
    window_ms: int
    by: tuple[str, ...]
    matchers: tuple[Matcher, ...]
    labels: tuple[str, ...]
    """All that the metric has."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Fields of the family's totals, some added, some taken off."""

    scope: Scope
    signs: Mapping[str, int]
    is_rate: bool
    """A second's share of it."""

    def plus(self, other: "Amount", sign: int) -> "Amount":
        signs = Counter(self.signs)
        for field, count in other.signs.items():
            signs[field] += sign * count
        return Amount(self.scope, {field: count for field, count in signs.items() if count}, self.is_rate)


@dataclass(frozen=True, slots=True)
class Share:
    part: Amount
    whole: Amount
    is_rest: bool = False
    """It was written as one minus a share, which floating point rounds otherwise."""


def counted_in(expression: Expression) -> Amount | Share:
    """Return what `expression` counts.

    Raises:
        NotKeptError: it says something that no figure of a family says.
    """
    match expression:
        case Aggregate("sum", Call("increase" | "rate" as function, (RangeSelector() as selected,)), by, False):
            return _amount(selected, by, is_rate=function == "rate")
        case Binary("-", NumberLiteral(1.0), right):
            return _rest_of(counted_in(right), expression)
        case Binary("/" | "+" | "-" as op, left, right, False, matching):
            return _combined(op, counted_in(left), counted_in(right), expression=expression, matching=matching)
        case Aggregate(op, _, by, _) if op != "sum":
            raise NotKeptError(f"`{op}`", _SUMMED)
        case _:
            raise NotKeptError(f"`{expression}`", _SUMMED)


def _amount(selected: RangeSelector, by: tuple[str, ...], *, is_rate: bool) -> Amount:
    name = selected.selector.name or str(selected.selector)
    metric = CATALOGUE.get(name)
    if metric is None:
        raise NotKeptError(f"`{name}`", "tidegate counts no such metric; `/metrics` shows those that it does")
    if metric.reading.kind is not ReadingKind.FIGURES or metric.sum is None or metric.sum.divisor != 1:
        raise NotKeptError(f"`{name}`", "no figure that a rule can put a bound on is exactly this metric")
    if selected.selector.offset_ms:
        raise NotKeptError("`offset`", "rules look at the window that ends now")
    matchers = sorted((one for one in selected.selector.matchers if one.label != METRIC_NAME), key=str)
    for label in (*by, *(one.label for one in matchers)):
        if label not in metric.labels:
            raise NotKeptError(f"`{label}`", f"{name} has no such label; it has {', '.join(metric.labels)}")
    scope = Scope(metric.reading.family, selected.range_ms, tuple(sorted(set(by))), tuple(matchers), metric.labels)
    return Amount(scope, dict(metric.sum.signs), is_rate)


def _rest_of(found: Amount | Share, expression: Expression) -> Share:
    if not isinstance(found, Share) or found.is_rest:
        raise NotKeptError(f"`{expression}`", "one less something is a share only of a share")
    return Share(found.whole.plus(found.part, -1), found.whole, is_rest=True)


def _combined(
    op: str, left: Amount | Share, right: Amount | Share, *, expression: Expression, matching: Matching
) -> Amount | Share:
    if not isinstance(left, Amount) or not isinstance(right, Amount):
        raise NotKeptError(f"`{expression}`", "shares of shares are no figure here")
    check_alike(left, right, matching, expression)
    if left.is_rate is not right.is_rate:
        raise NotKeptError(f"`{expression}`", "increase and rate do not mix: write both sides alike")
    return Share(left, right) if op == "/" else left.plus(right, 1 if op == "+" else -1)


def check_alike(left: Amount, right: Amount, matching: Matching, expression: Expression) -> None:
    """Refuse two sides that count other events, another time, or that tell other things apart."""
    if left.scope != right.scope:
        raise NotKeptError(f"`{expression}`", "both sides have to count the same family, window, labels and selectors")
    is_plain = matching == Matching() or (matching.is_on and set(matching.labels) == set(left.scope.by))
    if not is_plain or matching.many is not None:
        raise NotKeptError(f"`{expression}`", "its two sides have to belong together by all of their labels")
