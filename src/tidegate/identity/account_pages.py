"""The own account: where one is signed in, the password, and becoming the first owner."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import Response

from tidegate.edge.caller import Role, Scope
from tidegate.edge.csrf import FormProven
from tidegate.edge.html import Pages, page_router
from tidegate.edge.providers import provide
from tidegate.identity.acting import Acting
from tidegate.identity.doors import ActingAdmin, ActingReader
from tidegate.identity.forms import (
    MAX_PASSWORD_FIELD,
    Problem,
    address_of,
    base_url_of,
    begin_session,
    leading,
    user_agent_of,
)
from tidegate.identity.members.invitations import InvitationService, Joining
from tidegate.identity.members.service import MemberService
from tidegate.identity.sessions.service import SessionService
from tidegate.kernel import MAX_LIMIT, InvalidInputError, TidegateError, UnavailableError

__all__ = ["router"]

router = page_router()
Sessions = Annotated[SessionService, provide(SessionService)]
Members = Annotated[MemberService, provide(MemberService)]
Invitations = Annotated[InvitationService, provide(InvitationService)]
_Text = Annotated[str, Form(max_length=256)]
_Password = Annotated[str, Form(max_length=MAX_PASSWORD_FIELD)]


@router.get("/account")
async def show_account(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request, by: ActingReader, sessions: Sessions, members: Members, pages: Pages, done: str = ""
) -> Response:
    """Show who is signed in, and where."""
    words = "The password is changed; your other sessions ended." if done == "password" else ""
    return await _page(request, by, sessions, members, pages, done=words)


@router.post("/account/sessions/{session_id}/end", dependencies=[FormProven])
async def end_session(session_id: str, by: ActingReader, sessions: Sessions) -> Response:
    """End a session on the server."""
    await sessions.end(by.caller.workspace, session_id, by=by)
    return leading("/sign-in" if session_id == by.caller.actor else "/account")


@router.post("/account/password", dependencies=[FormProven])
async def change_password(  # noqa: PLR0913, PLR0917 - one argument a field
    request: Request,
    by: ActingReader,
    sessions: Sessions,
    members: Members,
    pages: Pages,
    *,
    current: _Password = "",
    password: _Password = "",
) -> Response:
    """Change the own password."""
    try:
        await sessions.change_password(
            by.caller.workspace, current=current, wanted=password, address=address_of(request), by=by
        )
    except UnavailableError:
        raise
    except TidegateError as error:
        problem = Problem.of(error, field="current" if error.code == "password_wrong" else None)
        return await _page(request, by, sessions, members, pages, problem=problem)
    return leading("/account?done=password")


@router.post("/account/owner", dependencies=[FormProven])
async def make_first_owner(  # noqa: PLR0913, PLR0917 - one argument a field
    request: Request,
    by: ActingAdmin,
    sessions: Sessions,
    members: Members,
    invitations: Invitations,
    pages: Pages,
    *,
    email: _Text = "",
    name: _Text = "",
    password: _Password = "",
) -> Response:
    """Become the first owner, from a session that the operator's one-time link opened."""
    workspace = by.caller.workspace
    try:
        if not name.strip():
            raise InvalidInputError("A name has 1 to 200 characters.", field="name")
        joining = Joining(name.strip()[:200], password, address_of(request))
        joined = await invitations.make_first_owner(workspace, email, joining, by=by)
        session = await sessions.open(workspace, joined.member, user_agent=user_agent_of(request))
    except UnavailableError:
        raise
    except TidegateError as error:
        problem = Problem.of(error, field="password" if error.code == "password_wrong" else None)
        given = {"email": email, "name": name}
        return await _page(request, by, sessions, members, pages, problem=problem, given=given)
    # The session of the link has served: the person goes on in one of their own.
    await sessions.end(workspace, by.caller.actor, by=by)
    return begin_session(request, session)


async def _page(  # noqa: PLR0913, PLR0917 - what the page is made of
    request: Request,
    by: Acting,
    sessions: SessionService,
    members: MemberService,
    pages: Pages,
    *,
    problem: Problem | None = None,
    done: str = "",
    given: Mapping[str, str] | None = None,
) -> Response:
    caller = by.caller
    member = None if caller.member is None else await members.get_member(caller.workspace, caller.member)
    found = await sessions.list_sessions(caller.workspace, member=None, by=by)
    answer = pages.render(
        request,
        "identity/account.html",
        section="account",
        status=problem.status if problem else 200,
        member=member,
        sessions=found,
        offers_owner=member is None and caller.by_session and await _lacks_owner(members, by),
        problem=problem,
        done=done,
        given=given or {"email": "", "name": ""},
        base_url=base_url_of(request),
    )
    return problem.on(answer) if problem else answer


async def _lacks_owner(members: MemberService, by: Acting) -> bool:
    if not by.caller.may(Scope.ADMIN):
        return False
    page = await members.list_members(by.caller.workspace, limit=MAX_LIMIT, cursor=None)
    return not any(member.role is Role.OWNER and member.is_active for member in page.items)
