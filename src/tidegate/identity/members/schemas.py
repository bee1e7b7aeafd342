"""Members and invitations on the wire."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints

from tidegate.edge.caller import Role
from tidegate.edge.wire import Utc, WireModel
from tidegate.identity.members.model import (
    MAX_EMAIL_CHARACTERS,
    MAX_NAME_CHARACTERS,
    Invitation,
    InvitationState,
    Member,
    MemberKind,
)
from tidegate.kernel import Page

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME_CHARACTERS)]


class MemberOut(WireModel):
    id: str
    """`usr_…` for a person, `svc_…` for a service account."""
    kind: MemberKind
    name: str
    email: str | None
    """`null` for a service account."""
    role: Role
    is_active: bool
    added_at: Utc
    added_by: str
    """Id of the member who invited it, else of the credential."""

    @classmethod
    def of(cls, member: Member) -> Self:
        return cls(
            id=member.id,
            kind=member.kind,
            name=member.name,
            email=member.email,
            role=member.role,
            is_active=member.is_active,
            added_at=member.added_at,
            added_by=member.added_by,
        )


class MemberPageOut(WireModel):
    items: tuple[MemberOut, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Member]) -> Self:
        return cls(items=tuple(map(MemberOut.of, page.items)), next_cursor=page.next_cursor)


class MemberChangeIn(WireModel):
    """What is left out stays as it is."""

    role: Role | None = None
    is_active: bool | None = None
    """False: tokens and sessions do nothing until it is true again."""


class ServiceAccountIn(WireModel):
    name: Name
    role: Role
    """Any but `owner`."""


class InvitationIn(WireModel):
    email: Annotated[str, Field(max_length=MAX_EMAIL_CHARACTERS + 2)]
    role: Role


class InvitationOut(WireModel):
    id: str
    email: str
    role: Role
    state: InvitationState
    created_at: Utc
    created_by: str
    expires_at: Utc

    @classmethod
    def of(cls, invitation: Invitation, *, now: datetime) -> Self:
        return cls(
            id=invitation.id,
            email=invitation.email,
            role=invitation.role,
            state=invitation.state_at(now),
            created_at=invitation.created_at,
            created_by=invitation.created_by,
            expires_at=invitation.expires_at,
        )


class NewInvitationOut(InvitationOut):
    path: str
    """Of the page that uses it up, with the one-time secret, which is shown this once: give it to nobody else."""

    @classmethod
    def of_new(cls, invitation: Invitation, secret: str, *, now: datetime) -> Self:
        return cls(**dict(InvitationOut.of(invitation, now=now)), path=path_of(secret))


class InvitationPageOut(WireModel):
    items: tuple[InvitationOut, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Invitation], *, now: datetime) -> Self:
        return cls(items=tuple(InvitationOut.of(one, now=now) for one in page.items), next_cursor=page.next_cursor)


def path_of(secret: str) -> str:
    return f"/accept-invitation?invitation={secret}"
