"""Tokens over HTTP."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tidegate.edge.providers import provide
from tidegate.identity.doors import ActingReader, ActingWriter, body_of, permit_scope, read_wish
from tidegate.identity.tokens.schemas import NewTokenOut, RotationIn, TokenIn, TokenPageOut
from tidegate.identity.tokens.service import TokenService
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT, Clock

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])
Tokens = Annotated[TokenService, provide(TokenService)]
Now = Annotated[Clock, provide(Clock)]


@router.get("")
async def list_tokens(  # noqa: PLR0917 - FastAPI passes them by name
    by: ActingReader,
    tokens: Tokens,
    now: Now,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> TokenPageOut:
    """List tokens without their secrets: your own; all of the workspace with the scope `admin`."""
    page = await tokens.list_tokens(by.caller.workspace, limit=limit, cursor=cursor, by=by)
    return TokenPageOut.of(page, now=now.now())


@router.post("", status_code=201, openapi_extra=body_of(TokenIn))
async def create_token(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request, response: Response, by: ActingWriter, tokens: Tokens, now: Now
) -> NewTokenOut:
    """Make a token for yourself or a service account. The answer holds its secret, this once."""
    wish = await read_wish(request, TokenIn)
    await permit_scope(request, by, wish.scope)
    token, secret = await tokens.create(by.caller.workspace, wish.wish(), by=by)
    response.headers["cache-control"] = "no-store"
    return NewTokenOut.of_new(token, secret, now=now.now())


@router.post("/{token_id}/rotate", status_code=201, openapi_extra=body_of(RotationIn))
async def rotate_token(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request, response: Response, token_id: str, by: ActingWriter, tokens: Tokens, now: Now
) -> NewTokenOut:
    """Make a token in the place of this one, which works on until the overlap is over."""
    wish = await read_wish(request, RotationIn)
    await permit_scope(request, by, (await tokens.get_token(by.caller.workspace, token_id, by=by)).scope)
    overlap = timedelta(seconds=wish.overlap_s)
    token, secret = await tokens.rotate(by.caller.workspace, token_id, overlap=overlap, by=by)
    response.headers["cache-control"] = "no-store"
    return NewTokenOut.of_new(token, secret, now=now.now())


@router.delete("/{token_id}", status_code=204)
async def revoke_token(token_id: str, by: ActingReader, tokens: Tokens) -> None:
    """Revoke a token: it is refused everywhere within two seconds."""
    await tokens.revoke(by.caller.workspace, token_id, by=by)
