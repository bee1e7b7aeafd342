"""Freezes over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from tidegate.audit.doing import Writing
from tidegate.edge.authority import Target
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import CurrentWorkspace, WritableWorkspace, Writer, permit
from tidegate.edge.providers import provide
from tidegate.gates.freezes.schemas import FreezeExceptionIn, FreezeExceptionOut, FreezeIn, FreezeOut, FreezePageOut
from tidegate.gates.freezes.service import FreezeService
from tidegate.gates.model import FreezeWindow
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT

router = APIRouter(tags=["gates"])
Freezes = Annotated[FreezeService, provide(FreezeService)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
_JSON_BODY: dict[str, Any] = {"requestBody": {"content": {"application/json": {}}}}


@router.get("/api/v1/freezes")
async def list_freezes(
    workspace: CurrentWorkspace, freezes: Freezes, limit: Limit = DEFAULT_LIMIT, cursor: str | None = None
) -> FreezePageOut:
    """Return freezes with their exceptions, newest first."""
    page = await freezes.list(workspace, limit=limit, cursor=cursor)
    return FreezePageOut(items=tuple(_out(freezes, one) for one in page.items), next_cursor=page.next_cursor)


@router.post("/api/v1/freezes", status_code=201, openapi_extra=_JSON_BODY)
async def set_freeze(request: Request, workspace: WritableWorkspace, freezes: Freezes, by: Writing) -> FreezeOut:
    """Freeze the releases of the workspace from one moment to another."""
    wish = parse_json(FreezeIn, await read_body(request, JSON)).wish()
    return _out(freezes, await freezes.set(workspace, wish, by=by))


@router.delete("/api/v1/freezes/{freeze_id}")
async def lift_freeze(freeze_id: str, workspace: WritableWorkspace, freezes: Freezes, by: Writing) -> FreezeOut:
    """Lift a freeze before its time."""
    return _out(freezes, await freezes.lift(workspace, freeze_id, by=by))


@router.post("/api/v1/freezes/{freeze_id}/exceptions", status_code=201, openapi_extra=_JSON_BODY)
async def ask_for_exception(  # noqa: PLR0917 - FastAPI passes them by name
    freeze_id: str, request: Request, workspace: WritableWorkspace, freezes: Freezes, by: Writing
) -> FreezeExceptionOut:
    """Ask that one release goes out in a freeze; it counts for nothing until another person accepts it."""
    wish = parse_json(FreezeExceptionIn, await read_body(request, JSON)).wish()
    return FreezeExceptionOut.of(await freezes.ask(workspace, freeze_id, wish, by=by))


@router.post("/api/v1/freezes/{freeze_id}/exceptions/{exception_id}/accept")
async def accept_exception(  # noqa: PLR0917 - the same
    freeze_id: str, exception_id: str, request: Request, caller: Writer, freezes: Freezes, by: Writing
) -> FreezeExceptionOut:
    """Accept an exception. Another person with a fresh proof may, not who made the release."""
    exception, makers = await freezes.weigh(caller.workspace, freeze_id, exception_id)
    await permit(request, caller, Target(authors=makers))
    return FreezeExceptionOut.of(await freezes.accept(caller.workspace, freeze_id, exception, by=by))


def _out(freezes: FreezeService, window: FreezeWindow) -> FreezeOut:
    return FreezeOut.of(window, is_in_force=freezes.is_in_force(window))
