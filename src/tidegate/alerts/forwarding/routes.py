"""Alertmanagers that alerts are sent to, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from tidegate.alerts.forwarding.schemas import (
    AlertmanagerIn,
    AlertmanagerListOut,
    AlertmanagerOut,
    SetAlertmanagerOut,
)
from tidegate.alerts.forwarding.service import TargetService
from tidegate.audit import doer_of
from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.providers import provide
from tidegate.identity.doors import ActingAdmin, body_of, read_wish

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/alertmanagers", tags=["alertmanagers"])
Targets = Annotated[TargetService, provide(TargetService)]


@router.get("")
async def list_alertmanagers(workspace: CurrentWorkspace, targets: Targets) -> AlertmanagerListOut:
    """List Alertmanagers by name, and what became of the last try to send to each."""
    return AlertmanagerListOut(items=tuple(map(AlertmanagerOut.of, await targets.list_targets(workspace))))


@router.get("/{alertmanager}")
async def show_alertmanager(alertmanager: str, workspace: CurrentWorkspace, targets: Targets) -> AlertmanagerOut:
    """Show one Alertmanager."""
    return AlertmanagerOut.of(await targets.get_target(workspace, alertmanager))


@router.put("/{alertmanager}", openapi_extra=body_of(AlertmanagerIn))
async def set_alertmanager(  # noqa: PLR0917 - FastAPI passes them by name
    alertmanager: str, request: Request, response: Response, by: ActingAdmin, targets: Targets
) -> SetAlertmanagerOut:
    """Send alerts to an Alertmanager, from now on: 201 when it is new."""
    wanted = await read_wish(request, AlertmanagerIn)
    doer = doer_of(by.caller, request_id=by.request_id)
    found, is_new = await targets.set_target(by.caller.workspace, alertmanager, wanted.wish(), by=doer)
    response.status_code = 201 if is_new else 200
    return SetAlertmanagerOut.of_set(found, is_new=is_new)


@router.delete("/{alertmanager}", status_code=204)
async def remove_alertmanager(alertmanager: str, by: ActingAdmin, targets: Targets) -> None:
    """Send nothing there any more: what fires there ends by itself within four minutes."""
    await targets.remove(by.caller.workspace, alertmanager, by=doer_of(by.caller, request_id=by.request_id))
