"""What the doors of identity share: who acts, and how wishes are read."""

from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel

from tidegate.edge.authority import Authorizer
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import Caller, Role, Scope, requires
from tidegate.edge.requests import request_id_of
from tidegate.identity.acting import Acting
from tidegate.identity.roles import is_within

__all__ = ["ActingAdmin", "ActingReader", "ActingWriter", "body_of", "permit_role", "permit_scope", "read_wish"]

_MAX_BODY_BYTES = 64 * 1024  # the largest has 200 names
Wish = TypeVar("Wish", bound=BaseModel)


async def _reader(request: Request, caller: Annotated[Caller, Depends(requires(Scope.READ))]) -> Acting:
    return Acting(caller, request_id_of(request.scope))


async def _writer(request: Request, caller: Annotated[Caller, Depends(requires(Scope.WRITE))]) -> Acting:
    return Acting(caller, request_id_of(request.scope))


async def _admin(request: Request, caller: Annotated[Caller, Depends(requires(Scope.ADMIN))]) -> Acting:
    return Acting(caller, request_id_of(request.scope))


ActingReader = Annotated[Acting, Depends(_reader)]
ActingWriter = Annotated[Acting, Depends(_writer)]
ActingAdmin = Annotated[Acting, Depends(_admin)]


async def permit_besides(request: Request, by: Acting, action: str) -> None:
    """Ask the policies about what only the body names: a wish for more than the route's own action.

    Raises:
        NotPermittedError: they refuse it.
        StepUpRequiredError: the proof of who it is, is too old for it.
    """
    authorizer: Authorizer = request.app.state.authorizer
    await authorizer.authorize(by.caller, action, request_id=by.request_id)


async def permit_role(request: Request, by: Acting, role: str | None) -> None:
    """Ask the policies besides whether `by` may make somebody an owner, when that is wished.

    Raises:
        NotPermittedError, StepUpRequiredError: as `permit_besides`.
    """
    # Whom no role of their own holds back from it, the service refuses in its own words.
    if role == Role.OWNER and is_within(Role.OWNER, by.caller.role):
        await permit_besides(request, by, "members:make-owner")


async def permit_scope(request: Request, by: Acting, scope: str) -> None:
    """Ask the policies besides whether `by` may make a credential of this scope.

    Raises:
        NotPermittedError, StepUpRequiredError: as `permit_besides`.
    """
    if scope in {Scope.ADMIN, Scope.PROVISION} and by.is_admin:  # the second gives roles as well
        await permit_besides(request, by, "tokens:make-admin")


async def read_wish(request: Request, model: type[Wish]) -> Wish:
    """Return the body as a `model`; a field that it does not know is refused, not ignored.

    Raises:
        InvalidInputError: it is no JSON, or a field is wrong or unknown; the first such field is named.
    """
    return parse_json(model, await read_body(request, JSON, limit_bytes=_MAX_BODY_BYTES))


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return how OpenAPI describes a body that `read_wish` reads."""
    schema = model.model_json_schema()
    whole = _without_references(schema, schema.get("$defs", {}))
    return {"requestBody": {"required": True, "content": {JSON[0]: {"schema": whole}}}}


def _without_references(shape: Any, known: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Return `shape` with what it refers to in its place: within the document, references would lead nowhere."""
    if isinstance(shape, list):
        return [_without_references(each, known) for each in shape]
    if not isinstance(shape, dict):
        return shape
    if "$ref" in shape:
        shape = known[shape["$ref"].rpartition("/")[2]] | {key: each for key, each in shape.items() if key != "$ref"}
    return {key: _without_references(each, known) for key, each in shape.items() if key != "$defs"}
