"""Incidents as pages show them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tidegate.alerts.incidents.model import (
    EntryKind,
    Incident,
    IncidentState,
    Likeness,
    Move,
    TimelineEntry,
)
from tidegate.edge.marks import MARKS, Mark
from tidegate.kernel import format_duration

__all__ = ["EntryView", "IncidentView", "LikenessView", "entry_views", "incident_view", "likeness_views", "moves_of"]

_MARKS: Final[Mapping[IncidentState, Mark]] = {
    IncidentState.OPEN: Mark("OPEN", "no-go", "no-go"),
    IncidentState.ACKNOWLEDGED: Mark("ACKNOWLEDGED", "hold", "hold"),
    IncidentState.MITIGATED: Mark("MITIGATED", "hold", "waived"),
    IncidentState.RESOLVED: MARKS["resolved"],
}
_LINES: Final[Mapping[EntryKind, Mark]] = {
    EntryKind.INCIDENT: MARKS["hold"],
    EntryKind.ALERT: MARKS["firing"],
    EntryKind.PAGE: MARKS["above"],
    EntryKind.NOT_TOLD: MARKS["waived"],
    EntryKind.CARE: MARKS["waived"],
    EntryKind.SILENCE: MARKS["waived"],
    EntryKind.RELEASE: MARKS["pending"],
    EntryKind.FREEZE: MARKS["pending"],
}
_MOVES: Final[Mapping[IncidentState, tuple[Move, ...]]] = {
    IncidentState.OPEN: (Move.ACKNOWLEDGE, Move.MITIGATE, Move.RESOLVE),
    IncidentState.ACKNOWLEDGED: (Move.MITIGATE, Move.RESOLVE),
    IncidentState.MITIGATED: (Move.RESOLVE, Move.REOPEN),
    IncidentState.RESOLVED: (Move.REOPEN,),
}
_NAMED: Final = 3
NEWEST: Final = 200  # lines that a page shows: a thousand of them are two hundred kilobytes


@dataclass(frozen=True, slots=True)
class IncidentView:
    id: str
    mark: Mark
    severity: str
    title: str
    commander: str | None
    opened_at: datetime
    opened_by: str
    started_at: datetime
    acknowledged_at: datetime | None
    mitigated_at: datetime | None
    resolved_at: datetime | None
    to_acknowledge: str
    to_resolve: str
    services: tuple[str, ...]
    services_said: str
    tenants: tuple[str, ...]
    tenants_said: str
    codes: tuple[str, ...]
    alert_count: int
    reopened_count: int
    sequence: int
    is_automatic: bool


@dataclass(frozen=True, slots=True)
class EntryView:
    mark: Mark
    title: str
    words: str
    by: str
    at: datetime
    source: str
    path: str
    """Page of what it is recorded of; empty where there is none."""


@dataclass(frozen=True, slots=True)
class LikenessView:
    incident: IncidentView
    per_cent: int
    shared: str


def incident_view(incident: Incident) -> IncidentView:
    return IncidentView(
        id=incident.id,
        mark=_MARKS[incident.state],
        severity=incident.severity,
        title=incident.title,
        commander=incident.commander,
        opened_at=incident.opened_at,
        opened_by=incident.opened_by,
        started_at=incident.started_at,
        acknowledged_at=incident.acknowledged_at,
        mitigated_at=incident.mitigated_at,
        resolved_at=incident.resolved_at,
        to_acknowledge=length_of(incident.time_to_acknowledge),
        to_resolve=length_of(incident.time_to_resolve),
        services=incident.services,
        services_said=_few(incident.services),
        tenants=incident.tenants,
        tenants_said=_few(incident.tenants),
        codes=incident.codes,
        alert_count=incident.alert_count,
        reopened_count=incident.reopened_count,
        sequence=incident.sequence,
        is_automatic=incident.group_epoch is not None,
    )


def length_of(length: timedelta | None) -> str:
    return "not yet" if length is None else format_duration(length)


def moves_of(incident: Incident) -> tuple[Move, ...]:
    """Return the steps that its state allows, the next one first."""
    return _MOVES[incident.state]


def entry_views(entries: Iterable[TimelineEntry]) -> tuple[EntryView, ...]:
    """Return the newest lines, the newest first."""
    newest = list(entries)[-NEWEST:][::-1]
    return tuple(
        EntryView(_mark_of(entry), entry.title, entry.words, entry.by, entry.at, entry.source, _path_of(entry))
        for entry in newest
    )


def likeness_views(alike: Iterable[Likeness]) -> tuple[LikenessView, ...]:
    return tuple(
        LikenessView(
            incident_view(one.incident),
            round(one.score * 100),
            "; ".join(
                f"{what} {_few(shared)}"
                for what, shared in (("rule", one.codes), ("service", one.services), ("tenant", one.tenants))
                if shared
            ),
        )
        for one in alike
    )


def _mark_of(entry: TimelineEntry) -> Mark:
    if entry.kind is EntryKind.ALERT and entry.title in {"Bound crossed", "Fell silent"}:
        return MARKS["pending"]
    is_over = entry.title.startswith(("Resolved", "Closed", "Told that it is over", "Incident resolved"))
    return MARKS["resolved"] if is_over else _LINES[entry.kind]


def _path_of(entry: TimelineEntry) -> str:
    return f"/alerts/{entry.alert}" if entry.alert is not None else ""


def _few(names: tuple[str, ...]) -> str:
    shown = ", ".join(name or "without a name" for name in names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown
