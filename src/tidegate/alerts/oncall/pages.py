"""On-call schedules, for people: who is on call by each, where it is read, and how old that is."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Request
from fastapi.responses import Response

from tidegate.alerts.oncall.model import Standing
from tidegate.alerts.oncall.schemas import ScheduleOut
from tidegate.alerts.oncall.service import ScheduleService
from tidegate.edge.caller import CurrentCaller, Scope
from tidegate.edge.html import PageRenderer, page_router
from tidegate.edge.marks import MARKS, Mark
from tidegate.edge.providers import provide

__all__ = ["ScheduleView", "router", "view_of"]

router = page_router()
# Nothing here is green but somebody who is on call: whoever is not known, the fallback is told.
_MARKS: Final = {
    Standing.ON_CALL: Mark("ON CALL", MARKS["go"].tone, MARKS["go"].glyph),
    Standing.NOBODY: Mark("NOBODY", MARKS["hold"].tone, MARKS["hold"].glyph),
    Standing.STALE: MARKS["stale"],
    Standing.UNREAD: Mark("NOT READ", MARKS["missing"].tone, MARKS["missing"].glyph),
    Standing.BEYOND: Mark("NOT KNOWN", MARKS["missing"].tone, MARKS["missing"].glyph),
}


@dataclass(frozen=True, slots=True)
class ScheduleView:
    schedule: ScheduleOut
    mark: Mark


def view_of(schedule: ScheduleOut) -> ScheduleView:
    return ScheduleView(schedule, _MARKS[schedule.now.standing])


@router.get("/settings/schedules")
async def show_schedules(
    request: Request,
    caller: CurrentCaller,
    schedules: Annotated[ScheduleService, provide(ScheduleService)],
    pages: Annotated[PageRenderer, provide(PageRenderer)],
) -> Response:
    """Show who is on call."""
    now = pages.now()
    found = await schedules.list_schedules(caller.workspace)
    return pages.render(
        request,
        "alerts/schedules.html",
        section="schedules",
        schedules=[view_of(ScheduleOut.of(each, now=now)) for each in found],
        is_admin=caller.may(Scope.ADMIN),
        base_url=str(request.base_url).rstrip("/"),
    )
