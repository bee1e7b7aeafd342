"""Incidents over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse
from pydantic import AwareDatetime

from tidegate.alerts.incidents.model import Incident, IncidentSeverity, IncidentState, Move, SplitBy
from tidegate.alerts.incidents.ports import IncidentFilter
from tidegate.alerts.incidents.schemas import (
    IncidentAlertsIn,
    IncidentChangeIn,
    IncidentDetailOut,
    IncidentEventOut,
    IncidentIn,
    IncidentNoteIn,
    IncidentOut,
    IncidentPageOut,
    IncidentStepIn,
    ResolveIn,
    StatisticsOut,
)
from tidegate.alerts.incidents.service import IncidentBook, IncidentService
from tidegate.alerts.incidents.writing import post_mortem
from tidegate.audit.doing import Writing
from tidegate.edge.caller import CurrentWorkspace, WritableWorkspace
from tidegate.edge.providers import provide
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT, AlertId, InvalidInputError

__all__ = ["router"]

router = APIRouter()
Incidents = Annotated[IncidentService, provide(IncidentService)]
Book = Annotated[IncidentBook, provide(IncidentBook)]
_Text = Annotated[str | None, Query(max_length=2_000)]
_Sequence = Annotated[int | None, Query(ge=1, description="Refuse unless this is the incident's last event.")]
_MARKDOWN = "text/markdown; charset=utf-8"


@router.get("/api/v1/incidents")
async def list_incidents(  # noqa: PLR0913 - the filters of a list
    workspace: CurrentWorkspace,
    book: Book,
    *,
    state: Annotated[
        str | None, Query(description="One or more of open, acknowledged, mitigated, resolved, with commas.")
    ] = None,
    severity: IncidentSeverity | None = None,
    service: _Text = None,
    tenant: _Text = None,
    code: _Text = None,
    commander: _Text = None,
    alert_id: Annotated[str | None, Query(alias="alertId", max_length=80)] = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> IncidentPageOut:
    """List incidents, the newest first."""
    which = IncidentFilter(
        states=None if state is None else _states_of(state),
        severity=severity,
        service=service,
        tenant=tenant,
        code=code,
        commander=commander,
        alert=None if alert_id is None else AlertId(alert_id),
    )
    return IncidentPageOut.of(await book.list_incidents(workspace, which, cursor=cursor, limit=limit))


@router.post("/api/v1/incidents", status_code=201)
async def open_incident(  # noqa: PLR0917 - FastAPI passes them by name
    wanted: IncidentIn, response: Response, workspace: WritableWorkspace, incidents: Incidents, by: Writing
) -> IncidentOut:
    """Open an incident of alerts, or of those that fire in a group."""
    return _tagged(response, await incidents.open(workspace, wanted.wish(), by=by))


@router.get("/api/v1/incidents/statistics")
async def show_incident_statistics(
    workspace: CurrentWorkspace,
    book: Book,
    *,
    from_: Annotated[AwareDatetime | None, Query(alias="from", description="30 days before `to` unless given.")] = None,
    to: Annotated[AwareDatetime | None, Query(description="Now unless given; at most 366 days after `from`.")] = None,
    by: SplitBy | None = None,
) -> StatisticsOut:
    """Say how long incidents took, from the first alert to acknowledging (MTTA) and to resolving (MTTR)."""
    return StatisticsOut.of(await book.statistics(workspace, start=from_, end=to, by=by), by)


@router.get("/api/v1/incidents/{incident_id}")
async def get_incident(
    incident_id: str, response: Response, workspace: CurrentWorkspace, book: Book
) -> IncidentDetailOut:
    """Show one incident: its alerts, everything that is recorded of it, gates that read it, incidents like it."""
    known = await book.look(workspace, incident_id)
    _tagged(response, known.incident)
    return IncidentDetailOut.of(known)


@router.patch("/api/v1/incidents/{incident_id}")
async def change_incident(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    incident_id: str,
    wanted: IncidentChangeIn,
    response: Response,
    workspace: WritableWorkspace,
    incidents: Incidents,
    by: Writing,
    sequence: Annotated[int, Query(ge=1, description="The incident's last event, as you saw it.")],
) -> IncidentOut:
    """Change title, severity or commander."""
    changed = await incidents.change(workspace, incident_id, wanted.change(), sequence=sequence, by=by)
    return _tagged(response, changed)


@router.post("/api/v1/incidents/{incident_id}/acknowledge")
async def acknowledge_incident(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    incident_id: str,
    wanted: IncidentStepIn,
    response: Response,
    workspace: WritableWorkspace,
    incidents: Incidents,
    by: Writing,
    sequence: _Sequence = None,
) -> IncidentOut:
    """Say that somebody sees to an incident. Its alerts are acknowledged one by one, or not."""
    moved = await incidents.move(workspace, incident_id, Move.ACKNOWLEDGE, note=wanted.note, sequence=sequence, by=by)
    return _tagged(response, moved)


@router.post("/api/v1/incidents/{incident_id}/mitigate")
async def mitigate_incident(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    incident_id: str,
    wanted: IncidentStepIn,
    response: Response,
    workspace: WritableWorkspace,
    incidents: Incidents,
    by: Writing,
    sequence: _Sequence = None,
) -> IncidentOut:
    """Say that it hurts nobody any more, though its cause is there still."""
    moved = await incidents.move(workspace, incident_id, Move.MITIGATE, note=wanted.note, sequence=sequence, by=by)
    return _tagged(response, moved)


@router.post("/api/v1/incidents/{incident_id}/resolve")
async def resolve_incident(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    incident_id: str,
    wanted: ResolveIn,
    response: Response,
    workspace: WritableWorkspace,
    incidents: Incidents,
    by: Writing,
    sequence: _Sequence = None,
) -> IncidentOut:
    """Say that it is over. While alerts of it are open that is refused, unless `despiteOpenAlerts` says so."""
    moved = await incidents.move(
        workspace, incident_id, Move.RESOLVE, note=wanted.note, sequence=sequence,
        despite_open_alerts=wanted.despite_open_alerts, by=by,
    )  # fmt: skip
    return _tagged(response, moved)


@router.post("/api/v1/incidents/{incident_id}/reopen")
async def reopen_incident(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    incident_id: str,
    wanted: IncidentStepIn,
    response: Response,
    workspace: WritableWorkspace,
    incidents: Incidents,
    by: Writing,
    sequence: _Sequence = None,
) -> IncidentOut:
    """Say that it is not over, or not mitigated, after all."""
    moved = await incidents.move(workspace, incident_id, Move.REOPEN, note=wanted.note, sequence=sequence, by=by)
    return _tagged(response, moved)


@router.post("/api/v1/incidents/{incident_id}/notes", status_code=201)
async def note_incident(  # noqa: PLR0917 - FastAPI passes them by name
    incident_id: str, wanted: IncidentNoteIn, workspace: WritableWorkspace, incidents: Incidents, by: Writing
) -> IncidentEventOut:
    """Write something down about an incident."""
    return IncidentEventOut.of(await incidents.note(workspace, incident_id, wanted.note, by=by))


@router.post("/api/v1/incidents/{incident_id}/alerts")
async def add_alerts(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    incident_id: str,
    wanted: IncidentAlertsIn,
    response: Response,
    workspace: WritableWorkspace,
    incidents: Incidents,
    by: Writing,
    sequence: _Sequence = None,
) -> IncidentOut:
    """Put more alerts into an incident; those that it has already are passed over."""
    changed = await incidents.add_alerts(workspace, incident_id, wanted.alert_ids, sequence=sequence, by=by)
    return _tagged(response, changed)


@router.get(
    "/api/v1/incidents/{incident_id}/post-mortem",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}},
)
async def draft_post_mortem(incident_id: str, workspace: CurrentWorkspace, book: Book) -> Response:
    """Draft a post-mortem as Markdown: recorded events alone, each line with the id of one."""
    known = await book.look(workspace, incident_id)
    headers = {
        "content-disposition": f'attachment; filename="{known.incident.id}.md"',
        "x-content-type-options": "nosniff",
    }
    return Response(post_mortem(known).encode(), media_type=_MARKDOWN, headers=headers)


def _tagged(response: Response, incident: Incident) -> IncidentOut:
    response.headers["etag"] = f'"{incident.sequence}"'
    return IncidentOut.of(incident)


def _states_of(text: str) -> frozenset[IncidentState]:
    words = text.split(",")
    if not set(IncidentState).issuperset(words):
        raise InvalidInputError(f"`state` is one or more of {', '.join(IncidentState)}.", field="state")
    return frozenset(IncidentState(word) for word in words)
