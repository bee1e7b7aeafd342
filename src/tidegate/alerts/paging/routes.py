"""Paging over HTTP."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from tidegate.alerts.model import Alert, AlertKey, AlertState, Severity
from tidegate.alerts.paging.care_schemas import (
    AcknowledgeIn,
    AssignIn,
    CareEventOut,
    CareOut,
    NoteIn,
    PageListOut,
    WhyOut,
)
from tidegate.alerts.paging.routing_files import MAX_FILE_BYTES, matchers_of
from tidegate.alerts.paging.schemas import (
    AppliedRoutingOut,
    RoutingOut,
    RoutingPlanOut,
    RoutingTestIn,
    RoutingTestOut,
    SilenceIn,
    SilenceOut,
    SilencePageOut,
    SilencePreviewIn,
    SilencePreviewOut,
    TriedOut,
)
from tidegate.alerts.paging.service import CareService, PagingService, RoutingService, SilenceService
from tidegate.alerts.paging.service.routing import labels_with
from tidegate.alerts.schemas import about_alert
from tidegate.alerts.service import AlertService
from tidegate.audit.doing import Writing
from tidegate.edge.bodies import JSON, YAML, read_body
from tidegate.edge.caller import CurrentCaller, CurrentWorkspace, WritableWorkspace, Writer, permit
from tidegate.edge.providers import provide
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT, AlertId, InvalidInputError, WorkspaceId
from tidegate.signals import Family

__all__ = ["router"]

router = APIRouter()
Alerts = Annotated[AlertService, provide(AlertService)]
Routings = Annotated[RoutingService, provide(RoutingService)]
Silences = Annotated[SilenceService, provide(SilenceService)]
Cares = Annotated[CareService, provide(CareService)]
Pagings = Annotated[PagingService, provide(PagingService)]
_FILE: dict[str, Any] = {"requestBody": {"content": {"application/yaml": {}, "application/json": {}}}}
_Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]


@router.get("/api/v1/routing")
async def show_routing(workspace: CurrentWorkspace, routings: Routings) -> RoutingOut:
    """Show who is told of which alerts: the document, and each route with what it inherits."""
    return RoutingOut.of(await routings.current(workspace))


@router.post("/api/v1/routing/plan", openapi_extra=_FILE)
async def plan_routing(request: Request, workspace: CurrentWorkspace, routings: Routings) -> RoutingPlanOut:
    """Say what applying a routing file would change, storing nothing."""
    text = await read_body(request, JSON + YAML, limit_bytes=MAX_FILE_BYTES)
    return RoutingPlanOut.of(await routings.plan(workspace, text))


@router.put("/api/v1/routing", openapi_extra=_FILE)
async def set_routing(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request,
    response: Response,
    workspace: WritableWorkspace,
    routings: Routings,
    by: Writing,
    version: Annotated[int | None, Query(ge=0, description="Refuse unless this version is in force.")] = None,
) -> AppliedRoutingOut:
    """Apply a routing file, YAML or JSON: 201; 200 when it is in force. What fires is led through it at once."""
    text = await read_body(request, JSON + YAML, limit_bytes=MAX_FILE_BYTES)
    stored, is_new = await routings.apply(workspace, text, by=by, expected_version=version)
    response.status_code = 201 if is_new else 200
    return AppliedRoutingOut.of_applied(stored, is_new=is_new)


@router.post("/api/v1/routing/test")
async def test_routing(
    wanted: RoutingTestIn, workspace: CurrentWorkspace, routings: Routings, alerts: Alerts
) -> RoutingTestOut:
    """Say who is told of an alert, and why: the way through the routes, channels, times, and what keeps it back now."""
    if wanted.alert_id is not None:
        alert = (await alerts.get_alert(workspace, AlertId(wanted.alert_id))).alert
        labels = labels_with(alert, wanted.labels)
    elif wanted.labels:
        alert, labels = _supposed(workspace, wanted.labels), dict(wanted.labels)
    else:
        raise InvalidInputError("Name an alert, or give labels.", field="labels")
    tried = await routings.try_labels(workspace, labels, alert=alert, at=wanted.at)
    return RoutingTestOut(labels=labels, routes=tuple(map(TriedOut.of, tried)))


@router.get("/api/v1/silences")
async def list_silences(
    workspace: CurrentWorkspace,
    silences: Silences,
    *,
    expired: bool = False,
    limit: _Limit = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> SilencePageOut:
    """List silences and maintenance windows, the one that ends last first; with `expired`, those that are over too."""
    page = await silences.list_silences(workspace, with_expired=expired, limit=limit, cursor=cursor)
    return SilencePageOut.of(page, now=silences.now())


@router.post("/api/v1/silences/preview")
async def preview_silence(
    wanted: SilencePreviewIn, workspace: CurrentWorkspace, silences: Silences
) -> SilencePreviewOut:
    """Show what a silence would cover now, storing nothing."""
    return SilencePreviewOut.of(await silences.preview(workspace, matchers_of(wanted.matchers, "matchers")))


@router.post("/api/v1/silences", status_code=201)
async def create_silence(
    wanted: SilenceIn, workspace: WritableWorkspace, silences: Silences, by: Writing
) -> SilenceOut:
    """Silence alerts for a while, with a reason."""
    return SilenceOut.of(await silences.create(workspace, wanted.wish(), by=by), now=silences.now())


@router.get("/api/v1/silences/{silence_id}")
async def show_silence(silence_id: str, workspace: CurrentWorkspace, silences: Silences) -> SilenceOut:
    """Show one silence."""
    return SilenceOut.of(await silences.get(workspace, silence_id), now=silences.now())


@router.put("/api/v1/silences/{silence_id}")
async def change_silence(  # noqa: PLR0917 - FastAPI passes them by name
    silence_id: str, wanted: SilenceIn, workspace: WritableWorkspace, silences: Silences, by: Writing
) -> SilenceOut:
    """Change a silence; a second person has to confirm it anew."""
    return SilenceOut.of(await silences.change(workspace, silence_id, wanted.wish(), by=by), now=silences.now())


@router.post("/api/v1/silences/{silence_id}/confirm")
async def confirm_silence(silence_id: str, workspace: WritableWorkspace, silences: Silences, by: Writing) -> SilenceOut:
    """Stand for a silence as a second person, so that it covers what has no tolerance too."""
    return SilenceOut.of(await silences.confirm(workspace, silence_id, by=by), now=silences.now())


@router.delete("/api/v1/silences/{silence_id}")
async def expire_silence(silence_id: str, workspace: WritableWorkspace, silences: Silences, by: Writing) -> SilenceOut:
    """End a silence now; what it kept back is told at once."""
    return SilenceOut.of(await silences.expire(workspace, silence_id, by=by), now=silences.now())


@router.post("/api/v1/alerts/{alert_id}/acknowledge")
async def acknowledge_alert(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    alert_id: str, wanted: AcknowledgeIn, request: Request, caller: Writer, alerts: Alerts, cares: Cares, by: Writing
) -> CareOut:
    """Say that one has seen to an alert: it is neither repeated nor escalated. The first one stays the one who did."""
    found = await _permitted(request, caller, alerts, alert_id)
    return CareOut.of(await cares.acknowledge(caller.workspace, found.id, note=wanted.note, by=by))


@router.post("/api/v1/alerts/{alert_id}/assign")
async def assign_alert(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    alert_id: str, wanted: AssignIn, request: Request, caller: Writer, alerts: Alerts, cares: Cares, by: Writing
) -> CareOut:
    """Give an alert to a person, or to nobody."""
    found = await _permitted(request, caller, alerts, alert_id)
    return CareOut.of(await cares.assign(caller.workspace, found.id, wanted.assignee, note=wanted.note, by=by))


@router.post("/api/v1/alerts/{alert_id}/notes", status_code=201)
async def note_alert(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    alert_id: str, wanted: NoteIn, request: Request, caller: Writer, alerts: Alerts, cares: Cares, by: Writing
) -> CareEventOut:
    """Write something down about an alert."""
    found = await _permitted(request, caller, alerts, alert_id)
    return CareEventOut.of(await cares.note(caller.workspace, found.id, wanted.note, by=by))


@router.get("/api/v1/alerts/{alert_id}/pages")
async def explain_pages(  # noqa: PLR0917 - FastAPI passes them by name
    alert_id: str,
    request: Request,
    caller: CurrentCaller,
    alerts: Alerts,
    paging: Pagings,
    channel: Annotated[str | None, Query(max_length=63, description="What was decided for this channel.")] = None,
) -> WhyOut:
    """Say why people were told of an alert, or were not: every decision with its cause."""
    found = await _permitted(request, caller, alerts, alert_id)
    return WhyOut.of(await paging.why(caller.workspace, found, channel=channel))


@router.get("/api/v1/pages")
async def list_pages(
    workspace: CurrentWorkspace,
    paging: Pagings,
    *,
    channel: Annotated[str | None, Query(max_length=63)] = None,
    limit: _Limit = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> PageListOut:
    """List what was told, the newest first; with `channel`, to that one."""
    return PageListOut.of(await paging.list_pages(workspace, channel=channel, limit=limit, cursor=cursor))


async def _permitted(request: Request, caller: CurrentCaller, alerts: AlertService, alert_id: str) -> Alert:
    found = (await alerts.get_alert(caller.workspace, AlertId(alert_id))).alert
    await permit(request, caller, about_alert(found))
    return found


def _supposed(workspace: WorkspaceId, labels: dict[str, str]) -> Alert:
    """Return an alert that has these labels; what no label says plays no part in routing."""
    severity = Severity.P1 if labels.get("severity") == Severity.P1 else Severity.P2
    key = AlertKey(workspace, labels.get("alertname", ""), labels.get("service", ""), labels.get("tenant"))
    return Alert(
        id=AlertId("supposed"),
        key=key,
        family=Family.REQUEST,
        severity=severity,
        runbook="/runbooks",
        state=AlertState.FIRING,
        value=None,
        threshold=0,
        count=0,
        sentence="",
        since=datetime.fromtimestamp(0, UTC),
        transition_count=1,
    )
