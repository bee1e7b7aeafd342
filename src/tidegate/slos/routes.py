"""Objectives over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from tidegate.audit.doing import Writing
from tidegate.edge.bodies import JSON, YAML, read_body
from tidegate.edge.caller import CurrentCaller, CurrentWorkspace, WritableWorkspace, Writer, permit
from tidegate.edge.providers import provide
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT
from tidegate.slos.freeze_schemas import ExceptionIn, ExceptionOut, FreezesOut
from tidegate.slos.freezing import FreezeService
from tidegate.slos.objective_files import MAX_FILE_BYTES
from tidegate.slos.schemas import AppliedOut, ObjectiveOut, ObjectivePageOut, PlanOut, about_objective, about_stored
from tidegate.slos.service import ObjectiveService

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/objectives", tags=["objectives"])
Objectives = Annotated[ObjectiveService, provide(ObjectiveService)]
Freezes = Annotated[FreezeService, provide(FreezeService)]
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


@router.get("/{objective}/freezes")
async def list_freezes(  # noqa: PLR0917 - FastAPI passes them by name
    objective: str, request: Request, caller: CurrentCaller, objectives: Objectives, freezes: Freezes
) -> FreezesOut:
    """Say what the policy of an objective says of releases now, and what it and people did about them before.

    It answers while budgets cannot be told as well: what is frozen stays so, and the rest is `unknown`.
    """
    await permit(request, caller, about_stored(await objectives.get_stored(caller.workspace, objective)))
    found = await freezes.get_freeze(caller.workspace, objective)
    return FreezesOut.of(found, await freezes.list_events(caller.workspace, objective))


@router.post("/{objective}/exceptions", status_code=201)
async def make_exception(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    objective: str,
    wanted: ExceptionIn,
    request: Request,
    caller: Writer,
    objectives: Objectives,
    freezes: Freezes,
    by: Writing,
) -> ExceptionOut:
    """Let releases through the freeze of an objective for a while. For a person of a role that the policy names."""
    await permit(request, caller, about_stored(await objectives.get_stored(caller.workspace, objective)))
    made = await freezes.grant(
        caller.workspace, objective, reason=wanted.reason, until=wanted.until, role=caller.role, by=by
    )
    return ExceptionOut.of(made)


@router.delete("/{objective}/exceptions/{exception_id}", status_code=204)
async def end_exception(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    objective: str,
    exception_id: str,
    request: Request,
    caller: Writer,
    objectives: Objectives,
    freezes: Freezes,
    by: Writing,
) -> Response:
    """End an exception before its time: releases freeze again at once."""
    await permit(request, caller, about_stored(await objectives.get_stored(caller.workspace, objective)))
    await freezes.end(caller.workspace, objective, exception_id, by=by)
    return Response(status_code=204)


async def _file(request: Request) -> bytes:
    return await read_body(request, JSON + YAML, limit_bytes=MAX_FILE_BYTES)
