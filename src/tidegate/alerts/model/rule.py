"""Rules, and what one finds in one window. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tidegate.kernel import TimeRange
from tidegate.signals import Family, Totals

DEFAULT_WINDOW: Final = timedelta(minutes=15)  # SIGNALS section 3: the window of the built-in alerts
_SECOND = timedelta(seconds=1)


class Severity(StrEnum):
    """How much it burns: `P1` wakes a person, `P2` waits for one."""

    P1 = "P1"
    P2 = "P2"


class Unit(StrEnum):
    """What a rule's value counts in; it says which values make sense and how they are written."""

    RATE = "rate"
    COUNT = "count"
    USD = "usd"


@dataclass(frozen=True, slots=True)
class Measure:
    """Which counters of a family make a value: the part, or `part / (whole * scale)`."""

    figure: str
    """Wire name of the value in the family's figures."""
    part: str
    """Field of `Totals`."""
    whole: str
    """Field of `Totals` that says how much data there is; the minimum count is held against it."""
    unit: Unit
    scale: int = 1
    plus: str | None = None
    """Field that is added to the part."""
    minus: str | None = None
    """Field that is taken off the part."""
    base: str | None = None
    """Field that the minimum count is held against; the whole unless said."""

    def value_of(self, totals: Totals) -> float | None:
        """Return the value, `None` without data. One division of integers: exact at the bound."""
        whole: int = getattr(totals, self.whole)
        if whole <= 0:
            return None
        part: int = getattr(totals, self.part)
        part += getattr(totals, self.plus) if self.plus else 0
        part -= getattr(totals, self.minus) if self.minus else 0
        return part if self.unit is Unit.COUNT else part / (whole * self.scale)

    def base_of(self, totals: Totals) -> int:
        """Return how much data there is to judge by."""
        found: int = getattr(totals, self.base or self.whole)
        return found


@dataclass(frozen=True, slots=True)
class Rule:
    """A bound on a measure, over a window."""

    code: str
    severity: Severity
    family: Family
    measure: Measure
    threshold: float
    """The rule fires at this value and above."""
    phrase: str
    """What is wrong, with `{value}` and `{count}`: `{value} of {count} auth requests failed`."""
    runbook: str
    """Slug of the page that says what to do."""
    threshold_override: str | None = None
    """Name of the threshold on the route `/alerts/{family}`; `None` when that route cannot change it."""
    min_count: int = 1
    """Below this count the answer is *insufficient*."""
    min_count_override: str | None = None
    window: timedelta = DEFAULT_WINDOW
    lasting: timedelta = timedelta()
    """How long the bound must stay crossed before the alert fires."""

    @property
    def runbook_link(self) -> str:
        return f"/runbooks/{self.runbook}"


class Finding(StrEnum):
    """What a rule found. Too little data is an answer of its own, never `BELOW`."""

    ABOVE = "above"
    BELOW = "below"
    INSUFFICIENT = "insufficient"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule found in one window of one subject."""

    finding: Finding
    value: float | None
    count: int


def window_at(now: datetime, length: timedelta) -> TimeRange:
    """Return the window of whole seconds that ends with the running one."""
    end = now.replace(microsecond=0) + _SECOND
    return TimeRange(end - length, end)


def exceeds(rule: Rule, totals: Totals) -> bool:
    """Return whether `totals` cross the bound of `rule`, on enough data."""
    if rule.measure.base_of(totals) < rule.min_count:
        return False
    value = rule.measure.value_of(totals)
    return value is not None and value >= rule.threshold


def judge(rule: Rule, totals: Totals) -> Judgement:
    """Return what `rule` finds in `totals`."""
    count: int = getattr(totals, rule.measure.whole)
    value = rule.measure.value_of(totals)
    if value is None:
        return Judgement(Finding.NO_DATA, None, 0)
    base = rule.measure.base_of(totals)
    if base < rule.min_count:
        return Judgement(Finding.INSUFFICIENT, value, base)
    return Judgement(Finding.ABOVE if exceeds(rule, totals) else Finding.BELOW, value, count)
