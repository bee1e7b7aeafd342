"""Objectives on the wire. Shares and burns are numbers for people; counts are exact."""

from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Self

from tidegate.edge.authority import Target
from tidegate.edge.wire import Utc, WireModel
from tidegate.kernel import Page, format_duration
from tidegate.slos.burning import BurnFinding
from tidegate.slos.looked import Change, ChangeKind, Looked
from tidegate.slos.model import Events, Objective, PolicyState, StoredObjective
from tidegate.slos.objective_files import ObjectiveFile, file_of
from tidegate.slos.states import BurnWindow, SubjectState

__all__ = [
    "AppliedOut",
    "ObjectiveOut",
    "ObjectivePageOut",
    "ObjectiveSummaryOut",
    "PlanOut",
    "PolicyOut",
    "about_objective",
    "about_stored",
    "indicator_words",
]


class BurnOut(WireModel):
    """How fast budget burned in one window."""

    window: str
    from_: Utc
    to: Utc
    bad_count: int
    total_count: int
    burn: float | None
    """How many times faster than allowed; `null` without data."""

    @classmethod
    def of(cls, burn: BurnWindow) -> Self:
        return cls(
            window=format_duration(burn.length),
            from_=burn.window.start,
            to=burn.window.end,
            bad_count=burn.bad,
            total_count=burn.total,
            burn=_number(burn.burn),
        )


class BudgetOut(WireModel):
    """How much error budget is left, of a service or of one tenant."""

    state: str
    """`met`, `exhausted` or `no_data`."""
    bad_count: int
    total_count: int
    """Events, or slices with data."""
    reached: float | None
    """Share of good ones, to hold against the target."""
    allowed_count: float
    """How many may go bad."""
    consumed_share: float | None
    """Share of the budget that is used up; above 1 when more is."""
    left_share: float | None
    exhaustion: str
    """`exhausted`, `in` some time, `not_at_this_burn` or `unknown`."""
    exhausted_in_s: float | None
    burns: tuple[BurnOut, ...]

    @classmethod
    def of(cls, subject: SubjectState) -> Self:
        return cls(**_budget_of(subject))


class TenantBudgetOut(BudgetOut):
    tenant: str

    @classmethod
    def of(cls, subject: SubjectState) -> Self:
        return cls(**_budget_of(subject), tenant=subject.tenant or "")


class PopulationOut(WireModel):
    """How many tenants are within the objective."""

    within_count: int
    exhausted_count: int
    no_data_count: int
    within_share: float | None
    is_cut: bool
    """Whether there are more tenants than are told apart."""


class PairOut(WireModel):
    """Two windows that both have to burn."""

    severity: str
    long: str
    short: str
    factor: float
    min_count: int
    """Below so many events in the long window nothing is said to burn."""
    left_out_because: str | None
    """Why the workbook's pair makes no sense here; `null`: it counts."""


class FindingOut(WireModel):
    """What burns too fast now."""

    code: str
    severity: str
    service: str
    tenant: str | None
    long: str
    short: str
    burn_long: float
    burn_short: float
    factor: float
    count: int
    sentence: str

    @classmethod
    def of(cls, finding: BurnFinding) -> Self:
        return cls(
            code=finding.code,
            severity=finding.severity,
            service=finding.service,
            tenant=finding.tenant,
            long=format_duration(finding.long),
            short=format_duration(finding.short),
            burn_long=float(finding.burn_long),
            burn_short=float(finding.burn_short or 0),
            factor=float(finding.factor),
            count=finding.count,
            sentence=finding.sentence,
        )


class PolicyOut(WireModel):
    """What the error-budget policy says now."""

    state: PolicyState
    reason: str
    frozen_at: Utc | None
    freeze_at: float
    lift_at: float
    excepted_by: tuple[str, ...]
    freeze_without_data: bool

    @classmethod
    def of(cls, looked: Looked) -> Self:
        policy = looked.state.objective.policy
        return cls(
            state=looked.decision.state,
            reason=looked.decision.reason,
            frozen_at=looked.frozen_at,
            freeze_at=float(policy.freeze_at),
            lift_at=float(policy.lift_at),
            excepted_by=policy.excepted_by,
            freeze_without_data=policy.is_frozen_without_data,
        )


class ObjectiveSummaryOut(WireModel):
    """An objective and its state."""

    name: str
    title: str
    owner: str
    service: str
    environment: str | None
    family: str
    indicator: str
    target: float
    window: str
    version: int
    applied_at: Utc
    at: Utc
    from_: Utc
    to: Utc
    budget: BudgetOut
    unknown_count: int | None
    """Slices without data, neither good nor bad; `null` where events are counted."""
    population: PopulationOut | None
    burning: tuple[FindingOut, ...]
    policy: PolicyOut

    @classmethod
    def of(cls, looked: Looked) -> Self:
        return cls(**_summary_of(looked))


