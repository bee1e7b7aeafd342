"""SCIM 2.0 for the workspace of a token (RFC 7644), and the mapping that an admin sets."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import pydantic_core
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from tidegate.edge.bodies import read_body
from tidegate.edge.caller import Caller, Scope, requires
from tidegate.edge.problems import problem_of
from tidegate.edge.providers import provide
from tidegate.edge.requests import request_id_of
from tidegate.identity.acting import Acting
from tidegate.identity.doors import ActingAdmin, body_of, read_wish
from tidegate.identity.forms import base_url_of
from tidegate.identity.scim import discovery
from tidegate.identity.scim.errors import ScimSyntaxInvalidError, ScimVersionChangedError
from tidegate.identity.scim.mapping import ProvisioningService
from tidegate.identity.scim.model import MAX_COUNT, ScimGroup, ScimUser
from tidegate.identity.scim.schemas import (
    ERROR_URN,
    ProvisioningIn,
    ProvisioningOut,
    error_out,
    group_out,
    list_out,
    projected,
    user_out,
)
from tidegate.identity.scim.service import ScimService
from tidegate.kernel import InvalidInputError, NotFoundError, TidegateError

_MEDIA = "application/scim+json"
_MAX_BODY_BYTES = 2 * 1024 * 1024  # 5,000 members with their names
_MAX_START = 1_000_000  # beyond any workspace
_PRECONDITION_FAILED = 412


class ScimAnswer(JSONResponse):
    media_type = _MEDIA


class ScimRoute(APIRoute):
    """Answers errors as RFC 7644, section 3.12, has them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except TidegateError as error:
                return _answer_to(error, request)
            except RequestValidationError as error:
                first = error.errors()[0]
                detail = f"{first['loc'][-1]}: {first['msg']}"
                return ScimAnswer(error_out(400, detail, "invalidValue"), 400)

        return answer


_REFUSED: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "It was not done; `scimType` and `detail` say why.",
        "content": {
            _MEDIA: {
                "schema": {
                    "type": "object",
                    "required": ["schemas", "status", "detail"],
                    "properties": {
                        "schemas": {"type": "array", "items": {"const": ERROR_URN}},
                        "status": {"type": "string"},
                        "scimType": {"type": "string"},
                        "detail": {"type": "string"},
                    },
                }
            }
        },
    }
}
_OBJECT: dict[str, Any] = {"schema": {"type": "object"}}
_TAKES: dict[str, Any] = {"requestBody": {"required": True, "content": {_MEDIA: _OBJECT, "application/json": _OBJECT}}}

scim = APIRouter(
    prefix="/scim/v2",
    tags=["scim"],
    route_class=ScimRoute,
    default_response_class=ScimAnswer,
    responses=_REFUSED,
)
mapping = APIRouter(prefix="/api/v1/provisioning", tags=["provisioning"])


async def _directory(request: Request, caller: Annotated[Caller, Depends(requires(Scope.PROVISION))]) -> Acting:
    return Acting(caller, request_id_of(request.scope))


Directory = Annotated[Acting, Depends(_directory)]
Members = Annotated[ScimService, provide(ScimService)]
Mapping_ = Annotated[ProvisioningService, provide(ProvisioningService)]
_Filter = Annotated[str | None, Query(max_length=2_000)]
_Names = Annotated[str | None, Query(max_length=2_000)]
_Number = Annotated[int, Query()]


class Shown:
    """Which part of resources a request asks for."""

    def __init__(
        self,
        request: Request,
        attributes: _Names = None,
        excluded_attributes: Annotated[str | None, Query(alias="excludedAttributes", max_length=2_000)] = None,
    ) -> None:
        self._only = attributes
        self._without = excluded_attributes
        self.base = f"{base_url_of(request)}/scim/v2"
        self._known = request.headers.get("if-none-match")

    def users(self, users: list[ScimUser]) -> list[dict[str, Any]]:
        return [self._part_of(user_out(user, base=self.base)) for user in users]

    def groups(self, groups: list[ScimGroup]) -> list[dict[str, Any]]:
        return [self._part_of(group_out(group, base=self.base)) for group in groups]

    def user(self, user: ScimUser, status: int = 200) -> Response:
        return self._answer(user_out(user, base=self.base), user.version, status)

    def group(self, group: ScimGroup) -> Response:
        return self._answer(group_out(group, base=self.base), group.version, 200)

    def _answer(self, resource: dict[str, Any], version: str, status: int) -> Response:
        headers = {"etag": version, "cache-control": "no-store"}
        if self._known == version and status == 200:
            return Response(status_code=304, headers=headers)
        if status == 201:
            headers["location"] = resource["meta"]["location"]
        return ScimAnswer(self._part_of(resource), status, headers)

    def _part_of(self, resource: dict[str, Any]) -> dict[str, Any]:
        return projected(resource, only=self._only, without=self._without)


