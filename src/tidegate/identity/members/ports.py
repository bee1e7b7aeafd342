"""What members need from the state store."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.identity.members.model import Invitation, Member, MemberKind
from tidegate.kernel import WorkspaceId

Position = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody who may have no row yet."""

    id: str
    email: str
    name: str
    password_hash: str | None
    """`None`: somebody of this e-mail address was known when it was asked."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """When a person joined, by whose doing, and what is recorded of it."""

    now: datetime
    added_by: str
    deed: Deed


Prove = Callable[[str | None], Awaitable[bool]]
"""Tells whether the password that was given is the one that is kept."""


class MemberStore(Protocol):
    """Members of workspaces. Each write is committed together with what is recorded of it."""

    async def list_members(
        self, workspace: WorkspaceId, *, kind: MemberKind | None, after: Position | None, limit: int
    ) -> list[Member]:
        """Return members who were not removed, the first first."""
        ...

    async def find_member(self, workspace: WorkspaceId, member_id: str) -> Member | None: ...

    async def find_member_by_email(self, workspace: WorkspaceId, email: str) -> Member | None: ...

    async def add_service_account(self, workspace: WorkspaceId, member: Member, *, deed: Deed) -> None:
        """Store it.

        Raises:
            MemberExistsError: one of that name is there.
        """
        ...

    async def set_member(self, workspace: WorkspaceId, known: Member, wanted: Member, *, deed: Deed) -> None:
        """Set role and activity of a member to those `wanted`.

        Raises:
            MemberChangedError: it is not as it was `known` any more.
            LastOwnerError: nobody else would be an owner.
        """
        ...

    async def remove_member(self, workspace: WorkspaceId, known: Member, *, now: datetime, deed: Deed) -> None:
        """Remove a member with its tokens and sessions.

        Raises:
            MemberChangedError: it is not as it was `known` any more.
            LastOwnerError: nobody else would be an owner.
        """
        ...


class InvitationStore(Protocol):
    """Invitations, and how people join. Each write is committed together with what is recorded of it."""

    async def list_invitations(self, workspace: WorkspaceId, *, after: Position | None, limit: int) -> list[Invitation]:
        """Return invitations, the first first."""
        ...

    async def list_open(self, workspace: WorkspaceId, *, now: datetime, limit: int) -> list[Invitation]:
        """Return invitations that can still be used, the newest first."""
        ...

    async def add_invitation(
        self, workspace: WorkspaceId, invitation: Invitation, invitation_hash: bytes, *, deed: Deed
    ) -> None:
        """Store it, and withdraw what is open for the same address: the newest offer counts."""
        ...

    async def find_invitation(self, workspace: WorkspaceId, invitation_id: str) -> Invitation | None: ...

    async def withdraw_invitation(
        self, workspace: WorkspaceId, invitation_id: str, *, now: datetime, deed: Deed
    ) -> None:
        """Withdraw an invitation that is open.

        Raises:
            InvitationUsedError: somebody used it meanwhile.
        """
        ...

    async def find_invitation_of(self, invitation_hash: bytes) -> tuple[WorkspaceId, Invitation] | None:
        """Return whose invitation this is the secret of."""
        ...

    async def find_person_id(self, email: str) -> str | None:
        """Return who has this address, in whatever workspace."""
        ...

    async def accept(
        self, workspace: WorkspaceId, invitation: Invitation, person: NewPerson, *, prove: Prove, acceptance: Acceptance
    ) -> None:
        """Use the invitation up and make the person a member.

        Raises:
            InvitationUsedError: it was used or withdrawn meanwhile.
            PasswordWrongError: the person is known, and `prove` says no.
            MemberExistsError: the person is a member already.
        """
        ...

    async def add_first_owner(
        self, workspace: WorkspaceId, person: NewPerson, *, prove: Prove, acceptance: Acceptance
    ) -> None:
        """Make the person the first owner.

        Raises:
            OwnerExistsError: there is an owner.
            PasswordWrongError: the person is known, and `prove` says no.
        """
        ...
