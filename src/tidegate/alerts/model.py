"""Rules, what they find, and how an alert moves because of it. Pure: no I/O, no clock."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from tidegate.kernel import AlertId, TimeRange, WorkspaceId, format_duration, format_utc
from tidegate.signals import Family, Totals

__all__ = [
    "DEFAULT_WINDOW",
    "Alert",
    "AlertDetail",
    "AlertKey",
    "AlertState",
    "Cause",
    "CauseKind",
    "Change",
    "Finding",
    "Judgement",
    "Measure",
    "Rule",
    "Severity",
    "Transition",
    "Unit",
    "advance",
    "exceeds",
    "judge",
    "sentence_of",
    "step",
    "window_at",
]

DEFAULT_WINDOW: Final = timedelta(minutes=15)  # SIGNALS section 3: the window of the built-in alerts
_SECOND = timedelta(seconds=1)
_BACK: Final = "Back within the bound: "


class Severity(StrEnum):
    """How much it burns: `P1` wakes a person, `P2` waits for one."""

    P1 = "P1"
    P2 = "P2"


class AlertState(StrEnum):
    """Where an alert stands. `INACTIVE` is where each begins; it is a state of no stored alert."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Unit(StrEnum):
    """What a rule's value counts in; it says which values make sense and how they are written."""

    RATE = "rate"
    COUNT = "count"
    USD = "usd"


@dataclass(frozen=True, slots=True)
class Measure:
    """Which counters of a family make a value: `part`, or `part / (whole * scale)`."""

    figure: str
    """Wire name of the value in the family's figures."""
    part: str
    """Field of `Totals`."""
    whole: str
    """Field of `Totals` that says how much data there is; the minimum count is held against it."""
    unit: Unit
    scale: int = 1

    def value_of(self, totals: Totals) -> float | None:
        """Return the value, `None` without data. One division of integers: exact at the bound."""
        whole: int = getattr(totals, self.whole)
        if whole <= 0:
            return None
        part: int = getattr(totals, self.part)
        return part if self.unit is Unit.COUNT else part / (whole * self.scale)


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
    threshold_override: str
    """Name of the threshold on the route `/alerts/{family}`."""
    min_count: int = 1
    """Below this count the answer is *insufficient*."""
    min_count_override: str | None = None
    window: timedelta = DEFAULT_WINDOW
    lasting: timedelta = timedelta()
    """How long the bound must stay crossed before the alert fires."""

    @property
    def runbook_link(self) -> str:
        return f"/runbooks/{self.runbook}"


@dataclass(frozen=True, slots=True)
class AlertKey:
    """What at most one open alert stands for."""

    workspace: WorkspaceId
    code: str
    service: str
    tenant: str | None
    """`None` for the service as a whole."""


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


class CauseKind(StrEnum):
    """Why an alert moved."""

    CROSSED = "crossed"
    SUSTAINED = "sustained"
    HELD = "held"
    RESUMED = "resumed"
    RECOVERED = "recovered"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an alert moved, with the numbers that it was decided on."""

    kind: CauseKind
    value: float | None
    threshold: float
    count: int
    min_count: int
    window: timedelta
    words: str


@dataclass(frozen=True, slots=True)
class Transition:
    """One move of one alert. `HELD` and `RESUMED` keep the state and still are moves: they change what happens next."""

    sequence: int
    """1 for the first of an alert, without gaps."""
    from_state: AlertState
    to_state: AlertState
    at: datetime
    cause: Cause


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode, from crossing the bound to its end. Numbers and words are those of its last transition."""

    id: AlertId
    key: AlertKey
    family: Family
    severity: Severity
    runbook: str
    """Link of the page that says what to do: `/runbooks/{slug}`."""
    state: AlertState
    value: float | None
    threshold: float
    count: int
    sentence: str
    since: datetime
    """When the bound was crossed."""
    transition_count: int
    fired_at: datetime | None = None
    """`None` for an alert that never fired."""
    resolved_at: datetime | None = None
    held_since: datetime | None = None
    """Since when there was no answer; `None` while there is one."""

    @property
    def workspace(self) -> WorkspaceId:
        return self.key.workspace

    @property
    def code(self) -> str:
        return self.key.code

    @property
    def service(self) -> str:
        return self.key.service

    @property
    def tenant(self) -> str | None:
        return self.key.tenant

    @property
    def is_open(self) -> bool:
        return self.state is not AlertState.RESOLVED


