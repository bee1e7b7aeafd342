"""The audit over HTTP: search, signed head, export."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from tidegate.audit.asked import AskedByQuery, Audit, Auditor, prove_auditor
from tidegate.audit.deeds import deed_of
from tidegate.audit.errors import AuditEmptyError
from tidegate.audit.ports import AuditTrail
from tidegate.audit.schemas import AuditHeadOut, AuditPageOut
from tidegate.edge.caller import Caller
from tidegate.edge.providers import provide
from tidegate.edge.requests import request_id_of
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])
Trail = Annotated[AuditTrail, provide(AuditTrail)]


@router.get("")
async def list_audit(
    caller: Auditor,
    audit: Audit,
    asked: AskedByQuery,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> AuditPageOut:
    """Return who did what, the newest first."""
    found = await audit.search(caller.workspace, asked.filter(), limit=limit, cursor=asked.cursor or None)
    return AuditPageOut.of(found)


@router.get("/head")
async def show_head(caller: Auditor, audit: Audit) -> AuditHeadOut:
    """Return the end of the chain, signed now; keep it elsewhere to prove later that nothing was cut off or remade."""
    head = await audit.sign_head(caller.workspace)
    if head is None:
        raise AuditEmptyError
    return AuditHeadOut.of(head)


@router.get("/export", response_class=StreamingResponse)
async def export_audit(request: Request, caller: Auditor, audit: Audit, trail: Trail) -> StreamingResponse:
    """Return the whole chain as lines of JSON, for `tidegate audit verify`; the export is itself recorded in it."""
    request_id = request_id_of(request.scope)
    target = f"workspace/{caller.workspace}"
    await trail.record(caller.workspace, deed_of(caller, "audit:export", target, request_id=request_id))
    chunks = audit.export(caller.workspace)
    # The first chunk is asked for here: what cannot be exported at all is refused with a status of its own.
    first = await anext(chunks)
    return StreamingResponse(
        _while_allowed(request, caller, chunks, first=first),
        media_type="application/x-ndjson",
        headers={
            "content-disposition": 'attachment; filename="audit.ndjson"',
            "cache-control": "no-store",
        },
    )


async def _while_allowed(
    request: Request, caller: Caller, chunks: AsyncIterator[bytes], *, first: bytes
) -> AsyncIterator[bytes]:
    """Yield chunks for as long as the caller may have them: a role that is lowered ends a long export."""
    yield first
    async for chunk in chunks:
        again = await prove_auditor(request)
        if again.workspace != caller.workspace:
            return
        yield chunk
