"""Incidents on the wire."""

from typing import Annotated, Self

from pydantic import Field

from tidegate.alerts.incidents.answers import KEEP, Change, Known, OpenWish
from tidegate.alerts.incidents.model import (
    MAX_ALERTS,
    MAX_TITLE,
    EntryKind,
    EventKind,
    GatePlace,
    Incident,
    IncidentEvent,
    IncidentSeverity,
    IncidentState,
    Likeness,
    Span,
    SplitBy,
    Statistics,
    StatisticsGroup,
    TimelineEntry,
)
from tidegate.alerts.schemas import AlertOut
from tidegate.edge.wire import Utc, WireModel
from tidegate.kernel import Page

_Id = Annotated[str, Field(max_length=80)]
_Note = Annotated[str, Field(max_length=2_000)]
_Title = Annotated[str, Field(max_length=MAX_TITLE)]


class IncidentIn(WireModel):
    alert_ids: Annotated[tuple[_Id, ...], Field(max_length=MAX_ALERTS)] = ()
    group_id: Annotated[str, Field(max_length=200)] | None = None
    """A group of alerts as paging tells of it: those that fire in it now."""
    title: _Title = ""
    """Of the alerts unless said."""
    severity: IncidentSeverity | None = None
    """The worst of the alerts unless said."""
    commander: _Id | None = None
    """Id of a person."""
    note: _Note = ""

    def wish(self) -> OpenWish:
        return OpenWish(self.alert_ids, self.group_id, self.title, self.severity, self.commander, self.note)


class IncidentChangeIn(WireModel):
    """What is left out stays; null for commander: nobody."""

    title: _Title | None = None
    severity: IncidentSeverity | None = None
    commander: _Id | None = None
    note: _Note = ""

    def change(self) -> Change:
        commander = self.commander if "commander" in self.model_fields_set else KEEP
        return Change(self.title, self.severity, commander, self.note)


class IncidentStepIn(WireModel):
    note: _Note = ""


class ResolveIn(WireModel):
    note: _Note = ""
    despite_open_alerts: bool = False
    """Resolve although alerts of it are open still."""


class IncidentNoteIn(WireModel):
    note: _Note


class IncidentAlertsIn(WireModel):
    alert_ids: Annotated[tuple[_Id, ...], Field(min_length=1, max_length=MAX_ALERTS)]


class IncidentOut(WireModel):
    id: str
    title: str
    severity: IncidentSeverity
    state: IncidentState
    commander: str | None
    opened_at: Utc
    opened_by: str
    started_at: Utc
    """When the first of its alerts fired: acknowledging and resolving are counted from here."""
    acknowledged_at: Utc | None
    mitigated_at: Utc | None
    resolved_at: Utc | None
    time_to_acknowledge_s: float | None
    time_to_resolve_s: float | None
    """Null until it is."""
    reopened_count: int
    sequence: int
    """Of its last event: send it with a change, so that nobody's is lost."""
    codes: tuple[str, ...]
    services: tuple[str, ...]
    tenants: tuple[str, ...]
    alert_count: int
    automatic: bool
    """Opened for a group of alerts because a route says so."""

    @classmethod
    def of(cls, incident: Incident) -> Self:
        acknowledged, resolved = incident.time_to_acknowledge, incident.time_to_resolve
        return cls(
            id=incident.id,
            title=incident.title,
            severity=incident.severity,
            state=incident.state,
            commander=incident.commander,
            opened_at=incident.opened_at,
            opened_by=incident.opened_by,
            started_at=incident.started_at,
            acknowledged_at=incident.acknowledged_at,
            mitigated_at=incident.mitigated_at,
            resolved_at=incident.resolved_at,
            time_to_acknowledge_s=None if acknowledged is None else acknowledged.total_seconds(),
            time_to_resolve_s=None if resolved is None else resolved.total_seconds(),
            reopened_count=incident.reopened_count,
            sequence=incident.sequence,
            codes=incident.codes,
            services=incident.services,
            tenants=incident.tenants,
            alert_count=incident.alert_count,
            automatic=incident.group_epoch is not None,
        )


class IncidentPageOut(WireModel):
    """Incidents, the newest first."""

    items: tuple[IncidentOut, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Incident]) -> Self:
        return cls(items=tuple(map(IncidentOut.of, page.items)), next_cursor=page.next_cursor)


class IncidentEventOut(WireModel):
    id: str
    kind: EventKind
    at: Utc
    by: str
    note: str

    @classmethod
    def of(cls, event: IncidentEvent) -> Self:
        return cls(id=event.source, kind=event.kind, at=event.at, by=event.by, note=event.note)


