"""An incident: alerts that are one matter, its states, its steps, and how much it is like another. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType

from tidegate.alerts.model import Alert

__all__ = [
    "SIMILARITY_WEIGHTS",
    "EntryKind",
    "EventKind",
    "GatePlace",
    "Incident",
    "IncidentEvent",
    "IncidentId",
    "IncidentSeverity",
    "IncidentState",
    "Likeness",
    "Move",
    "Span",
    "SplitBy",
    "Statistics",
    "StatisticsGroup",
    "TimelineEntry",
    "likeness_of",
    "moved",
    "next_event",
    "opened",
    "timeline_of",
    "with_alerts",
]  # fmt: skip

IncidentId = NewType("IncidentId", str)
MAX_ALERTS: Final = 500  # of one incident: a page of them is read by people
MAX_ENTRIES: Final = 1_000  # of one timeline, beside the incident's own events
MAX_TITLE: Final = 200


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    """It hurts nobody any more; its cause is not gone yet."""
    RESOLVED = "resolved"


class IncidentSeverity(StrEnum):
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


class Move(StrEnum):
    """What leads from one state to another."""

    ACKNOWLEDGE = "acknowledge"
    MITIGATE = "mitigate"
    RESOLVE = "resolve"
    REOPEN = "reopen"


class EventKind(StrEnum):
    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    NOTED = "noted"
    ALERTS_ADDED = "alerts_added"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as it stands now."""

    id: IncidentId
    title: str
    severity: IncidentSeverity
    state: IncidentState
    commander: str | None
    """A member."""
    opened_at: datetime
    opened_by: str
    started_at: datetime
    """When the first of its alerts fired; crossed its bound, for those that never fired."""
    changed_at: datetime
    sequence: int
    """Of its last event."""
    codes: tuple[str, ...]
    services: tuple[str, ...]
    tenants: tuple[str, ...]
    """Tenants that its alerts name; an alert of a whole service names none."""
    alert_count: int
    acknowledged_at: datetime | None = None
    """The first time; who mitigates or resolves what nobody acknowledged, acknowledges it."""
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None
    reopened_count: int = 0
    group_epoch: str | None = None
    """Of the group of alerts that it was opened for by itself; `None`: a person opened it."""

    @property
    def is_open(self) -> bool:
        return self.state is not IncidentState.RESOLVED

    @property
    def time_to_acknowledge(self) -> timedelta | None:
        return None if self.acknowledged_at is None else self.acknowledged_at - self.started_at

    @property
    def time_to_resolve(self) -> timedelta | None:
        return None if self.resolved_at is None else self.resolved_at - self.started_at


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """One step of an incident."""

    incident: IncidentId
    sequence: int
    """1 for the first, without gaps."""
    kind: EventKind
    at: datetime
    by: str
    note: str = ""
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """What a line cites."""
        return f"{self.incident}/{self.sequence}"


_FROM: Final[Mapping[Move, frozenset[IncidentState]]] = {
    Move.ACKNOWLEDGE: frozenset({IncidentState.OPEN}),
    Move.MITIGATE: frozenset({IncidentState.OPEN, IncidentState.ACKNOWLEDGED}),
    Move.RESOLVE: frozenset({IncidentState.OPEN, IncidentState.ACKNOWLEDGED, IncidentState.MITIGATED}),
    Move.REOPEN: frozenset({IncidentState.MITIGATED, IncidentState.RESOLVED}),
}
_TO: Final[Mapping[Move, tuple[IncidentState, EventKind]]] = {
    Move.ACKNOWLEDGE: (IncidentState.ACKNOWLEDGED, EventKind.ACKNOWLEDGED),
    Move.MITIGATE: (IncidentState.MITIGATED, EventKind.MITIGATED),
    Move.RESOLVE: (IncidentState.RESOLVED, EventKind.RESOLVED),
    Move.REOPEN: (IncidentState.OPEN, EventKind.REOPENED),
}


def opened(  # noqa: PLR0913 - what an incident begins with
    incident_id: IncidentId,
    alerts: Sequence[Alert],
    *,
    at: datetime,
    by: str,
    title: str = "",
    severity: IncidentSeverity | None = None,
    commander: str | None = None,
    note: str = "",
    group_epoch: str | None = None,
) -> tuple[Incident, IncidentEvent]:
    """Return a new incident of `alerts` and its first event; what is not said is taken from the alerts."""
    first = min(alerts, key=lambda alert: (alert.severity, _start_of(alert), alert.id))
    about = f"{first.code} on {first.service or 'a service without a name'}"
    more = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
    blank = Incident(
        id=incident_id,
        title=title or f"{about[: MAX_TITLE - len(more)]}{more}",
        severity=severity or IncidentSeverity(first.severity),
        state=IncidentState.OPEN,
        commander=commander,
        opened_at=at,
        opened_by=by,
        started_at=at,
        changed_at=at,
        sequence=1,
        codes=(),
        services=(),
        tenants=(),
        alert_count=0,
        group_epoch=group_epoch,
    )
    details = {"alerts": sorted(alert.id for alert in alerts), "severity": blank.severity, "commander": commander}
    return with_alerts(blank, alerts), IncidentEvent(incident_id, 1, EventKind.OPENED, at, by, note, details)


def with_alerts(incident: Incident, alerts: Sequence[Alert]) -> Incident:
    """Return `incident` with `alerts`, none of which it has."""
    return replace(
        incident,
        started_at=min([incident.started_at, *map(_start_of, alerts)]),
        codes=_sorted(incident.codes, [alert.code for alert in alerts]),
        services=_sorted(incident.services, [alert.service for alert in alerts]),
        tenants=_sorted(incident.tenants, [alert.tenant for alert in alerts if alert.tenant is not None]),
        alert_count=incident.alert_count + len(alerts),
    )


def next_event(
    incident: Incident, kind: EventKind, *, at: datetime, by: str, note: str = "", **details: object
) -> tuple[Incident, IncidentEvent]:
    """Return `incident` one event further; a clock that was set back dates none before the last one."""
    at = max(at, incident.changed_at)
    event = IncidentEvent(incident.id, incident.sequence + 1, kind, at, by, note, details)
    return replace(incident, sequence=event.sequence, changed_at=at), event


def moved(
    incident: Incident, move: Move, *, at: datetime, by: str, note: str = "", **details: object
) -> tuple[Incident, IncidentEvent] | None:
    """Return `incident` after `move` with its event; `None` when its state does not allow it."""
    if incident.state not in _FROM[move]:
        return None
    state, kind = _TO[move]
    after, event = next_event(incident, kind, at=at, by=by, note=note, **{"from": incident.state, **details})
    is_reopened = move is Move.REOPEN
    after = replace(
        after,
        state=state,
        acknowledged_at=incident.acknowledged_at or (None if is_reopened else event.at),
        mitigated_at=_mitigated_at(incident, move, event.at),
        resolved_at=event.at if move is Move.RESOLVE else None,
        reopened_count=incident.reopened_count + is_reopened,
    )
    return after, event


def _mitigated_at(incident: Incident, move: Move, at: datetime) -> datetime | None:
    if move is Move.MITIGATE:
        return at
    return None if move is Move.REOPEN else incident.mitigated_at


def _start_of(alert: Alert) -> datetime:
    return alert.fired_at or alert.since


def _sorted(known: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({*known, *new}))


class EntryKind(StrEnum):
    """Where a line of a timeline is recorded."""

    INCIDENT = "incident"
    ALERT = "alert"
    PAGE = "page"
    NOT_TOLD = "not_told"
    CARE = "care"
    SILENCE = "silence"
    RELEASE = "release"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One recorded event."""

    source: str
    """Its id: `alr_…/3`, `pge_…`, `inc_…/2`, `rel_…`."""
    kind: EntryKind
    at: datetime
    title: str
    """Our words."""
    words: str
    """What the record says: it may hold text of others, which is shown and never acted upon."""
    by: str = ""
    alert: str | None = None


def timeline_of(
    own: Sequence[TimelineEntry], others: Sequence[TimelineEntry]
) -> tuple[tuple[TimelineEntry, ...], bool]:
    """Return all of `own` and the first of `others` in the order of time, and whether that is all there is."""
    by_time = sorted(others, key=lambda entry: entry.at)  # of one moment, as they were recorded
    kept = [*by_time[:MAX_ENTRIES], *own]
    return tuple(sorted(kept, key=lambda entry: entry.at)), len(by_time) <= MAX_ENTRIES


SIMILARITY_WEIGHTS: Final[Mapping[str, int]] = {"codes": 3, "services": 2, "tenants": 1}


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much another incident is like this one, and in what."""

    incident: Incident
    score: float
    """Shared over all, of codes, services and tenants, weighted 3 : 2 : 1; what neither has is left out."""
    codes: tuple[str, ...]
    services: tuple[str, ...]
    tenants: tuple[str, ...]


def likeness_of(incident: Incident, other: Incident) -> Likeness:
    """Return what `other` shares with `incident`."""
    shared: dict[str, tuple[str, ...]] = {}
    total = weights = 0.0
    for name, weight in SIMILARITY_WEIGHTS.items():
        mine, theirs = set(getattr(incident, name)), set(getattr(other, name))
        shared[name] = tuple(sorted(mine & theirs))
        if mine | theirs:
            total += weight * len(shared[name]) / len(mine | theirs)
            weights += weight
    return Likeness(other, total / weights if weights else 0.0, **shared)


@dataclass(frozen=True, slots=True)
class GatePlace:
    """A gate that reads alerts of an incident."""

    id: str
    title: str
    codes: tuple[str, ...]
    """Those of the incident's that it reads."""


class SplitBy(StrEnum):
    """By what statistics are split."""

    SEVERITY = "severity"
    SERVICE = "service"
    TENANT = "tenant"
    CODE = "code"
    COMMANDER = "commander"


@dataclass(frozen=True, slots=True)
class Span:
    """How long something took, over those that it is over for."""

    count: int
    p50_s: float | None
    mean_s: float | None
    """`None` of none."""


@dataclass(frozen=True, slots=True)
class StatisticsGroup:
    key: str | None
    """What it is split by; `None`: no commander, or not split."""
    count: int
    open_count: int
    """Not resolved: no part of `resolution`."""
    unacknowledged_count: int
    """No part of `acknowledgement`."""
    acknowledgement: Span
    resolution: Span


@dataclass(frozen=True, slots=True)
class Statistics:
    start: datetime
    end: datetime
    whole: StatisticsGroup
    groups: tuple[StatisticsGroup, ...]
    groups_left_off: int