AsShown = Annotated[Shown, Depends()]


async def _body(request: Request) -> dict[str, Any]:
    """Return the body, an object; numbers that are none, lone surrogates and what nests too deep are refused.

    Raises:
        ScimSyntaxInvalidError: it is none.
    """
    raw = await read_body(request, (_MEDIA, "application/json"), limit_bytes=_MAX_BODY_BYTES)
    try:
        found = pydantic_core.from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise ScimSyntaxInvalidError(f"The body is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ScimSyntaxInvalidError("The body is a JSON object.")
    return found


Body = Annotated[dict[str, Any], Depends(_body)]


def _version(request: Request) -> str | None:
    return request.headers.get("if-match")


Version = Annotated[str | None, Depends(_version)]


@scim.get("/ServiceProviderConfig")
async def show_provider_config(by: Directory, request: Request) -> Response:  # noqa: ARG001 - asks who it is
    """Return what this server can do for a directory."""
    return ScimAnswer(discovery.provider_config(_base(request)))


@scim.get("/ResourceTypes")
async def list_resource_types(by: Directory, request: Request) -> Response:  # noqa: ARG001 - asks who it is
    """Return the kinds of resources: users and groups."""
    found = discovery.resource_types(_base(request))
    return ScimAnswer(list_out(found, total=len(found)))


@scim.get("/ResourceTypes/{name}")
async def show_resource_type(name: str, by: Directory, request: Request) -> Response:  # noqa: ARG001 - asks who it is
    """Return one kind of resource."""
    return ScimAnswer(_named(discovery.resource_types(_base(request)), name))


@scim.get("/Schemas")
async def list_schemas(by: Directory, request: Request) -> Response:  # noqa: ARG001 - asks who it is
    """Return the attributes of users and groups."""
    found = discovery.schemas(_base(request))
    return ScimAnswer(list_out(found, total=len(found)))


@scim.get("/Schemas/{urn}")
async def show_schema(urn: str, by: Directory, request: Request) -> Response:  # noqa: ARG001 - asks who it is
    """Return the attributes of users, or of groups."""
    return ScimAnswer(_named(discovery.schemas(_base(request)), urn))


@scim.get("/Users")
async def list_users(  # noqa: PLR0917 - FastAPI passes them by name
    by: Directory,
    members: Members,
    shown: AsShown,
    filter: _Filter = None,  # noqa: A002 - its name in RFC 7644
    start_index: Annotated[int, Query(alias="startIndex")] = 1,
    count: _Number = MAX_COUNT,
) -> Response:
    """List people who are members of the workspace."""
    start = min(max(start_index, 1), _MAX_START)
    limit = min(max(count, 0), MAX_COUNT)
    found, total = await members.list_users(by.caller.workspace, filter, start=start, count=limit)
    return ScimAnswer(list_out(shown.users(found), total=total, start=start))


@scim.post("/Users", openapi_extra=_TAKES, status_code=201)
async def create_user(by: Directory, members: Members, shown: AsShown, body: Body) -> Response:
    """Make somebody a member, with the role that an admin chose for who comes in."""
    return shown.user(await members.create_user(by.caller.workspace, body, by=by), 201)


@scim.get("/Users/{user_id}")
async def show_user(user_id: str, by: Directory, members: Members, shown: AsShown) -> Response:
    """Return one person."""
    return shown.user(await members.get_user(by.caller.workspace, user_id))


@scim.put("/Users/{user_id}", openapi_extra=_TAKES)
async def replace_user(  # noqa: PLR0917 - FastAPI passes them by name
    user_id: str, by: Directory, members: Members, shown: AsShown, body: Body, version: Version
) -> Response:
    """Make a person what the body says."""
    return shown.user(await members.replace_user(by.caller.workspace, user_id, body, version=version, by=by))


@scim.patch("/Users/{user_id}", openapi_extra=_TAKES)
async def patch_user(  # noqa: PLR0917 - FastAPI passes them by name
    user_id: str, by: Directory, members: Members, shown: AsShown, body: Body, version: Version
) -> Response:
    """Change a person; `active` false ends what their credentials may do."""
    return shown.user(await members.patch_user(by.caller.workspace, user_id, body, version=version, by=by))


@scim.delete("/Users/{user_id}", status_code=204)
async def delete_user(user_id: str, by: Directory, members: Members, version: Version) -> Response:
    """Remove a person for good."""
    await members.delete_user(by.caller.workspace, user_id, version=version, by=by)
    return Response(status_code=204)


@scim.get("/Groups")
async def list_groups(  # noqa: PLR0917 - FastAPI passes them by name
    by: Directory,
    members: Members,
    shown: AsShown,
    filter: _Filter = None,  # noqa: A002 - its name in RFC 7644
    start_index: Annotated[int, Query(alias="startIndex")] = 1,
    count: _Number = MAX_COUNT,
) -> Response:
    """List the groups that an admin mapped to roles."""
    start = min(max(start_index, 1), _MAX_START)
    found = await members.list_groups(by.caller.workspace, filter)
    page = found[start - 1 :][: min(max(count, 0), MAX_COUNT)]
    return ScimAnswer(list_out(shown.groups(page), total=len(found), start=start))


@scim.post("/Groups", openapi_extra=_TAKES, status_code=201)
async def create_group(by: Directory, members: Members, body: Body) -> None:
    """Refuse: groups are mapped to roles by an admin. One that is there already is a conflict."""
    await members.refuse_group(by.caller.workspace, body, by=by)


@scim.get("/Groups/{group_id}")
async def show_group(group_id: str, by: Directory, members: Members, shown: AsShown) -> Response:
    """Return one group with its members."""
    return shown.group(await members.get_group(by.caller.workspace, group_id))


@scim.put("/Groups/{group_id}", openapi_extra=_TAKES)
async def replace_group(  # noqa: PLR0917 - FastAPI passes them by name
    group_id: str, by: Directory, members: Members, shown: AsShown, body: Body, version: Version
) -> Response:
    """Make the members of a group those of the body."""
    return shown.group(await members.replace_group(by.caller.workspace, group_id, body, version=version, by=by))


@scim.patch("/Groups/{group_id}", openapi_extra=_TAKES)
async def patch_group(  # noqa: PLR0917 - FastAPI passes them by name
    group_id: str, by: Directory, members: Members, shown: AsShown, body: Body, version: Version
) -> Response:
    """Change who is in a group; their roles follow."""
    return shown.group(await members.patch_group(by.caller.workspace, group_id, body, version=version, by=by))


@scim.delete("/Groups/{group_id}", status_code=204)
async def delete_group(group_id: str, by: Directory, members: Members) -> None:
    """Refuse: groups are mapped to roles by an admin."""
    await members.get_group(by.caller.workspace, group_id)
    await members.refuse_group(by.caller.workspace, None, by=by)


@mapping.get("")
async def show_provisioning(by: ActingAdmin, provisioning: Mapping_) -> ProvisioningOut:
    """Return which role who is provisioned gets, and the roles of groups."""
    return ProvisioningOut.of(await provisioning.find_provisioning(by.caller.workspace))


@mapping.put("", openapi_extra=body_of(ProvisioningIn))
async def set_provisioning(request: Request, by: ActingAdmin, provisioning: Mapping_) -> ProvisioningOut:
    """Set the role of who is provisioned and the roles of groups; who is in them gets theirs at once."""
    wish = (await read_wish(request, ProvisioningIn)).wish()
    return ProvisioningOut.of(await provisioning.set_provisioning(by.caller.workspace, wish, by=by))


def _base(request: Request) -> str:
    return f"{base_url_of(request)}/scim/v2"


def _named(resources: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for resource in resources:
        if resource["id"] == name:
            return resource
    raise NotFoundError("There is no such thing here.")


def answer_missing(status: int, detail: str, headers: dict[str, str]) -> JSONResponse:
    """Say as SCIM does that there is no such path or method: the `ErrorShape` of what is below `/scim/v2`."""
    return ScimAnswer(error_out(status, detail, None), status, headers)


def _answer_to(error: TidegateError, request: Request) -> Response:
    status, headers, _ = problem_of(error, request_id=request_id_of(request.scope))
    scim_type = getattr(error, "scim_type", None)
    if isinstance(error, ScimVersionChangedError):
        status = _PRECONDITION_FAILED
    elif isinstance(error, InvalidInputError):
        status, scim_type = 400, "invalidValue"
    return ScimAnswer(error_out(status, error.message, scim_type), status, headers | {"content-type": _MEDIA})
