"""Members, invitations and service accounts over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from tidegate.edge.providers import provide
from tidegate.identity.doors import ActingAdmin, ActingReader, body_of, permit_role, read_wish
from tidegate.identity.members.invitations import InvitationService
from tidegate.identity.members.model import MemberKind
from tidegate.identity.members.schemas import (
    InvitationIn,
    InvitationPageOut,
    MemberChangeIn,
    MemberOut,
    MemberPageOut,
    NewInvitationOut,
    ServiceAccountIn,
)
from tidegate.identity.members.service import MemberService
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT, Clock

router = APIRouter(prefix="/api/v1", tags=["members"])
Members = Annotated[MemberService, provide(MemberService)]
Invitations = Annotated[InvitationService, provide(InvitationService)]
Now = Annotated[Clock, provide(Clock)]
_Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
_NO_STORE: dict[str, Any] = {"cache-control": "no-store"}


@router.get("/members")
async def list_members(  # noqa: PLR0917 - FastAPI passes them by name
    by: ActingReader,
    members: Members,
    kind: MemberKind | None = None,
    limit: _Limit = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> MemberPageOut:
    """List people and service accounts of the workspace, in the order in which they came."""
    return MemberPageOut.of(await members.list_members(by.caller.workspace, kind=kind, limit=limit, cursor=cursor))


@router.get("/members/{member_id}")
async def show_member(member_id: str, by: ActingReader, members: Members) -> MemberOut:
    """Return one member."""
    return MemberOut.of(await members.get_member(by.caller.workspace, member_id))


@router.patch("/members/{member_id}", openapi_extra=body_of(MemberChangeIn))
async def change_member(request: Request, member_id: str, by: ActingAdmin, members: Members) -> MemberOut:
    """Give a member another role, deactivate it, or activate it again."""
    wish = await read_wish(request, MemberChangeIn)
    await permit_role(request, by, wish.role)
    changed = await members.change(by.caller.workspace, member_id, role=wish.role, is_active=wish.is_active, by=by)
    return MemberOut.of(changed)


@router.delete("/members/{member_id}", status_code=204)
async def remove_member(member_id: str, by: ActingAdmin, members: Members) -> None:
    """Remove a person or a service account: its tokens and sessions end for good."""
    await members.remove(by.caller.workspace, member_id, by=by)


@router.get("/service-accounts")
async def list_service_accounts(
    by: ActingReader, members: Members, limit: _Limit = DEFAULT_LIMIT, cursor: str | None = None
) -> MemberPageOut:
    """List the service accounts of the workspace."""
    kind = MemberKind.SERVICE_ACCOUNT
    return MemberPageOut.of(await members.list_members(by.caller.workspace, kind=kind, limit=limit, cursor=cursor))


@router.post("/service-accounts", status_code=201, openapi_extra=body_of(ServiceAccountIn))
async def create_service_account(request: Request, by: ActingAdmin, members: Members) -> MemberOut:
    """Make a service account: what a machine does is done in its name."""
    wish = await read_wish(request, ServiceAccountIn)
    return MemberOut.of(await members.add_service_account(by.caller.workspace, wish.name, wish.role, by=by))


@router.get("/invitations")
async def list_invitations(  # noqa: PLR0917 - FastAPI passes them by name
    by: ActingAdmin, invitations: Invitations, now: Now, limit: _Limit = DEFAULT_LIMIT, cursor: str | None = None
) -> InvitationPageOut:
    """List invitations, whatever became of them, without their secrets."""
    page = await invitations.list_invitations(by.caller.workspace, limit=limit, cursor=cursor)
    return InvitationPageOut.of(page, now=now.now())


@router.post("/invitations", status_code=201, openapi_extra=body_of(InvitationIn))
async def invite(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request, response: Response, by: ActingAdmin, invitations: Invitations, now: Now
) -> NewInvitationOut:
    """Invite somebody to a role. Nothing is sent: the answer holds the path of the page that you pass on, this once."""
    wish = await read_wish(request, InvitationIn)
    await permit_role(request, by, wish.role)
    invitation, secret = await invitations.invite(by.caller.workspace, wish.email, wish.role, by=by)
    response.headers.update(_NO_STORE)
    return NewInvitationOut.of_new(invitation, secret, now=now.now())


@router.delete("/invitations/{invitation_id}", status_code=204)
async def withdraw_invitation(invitation_id: str, by: ActingAdmin, invitations: Invitations) -> None:
    """Withdraw an invitation that is open."""
    await invitations.withdraw(by.caller.workspace, invitation_id, by=by)
