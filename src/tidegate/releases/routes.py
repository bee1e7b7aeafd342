"""Releases over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tidegate.audit.doing import Writing
from tidegate.edge.authority import Target
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import CurrentCaller, CurrentWorkspace, Writer, permit
from tidegate.edge.providers import provide
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT
from tidegate.releases.schemas import ReleaseIn, ReleaseOut, ReleasePageOut
from tidegate.releases.service import ReleasesService

router = APIRouter(prefix="/api/v1/releases", tags=["releases"])
Releases = Annotated[ReleasesService, provide(ReleasesService)]


@router.post("", status_code=201, openapi_extra={"requestBody": {"content": {"application/json": {}}}})
async def create_release(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request, response: Response, caller: Writer, releases: Releases, by: Writing
) -> ReleaseOut:
    """Create a release: 201; 200 when it was created before with the same contents; 409 with others."""
    wanted = parse_json(ReleaseIn, await read_body(request, JSON))
    services = wanted.services_of()
    named = Target(
        services=frozenset(service.service for service in services), environments=frozenset({wanted.environment})
    )
    await permit(request, caller, named)
    created = await releases.create(caller.workspace, wanted.name, services, environment=wanted.environment, by=by)
    response.status_code = 201 if created.is_new else 200
    return ReleaseOut.of(created.release)


@router.get("")
async def list_releases(
    workspace: CurrentWorkspace,
    releases: Releases,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> ReleasePageOut:
    """Return releases, newest first."""
    page = await releases.list(workspace, limit=limit, cursor=cursor)
    return ReleasePageOut(items=tuple(map(ReleaseOut.of, page.items)), next_cursor=page.next_cursor)


@router.get("/{name_or_id}")
async def show_release(name_or_id: str, request: Request, caller: CurrentCaller, releases: Releases) -> ReleaseOut:
    """Return one release by its name or id."""
    release = await releases.get(caller.workspace, name_or_id)
    services = frozenset(service.service for service in release.services)
    await permit(request, caller, Target(services=services, environments=frozenset({release.environment})))
    return ReleaseOut.of(release)
