"""Schedules over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from tidegate.alerts.oncall.schemas import (
    MAX_BODY_BYTES,
    DutyOut,
    ScheduleIn,
    ScheduleListOut,
    ScheduleOut,
    SetScheduleOut,
)
from tidegate.alerts.oncall.service import ScheduleService
from tidegate.audit import doer_of
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.providers import provide
from tidegate.identity.doors import ActingAdmin, body_of

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/schedules", tags=["schedules"])
Schedules = Annotated[ScheduleService, provide(ScheduleService)]


@router.get("")
async def list_schedules(workspace: CurrentWorkspace, schedules: Schedules) -> ScheduleListOut:
    """List schedules by name: where each is read, how old that is, and who is on call now."""
    now = schedules.now()
    found = await schedules.list_schedules(workspace)
    return ScheduleListOut(items=tuple(ScheduleOut.of(each, now=now) for each in found))


@router.get("/{schedule}")
async def show_schedule(schedule: str, workspace: CurrentWorkspace, schedules: Schedules) -> ScheduleOut:
    """Show one schedule."""
    return ScheduleOut.of(await schedules.get_schedule(workspace, schedule), now=schedules.now())


@router.put("/{schedule}", openapi_extra=body_of(ScheduleIn))
async def set_schedule(  # noqa: PLR0917 - FastAPI passes them by name
    schedule: str, request: Request, response: Response, by: ActingAdmin, schedules: Schedules
) -> SetScheduleOut:
    """Set where a schedule is read: 201 when it is new. It is read by a job at once, and then at intervals."""
    workspace = by.caller.workspace
    wanted = parse_json(ScheduleIn, await read_body(request, JSON, limit_bytes=MAX_BODY_BYTES))
    before = await schedules.find_kind(workspace, schedule)
    doer = doer_of(by.caller, request_id=by.request_id)
    found, is_new = await schedules.set_schedule(workspace, schedule, wanted.wish(before), by=doer)
    response.status_code = 201 if is_new else 200
    return SetScheduleOut.of_set(found, is_new=is_new, now=schedules.now())


@router.delete("/{schedule}", status_code=204)
async def remove_schedule(schedule: str, by: ActingAdmin, schedules: Schedules) -> None:
    """Remove a schedule with its secret; 409 while routes name it."""
    await schedules.remove(by.caller.workspace, schedule, by=doer_of(by.caller, request_id=by.request_id))


@router.get("/{schedule}/on-call")
async def show_on_call(
    schedule: str,
    workspace: CurrentWorkspace,
    schedules: Schedules,
    at: Annotated[AwareDatetime | None, Query(description="A moment with its offset; now unless said.")] = None,
) -> DutyOut:
    """Say who is on call, or why that is not known."""
    return DutyOut.of(await schedules.duty(workspace, schedule, at=at), at=at or schedules.now())
