"""Members, invitations and service accounts, for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Form, Query, Request
from fastapi.responses import Response

from tidegate.edge.caller import Role
from tidegate.edge.csrf import FormProven
from tidegate.edge.html import PageRenderer, page_router
from tidegate.edge.providers import provide
from tidegate.identity.acting import Acting
from tidegate.identity.doors import ActingAdmin, ActingReader, permit_role
from tidegate.identity.forms import Problem, base_url_of, leading
from tidegate.identity.members.invitations import InvitationService
from tidegate.identity.members.model import Invitation
from tidegate.identity.members.schemas import path_of
from tidegate.identity.members.service import MemberService
from tidegate.identity.roles import is_within
from tidegate.kernel import MAX_LIMIT, InvalidInputError, TidegateError, UnavailableError

__all__ = ["router"]

_PATH = "/members"
_FALLING = (
    Role.OWNER, Role.ADMIN, Role.RELEASE_MANAGER, Role.APPROVER, Role.ENGINEER, Role.VIEWER, Role.AGENT
)  # fmt: skip
router = page_router()


@dataclass(frozen=True, slots=True)
class Desk:
    """What the page is made with."""

    request: Request
    members: MemberService
    invitations: InvitationService
    pages: PageRenderer


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows beside the lists."""

    problem: Problem | None = None
    problem_of: str = ""
    given: Mapping[str, str] = field(default_factory=lambda: {"email": "", "role": "", "name": ""})
    link: str = field(default="", repr=False)
    invitation: Invitation | None = None


_NOTHING = Shown()
_Text = Annotated[str, Form(max_length=256)]


async def _desk(
    request: Request,
    members: Annotated[MemberService, provide(MemberService)],
    invitations: Annotated[InvitationService, provide(InvitationService)],
    pages: Annotated[PageRenderer, provide(PageRenderer)],
) -> Desk:
    return Desk(request, members, invitations, pages)


AtDesk = Annotated[Desk, Depends(_desk)]


@router.get(_PATH)
async def show_members(by: ActingReader, desk: AtDesk, cursor: Annotated[str | None, Query()] = None) -> Response:
    """Show who may do what; to an admin the forms that change it."""
    return await _page(desk, by, _NOTHING, cursor=cursor)


@router.post(f"{_PATH}/invite", dependencies=[FormProven])
async def invite(by: ActingAdmin, desk: AtDesk, *, email: _Text = "", role: _Text = "") -> Response:
    """Invite somebody; the answer shows the link, this once."""
    await permit_role(desk.request, by, role)
    try:
        invitation, secret = await desk.invitations.invite(by.caller.workspace, email, _role_of(role), by=by)
    except UnavailableError:
        raise
    except TidegateError as error:
        return await _refused(desk, by, error, form="invite", given={"email": email, "role": role, "name": ""})
    link = base_url_of(desk.request) + path_of(secret)
    return await _page(desk, by, Shown(link=link, invitation=invitation))


@router.post(f"{_PATH}/invitations/{{invitation_id}}/withdraw", dependencies=[FormProven])
async def withdraw(invitation_id: str, by: ActingAdmin, desk: AtDesk) -> Response:
    """Withdraw an invitation that is open."""
    try:
        await desk.invitations.withdraw(by.caller.workspace, invitation_id, by=by)
    except UnavailableError:
        raise
    except TidegateError as error:
        return await _refused(desk, by, error)
    return leading(_PATH)


@router.post(f"{_PATH}/service-accounts", dependencies=[FormProven])
async def make_service_account(by: ActingAdmin, desk: AtDesk, *, name: _Text = "", role: _Text = "") -> Response:
    """Make a service account."""
    try:
        if not 1 <= len(name.strip()) <= 200:
            raise InvalidInputError("A name has 1 to 200 characters.", field="name")
        await desk.members.add_service_account(by.caller.workspace, name.strip(), _role_of(role), by=by)
    except UnavailableError:
        raise
    except TidegateError as error:
        return await _refused(desk, by, error, form="account", given={"email": "", "role": "", "name": name})
    return leading(_PATH)


@router.post(f"{_PATH}/{{member_id}}/role", dependencies=[FormProven])
async def set_role(member_id: str, by: ActingAdmin, desk: AtDesk, *, role: _Text = "") -> Response:
    """Give a member another role."""
    await permit_role(desk.request, by, role)
    try:
        await desk.members.change(by.caller.workspace, member_id, role=_role_of(role), by=by)
    except UnavailableError:
        raise
    except TidegateError as error:
        return await _refused(desk, by, error)
    return leading(_PATH)


@router.post(f"{_PATH}/{{member_id}}/remove", dependencies=[FormProven])
async def remove(member_id: str, by: ActingAdmin, desk: AtDesk) -> Response:
    """Remove a member."""
    try:
        await desk.members.remove(by.caller.workspace, member_id, by=by)
    except UnavailableError:
        raise
    except TidegateError as error:
        return await _refused(desk, by, error)
    return leading("/sign-in" if by.is_self(member_id) else _PATH)


async def _refused(
    desk: Desk, by: Acting, error: TidegateError, *, form: str = "", given: Mapping[str, str] | None = None
) -> Response:
    problem = Problem.of(error)
    shown = Shown(problem, form) if given is None else Shown(problem, form, given)
    return problem.on(await _page(desk, by, shown))


async def _page(desk: Desk, by: Acting, shown: Shown, *, cursor: str | None = None) -> Response:
    workspace = by.caller.workspace
    page = await desk.members.list_members(workspace, limit=MAX_LIMIT, cursor=cursor)
    now = desk.pages.now()
    invitations: list[tuple[Invitation, str]] = []
    if by.is_admin:
        offers = await desk.invitations.list_open(workspace)
        invitations = [(each, str(each.state_at(now))) for each in offers]
    roles = [str(role) for role in _FALLING if is_within(role, by.caller.role)]
    return desk.pages.render(
        desk.request,
        "identity/members.html",
        section="members",
        status=shown.problem.status if shown.problem else 200,
        members=page.items,
        next_cursor=page.next_cursor,
        invitations=invitations,
        is_admin=by.is_admin,
        roles=roles,
        role_options=[(role, role) for role in roles],
        problem=shown.problem,
        problem_of=shown.problem_of,
        given=shown.given,
        link=shown.link,
        invitation=shown.invitation,
        base_url=base_url_of(desk.request),
    )


def _role_of(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        raise InvalidInputError(f"{text!r} is no role.", field="role") from error
