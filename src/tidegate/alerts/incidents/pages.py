"""Incidents for people."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from tidegate.alerts.incidents.answers import Change, OpenWish
from tidegate.alerts.incidents.model import Incident, IncidentSeverity, IncidentState, Move
from tidegate.alerts.incidents.ports import IncidentFilter
from tidegate.alerts.incidents.service import IncidentBook, IncidentService
from tidegate.alerts.incidents.views import NEWEST, entry_views, incident_view, length_of, likeness_views, moves_of
from tidegate.alerts.views import alert_view
from tidegate.audit.doing import Writing
from tidegate.edge.caller import CurrentCaller, CurrentWorkspace, Role, Scope, WritableWorkspace, Writer
from tidegate.edge.csrf import FormProven
from tidegate.edge.html import PageRenderer, Pages, page_router
from tidegate.edge.providers import provide
from tidegate.kernel import DEFAULT_LIMIT

__all__ = ["router"]

router = page_router()
Incidents = Annotated[IncidentService, provide(IncidentService)]
Book = Annotated[IncidentBook, provide(IncidentBook)]
_UNRESOLVED = frozenset(IncidentState) - {IncidentState.RESOLVED}
_MOST_ALERTS = 50  # rows that a page shows
_Sequence = Annotated[int | None, Form(ge=1)]


class Shown(StrEnum):
    """Which incidents the list shows."""

    UNRESOLVED = "unresolved"
    RESOLVED = "resolved"
    ALL = "all"

    @property
    def states(self) -> frozenset[IncidentState] | None:
        if self is Shown.ALL:
            return None
        return _UNRESOLVED if self is Shown.UNRESOLVED else frozenset({IncidentState.RESOLVED})


@dataclass(frozen=True, slots=True)
class Asked:
    """The query of the list."""

    state: Shown = Shown.UNRESOLVED
    service: Annotated[str | None, Query(max_length=512)] = None
    tenant: Annotated[str | None, Query(max_length=512)] = None
    cursor: Annotated[str | None, Query(max_length=1_000)] = None


@dataclass(frozen=True, slots=True)
class Desk:
    request: Request
    book: IncidentBook
    pages: PageRenderer


async def _desk(request: Request, book: Book, pages: Pages) -> Desk:
    return Desk(request, book, pages)


AtDesk = Annotated[Desk, Depends(_desk)]


@router.get("/incidents")
async def show_incidents(workspace: CurrentWorkspace, asked: Annotated[Asked, Depends()], desk: AtDesk) -> Response:
    """Show incidents, the newest first, and how long those of the last thirty days took."""
    which = IncidentFilter(states=asked.state.states, service=asked.service or None, tenant=asked.tenant or None)
    page = await desk.book.list_incidents(workspace, which, limit=DEFAULT_LIMIT, cursor=asked.cursor or None)
    took = await desk.book.statistics(workspace, start=None, end=None, by=None)
    return desk.pages.render(
        desk.request,
        "alerts/incidents.html",
        section="alerts",
        is_live=asked.cursor is None,
        filters=tuple(Shown),
        asked=asked,
        incidents=[incident_view(each) for each in page.items],
        next_cursor=page.next_cursor,
        took=took.whole,
        length_of_s=_length_of_s,
        base_url=str(desk.request.base_url).rstrip("/"),
    )


@router.post("/incidents", dependencies=[FormProven])
async def open_incident(  # noqa: PLR0917 - FastAPI passes them by name
    workspace: WritableWorkspace,
    incidents: Incidents,
    by: Writing,
    alert_id: Annotated[str, Form(max_length=80)] = "",
    group_id: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Open an incident of an alert, or of a group of alerts."""
    wish = OpenWish(alert_ids=(alert_id,) if alert_id else (), group_id=group_id or None)
    return _to(await incidents.open(workspace, wish, by=by))


@router.get("/incidents/{incident_id}")
async def show_incident(incident_id: str, caller: CurrentCaller, desk: AtDesk) -> Response:
    """Show one incident: where it stands, who has it, what happened, what it touches, what was like it."""
    known = await desk.book.look(caller.workspace, incident_id)
    may_write = caller.may(Scope.WRITE) and caller.role is not Role.AGENT
    return desk.pages.render(
        desk.request,
        "alerts/incident.html",
        section="alerts",
        is_live=True,
        incident=incident_view(known.incident),
        moves=moves_of(known.incident) if may_write else (),
        open_count=sum(alert.is_open for alert in known.alerts),
        alerts=[alert_view(alert) for alert in known.alerts[:_MOST_ALERTS]],
        entries=entry_views(known.timeline),
        left_off=max(0, len(known.timeline) - NEWEST),
        is_whole=known.is_whole,
        gates=known.gates,
        alike=likeness_views(known.alike),
        severities=tuple(IncidentSeverity),
        may_write=may_write,
        base_url=str(desk.request.base_url).rstrip("/"),
    )


@router.post("/incidents/{incident_id}/notes", dependencies=[FormProven])
async def note(  # noqa: PLR0917 - FastAPI passes them by name
    incident_id: str,
    workspace: WritableWorkspace,
    incidents: Incidents,
    by: Writing,
    text: Annotated[str, Form(alias="note", max_length=2_000)] = "",
) -> Response:
    """Write something down about an incident."""
    event = await incidents.note(workspace, incident_id, text, by=by)
    return RedirectResponse(f"/incidents/{event.incident}", 303)


@router.post("/incidents/{incident_id}/facts", dependencies=[FormProven])
async def change(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    incident_id: str,
    caller: Writer,
    incidents: Incidents,
    by: Writing,
    sequence: Annotated[int, Form(ge=1)],
    title: Annotated[str | None, Form(max_length=200)] = None,
    severity: Annotated[IncidentSeverity | None, Form()] = None,
    lead: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Change title or severity, or take the lead of an incident and leave it."""
    wanted = Change(title, severity)
    if lead:
        wanted = Change(title, severity, caller.member if lead == "me" else None)
    return _to(await incidents.change(caller.workspace, incident_id, wanted, sequence=sequence, by=by))


@router.post("/incidents/{incident_id}/{move}", dependencies=[FormProven])
async def take_step(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    incident_id: str,
    move: Move,
    workspace: WritableWorkspace,
    incidents: Incidents,
    by: Writing,
    note: Annotated[str, Form(max_length=2_000)] = "",
    sequence: _Sequence = None,
    despite: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """Acknowledge, mitigate, resolve or reopen an incident."""
    moved = await incidents.move(
        workspace, incident_id, move, note=note, sequence=sequence, despite_open_alerts=despite == "yes", by=by
    )
    return _to(moved)


def _to(incident: Incident) -> Response:
    return RedirectResponse(f"/incidents/{incident.id}", 303)


def _length_of_s(seconds: float | None) -> str:
    return "no value" if seconds is None else length_of(timedelta(seconds=seconds))
