"""Approvals, overrides and functions over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from tidegate.audit.doing import Writing
from tidegate.edge.authority import Target
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import CurrentWorkspace, WritableWorkspace, Writer, permit, requires
from tidegate.edge.proven import Caller, Scope
from tidegate.edge.providers import provide
from tidegate.gates.approvals.overriding import OverrideService
from tidegate.gates.approvals.schemas import (
    ApprovalDeskOut,
    ApprovalIn,
    ApprovalOut,
    FunctionIn,
    FunctionListOut,
    FunctionOut,
    OverrideIn,
    OverrideOut,
    OverridePageOut,
)
from tidegate.gates.approvals.service import ApprovalService, FunctionService
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT, GateId

router = APIRouter(tags=["gates"])
Approvals = Annotated[ApprovalService, provide(ApprovalService)]
Overrides = Annotated[OverrideService, provide(OverrideService)]
Functions = Annotated[FunctionService, provide(FunctionService)]
Admin = Annotated[Caller, Depends(requires(Scope.ADMIN))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
_JSON_BODY: dict[str, Any] = {"requestBody": {"content": {"application/json": {}}}}


@router.get("/api/v1/functions")
async def list_functions(workspace: CurrentWorkspace, functions: Functions) -> FunctionListOut:
    """Return for whom people speak: the functions that somebody holds."""
    return FunctionListOut(items=tuple(map(FunctionOut.of, await functions.list(workspace))))


@router.put("/api/v1/functions/{function}", openapi_extra=_JSON_BODY)
async def set_function(  # noqa: PLR0917 - FastAPI passes them by name
    function: str, request: Request, caller: Admin, functions: Functions, by: Writing
) -> FunctionOut:
    """Make these people the holders of a function, and no others."""
    wanted = parse_json(FunctionIn, await read_body(request, JSON))
    return FunctionOut.of(await functions.set(caller.workspace, function, wanted.members, by=by))


@router.get("/api/v1/gates/{gate_id}/approvals")
async def list_approvals(
    gate_id: GateId,
    workspace: CurrentWorkspace,
    approvals: Approvals,
    release: Annotated[str | None, Query(min_length=1)] = None,
) -> ApprovalDeskOut:
    """Return what there is to approve at a gate now, who is asked and who approved."""
    return ApprovalDeskOut.of(await approvals.desk(workspace, gate_id, release=release))


@router.post("/api/v1/gates/{gate_id}/approvals", status_code=201, openapi_extra=_JSON_BODY)
async def approve(  # noqa: PLR0917 - FastAPI passes them by name
    gate_id: GateId, request: Request, caller: Writer, approvals: Approvals, by: Writing
) -> ApprovalOut:
    """Approve a release at a gate. A person with a fresh proof may, not who made the release or its evidence."""
    wish = parse_json(ApprovalIn, await read_body(request, JSON)).wish()
    weighed = await approvals.weigh(caller.workspace, gate_id, wish, by=by)
    await permit(request, caller, Target(authors=weighed.makers))
    return ApprovalOut.of(await approvals.approve(caller.workspace, gate_id, wish, weighed, by=by), stands=True)


@router.delete("/api/v1/gates/{gate_id}/approvals/{approval_id}")
async def withdraw(  # noqa: PLR0917 - the same
    gate_id: GateId, approval_id: str, workspace: WritableWorkspace, approvals: Approvals, by: Writing
) -> ApprovalOut:
    """Withdraw an approval; only who gave it may."""
    return ApprovalOut.of(await approvals.withdraw(workspace, gate_id, approval_id, by=by), stands=False)


@router.get("/api/v1/overrides")
async def list_overrides(
    workspace: CurrentWorkspace, overrides: Overrides, limit: Limit = DEFAULT_LIMIT, cursor: str | None = None
) -> OverridePageOut:
    """Return the overrides of every gate, newest first."""
    page = await overrides.list(workspace, limit=limit, cursor=cursor)
    items = tuple(OverrideOut.of(one, state=overrides.state_of(one)) for one in page.items)
    return OverridePageOut(items=items, next_cursor=page.next_cursor)


@router.post("/api/v1/gates/{gate_id}/overrides", status_code=201, openapi_extra=_JSON_BODY)
async def request_override(  # noqa: PLR0917 - the same
    gate_id: GateId, request: Request, caller: Writer, overrides: Overrides, by: Writing
) -> OverrideOut:
    """Ask for an override; it counts for nothing until another person confirms it."""
    wish = parse_json(OverrideIn, await read_body(request, JSON)).wish()
    override = await overrides.request(caller.workspace, gate_id, wish, by=by)
    return OverrideOut.of(override, state=overrides.state_of(override))


@router.post("/api/v1/gates/{gate_id}/overrides/{override_id}/confirm")
async def confirm_override(  # noqa: PLR0917 - the same
    gate_id: GateId, override_id: str, request: Request, caller: Writer, overrides: Overrides, by: Writing
) -> OverrideOut:
    """Confirm an override. Another person with a fresh proof may, not who made the release or its evidence."""
    override, makers = await overrides.weigh(caller.workspace, gate_id, override_id)
    await permit(request, caller, Target(authors=makers))
    confirmed = await overrides.confirm(caller.workspace, override, by=by)
    return OverrideOut.of(confirmed, state=overrides.state_of(confirmed))


@router.delete("/api/v1/gates/{gate_id}/overrides/{override_id}")
async def end_override(  # noqa: PLR0917 - the same
    gate_id: GateId, override_id: str, workspace: WritableWorkspace, overrides: Overrides, by: Writing
) -> OverrideOut:
    """End an override before its time: the gate blocks again at once."""
    override = await overrides.end(workspace, gate_id, override_id, by=by)
    return OverrideOut.of(override, state=overrides.state_of(override))
