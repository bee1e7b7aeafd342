"""Erasing over HTTP: for administrators alone."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from tidegate.audit import doer_of
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import Caller, Scope, requires
from tidegate.edge.providers import provide
from tidegate.edge.requests import request_id_of
from tidegate.telemetry.erasures.model import ErasureKind
from tidegate.telemetry.erasures.schemas import ErasureIn, ErasureListOut, ErasureOut, FoundOut, PreviewOut
from tidegate.telemetry.erasures.service import ErasureService

__all__ = ["router"]

_MAX_BODY_BYTES = 8 * 1024  # a reason of 1,000 characters, each escaped

router = APIRouter()
Erasures = Annotated[ErasureService, provide(ErasureService)]
Administrator = Annotated[Caller, Depends(requires(Scope.ADMIN))]
DryRun = Annotated[bool, Query(alias="dryRun", description="Only say what would be erased")]


@router.delete("/api/v1/traces/{trace_id}", status_code=202, response_model=ErasureOut | PreviewOut)
async def erase_trace(  # noqa: PLR0917 - FastAPI passes them by name
    trace_id: str, request: Request, response: Response, caller: Administrator, erasures: Erasures,
    dry_run: DryRun = False,  # noqa: FBT002 - a flag of the query
) -> ErasureOut | PreviewOut:  # fmt: skip
    """Erase all spans, log records and runs of a trace; with `dryRun=true` only count them."""
    if dry_run:
        return await _preview(response, caller, erasures, ErasureKind.TRACE, trace_id)
    return await _request(request, caller, erasures, ErasureKind.TRACE, trace_id)


@router.delete("/api/v1/tenants/{tenant:path}/telemetry", status_code=202, response_model=ErasureOut | PreviewOut)
async def erase_tenant(  # noqa: PLR0917 - FastAPI passes them by name
    tenant: str, request: Request, response: Response, caller: Administrator, erasures: Erasures,
    dry_run: DryRun = False,  # noqa: FBT002 - a flag of the query
) -> ErasureOut | PreviewOut:  # fmt: skip
    """Erase all spans, log records, points and runs of a tenant up to now; with `dryRun=true` only count them."""
    if dry_run:
        return await _preview(response, caller, erasures, ErasureKind.TENANT, tenant)
    return await _request(request, caller, erasures, ErasureKind.TENANT, tenant)


@router.get("/api/v1/erasures")
async def list_erasures(caller: Administrator, erasures: Erasures) -> ErasureListOut:
    """List erasures, the newest first."""
    found = await erasures.list_newest(caller.workspace)
    return ErasureListOut(items=[ErasureOut.of(erasure) for erasure in found])


@router.get("/api/v1/erasures/{erasure_id}")
async def get_erasure(erasure_id: str, caller: Administrator, erasures: Erasures) -> ErasureOut:
    """Show one erasure and how far it is."""
    return ErasureOut.of(await erasures.get(caller.workspace, erasure_id))


async def _preview(  # noqa: PLR0917 - called by position, a line above
    response: Response, caller: Caller, erasures: ErasureService, kind: ErasureKind, subject: str
) -> PreviewOut:
    found = await erasures.preview(caller.workspace, kind, subject)
    response.status_code = 200
    return PreviewOut(kind=kind, subject=subject, found=FoundOut.of(found))


async def _request(  # noqa: PLR0917 - called by position, a line above
    request: Request, caller: Caller, erasures: ErasureService, kind: ErasureKind, subject: str
) -> ErasureOut:
    body = parse_json(ErasureIn, await read_body(request, JSON, limit_bytes=_MAX_BODY_BYTES))
    by = doer_of(caller, request_id=request_id_of(request.scope))
    return ErasureOut.of(await erasures.request(caller.workspace, kind, subject, reason=body.reason, by=by))
