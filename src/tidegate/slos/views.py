"""Objectives as people see them: marks, bars and sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from tidegate.edge.marks import MARKS, Mark
from tidegate.kernel import format_duration
from tidegate.slos.looked import Looked
from tidegate.slos.model import SHOWN, BudgetState, Exhaustion, PolicyState, percent
from tidegate.slos.schemas import indicator_words
from tidegate.slos.states import BurnWindow, SubjectState

__all__ = ["BudgetView", "BurnView", "ObjectiveView", "objective_view", "tenant_view"]

_EXHAUSTED = Mark("EXHAUSTED", "no-go", "no-go")
_BURNING = Mark("BURNING", "hold", "warned")
_MET = Mark("MET", "go", "go")
_NO_DATA = MARKS["missing"]
_MOST_LEFT = 100


@dataclass(frozen=True, slots=True)
class BurnView:
    window: str
    words: str
    """How many times too fast, or that there are no data."""
    counts: str


@dataclass(frozen=True, slots=True)
class BudgetView:
    """The budget of a service or a tenant."""

    tenant: str | None
    mark: Mark
    left: str
    width: int | None
    """Of the bar, in hundredths; `None` without data."""
    counts: str
    burns: tuple[BurnView, ...]
    lasts: str


@dataclass(frozen=True, slots=True)
class ObjectiveView:
    name: str
    title: str
    owner: str
    service: str
    environment: str | None
    target: str
    indicator: str
    window: str
    since: datetime
    until: datetime
    budget: BudgetView
    unknown: str | None
    population: str | None
    consequence: str
    policy: str
    is_frozen: bool
    sentences: tuple[str, ...]
    """What burns too fast."""
    runbook: str | None
    left_out: tuple[str, ...]
    version: int


def objective_view(looked: Looked) -> ObjectiveView:
    state, objective = looked.state, looked.state.objective
    own = [finding for finding in state.burning if finding.tenant is None]
    population = state.population
    freeze_at = percent(objective.policy.freeze_at)
    return ObjectiveView(
        name=objective.name,
        title=objective.title,
        owner=objective.owner,
        service=objective.service,
        environment=objective.environment,
        target=f"{objective.target * 100:f}".rstrip("0").rstrip(".") + "%",
        indicator=indicator_words(objective),
        window=objective.window.words,
        since=state.window.start,
        until=state.window.end,
        budget=_budget_view(state.whole, is_burning=bool(own)),
        unknown=f"{state.unknown_count:,} slices have no data." if state.unknown_count else None,
        population=None
        if population is None
        else f"{population.within_count:,} tenants within, {population.exhausted_count:,} exhausted, "
        f"{population.no_data_count:,} without data" + (", more are not told apart" if population.is_cut else ""),
        consequence=f"freeze at {freeze_at}",
        policy=f"{looked.decision.state.value.capitalize()}: {looked.decision.reason}",
        is_frozen=looked.decision.state is PolicyState.FROZEN,
        sentences=tuple(f"{finding.severity} {finding.sentence}" for finding in state.burning[:20]),
        runbook=_runbook_path(objective.runbook),
        left_out=tuple(f"{one.pair.words}: {one.reason}" for one in objective.left_out),
        version=state.stored.version,
    )


def tenant_view(subject: SubjectState) -> BudgetView:
    return _budget_view(subject, is_burning=False)


def _budget_view(subject: SubjectState, *, is_burning: bool) -> BudgetView:
    budget = subject.budget
    left = budget.left_share
    if budget.state is BudgetState.NO_DATA or left is None:
        return BudgetView(
            subject.tenant, _NO_DATA, "no data", None, "nothing counted", _burns(subject.burns), "unknown"
        )
    mark = _EXHAUSTED if budget.state is BudgetState.EXHAUSTED else _BURNING if is_burning else _MET
    width = max(0, min(_MOST_LEFT, int(left * _MOST_LEFT)))
    return BudgetView(
        subject.tenant,
        mark,
        percent(left),
        width,
        f"{budget.bad:,} of {budget.total:,} bad, {float(budget.allowed):,.6g} allowed",
        _burns(subject.burns),
        _lasts(subject),
    )


def _burns(burns: Sequence[BurnWindow]) -> tuple[BurnView, ...]:
    known = {burn.length: burn for burn in burns}
    return tuple(_burn(length, known.get(length)) for length in SHOWN)


def _burn(length: timedelta, burn: BurnWindow | None) -> BurnView:
    if burn is None:
        return BurnView(format_duration(length), "-", "longer than the window")
    words = "no data" if burn.burn is None else f"{_rate(burn.burn)} times"
    return BurnView(format_duration(length), words, f"{burn.bad:,} of {burn.total:,}")


def _rate(burn: Fraction) -> str:
    return f"{float(burn):.3g}"


def _lasts(subject: SubjectState) -> str:
    if subject.exhaustion is Exhaustion.EXHAUSTED:
        return "exhausted"
    if subject.exhaustion is Exhaustion.UNKNOWN:
        return "unknown"
    if subject.exhausted_in is None:
        return "lasts at this burn"
    whole = timedelta(minutes=max(int(subject.exhausted_in / timedelta(minutes=1)), 1))
    day = timedelta(days=1)
    return format_duration(whole if whole < day else timedelta(hours=int(whole / timedelta(hours=1))))


def _runbook_path(runbook: str | None) -> str | None:
    if runbook is None or runbook.startswith("https://"):
        return runbook
    return f"/runbooks/{runbook}"
