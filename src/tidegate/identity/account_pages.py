"""The own account: where one is signed in, the password, and becoming the first owner."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Request
from fastapi.responses import Response

from tidegate.edge.caller import Role, Scope
from tidegate.edge.csrf import FormProven
from tidegate.edge.html import PageRenderer, page_router
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
    render_with,
    visit_of,
)
from tidegate.identity.members.invitations import InvitationService, Joining
from tidegate.identity.members.service import MemberService
from tidegate.identity.passkeys.service import PasskeyService
from tidegate.identity.sessions.service import SessionService
from tidegate.identity.sign_in_page import passkey_place
from tidegate.kernel import MAX_LIMIT, InvalidInputError, TidegateError, UnavailableError

__all__ = ["Account", "AtAccount", "account_page", "router"]

_EMPTY = {"email": "", "name": "", "passkey_name": ""}
_DONE = {
    "password": "The password is changed; your other sessions ended.",
    "passkey": "The passkey is kept: it signs you in from now on.",
    "passkey-removed": "The passkey is removed.",
}

router = page_router()
Sessions = Annotated[SessionService, provide(SessionService)]
Invitations = Annotated[InvitationService, provide(InvitationService)]
_Text = Annotated[str, Form(max_length=256)]
_Password = Annotated[str, Form(max_length=MAX_PASSWORD_FIELD)]


@dataclass(frozen=True, slots=True)
class Account:
    """What the page is made with."""

    request: Request
    sessions: SessionService
    members: MemberService
    passkeys: PasskeyService
    pages: PageRenderer


async def _account(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request,
    sessions: Sessions,
    members: Annotated[MemberService, provide(MemberService)],
    passkeys: Annotated[PasskeyService, provide(PasskeyService)],
    pages: Annotated[PageRenderer, provide(PageRenderer)],
) -> Account:
    return Account(request, sessions, members, passkeys, pages)


AtAccount = Annotated[Account, Depends(_account)]


@router.get("/account")
async def show_account(by: ActingReader, account: AtAccount, done: str = "") -> Response:
    """Show who is signed in, and where."""
    return await account_page(account, by, done=_DONE.get(done, ""))


@router.post("/account/sessions/{session_id}/end", dependencies=[FormProven])
async def end_session(session_id: str, by: ActingReader, sessions: Sessions) -> Response:
    """End a session on the server."""
    await sessions.end(by.caller.workspace, session_id, by=by)
    return leading("/sign-in" if session_id == by.caller.actor else "/account")


@router.post("/account/password", dependencies=[FormProven])
async def change_password(
    by: ActingReader,
    account: AtAccount,
    *,
    current: _Password = "",
    password: _Password = "",
) -> Response:
    """Change the own password."""
    try:
        await account.sessions.change_password(
            by.caller.workspace, current=current, wanted=password, address=address_of(account.request), by=by
        )
    except UnavailableError:
        raise
    except TidegateError as error:
        problem = Problem.of(error, field="current" if error.code == "password_wrong" else None)
        return await account_page(account, by, problem=problem)
    return leading("/account?done=password")


@router.post("/account/owner", dependencies=[FormProven])
async def make_first_owner(
    by: ActingAdmin,
    account: AtAccount,
    invitations: Invitations,
    *,
    email: _Text = "",
    name: _Text = "",
    password: _Password = "",
) -> Response:
    """Become the first owner, from a session that the operator's one-time link opened."""
    workspace, visit = by.caller.workspace, visit_of(account.request)
    try:
        if not name.strip():
            raise InvalidInputError("A name has 1 to 200 characters.", field="name")
        joining = Joining(name.strip()[:200], password, visit.address)
        joined = await invitations.make_first_owner(workspace, email, joining, by=by)
        session = await account.sessions.open(
            workspace, joined.member, user_agent=visit.user_agent, address=visit.address, how="link"
        )
    except UnavailableError:
        raise
    except TidegateError as error:
        problem = Problem.of(error, field="password" if error.code == "password_wrong" else None)
        return await account_page(account, by, problem=problem, given={"email": email, "name": name})
    # The session of the link has served: the person goes on in one of their own.
    await account.sessions.end(workspace, by.caller.actor, by=by)
    return begin_session(account.request, session)


async def account_page(
    account: Account,
    by: Acting,
    *,
    problem: Problem | None = None,
    done: str = "",
    given: Mapping[str, str] | None = None,
) -> Response:
    """Return the page, with what went wrong or was done."""
    caller, request, members = by.caller, account.request, account.members
    member = None if caller.member is None else await members.get_member(caller.workspace, caller.member)
    found = await account.sessions.list_sessions(caller.workspace, member=None, by=by)
    return render_with(
        account.pages,
        request,
        "identity/account.html",
        section="account",
        member=member,
        sessions=found,
        offers_owner=member is None and caller.by_session and await _lacks_owner(members, by),
        passkeys=passkey_place(request),
        own_passkeys=await account.passkeys.list_passkeys(caller.workspace, by=by),
        problem=problem,
        done=done,
        given={**_EMPTY, **(given or {})},
        base_url=base_url_of(request),
    )


async def _lacks_owner(members: MemberService, by: Acting) -> bool:
    if not by.caller.may(Scope.ADMIN):
        return False
    page = await members.list_members(by.caller.workspace, limit=MAX_LIMIT, cursor=None)
    return not any(member.role is Role.OWNER and member.is_active for member in page.items)
