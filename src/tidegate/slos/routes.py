"""Objectives over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from tidegate.audit.doing import Writing
from tidegate.edge.bodies import JSON, YAML, read_body
from tidegate.edge.caller import CurrentCaller, CurrentWorkspace, WritableWorkspace, permit
from tidegate.edge.providers import provide
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT
from tidegate.slos.objective_files import MAX_FILE_BYTES
from tidegate.slos.schemas import AppliedOut, ObjectiveOut, ObjectivePageOut, PlanOut, about_objective
from tidegate.slos.service import ObjectiveService

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/objectives", tags=["objectives"])
Objectives = Annotated[ObjectiveService, provide(ObjectiveService)]
_FILE: dict[str, Any] = {"requestBody": {"content": {"application/yaml": {}, "application/json": {}}}}


@router.get("")
async def list_objectives(  # noqa: PLR0917 - FastAPI passes them by name
    workspace: CurrentWorkspace,
    objectives: Objectives,
    service: Annotated[str | None, Query(max_length=512)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> ObjectivePageOut:
    """List objectives and how much of their budgets is left, by name."""
    return ObjectivePageOut.of(await objectives.list(workspace, service=service, limit=limit, cursor=cursor))


@router.get("/{objective}")
async def show_objective(  # noqa: PLR0917 - FastAPI passes them by name
    objective: str,
    request: Request,
    caller: CurrentCaller,
    objectives: Objectives,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> ObjectiveOut:
    """Return one objective: budget, burn in each window, policy, and its tenants, the worst first, page by page."""
    looked = await objectives.get(caller.workspace, objective)
    await permit(request, caller, about_objective(looked))
    return ObjectiveOut.of_all(
        looked, await objectives.tenants(caller.workspace, objective, limit=limit, cursor=cursor)
    )


@router.post("/plan", openapi_extra=_FILE)
async def plan_objectives(request: Request, workspace: CurrentWorkspace, objectives: Objectives) -> PlanOut:
    """Say what an objective file would change, storing nothing. OpenSLO v1 is read as well."""
    return PlanOut.of(await objectives.plan(workspace, await _file(request)))


@router.post("/apply", openapi_extra=_FILE)
async def apply_objectives(
    request: Request, workspace: WritableWorkspace, objectives: Objectives, by: Writing
) -> AppliedOut:
    """Set the objectives of a file, all or none; those that it does not name stay as they are."""
    return AppliedOut.of(await objectives.apply(workspace, await _file(request), by=by))


@router.delete("/{objective}", status_code=204)
async def remove_objective(
    objective: str, workspace: WritableWorkspace, objectives: Objectives, by: Writing
) -> Response:
    """Remove an objective; its versions stay in the audit."""
    await objectives.remove(workspace, objective, by=by)
    return Response(status_code=204)


async def _file(request: Request) -> bytes:
    return await read_body(request, JSON + YAML, limit_bytes=MAX_FILE_BYTES)
