"""Signing in with the one-time link, and signing out."""

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from tidegate.edge.caller import SESSION_COOKIE, CurrentCaller, is_over_tls
from tidegate.edge.csrf import FormProven, OwnOrigin
from tidegate.edge.html import SIGN_IN_PATH, Pages, page_router
from tidegate.edge.providers import provide
from tidegate.identity.errors import SignInLinkInvalidError
from tidegate.identity.model import SESSION_LENGTH
from tidegate.identity.service import IdentityService

__all__ = ["router"]

_MAX_LINK_CHARACTERS = 200  # ours have 43
router = page_router()
Identity = Annotated[IdentityService, provide(IdentityService)]


@router.get(SIGN_IN_PATH)
async def show_sign_in(request: Request, pages: Pages, link: str = "") -> Response:
    """Show the button that uses the link up. Looking does not: chats and mail programs open links to preview them."""
    return pages.render(request, "identity/sign_in.html", link=link[:_MAX_LINK_CHARACTERS], problem=None)


@router.post(SIGN_IN_PATH, dependencies=[OwnOrigin])
async def sign_in(
    request: Request, identity: Identity, pages: Pages, *, link: Annotated[str, Form(max_length=_MAX_LINK_CHARACTERS)]
) -> Response:
    """Use the link up and begin a session under a new secret."""
    try:
        session = await identity.sign_in(link)
    except SignInLinkInvalidError as error:
        return pages.render(request, "identity/sign_in.html", status=401, link="", problem=error.message)
    answer = RedirectResponse("/", 303, {"cache-control": "no-store"})
    answer.set_cookie(
        SESSION_COOKIE,
        session,
        max_age=int(SESSION_LENGTH.total_seconds()),
        path="/",
        secure=is_over_tls(request),
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/sign-out", dependencies=[FormProven])
async def sign_out(request: Request, caller: CurrentCaller, identity: Identity) -> Response:
    """End the session on the server, not only in the browser."""
    await identity.sign_out(caller.workspace, request.cookies[SESSION_COOKIE])
    answer = RedirectResponse(SIGN_IN_PATH, 303, {"cache-control": "no-store"})
    answer.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax")
    return answer
