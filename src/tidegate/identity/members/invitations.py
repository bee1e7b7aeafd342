"""How people come in: invited to a role, or as the first owner by the operator's one-time link."""

import secrets
from dataclasses import dataclass, field, replace

from tidegate.audit import ActorKind, Deed
from tidegate.edge.caller import Role
from tidegate.identity.acting import Acting
from tidegate.identity.attempts import Attempts
from tidegate.identity.lists import page_of, position_of
from tidegate.identity.members.errors import (
    InvitationNotFoundError,
    InvitationUsedError,
    MemberExistsError,
    NotFirstOwnerError,
)
from tidegate.identity.members.model import INVITATION_LENGTH, Invitation, InvitationState, email_of
from tidegate.identity.members.ports import Acceptance, InvitationStore, MemberStore, NewPerson
from tidegate.identity.model import SigningKey
from tidegate.identity.passwords import Passwords
from tidegate.kernel import MAX_LIMIT, Clock, Cursor, IdFactory, Page, WorkspaceId


@dataclass(frozen=True, slots=True)
class Joining:
    """What somebody who joins gives."""

    name: str
    password: str = field(repr=False)
    address: str = ""
    """Of the network: wrong passwords are counted by it."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Who joined where."""

    workspace: WorkspaceId
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JoiningParts:
    """What people join with."""

    invitations: InvitationStore
    members: MemberStore
    passwords: Passwords
    attempts: Attempts
    key: SigningKey
    ids: IdFactory
    clock: Clock


class InvitationService:
    """Invitations of a workspace. The secret of one is given out once, to who invites; nothing is sent from here."""

    def __init__(self, parts: JoiningParts) -> None:
        self._parts = parts

    async def list_invitations(self, workspace: WorkspaceId, *, limit: int, cursor: Cursor | None) -> Page[Invitation]:
        found = await self._parts.invitations.list_invitations(workspace, after=position_of(cursor), limit=limit + 1)
        return page_of(found, limit, lambda invitation: (invitation.created_at, invitation.id))

    async def list_open(self, workspace: WorkspaceId) -> list[Invitation]:
        """Return the newest invitations that somebody can still use, 200 at most."""
        return await self._parts.invitations.list_open(workspace, now=self._parts.clock.now(), limit=MAX_LIMIT)

    async def invite(self, workspace: WorkspaceId, email: str, role: Role, *, by: Acting) -> tuple[Invitation, str]:
        """Offer `role` to who has this address; return the invitation and its one-time secret.

        Raises:
            EmailInvalidError: this is no address.
            RoleTooHighError: the role is higher than that of who invites.
            MemberExistsError: the person is a member already.
        """
        parts = self._parts
        by.refuse_above(role)
        address = email_of(email)
        if await parts.members.find_member_by_email(workspace, address) is not None:
            raise MemberExistsError(address)
        secret = secrets.token_urlsafe(32)
        now = parts.clock.now()
        invitation = Invitation(parts.ids.new_id("inv"), address, role, now, by.name, now + INVITATION_LENGTH)
        deed = by.deed("members:invite", f"invitation/{invitation.id}", email=address, role=role)
        await parts.invitations.add_invitation(workspace, invitation, parts.key.hash_of(secret), deed=deed)
        return invitation, secret

    async def withdraw(self, workspace: WorkspaceId, invitation_id: str, *, by: Acting) -> Invitation:
        """Withdraw an invitation that is open.

        Raises:
            InvitationNotFoundError: the workspace has no such invitation.
            InvitationUsedError: it is not open any more.
            RoleTooHighError: it offers a role higher than that of who asks.
        """
        found = await self._parts.invitations.find_invitation(workspace, invitation_id)
        if found is None:
            raise InvitationNotFoundError
        by.refuse_above(found.role)
        now = self._parts.clock.now()
        deed = by.deed("invitations:withdraw", f"invitation/{found.id}")
        await self._parts.invitations.withdraw_invitation(workspace, found.id, now=now, deed=deed)
        return replace(found, withdrawn_at=now)

    async def get_open(self, secret: str) -> tuple[WorkspaceId, Invitation]:
        """Return what the secret of an invitation offers; looking does not use it up.

        Raises:
            InvitationNotFoundError: there is none, or it is withdrawn or too old.
            InvitationUsedError: it was used.
        """
        found = None
        for secret_hash in self._parts.key.hashes_of(secret):
            found = found or await self._parts.invitations.find_invitation_of(secret_hash)
        state = None if found is None else found[1].state_at(self._parts.clock.now())
        if state is InvitationState.USED:
            raise InvitationUsedError
        if found is None or state is not InvitationState.OPEN:
            raise InvitationNotFoundError
        return found

    async def accept(self, secret: str, joining: Joining) -> Joined:
        """Use an invitation up: the person becomes a member.

        Who has no account chooses name and password; who has one in another workspace proves it by its password.

        Raises:
            InvitationNotFoundError, InvitationUsedError: as `get_open`.
            PasswordUnfitError: a new password is not good enough.
            PasswordWrongError: there is an account, and this is not its password.
            TooManyAttemptsError: there were too many wrong ones.
        """
        workspace, invitation = await self.get_open(secret)
        person = await self._person(invitation.email, joining)
        deed = Deed(
            ActorKind.PERSON,
            invitation.id,
            "invitations:accept",
            f"member/{person.id}",
            member=person.id,
            details={"role": invitation.role, "invitedBy": invitation.created_by},
        )
        acceptance = Acceptance(self._parts.clock.now(), invitation.created_by, deed)

        async def prove(kept: str | None) -> bool:
            return await self._proves(invitation.email, joining, kept)

        await self._parts.invitations.accept(workspace, invitation, person, prove=prove, acceptance=acceptance)
        return Joined(workspace, person.id)

    async def make_first_owner(self, workspace: WorkspaceId, email: str, joining: Joining, *, by: Acting) -> Joined:
        """Make a person the first owner, asked by who signed in with the operator's one-time link.

        Raises:
            NotFirstOwnerError: somebody else asks.
            OwnerExistsError: there is an owner.
            EmailInvalidError, PasswordUnfitError, PasswordWrongError, TooManyAttemptsError: as `accept`.
        """
        if not by.caller.by_session or by.caller.member is not None:
            raise NotFirstOwnerError
        address = email_of(email)
        person = await self._person(address, joining)
        deed = by.deed("members:make-owner", f"member/{person.id}", email=address)
        acceptance = Acceptance(self._parts.clock.now(), by.name, deed)

        async def prove(kept: str | None) -> bool:
            return await self._proves(address, joining, kept)

        await self._parts.invitations.add_first_owner(workspace, person, prove=prove, acceptance=acceptance)
        return Joined(workspace, person.id)

    async def _person(self, email: str, joining: Joining) -> NewPerson:
        known = await self._parts.invitations.find_person_id(email)
        if known is not None:
            return NewPerson(known, email, joining.name, None)
        kept = await self._parts.passwords.hash_of(joining.password, never=(email, joining.name, "tidegate"))
        return NewPerson(self._parts.ids.new_id("usr"), email, joining.name, kept)

    async def _proves(self, email: str, joining: Joining, kept: str | None) -> bool:
        self._parts.attempts.begin(email, joining.address)
        is_proven = await self._parts.passwords.proves(joining.password, kept)
        if is_proven:
            self._parts.attempts.succeed(email, joining.address)
        return is_proven