class TimelineEntryOut(WireModel):
    """One recorded event. `words` may hold text of others."""

    source: str
    """Id of the record: `inc_…/2`, `alr_…/3`, `pge_…`, `sil_…`, `rel_…`."""
    kind: EntryKind
    at: Utc
    title: str
    words: str
    by: str
    alert: str | None

    @classmethod
    def of(cls, entry: TimelineEntry) -> Self:
        return cls(
            source=entry.source,
            kind=entry.kind,
            at=entry.at,
            title=entry.title,
            words=entry.words,
            by=entry.by,
            alert=entry.alert,
        )


class GatePlaceOut(WireModel):
    id: str
    title: str
    codes: tuple[str, ...]
    """Those of the incident that it reads."""

    @classmethod
    def of(cls, gate: GatePlace) -> Self:
        return cls(id=gate.id, title=gate.title, codes=gate.codes)


class LikenessOut(WireModel):
    id: str
    title: str
    state: IncidentState
    opened_at: Utc
    time_to_resolve_s: float | None
    score: float
    """0 to 1: shared over all, of codes, services and tenants, weighted 3 : 2 : 1; what neither has is left out."""
    codes: tuple[str, ...]
    services: tuple[str, ...]
    tenants: tuple[str, ...]
    """What both have."""

    @classmethod
    def of(cls, likeness: Likeness) -> Self:
        other = likeness.incident
        resolved = other.time_to_resolve
        return cls(
            id=other.id,
            title=other.title,
            state=other.state,
            opened_at=other.opened_at,
            time_to_resolve_s=None if resolved is None else resolved.total_seconds(),
            score=round(likeness.score, 4),
            codes=likeness.codes,
            services=likeness.services,
            tenants=likeness.tenants,
        )


class IncidentDetailOut(WireModel):
    incident: IncidentOut
    alerts: tuple[AlertOut, ...]
    timeline: tuple[TimelineEntryOut, ...]
    """In order."""
    timeline_is_whole: bool
    """False: of what is recorded of its alerts only the first thousand events, with every step of the incident."""
    gates: tuple[GatePlaceOut, ...]
    """Gates, as they are now, that read alerts of it."""
    similar: tuple[LikenessOut, ...]
    """Opened before it, the most like first, of the newest thousand that share anything."""

    @classmethod
    def of(cls, known: Known) -> Self:
        return cls(
            incident=IncidentOut.of(known.incident),
            alerts=tuple(map(AlertOut.of, known.alerts)),
            timeline=tuple(map(TimelineEntryOut.of, known.timeline)),
            timeline_is_whole=known.is_whole,
            gates=tuple(map(GatePlaceOut.of, known.gates)),
            similar=tuple(map(LikenessOut.of, known.alike)),
        )


class SpanOut(WireModel):
    count: int
    """Over how many."""
    p50_s: float | None
    mean_s: float | None
    """Null over none."""

    @classmethod
    def of(cls, span: Span) -> Self:
        return cls(count=span.count, p50_s=span.p50_s, mean_s=span.mean_s)


class StatisticsGroupOut(WireModel):
    key: str | None
    """Null: no commander, or all together."""
    count: int
    open_count: int
    """Not resolved: left out of `resolution`."""
    unacknowledged_count: int
    """Left out of `acknowledgement`."""
    acknowledgement: SpanOut
    resolution: SpanOut

    @classmethod
    def of(cls, group: StatisticsGroup) -> Self:
        return cls(
            key=group.key,
            count=group.count,
            open_count=group.open_count,
            unacknowledged_count=group.unacknowledged_count,
            acknowledgement=SpanOut.of(group.acknowledgement),
            resolution=SpanOut.of(group.resolution),
        )


class StatisticsOut(WireModel):
    """Incidents opened from `from`, before `to`. Times run from when the first alert fired."""

    from_: Annotated[Utc, Field(alias="from")]
    to: Utc
    by: SplitBy | None
    all: StatisticsGroupOut
    groups: tuple[StatisticsGroupOut, ...]
    """The largest first; an incident of several services, tenants or codes counts in each."""
    groups_left_off: int

    @classmethod
    def of(cls, found: Statistics, by: SplitBy | None) -> Self:
        return cls(
            from_=found.start,
            to=found.end,
            by=by,
            all=StatisticsGroupOut.of(found.whole),
            groups=tuple(map(StatisticsGroupOut.of, found.groups)),
            groups_left_off=found.groups_left_off,
        )
