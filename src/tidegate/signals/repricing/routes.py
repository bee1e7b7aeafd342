"""Recounts over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from tidegate.audit.doing import Writing
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import CurrentWorkspace, Writer
from tidegate.edge.providers import provide
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT, TimeRange
from tidegate.signals.repricing.ports import Recounts
from tidegate.signals.repricing.schemas import RecountIn, RecountOut, RecountPageOut

router = APIRouter(prefix="/api/v1/recounts", tags=["prices"])
Job = Annotated[Recounts, provide(Recounts)]


@router.post("", status_code=202, openapi_extra={"requestBody": {"content": {"application/json": {}}}})
async def begin_recount(request: Request, caller: Writer, recounts: Job, by: Writing) -> RecountOut:
    """Count stored runs again under the prices of now: 202, and the work goes on in the background."""
    wanted = parse_json(RecountIn, await read_body(request, JSON))
    if wanted.from_ is not None and wanted.to is not None:
        TimeRange(wanted.from_, wanted.to)  # refuses an empty one, with its field
    begun = await recounts.begin(caller.workspace, reason=wanted.reason, start=wanted.from_, end=wanted.to, by=by)
    return RecountOut.of(begun)


@router.get("")
async def list_recounts(
    workspace: CurrentWorkspace,
    recounts: Job,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> RecountPageOut:
    """List recounts, the newest first."""
    page = await recounts.list_recounts(workspace, limit=limit, cursor=cursor)
    return RecountPageOut(items=tuple(map(RecountOut.of, page.items)), next_cursor=page.next_cursor)


@router.get("/{recount_id}")
async def show_recount(recount_id: str, workspace: CurrentWorkspace, recounts: Job) -> RecountOut:
    """Show how far a recount is, and what it changed by model."""
    return RecountOut.of(await recounts.get_recount(workspace, recount_id))
