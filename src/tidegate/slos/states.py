"""From the counts of an objective to its state: budget, burn in each window, what burns. Pure arithmetic on arrays.

Everything is told by whole numbers. Floating point only finds who may burn; whether somebody does is decided exactly.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

import numpy as np

from tidegate.kernel import TimeRange
from tidegate.slos.burning import BurnAnswer, BurnFinding, BurnReading, BurnSubject
from tidegate.slos.keeping import Kept
from tidegate.slos.model import (
    MILLI,
    SHOWN,
    Budget,
    BurnPair,
    BurnSeverity,
    Calendar,
    Exhaustion,
    Objective,
    Slices,
    StoredObjective,
    burn_rate,
    ends_in,
    nominal_length,
    time_to_exhaustion,
    windows_of,
)
from tidegate.slos.ring import CELL_S, WHOLE, Sums

__all__ = [
    "BurnWindow",
    "Look",
    "ObjectiveState",
    "Population",
    "SubjectState",
    "burning_of",
    "reading_of",
    "state_of",
    "subject_of",
    "worst_tenants",
]

_PRESENT: Final = timedelta(hours=1)  # what "at the present burn" means
_NEARLY: Final = 1 - 1e-9
_WINDOWS: Final = 2  # of a pair
_NO_NUL: Final = "\N{REPLACEMENT CHARACTER}"
_MOST_PAIRS_TOLD: Final = 8  # in a label


@dataclass(frozen=True, slots=True)
class BurnWindow:
    """How fast budget burned in one window; `None` without data."""

    length: timedelta
    window: TimeRange
    bad: int
    total: int
    burn: Fraction | None


@dataclass(frozen=True, slots=True)
class SubjectState:
    """The state of a service, or of one of its tenants."""

    tenant: str | None
    budget: Budget
    burns: tuple[BurnWindow, ...]
    exhaustion: Exhaustion
    exhausted_in: timedelta | None


@dataclass(frozen=True, slots=True)
class Population:
    """How many tenants are within the objective. Those without data are in neither number."""

    within_count: int
    exhausted_count: int
    no_data_count: int
    is_cut: bool
    """Whether some tenants are not told apart, because there are too many."""

    @property
    def within_share(self) -> Fraction | None:
        told = self.within_count + self.exhausted_count
        return Fraction(self.within_count, told) if told else None


@dataclass(frozen=True, slots=True)
class ObjectiveState:
    """All that is known of an objective at one moment."""

    stored: StoredObjective
    at: datetime
    window: TimeRange
    """What was read."""
    whole: SubjectState
    unknown_count: int | None
    """Slices of the window without data, neither good nor bad; `None` where events are counted."""
    population: Population | None
    """`None` where tenants are not told apart."""
    burning: tuple[BurnFinding, ...]

    @property
    def objective(self) -> Objective:
        return self.stored.objective


class Look:
    """One look at an objective whose counts are of now; each window is summed once."""

    def __init__(self, kept: Kept, now: datetime) -> None:
        self.kept = kept
        self.now = now
        self._windows: dict[timedelta, Sums] = {}
        self.own = self._own()
        # The same for thousands of tenants that burn at once.
        self.window_words = self.objective.window.words
        pairs = self.objective.burn_pairs
        self.pair_words = {
            severity: ", ".join([one.words for one in pairs if one.severity is severity][:_MOST_PAIRS_TOLD])
            for severity in BurnSeverity
        }

    @property
    def objective(self) -> Objective:
        return self.kept.objective

    def window(self, length: timedelta) -> Sums:
        """Return whole bad and total of the window of this length that ends now."""
        found = self._windows.get(length)
        if found is None:
            end = self.kept.end_s(int(self.now.timestamp()))
            found = self._windows[length] = self._whole(self.kept.ring.window(end - int(length.total_seconds()), end))
        return found

    def _own(self) -> Sums:
        """Return the sums of the objective's own window."""
        window = self.objective.window
        if not isinstance(window, Calendar):
            return self.window(window.length)
        start, end = int(window.range_at(self.now).start.timestamp()), self.kept.end_s(int(self.now.timestamp()))
        if isinstance(self.objective.indicator, Slices):
            start -= start % CELL_S
        return self._whole(self.kept.ring.window(start, max(end, start)))

    def _whole(self, sums: Sums) -> Sums:
        """Return whole events: weights of sampled ones are rounded down when all is added, as everywhere."""
        if isinstance(self.objective.indicator, Slices):
            return sums
        return replace(sums, bad=sums.bad // MILLI, total=sums.total // MILLI)


def state_of(look: Look) -> ObjectiveState:
    """Return the state of an objective."""
    objective, window = look.objective, _range_of(look.own)
    unknown = None
    if isinstance(objective.indicator, Slices):
        unknown = max(int(window.length / objective.indicator.length) - int(look.own.total[WHOLE]), 0)
    return ObjectiveState(
        look.kept.stored,
        look.now,
        window,
        subject_of(look, None),
        unknown,
        _population_of(look),
        burning_of(look),
    )


def subject_of(look: Look, tenant: str | None) -> SubjectState:
    """Return the state of the service, or of one tenant: of one that is not known, that there are no data."""
    objective, now = look.objective, look.now
    column = _column_of(look, tenant)
    budget = Budget(*_at(look.own, column), objective.allowed_share)
    burns = tuple(_burn_window(look, length, column) for length in _shown(objective))
    present = next((one.burn for one in burns if one.length == _PRESENT), None)
    exhaustion, within = time_to_exhaustion(
        budget.left_share, present, window=nominal_length(objective.window), ends_in=ends_in(objective.window, now)
    )
    return SubjectState(tenant, budget, burns, exhaustion, within)


def worst_tenants(look: Look) -> list[str]:
    """Return all tenants: who used most of their budget first, those without data last."""
    bad, total = look.own.bad.tolist(), look.own.total.tolist()
    columns = look.kept.ring.columns
    return sorted(
        columns,
        key=lambda name: (
            total[columns[name]] <= 0,
            -Fraction(bad[columns[name]], total[columns[name]]) if total[columns[name]] > 0 else 0,
            name,
        ),
    )


def burning_of(look: Look) -> tuple[BurnFinding, ...]:
    """Return who burns too fast in both windows of a pair; of several pairs of one severity the fastest."""
    objective = look.objective
    names = ["", *look.kept.ring.columns]
    found: dict[tuple[int, str], BurnFinding] = {}
    for pair in objective.burn_pairs:
        long, short = look.window(pair.long), look.window(pair.short)
        bound = float(pair.factor * objective.allowed_share) * _NEARLY
        may = (long.total >= objective.least_count(pair)) & (short.total > 0) & (long.bad >= bound * long.total)
        may &= short.bad >= bound * short.total
        for column in np.flatnonzero(may).tolist():
            burns = _burns_at(look, pair, column)
            key = (column, pair.severity.value)
            if any(burn is None or burn < pair.factor for burn in burns):
                continue
            if key not in found or found[key].factor < pair.factor:
                found[key] = _finding(look, pair, None if column == WHOLE else _told_name(names[column]), burns)
    return tuple(_among_tenants(look, found[key], found.values()) for key in sorted(found))


def reading_of(look: Look, subject: BurnSubject) -> BurnReading:
    """Return how it stands with `subject`: calm only if data say so of every pair.

    What would burn by fewer events than the pair needs is not known to burn, and not over either.
    """
    objective = look.objective
    pairs = [pair for pair in objective.burn_pairs if pair.severity is subject.severity]
    is_asked = subject.tenant is None or objective.is_per_tenant
    if not pairs or not is_asked or (subject.service, subject.family) != (objective.service, objective.family.value):
        return BurnReading(subject, BurnAnswer.GONE)
    column = _column_of(look, subject.tenant)
    answers: dict[BurnPair, bool | None] = {}
    for pair in pairs:
        told = [burn for burn in _burns_at(look, pair, column) if burn is not None]
        is_calm = any(burn < pair.factor for burn in told)
        is_enough = _at(look.window(pair.long), column)[1] >= objective.least_count(pair)
        answers[pair] = False if is_calm else (True if len(told) == _WINDOWS and is_enough else None)
    burning = [pair for pair, answer in answers.items() if answer]
    if burning:
        fastest = max(burning, key=lambda pair: pair.factor)
        return BurnReading(
            subject, BurnAnswer.BURNING, _finding(look, fastest, subject.tenant, _burns_at(look, fastest, column))
        )
    if None in answers.values():
        return BurnReading(subject, BurnAnswer.UNKNOWN)
    fastest = max(pairs, key=lambda pair: pair.factor)
    return BurnReading(
        subject, BurnAnswer.CALM, _finding(look, fastest, subject.tenant, _burns_at(look, fastest, column))
    )


def _column_of(look: Look, tenant: str | None) -> int:
    """Return the column of the service, or of a tenant by its name as it is told; -1 for one that is not known."""
    if tenant is None:
        return WHOLE
    columns = look.kept.ring.columns
    if tenant in columns or _NO_NUL not in tenant:
        return columns.get(tenant, -1)
    return next((column for name, column in columns.items() if _told_name(name) == tenant), -1)


def _told_name(tenant: str) -> str:
    """Return the name of a tenant as alerts can hold it: PostgreSQL has no NUL in its texts."""
    return tenant.replace("\0", _NO_NUL) if "\0" in tenant else tenant


def _burns_at(look: Look, pair: BurnPair, column: int) -> tuple[Fraction | None, Fraction | None]:
    """Return how fast it burns in the long and the short window of `pair`."""
    allowed = look.objective.allowed_share
    long, short = (burn_rate(*_at(look.window(length), column), allowed) for length in (pair.long, pair.short))
    return long, short


def _finding(
    look: Look, pair: BurnPair, tenant: str | None, burns: tuple[Fraction | None, Fraction | None]
) -> BurnFinding:
    objective, column = look.objective, _column_of(look, tenant)
    long, short = burns
    return BurnFinding(
        workspace=look.kept.workspace,
        objective=objective.name,
        service=objective.service,
        tenant=tenant,
        family=objective.family.value,
        severity=pair.severity,
        long=pair.long,
        short=pair.short,
        burn_long=long or Fraction(0),
        burn_short=short,
        factor=pair.factor,
        count=_at(look.window(pair.long), column)[1],
        runbook=objective.runbook,
        owner=objective.owner,
        window=look.window_words,
        left_share=Budget(*_at(look.own, column), objective.allowed_share).left_share,
        pairs=look.pair_words[pair.severity],
    )


def _among_tenants(look: Look, finding: BurnFinding, found: Iterable[BurnFinding]) -> BurnFinding:
    """Say of a whole service how many of its tenants burn as well."""
    if finding.tenant is not None or not look.objective.is_per_tenant:
        return finding
    burning = sum(one.tenant is not None and one.severity is finding.severity for one in found)
    told = int((look.window(finding.long).total[WHOLE + 1 :] > 0).sum())
    return replace(finding, burning_tenant_count=burning, tenant_count=told)


def _shown(objective: Objective) -> tuple[timedelta, ...]:
    fits = [length for length in SHOWN if length <= nominal_length(objective.window) and length >= objective.resolution]
    return tuple(sorted({*fits, *windows_of(objective.burn_pairs)}))


def _burn_window(look: Look, length: timedelta, column: int) -> BurnWindow:
    sums = look.window(length)
    bad, total = _at(sums, column)
    return BurnWindow(length, _range_of(sums), bad, total, burn_rate(bad, total, look.objective.allowed_share))


def _range_of(sums: Sums) -> TimeRange:
    end_s = max(sums.end_s, sums.start_s + 1)
    return TimeRange(datetime.fromtimestamp(sums.start_s, UTC), datetime.fromtimestamp(end_s, UTC))


def _at(sums: Sums, column: int) -> tuple[int, int]:
    """Return bad and total of one column, nothing of one that is not there."""
    return (int(sums.bad[column]), int(sums.total[column])) if 0 <= column < len(sums.bad) else (0, 0)


def _population_of(look: Look) -> Population | None:
    objective = look.objective
    if not objective.is_per_tenant:
        return None
    bad, total = (values[WHOLE + 1 :] for values in (look.own.bad, look.own.total))
    share = objective.allowed_share
    told = total > 0
    exhausted = sum(
        one_bad * share.denominator > share.numerator * one_total
        for one_bad, one_total in zip(bad[told].tolist(), total[told].tolist(), strict=True)
    )
    told_count = int(told.sum())
    return Population(told_count - exhausted, exhausted, len(total) - told_count, is_cut=look.kept.ring.is_cut)