@dataclass(frozen=True, slots=True)
class AlertDetail:
    alert: Alert
    transitions: tuple[Transition, ...]
    """In order."""


@dataclass(frozen=True, slots=True)
class Change:
    """An alert after the transitions that brought it there; these are stored together or not at all."""

    alert: Alert
    transitions: tuple[Transition, ...]

    @property
    def is_new(self) -> bool:
        return self.transitions[0].sequence == 1


def window_at(now: datetime, length: timedelta) -> TimeRange:
    """Return the window of whole seconds that ends with the running one."""
    end = now.replace(microsecond=0) + _SECOND
    return TimeRange(end - length, end)


def exceeds(rule: Rule, totals: Totals) -> bool:
    """Return whether `totals` cross the bound of `rule`, on enough data."""
    count: int = getattr(totals, rule.measure.whole)
    if count < rule.min_count or count <= 0:
        return False
    value = rule.measure.value_of(totals)
    return value is not None and value >= rule.threshold


def judge(rule: Rule, totals: Totals) -> Judgement:
    """Return what `rule` finds in `totals`."""
    count: int = getattr(totals, rule.measure.whole)
    value = rule.measure.value_of(totals)
    if value is None:
        return Judgement(Finding.NO_DATA, None, 0)
    if count < rule.min_count:
        return Judgement(Finding.INSUFFICIENT, value, count)
    return Judgement(Finding.ABOVE if exceeds(rule, totals) else Finding.BELOW, value, count)


def advance(rule: Rule, key: AlertKey, alert: Alert | None, judgement: Judgement, now: datetime) -> Change | None:
    """Return the change that `judgement` brings, `None` when it brings none.

    A new alert has an empty id: the caller names it. Steps until nothing moves, so that an alert whose rule asks for no
    lasting time crosses and fires at once, each as a transition of its own.
    """
    transitions: list[Transition] = []
    while (transition := step(rule, alert, judgement, now)) is not None:
        alert = _moved(rule, key, alert, judgement, transition)
        transitions.append(transition)
        if not alert.is_open:
            break
    return Change(alert, tuple(transitions)) if alert is not None and transitions else None


def step(rule: Rule, alert: Alert | None, judgement: Judgement, now: datetime) -> Transition | None:
    """Return the next transition of `alert` (`None`: inactive), `None` when it stays as it is."""
    if alert is None:
        if judgement.finding is not Finding.ABOVE:
            return None
        return _transition(rule, None, judgement, (AlertState.PENDING, CauseKind.CROSSED), now)
    move = _move(rule, alert, judgement.finding, now)
    return _transition(rule, alert, judgement, move, now) if move else None


def _move(rule: Rule, alert: Alert, finding: Finding, now: datetime) -> tuple[AlertState, CauseKind] | None:
    if finding is Finding.BELOW:
        return AlertState.RESOLVED, CauseKind.RECOVERED
    if finding is not Finding.ABOVE:
        if alert.held_since is None:
            return alert.state, CauseKind.HELD
        # One further window: everything that the last answer rested on has left the window long ago.
        if now - alert.held_since >= rule.window:
            return AlertState.RESOLVED, CauseKind.NO_DATA
        return None
    if alert.held_since is not None:
        return alert.state, CauseKind.RESUMED
    if alert.state is AlertState.PENDING and now - alert.since >= rule.lasting:
        return AlertState.FIRING, CauseKind.SUSTAINED
    return None


