"""An alert, its transitions with their causes, and the shapes in which people ask for them. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tidegate.alerts.model.rule import Severity, Unit
from tidegate.kernel import AlertId, TimeRange, WorkspaceId
from tidegate.signals import Family, Figures
from tidegate.slos import FreezeEvent


class AlertState(StrEnum):
    """Where an alert stands. `INACTIVE` is where each begins; it is a state of no stored alert."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class AlertKey:
    """What at most one open alert stands for."""

    workspace: WorkspaceId
    code: str
    service: str
    tenant: str | None
    """`None` for the service as a whole."""
    labels: tuple[tuple[str, str], ...] = ()
    """Values of the further dimensions that its rule groups by, sorted by dimension."""


class Origin(StrEnum):
    """What moves an alert."""

    RULES = "rules"
    OUTSIDE = "outside"
    """Another tool that sends it here."""
    OBJECTIVES = "objectives"
    """An error budget that burns."""
    GATES = "gates"
    """People: an override of a gate."""


class CauseKind(StrEnum):
    """Why an alert moved."""

    CROSSED = "crossed"
    SILENT = "silent"
    """It opened because there was nothing where there used to be something."""
    SUSTAINED = "sustained"
    HELD = "held"
    RESUMED = "resumed"
    RECOVERING = "recovering"
    """Good again, not yet for as long as the rule asks."""
    RELAPSED = "relapsed"
    """Crossed again before it had been good for long enough."""
    FLAPPING = "flapping"
    """It would have closed, after it opened and closed too often: it stays open until it is stable."""
    STEADY = "steady"
    """It flaps no more: the bound stays crossed."""
    RECOVERED = "recovered"
    NO_DATA = "no_data"
    WITHDRAWN = "withdrawn"
    """Its rule is gone, switched off, or groups in another way; or its objective asks for it no more."""
    REPORTED = "reported"
    """Another tool says that it fires, or two people did it."""
    ENDED = "ended"
    """That tool says that it is over, or those people did."""
    UNHEARD = "unheard"
    """That tool said nothing of it for too long."""


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
class Outside:
    """What another tool says of an alert that it sent here. It is text of others: shown, and never acted upon."""

    labels: tuple[tuple[str, str], ...]
    """As they were sent, sorted: what routes, silences and others know it by."""
    annotations: tuple[tuple[str, str], ...]
    starts_at: datetime
    ends_at: datetime
    """When it is over unless it is sent again."""
    is_timeout: bool
    """Whether `ends_at` is ours, because none was sent."""
    generator_url: str
    sender: str
    """Name of the tool, by its own word."""
    updated_at: datetime


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
    recovering_since: datetime | None = None
    """Since when a firing alert is good, not yet for long enough; `None` while it is not."""
    unsettled_at: datetime | None = None
    """When a flapping alert last changed sides; `None` while it does not flap."""
    flaps: tuple[datetime, ...] = ()
    """When alerts of this key fired and closed of late, as far as it counts."""
    scope: str | None = None
    """Whom it is about: `tenant t-1`, `3 of 40 tenants`, `all tenants`; `None` where that cannot be told."""
    unit: Unit = Unit.RATE
    """What value and threshold count in."""
    owner: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    """Labels of the rule; those that it groups by stand in the key."""
    is_zero_tolerance: bool = False
    outside: Outside | None = None
    """What its sender said; `None` unless it is from outside: then value, threshold and count say nothing."""
    origin: Origin = Origin.RULES

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
    def is_flapping(self) -> bool:
        return self.unsettled_at is not None and self.is_open

    @property
    def is_open(self) -> bool:
        return self.state is not AlertState.RESOLVED


@dataclass(frozen=True, slots=True)
class AlertDetail:
    alert: Alert
    transitions: tuple[Transition, ...]
    """In order."""
    budget_events: tuple[FreezeEvent, ...] = ()
    """Of an objective: what its policy and people did about releases while this was open, in order."""


@dataclass(frozen=True, slots=True)
class Change:
    """An alert after the transitions that brought it there; these are stored together or not at all."""

    alert: Alert
    transitions: tuple[Transition, ...]

    @property
    def is_new(self) -> bool:
        return self.transitions[0].sequence == 1


@dataclass(frozen=True, slots=True)
class FamilyAlert:
    """An alert as the routes of the families show it: stored, or what other bounds would open."""

    code: str
    severity: Severity
    sentence: str
    value: float | None
    threshold: float
    count: int
    since: datetime
    """When the bound was crossed; the moment of the answer for an alert that only other bounds would open."""
    runbook: str
    service: str
    tenant: str | None
    state: AlertState


@dataclass(frozen=True, slots=True)
class AlertPreview:
    """Figures of a family and its alerts: the stored ones, or, with overrides, what these bounds would find now."""

    family: Family
    window: TimeRange
    evaluated_at: datetime | None
    """`None` when the rules were never evaluated: then an empty list says nothing."""
    figures: Figures
    breakdowns: Mapping[str, Mapping[str, int]]
    """Counts by status and by error code, under their wire names."""
    alerts: tuple[FamilyAlert, ...]
    is_preview: bool


@dataclass(frozen=True, slots=True)
class QuietState:
    """What it takes to say whether alerts were quiet: open ones, the last that closed, how well one watched."""

    open_alerts: tuple[Alert, ...]
    last_closed_at: datetime | None
    """When the last one closed at or after the asked moment."""
    evaluated_at: datetime | None
    watched_since: datetime | None
    """Quiet before this moment is not known to be quiet."""
