"""Signing in with a password or a one-time link, joining by an invitation, and signing out."""

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import Response

from tidegate.edge.caller import SESSION_COOKIE, CurrentCaller
from tidegate.edge.csrf import FormProven, OwnOrigin
from tidegate.edge.html import SIGN_IN_PATH, Pages, page_router
from tidegate.edge.providers import provide
from tidegate.identity.errors import SignInLinkInvalidError
from tidegate.identity.forms import (
    MAX_PASSWORD_FIELD,
    Problem,
    address_of,
    begin_session,
    leading,
    render_with,
    user_agent_of,
    visit_of,
)
from tidegate.identity.members.invitations import InvitationService, Joining
from tidegate.identity.service import IdentityService
from tidegate.identity.sessions.service import Credentials, SessionService
from tidegate.identity.sign_in_page import sign_in_page
from tidegate.kernel import InvalidInputError, TidegateError, UnavailableError

__all__ = ["router"]

_MAX_LINK_CHARACTERS = 200  # ours have 43
router = page_router()
Identity = Annotated[IdentityService, provide(IdentityService)]
Sessions = Annotated[SessionService, provide(SessionService)]
Invitations = Annotated[InvitationService, provide(InvitationService)]
_Secret = Annotated[str, Form(max_length=_MAX_LINK_CHARACTERS)]
_Text = Annotated[str, Form(max_length=256)]
_Password = Annotated[str, Form(max_length=MAX_PASSWORD_FIELD)]


@router.get(SIGN_IN_PATH)
async def show_sign_in(request: Request, pages: Pages, link: str = "") -> Response:
    """Show the form; of a one-time link the button that uses it up.

    Looking does not use it up: chats and mail programs open links to preview them.
    """
    return await sign_in_page(request, pages, link=link[:_MAX_LINK_CHARACTERS])


@router.post(SIGN_IN_PATH, dependencies=[OwnOrigin])
async def sign_in(request: Request, identity: Identity, pages: Pages, *, link: _Secret) -> Response:
    """Use the link up and begin a session under a new secret."""
    try:
        session = await identity.sign_in(link, user_agent=user_agent_of(request), address=address_of(request))
    except SignInLinkInvalidError as error:
        return await sign_in_page(request, pages, problem=Problem.of(error))
    return begin_session(request, session)


@router.post("/sign-in/password", dependencies=[OwnOrigin])
async def sign_in_with_password(
    request: Request,
    sessions: Sessions,
    pages: Pages,
    *,
    email: _Text = "",
    password: _Password = "",
    workspace: _Text = "",
) -> Response:
    """Prove the password and begin a session under a new secret."""
    credentials = Credentials(
        email=email,
        password=password,
        workspace=workspace.strip(),
        address=address_of(request),
        user_agent=user_agent_of(request),
    )
    try:
        session = await sessions.sign_in(credentials)
    except UnavailableError:
        raise
    except TidegateError as error:
        return await sign_in_page(request, pages, problem=Problem.of(error), email=email, workspace=workspace)
    return begin_session(request, session)


@router.get("/accept-invitation")
async def show_invitation(request: Request, invitations: Invitations, pages: Pages, invitation: str = "") -> Response:
    """Show what is offered. Looking does not use it up."""
    return await _invitation_page(request, pages, invitations, secret=invitation[:_MAX_LINK_CHARACTERS])


@router.post("/accept-invitation", dependencies=[OwnOrigin])
async def accept_invitation(  # noqa: PLR0913 - one argument a field
    request: Request,
    invitations: Invitations,
    sessions: Sessions,
    pages: Pages,
    *,
    invitation: _Secret = "",
    name: _Text = "",
    password: _Password = "",
) -> Response:
    """Become a member and begin a session."""
    try:
        joining = Joining(_named(name), password, address_of(request))
        joined = await invitations.accept(invitation, joining)
        visit = visit_of(request)
        session = await sessions.open(
            joined.workspace, joined.member, user_agent=visit.user_agent, address=visit.address, how="invitation"
        )
    except UnavailableError:
        raise
    except TidegateError as error:
        problem = Problem.of(error, field="password" if error.code == "password_wrong" else None)
        return await _invitation_page(request, pages, invitations, secret=invitation, problem=problem, name=name)
    return begin_session(request, session)


@router.post("/sign-out", dependencies=[FormProven])
async def sign_out(request: Request, caller: CurrentCaller, identity: Identity) -> Response:
    """End the session on the server, not only in the browser."""
    await identity.sign_out(caller.workspace, request.cookies[SESSION_COOKIE])
    answer = leading(SIGN_IN_PATH)
    answer.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax")
    return answer


async def _invitation_page(
    request: Request,
    pages: Pages,
    invitations: InvitationService,
    *,
    secret: str,
    problem: Problem | None = None,
    name: str = "",
) -> Response:
    workspace, invitation = None, None
    try:
        workspace, invitation = await invitations.get_open(secret)
    except UnavailableError:
        raise
    except TidegateError as error:
        problem = problem or Problem.of(error)
    return render_with(
        pages,
        request,
        "identity/accept_invitation.html",
        workspace=workspace,
        invitation=invitation,
        secret=secret,
        problem=problem,
        name=name,
    )


def _named(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise InvalidInputError("A name has 1 to 200 characters.", field="name")
    return name