def _transition(
    rule: Rule, alert: Alert | None, judgement: Judgement, move: tuple[AlertState, CauseKind], now: datetime
) -> Transition:
    state, kind = move
    cause = Cause(
        kind=kind,
        value=judgement.value,
        threshold=rule.threshold,
        count=judgement.count,
        min_count=rule.min_count,
        window=rule.window,
        words=_words(rule, alert, judgement, kind, now),
    )
    sequence = alert.transition_count + 1 if alert else 1
    return Transition(sequence, alert.state if alert else AlertState.INACTIVE, state, now, cause)


def _moved(rule: Rule, key: AlertKey, alert: Alert | None, judgement: Judgement, transition: Transition) -> Alert:
    if alert is None:
        return Alert(
            id=AlertId(""),
            key=key,
            family=rule.family,
            severity=rule.severity,
            runbook=rule.runbook_link,
            state=transition.to_state,
            value=judgement.value,
            threshold=rule.threshold,
            count=judgement.count,
            sentence=sentence_of(rule, key, judgement),
            since=transition.at,
            transition_count=1,
        )
    kind = transition.cause.kind
    moved = replace(
        alert,
        state=transition.to_state,
        fired_at=transition.at if kind is CauseKind.SUSTAINED else alert.fired_at,
        resolved_at=None if transition.to_state is not AlertState.RESOLVED else transition.at,
        transition_count=transition.sequence,
    )
    if kind is CauseKind.HELD:
        return replace(moved, held_since=transition.at, sentence=f"{alert.sentence} {transition.cause.words}")
    if kind is CauseKind.NO_DATA:
        return replace(moved, sentence=transition.cause.words)
    return replace(
        moved,
        held_since=None,
        value=judgement.value,
        threshold=rule.threshold,
        count=judgement.count,
        sentence=(_BACK if kind is CauseKind.RECOVERED else "") + sentence_of(rule, key, judgement),
    )


def sentence_of(rule: Rule, key: AlertKey, judgement: Judgement) -> str:
    """Return what was found, for a person: the number, the bound, the place."""
    place = f"service {key.service or 'without a name'}"
    if key.tenant is not None:
        place += f", tenant {key.tenant}"
    return f"{_found(rule, judgement)} on {place}."


def _found(rule: Rule, judgement: Judgement) -> str:
    what = rule.phrase.format(value=_written(rule.measure.unit, judgement.value), count=judgement.count)
    return f"{what} in {format_duration(rule.window)}, the bound is {_written(rule.measure.unit, rule.threshold)}"


def _words(rule: Rule, alert: Alert | None, judgement: Judgement, kind: CauseKind, now: datetime) -> str:
    found = f"{_found(rule, judgement)}."
    if kind is CauseKind.SUSTAINED:
        return f"{found} It lasted {format_duration(rule.lasting)}." if rule.lasting else found
    if kind is CauseKind.HELD:
        return f"Held: {_gap(rule, judgement)} since {_clock_time(now)}; it stays open until there is an answer."
    if kind is CauseKind.NO_DATA:
        since = alert.held_since if alert and alert.held_since else now
        return (
            f"Closed without an answer, not because it was good: {_gap(rule, judgement)} "
            f"from {_clock_time(since)} for a further {format_duration(rule.window)}."
        )
    if kind is CauseKind.RESUMED:
        return f"There is an answer again: {found}"
    return f"{_BACK}{found}" if kind is CauseKind.RECOVERED else found


def _gap(rule: Rule, judgement: Judgement) -> str:
    if judgement.finding is Finding.INSUFFICIENT:
        return f"too little data ({judgement.count} of at least {rule.min_count})"
    return "no data"


def _clock_time(moment: datetime) -> str:
    return format_utc(moment.astimezone(UTC).replace(microsecond=0))


def _written(unit: Unit, value: float | None) -> str:
    if value is None:
        return "none"
    if unit is Unit.RATE:
        return f"{value * 100:.4g}%"
    return f"{value:.4g} USD" if unit is Unit.USD else f"{value:g}"