class ObjectiveOut(ObjectiveSummaryOut):
    """The whole of an objective."""

    pairs: tuple[PairOut, ...]
    file: ObjectiveFile
    """What `tidegate slo apply` takes."""
    tenants: tuple[TenantBudgetOut, ...]
    """A page of them: who used most of the budget first."""
    next_cursor: str | None
    """For the tenants that follow."""

    @classmethod
    def of_all(cls, looked: Looked, tenants: Page[SubjectState]) -> Self:
        objective = looked.state.objective
        return cls(
            **_summary_of(looked),
            pairs=_pairs_of(objective),
            file=file_of(objective),
            tenants=tuple(map(TenantBudgetOut.of, tenants.items)),
            next_cursor=tenants.next_cursor,
        )


class ObjectivePageOut(WireModel):
    items: tuple[ObjectiveSummaryOut, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Looked]) -> Self:
        return cls(items=tuple(map(ObjectiveSummaryOut.of, page.items)), next_cursor=page.next_cursor)


class ChangeOut(WireModel):
    name: str
    change: ChangeKind
    version: int
    """After it."""
    before: str | None
    after: str
    pairs: tuple[PairOut, ...]

    @classmethod
    def of(cls, change: Change) -> Self:
        return cls(
            name=change.objective.name,
            change=change.kind,
            version=change.version,
            before=change.before,
            after=change.after,
            pairs=_pairs_of(change.objective),
        )


class PlanOut(WireModel):
    """What a file would change."""

    changes: tuple[ChangeOut, ...]

    @classmethod
    def of(cls, changes: Sequence[Change]) -> Self:
        return cls(changes=tuple(map(ChangeOut.of, changes)))


class AppliedOut(PlanOut):
    """What a file changed."""


def _summary_of(looked: Looked) -> dict[str, object]:
    state, objective = looked.state, looked.state.objective
    population = state.population
    return {
        "name": objective.name,
        "title": objective.title,
        "owner": objective.owner,
        "service": objective.service,
        "environment": objective.environment,
        "family": objective.family.value,
        "indicator": indicator_words(objective),
        "target": float(objective.target),
        "window": objective.window.words,
        "version": state.stored.version,
        "applied_at": state.stored.applied_at,
        "at": state.at,
        "from_": state.window.start,
        "to": state.window.end,
        "budget": BudgetOut.of(state.whole),
        "unknown_count": state.unknown_count,
        "population": None
        if population is None
        else PopulationOut(
            within_count=population.within_count,
            exhausted_count=population.exhausted_count,
            no_data_count=population.no_data_count,
            within_share=_number(population.within_share),
            is_cut=population.is_cut,
        ),
        "burning": tuple(map(FindingOut.of, state.burning)),
        "policy": PolicyOut.of(looked),
    }


def about_objective(looked: Looked) -> Target:
    """Return what a request for one objective is about."""
    return about_stored(looked.state.stored)


def about_stored(stored: StoredObjective) -> Target:
    objective = stored.objective
    environments = frozenset({objective.environment}) if objective.environment is not None else frozenset[str]()
    return Target(services=frozenset({objective.service}), environments=environments)


def indicator_words(objective: Objective) -> str:
    """Say what is counted: `failureCount of requestCount`."""
    indicator = objective.indicator
    if isinstance(indicator, Events):
        part = indicator.bad if indicator.bad is not None else f"all but {indicator.good}"
        return f"{part} of {indicator.total}"
    word = "at most" if indicator.operator.value == "atMost" else "at least"
    return f"{indicator.figure} {word} {indicator.bound} in each {format_duration(indicator.length)}"


def _budget_of(subject: SubjectState) -> dict[str, object]:
    budget = subject.budget
    return {
        "state": budget.state,
        "bad_count": budget.bad,
        "total_count": budget.total,
        "reached": _number(budget.reached),
        "allowed_count": float(budget.allowed),
        "consumed_share": _number(budget.consumed_share),
        "left_share": _number(budget.left_share),
        "exhaustion": subject.exhaustion,
        "exhausted_in_s": _seconds(subject.exhausted_in),
        "burns": tuple(map(BurnOut.of, subject.burns)),
    }


def _pairs_of(objective: Objective) -> tuple[PairOut, ...]:
    told = [(pair, None) for pair in objective.burn_pairs]
    told += [(one.pair, one.reason) for one in objective.left_out]  # type: ignore[misc]  # a reason instead of none
    return tuple(
        PairOut(
            severity=pair.severity,
            long=format_duration(pair.long),
            short=format_duration(pair.short),
            factor=float(pair.factor),
            min_count=objective.least_count(pair),
            left_out_because=reason,
        )
        for pair, reason in told
    )


def _number(share: Fraction | None) -> float | None:
    return None if share is None else float(share)


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()
