"""Authorization regression runs over HTTP, on the routes of the source documents."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tidegate.audit.doing import Writing
from tidegate.edge.authority import Target
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import CurrentCaller, CurrentWorkspace, Writer, permit
from tidegate.edge.providers import provide
from tidegate.isolation.schemas import AuthzRegressionRun, AuthzRegressionRunOut
from tidegate.isolation.service import IsolationService

router = APIRouter(prefix="/release/authz-regression", tags=["isolation"])
Isolation = Annotated[IsolationService, provide(IsolationService)]


@router.post("", status_code=201, openapi_extra={"requestBody": {"content": {"application/json": {}}}})
async def receive_authz_run(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request, response: Response, caller: Writer, isolation: Isolation, by: Writing
) -> AuthzRegressionRunOut:
    """Receive a run: 201; 200 when it was received before; 409 when its id was received with another body."""
    sent = parse_json(AuthzRegressionRun, await read_body(request, JSON))
    await permit(request, caller, Target(services=frozenset({sent.service})))
    received = await isolation.receive(caller.workspace, sent.body(), by=by)
    response.status_code = 201 if received.is_new else 200
    return AuthzRegressionRunOut.of(received.run)


@router.get("/latest")
async def show_latest_authz_run(
    *,
    workspace: CurrentWorkspace,
    isolation: Isolation,
    service: Annotated[str, Query(min_length=1)],
    commit: str | None = None,
    suite: str | None = None,
) -> AuthzRegressionRunOut:
    """Return the run of a service that was received last, whatever the dates in it say."""
    return AuthzRegressionRunOut.of(await isolation.latest_run(workspace, service, commit=commit, suite=suite))


@router.get("/runs/{run_id:path}")
async def show_authz_run(
    run_id: str, request: Request, caller: CurrentCaller, isolation: Isolation
) -> AuthzRegressionRunOut:
    """Return one run by its id."""
    run = await isolation.get_run(caller.workspace, run_id)
    await permit(request, caller, Target(services=frozenset({run.subject.service})))
    return AuthzRegressionRunOut.of(run)
