"""What the doors of identity share: who acts, and how wishes are read."""

from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel

from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import Caller, Scope, requires
from tidegate.edge.requests import request_id_of
from tidegate.identity.acting import Acting

__all__ = ["ActingAdmin", "ActingReader", "ActingWriter", "body_of", "read_wish"]

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


async def read_wish(request: Request, model: type[Wish]) -> Wish:
    """Return the body as a `model`; a field that it does not know is refused, not ignored.

    Raises:
        InvalidInputError: it is no JSON, or a field is wrong or unknown; the first such field is named.
    """
    return parse_json(model, await read_body(request, JSON, limit_bytes=_MAX_BODY_BYTES))


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return how OpenAPI describes a body that `read_wish` reads."""
    return {"requestBody": {"required": True, "content": {JSON[0]: {"schema": model.model_json_schema()}}}}
