"""Rules, and what one finds in one window. Pure."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import NormalDist
from typing import Final

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import Durations, Family, Totals

DEFAULT_WINDOW: Final = timedelta(minutes=15)  # SIGNALS section 3: the window of the built-in alerts
DEFAULT_GROUP_BY: Final = ("service", "tenant")
_SECOND = timedelta(seconds=1)
_LATE: Final = timedelta(seconds=20)

Counted = Totals | Durations
"""What a rule reads of one subject."""


class Severity(StrEnum):
    """How much it burns: `P1` wakes a person, `P2` waits for one."""

    P1 = "P1"
    P2 = "P2"


class Unit(StrEnum):
    """What a rule's value counts in; it says which values make sense and how they are written."""

    RATE = "rate"
    COUNT = "count"
    USD = "usd"
    MS = "ms"
    SECONDS = "s"
    SCORE = "score"
    SHARE = "share"
    """Of a limit: may be above 1."""
    TIMES = "times"
    """As fast as allowed."""
    NUMBER = "number"
    """Whatever a query counts in; any finite number."""


class Op(StrEnum):
    """On which side of its bound a rule fires; the bound itself belongs to that side."""

    ABOVE = "above"
    BELOW = "below"


class NoData(StrEnum):
    """What the absence of an answer does."""

    HOLD = "hold"
    """An open alert stays open for a further window, then closes and says that nobody knows."""
    ALERT = "alert"
    """Silence of a subject that was there an hour ago opens an alert."""
    IGNORE = "ignore"
    """An open alert closes."""


class Source(StrEnum):
    """Where a measure is read."""

    COUNTS = "counts"
    DURATIONS = "durations"
    """Buckets of how long events took; kept without tenants."""
    TELEMETRY = "telemetry"
    """Spans and log records as such, of every kind; kept without tenants."""
    PROMETHEUS = "prometheus"
    """The answer of a server of others, asked in the background."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Which counters of a family make a value: the part, or `part / (whole * scale)`."""

    figure: str
    """Wire name of the value in the family's figures."""
    part: str
    """Field of `Totals`, or of `Durations`."""
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
    source: Source = Source.COUNTS
    adds_up: bool = True
    """Whether it means something over several tenants together; a limit is one tenant's."""

    @property
    def is_plain(self) -> bool:
        """Whether the part is the value, undivided."""
        return self.unit is Unit.COUNT or self.source is Source.DURATIONS

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are read."""
        named = (self.part, self.whole, self.plus, self.minus, self.base)
        return tuple(dict.fromkeys(name for name in named if name))

    def value_of(self, totals: Counted) -> float | None:
        """Return the value, `None` without data. One division of integers: exact at the bound."""
        whole: int = getattr(totals, self.whole)
        if whole <= 0:
            return None
        part: int = getattr(totals, self.part)
        part += getattr(totals, self.plus) if self.plus else 0
        part -= getattr(totals, self.minus) if self.minus else 0
        return part if self.is_plain else part / (whole * self.scale)

    def base_of(self, totals: Counted) -> int:
        """Return how much data there is to judge by."""
        found: int = getattr(totals, self.base or self.whole)
        return found


@dataclass(frozen=True, slots=True)
class Bound:
    """The bound of one tenant; what it does not say is as for all others."""

    threshold: float
    clear: float | None = None
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which values of a dimension are meant: one of `values`, or whatever `pattern` matches as a whole."""

    dimension: str
    values: tuple[str, ...] = ()
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class PromQuestion:
    """What is asked of a Prometheus-compatible server, and how often."""

    source: str
    query: str
    every: timedelta

    @property
    def good_for(self) -> timedelta:
        """How long an answer, or the lack of one, counts: one may be late, and takes at most 10 s."""
        return 2 * self.every + _LATE


