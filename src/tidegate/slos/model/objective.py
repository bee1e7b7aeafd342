"""What an objective is, whole and valid: nothing else is ever made. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from tidegate.kernel import format_duration
from tidegate.signals import Family
from tidegate.slos.errors import ObjectiveInvalidError
from tidegate.slos.model.burn import BurnPair, LeftOut, least_count, pairs_for, problem_with
from tidegate.slos.model.indicator import COUNTED, DURATIONS, MEASURED, Events, Indicator, Slices
from tidegate.slos.model.policy import BudgetPolicy
from tidegate.slos.model.windows import Calendar, Rolling, Window

__all__ = ["Objective", "StoredObjective", "ends_in", "make_objective", "nominal_length"]

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_SLICES_OF_TENANTS = timedelta(minutes=15)  # finer ones of 1,000 tenants over 30 days are 40 million
_CALENDAR_DAYS = {"week": 7, "month": 30, "quarter": 91}


@dataclass(frozen=True, slots=True)
class Objective:
    """How good a service has to be, and over which time."""

    name: str
    title: str
    owner: str
    service: str
    environment: str | None
    family: Family
    indicator: Indicator
    target: Decimal
    window: Window
    burn_pairs: tuple[BurnPair, ...]
    left_out: tuple[LeftOut, ...] = ()
    policy: BudgetPolicy = field(default_factory=BudgetPolicy)
    runbook: str | None = None
    is_per_tenant: bool = True
    has_own_burn: bool = False
    """Whether its pairs were written down; else they are the workbook's, as far as these make sense."""

    @property
    def allowed_share(self) -> Fraction:
        return 1 - Fraction(self.target)

    @property
    def resolution(self) -> timedelta:
        """How fine it is counted."""
        return self.indicator.length if isinstance(self.indicator, Slices) else _MINUTE

    def least_count(self, pair: BurnPair) -> int:
        """Return how many events, or slices with data, the long window of `pair` needs until it can burn."""
        if isinstance(self.indicator, Slices):
            return pair.min_count or 1  # each slice is judged by many events already
        return least_count(pair, allowed_share=self.allowed_share)

    @property
    def is_of_durations(self) -> bool:
        return isinstance(self.indicator, Slices) and self.indicator.figure in DURATIONS.get(self.family, ())


@dataclass(frozen=True, slots=True)
class StoredObjective:
    """An objective as a workspace set it."""

    objective: Objective
    version: int
    digest: str
    applied_at: datetime
    applied_by: str


def nominal_length(window: Window) -> timedelta:
    """Return the length that burn factors are made for; months and quarters are as long as most."""
    return window.length if isinstance(window, Rolling) else timedelta(days=_CALENDAR_DAYS[window.unit])


def make_objective(  # noqa: PLR0913 - an objective and its parts
    *,
    name: str,
    title: str,
    owner: str,
    service: str,
    environment: str | None,
    family: Family,
    indicator: Indicator,
    target: Decimal,
    window: Window,
    burn_pairs: Sequence[BurnPair] | None,
    policy: BudgetPolicy,
    runbook: str | None,
    is_per_tenant: bool | None,
) -> Objective:
    """Return the objective, with the workbook's pairs when it brings none.

    Raises:
        ObjectiveInvalidError: it could never be told, or never be missed; the field is named.
    """
    if not 0 < target < 1:
        raise ObjectiveInvalidError(f"A target lies between 0 and 1, ends excluded, not {target}.", "target")
    _check_indicator(family, indicator)
    resolution = indicator.length if isinstance(indicator, Slices) else _MINUTE
    length = nominal_length(window)
    if isinstance(window, Rolling) and (length <= resolution or length % resolution):
        raise ObjectiveInvalidError(
            f"The window ({format_duration(length)}) is no whole number of slices of {format_duration(resolution)}.",
            "window.rolling",
        )
    tenants = _per_tenant(family, indicator, wanted=is_per_tenant)
    allowed = 1 - Fraction(target)
    if burn_pairs is None:
        pairs, left_out = pairs_for(allowed_share=allowed, window=length, resolution=resolution)
    else:
        pairs, left_out = tuple(burn_pairs), ()
        for position, pair in enumerate(pairs):
            problem = problem_with(pair, allowed_share=allowed, window=length, resolution=resolution)
            if problem is not None:
                raise ObjectiveInvalidError(problem, f"burn.{position}")
    _check_policy(policy)
    return Objective(
        name, title, owner, service, environment, family, indicator, target, window, pairs, left_out, policy, runbook,
        tenants, burn_pairs is not None,
    )  # fmt: skip


def _check_indicator(family: Family, indicator: Indicator) -> None:
    if family not in COUNTED:
        raise ObjectiveInvalidError(f"Nothing of the family {family} can be counted as good or bad.", "family")
    if isinstance(indicator, Events):
        if (indicator.bad is None) == (indicator.good is None):
            raise ObjectiveInvalidError("Name either the bad or the good events.", "indicator.events")
        for role, figure in (("bad", indicator.bad), ("good", indicator.good), ("total", indicator.total)):
            if figure is not None and figure not in COUNTED[family]:
                known = ", ".join(COUNTED[family])
                raise ObjectiveInvalidError(
                    f"The family {family} counts no {figure!r}. It counts {known}.", f"indicator.events.{role}"
                )
        if indicator.total in {indicator.bad, indicator.good}:
            raise ObjectiveInvalidError("All events cannot be the bad or the good ones.", "indicator.events.total")
        return
    known_figures = (*MEASURED[family], *DURATIONS.get(family, ()))
    if indicator.figure not in known_figures:
        raise ObjectiveInvalidError(
            f"The family {family} has no figure {indicator.figure!r}. It has {', '.join(known_figures)}.",
            "indicator.slices.figure",
        )
    if not _MINUTE <= indicator.length <= _HOUR or _HOUR % indicator.length or indicator.length % _MINUTE:
        raise ObjectiveInvalidError(
            "A slice lasts from 1m to 1h, whole minutes that divide an hour.", "indicator.slices.length"
        )


def _per_tenant(family: Family, indicator: Indicator, *, wanted: bool | None) -> bool:
    if isinstance(indicator, Events):
        return wanted is not False
    if not wanted:
        return False
    if indicator.figure in DURATIONS.get(family, ()):
        raise ObjectiveInvalidError("How long events took is kept for services, not for tenants.", "perTenant")
    if indicator.length < _SLICES_OF_TENANTS:
        raise ObjectiveInvalidError("Slices of each tenant last 15m at least.", "perTenant")
    return True


def _check_policy(policy: BudgetPolicy) -> None:
    if not 0 <= policy.freeze_at < 1 or not policy.freeze_at <= policy.lift_at < 1:
        raise ObjectiveInvalidError(
            "A policy freezes at a share of the budget from 0 to below 1, and lifts at the same share or a higher one.",
            "policy",
        )


def ends_in(window: Window, now: datetime) -> timedelta | None:
    """Return how long a calendar period still lasts."""
    return window.range_at(now).end - now if isinstance(window, Calendar) else None
