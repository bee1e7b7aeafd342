"""Waivers over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from tidegate.audit.doing import Writing
from tidegate.edge.authority import Target
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import CurrentWorkspace, Writer, permit
from tidegate.edge.providers import provide
from tidegate.gates.waivers.model import WaiverFilter, WaiverState
from tidegate.gates.waivers.schemas import WaiverIn, WaiverOut, WaiverPageOut
from tidegate.gates.waivers.service import WaiverService
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT, Cursor, GateId, WorkspaceId

router = APIRouter(tags=["gates"])
Waivers = Annotated[WaiverService, provide(WaiverService)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
_JSON_BODY: dict[str, Any] = {"requestBody": {"content": {"application/json": {}}}}


@router.post("/api/v1/gates/{gate_id}/waivers", status_code=201, openapi_extra=_JSON_BODY)
async def give_waiver(  # noqa: PLR0917 - FastAPI passes them by name
    gate_id: GateId, request: Request, caller: Writer, waivers: Waivers, by: Writing
) -> WaiverOut:
    """Waive one check until a moment. A person with a fresh proof may, not who made the release or its evidence."""
    wish = parse_json(WaiverIn, await read_body(request, JSON)).wish()
    weighed = await waivers.weigh(caller.workspace, gate_id, wish)
    await permit(request, caller, Target(authors=weighed.makers))
    waiver = await waivers.give(caller.workspace, gate_id, wish, weighed, by=by)
    return WaiverOut.of(waiver, is_in_force=waivers.is_in_force(waiver))


@router.delete("/api/v1/gates/{gate_id}/waivers/{waiver_id}")
async def end_waiver(  # noqa: PLR0917 - the same
    gate_id: GateId, waiver_id: str, caller: Writer, waivers: Waivers, by: Writing
) -> WaiverOut:
    """End a waiver before its time: the check blocks again at once."""
    waiver = await waivers.end(caller.workspace, gate_id, waiver_id, by=by)
    return WaiverOut.of(waiver, is_in_force=False)


@router.get("/api/v1/gates/{gate_id}/waivers")
async def list_waivers_of_gate(  # noqa: PLR0917 - FastAPI passes them by name
    gate_id: GateId,
    workspace: CurrentWorkspace,
    waivers: Waivers,
    state: WaiverState | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> WaiverPageOut:
    """Return the waivers of one gate, newest first: those in force, those that are over, or all."""
    return await _page(waivers, workspace, WaiverFilter(gate_id, state), limit=limit, cursor=cursor)


@router.get("/api/v1/waivers")
async def list_waivers(  # noqa: PLR0917 - the same
    workspace: CurrentWorkspace,
    waivers: Waivers,
    state: WaiverState | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> WaiverPageOut:
    """Return the waivers of every gate, newest first."""
    return await _page(waivers, workspace, WaiverFilter(None, state), limit=limit, cursor=cursor)


async def _page(
    waivers: WaiverService, workspace: WorkspaceId, chosen: WaiverFilter, *, limit: int, cursor: Cursor | None
) -> WaiverPageOut:
    page = await waivers.list(workspace, chosen, limit=limit, cursor=cursor)
    return WaiverPageOut(
        items=tuple(WaiverOut.of(waiver, is_in_force=waivers.is_in_force(waiver)) for waiver in page.items),
        next_cursor=page.next_cursor,
    )