@dataclass(frozen=True, slots=True)
class Rule:
    """A bound on a measure, over a window."""

    code: str
    severity: Severity
    family: Family
    measure: Measure
    threshold: float
    """The rule fires at this value, and beyond it on the side of `op`."""
    phrase: str
    """What is wrong, with `{value}` and `{count}`: `{value} of {count} auth requests failed`."""
    runbook: str
    """Slug of the page that says what to do, or an `https` address."""
    threshold_override: str | None = None
    """Name of the threshold on the route `/alerts/{family}`; `None` when that route cannot change it."""
    min_count: int = 1
    """Below this count the answer is *insufficient*."""
    min_count_override: str | None = None
    window: timedelta = DEFAULT_WINDOW
    lasting: timedelta = timedelta()
    """How long the bound must stay crossed before the alert fires."""
    op: Op = Op.ABOVE
    clear: float | None = None
    """An open alert resolves only on the good side of this; the threshold unless said."""
    keep_firing: timedelta = timedelta()
    """How long it must have been good before a firing alert resolves."""
    no_data: NoData = NoData.HOLD
    confidence: float | None = None
    """The Wilson bound of the ratio at this confidence must cross the threshold too."""
    group_by: tuple[str, ...] = DEFAULT_GROUP_BY
    where: tuple[Filter, ...] = ()
    tenants: tuple[tuple[str, Bound], ...] = ()
    """Bounds of single tenants."""
    is_zero_tolerance: bool = False
    """One event is enough, and nobody waits to group it."""
    owner: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    is_enabled: bool = True
    is_damped: bool = True
    """Whether an alert that opens and closes again and again stays open instead."""
    judges_all_tenants: bool = True
    """Whether all tenants together are judged as well where tenants are told apart."""
    workspace: WorkspaceId | None = None
    """Whose rule it is; `None` for one that ships and counts for all."""
    rule_set: str | None = None
    """Name of the set that it stands in, or that changed it; `None` as it ships."""
    prom: PromQuestion | None = None
    """What is asked instead of a signal."""

    @property
    def runbook_link(self) -> str:
        return self.runbook if self.runbook.startswith("https://") else f"/runbooks/{self.runbook}"

    @property
    def is_plainly_grouped(self) -> bool:
        """Whether services and tenants are all that it tells apart."""
        return self.measure.source is Source.COUNTS and self.group_by == DEFAULT_GROUP_BY and not self.where

    @property
    def clear_bound(self) -> float:
        return self.threshold if self.clear is None else self.clear

    def of_tenant(self, tenant: str | None, bounds: Mapping[str, Bound]) -> "Rule":
        """Return the rule with the bounds that count for `tenant`; `bounds` are those of `tenants`, to look up."""
        bound = bounds.get(tenant) if tenant is not None else None
        if bound is None:
            return self
        clear = self.clear if bound.clear is None and bound.threshold == self.threshold else bound.clear
        return replace(self, threshold=bound.threshold, clear=clear, severity=bound.severity or self.severity)


class Finding(StrEnum):
    """What a rule found. Too little data is an answer of its own, never `BELOW`."""

    ABOVE = "above"
    """The bound is crossed, on whichever side that is."""
    BETWEEN = "between"
    """Neither crossed nor cleared: nothing opens, and what is open stays open."""
    BELOW = "below"
    """On the good side of the clear bound."""
    INSUFFICIENT = "insufficient"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule found in one window of one subject."""

    finding: Finding
    value: float | None
    count: int
    note: str = ""
    """Of an answer of others: how old it is, or why there is none."""


def window_at(now: datetime, length: timedelta) -> TimeRange:
    """Return the window of whole seconds that ends with the running one."""
    end = now.replace(microsecond=0) + _SECOND
    return TimeRange(end - length, end)


def exceeds(rule: Rule, totals: Counted) -> bool:
    """Return whether `totals` cross the bound of `rule`, on enough data."""
    if rule.measure.base_of(totals) < rule.min_count:
        return False
    value = rule.measure.value_of(totals)
    if value is None or not _is_beyond(rule.op, value, rule.threshold):
        return False
    if rule.confidence is None:
        return True
    return _is_beyond(rule.op, wilson(value, getattr(totals, rule.measure.whole), rule.confidence, rule.op),
                      rule.threshold)  # fmt: skip


def judge(rule: Rule, totals: Counted) -> Judgement:
    """Return what `rule` finds in `totals`."""
    count: int = getattr(totals, rule.measure.whole)
    value = rule.measure.value_of(totals)
    if value is None:
        return Judgement(Finding.NO_DATA, None, 0)
    base = rule.measure.base_of(totals)
    if base < rule.min_count:
        return Judgement(Finding.INSUFFICIENT, value, base)
    if exceeds(rule, totals):
        return Judgement(Finding.ABOVE, value, count)
    return Judgement(Finding.BETWEEN if _is_beyond(rule.op, value, rule.clear_bound) else Finding.BELOW, value, count)


def judge_value(rule: Rule, value: float, note: str = "") -> Judgement:
    """Return what `rule` finds in one number of others. Endless on the good side is no answer, on the other it crosses.

    What is endless is written as the largest number there is: nothing else can be stored and sent as JSON.
    """
    is_crossing = _is_beyond(rule.op, value, rule.threshold)
    if math.isnan(value) or (math.isinf(value) and not is_crossing):
        return Judgement(Finding.NO_DATA, None, 0, f"the value is {value:g}")
    value = max(min(value, sys.float_info.max), -sys.float_info.max)
    if is_crossing:
        return Judgement(Finding.ABOVE, value, 1, note)
    return Judgement(Finding.BETWEEN if _is_beyond(rule.op, value, rule.clear_bound) else Finding.BELOW, value, 1, note)


def wilson(share: float, count: int, confidence: float, op: Op) -> float:
    """Return the end of the Wilson score interval that speaks against crossing: the lower one for `above`."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    squared = z * z / count
    middle = share + squared / 2
    reach = math.sqrt(max(share * (1 - share) * squared + squared * squared / 4, 0.0))
    return (middle - reach if op is Op.ABOVE else middle + reach) / (1 + squared)


def _is_beyond(op: Op, value: float, bound: float) -> bool:
    return value >= bound if op is Op.ABOVE else value <= bound
