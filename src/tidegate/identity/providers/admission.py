"""Whom a provider lets in.

The first time, an e-mail address that the provider has verified finds a member or an invitation, and only where an
admin said so: by inviting that address, or by permitting its domain. From then on issuer and subject are the person.
Never by a provider: an owner, since an admin sets the provider and would become one; and somebody who is a member of
another workspace as well, since that one trusts this provider in nothing.
"""

from dataclasses import dataclass

from tidegate.audit import ActorKind, Deed
from tidegate.edge.caller import Role
from tidegate.identity.errors import EmailInvalidError, PasswordWrongError
from tidegate.identity.members.errors import InvitationUsedError, MemberChangedError, MemberExistsError
from tidegate.identity.members.model import MAX_NAME_CHARACTERS, Invitation, Member, email_of
from tidegate.identity.members.ports import InvitationStore, MemberStore, NewPerson
from tidegate.identity.providers.errors import ProviderChangedError, ProviderSignInRefusedError
from tidegate.identity.providers.model import Asserted, Provider, Reason, is_of_domain, role_of
from tidegate.identity.providers.ports import Joining, Link, ProviderStore
from tidegate.kernel import Clock, IdFactory, WorkspaceId

__all__ = ["Admission"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Finds the member behind what a provider asserts."""

    store: ProviderStore
    members: MemberStore
    invitations: InvitationStore
    ids: IdFactory
    clock: Clock

    async def admit(self, workspace: WorkspaceId, provider: Provider, asserted: Asserted) -> str:
        """Return the id of the member.

        Raises:
            ProviderSignInRefusedError: nobody is let in.
            ProviderChangedError: something changed at this moment.
        """
        linked = await self.store.find_linked(workspace, asserted.issuer, asserted.subject)
        member = None if linked is None else await self.members.find_member(workspace, linked)
        if member is None:
            return await self._admit_first(workspace, provider, asserted, linked=linked)
        await self._refuse_unfit(workspace, member)
        await self._follow_groups(workspace, provider, member, asserted)
        return member.id

    async def _admit_first(
        self, workspace: WorkspaceId, provider: Provider, asserted: Asserted, *, linked: str | None
    ) -> str:
        if not asserted.is_email_verified or asserted.email is None:
            raise ProviderSignInRefusedError(Reason.EMAIL_UNVERIFIED)
        try:
            email = email_of(asserted.email)
        except EmailInvalidError as error:
            raise ProviderSignInRefusedError(Reason.EMAIL_UNVERIFIED) from error
        member = await self.members.find_member_by_email(workspace, email)
        if member is None:
            return await self._join(workspace, provider, asserted, email=email)
        if not is_of_domain(provider, email):
            raise ProviderSignInRefusedError(Reason.NOT_ADMITTED)
        if linked not in {None, member.id}:
            raise ProviderSignInRefusedError(Reason.LINKED_OTHERWISE)
        await self._refuse_unfit(workspace, member)
        link = Link(asserted.issuer, asserted.subject, member.id, email, self.clock.now())
        if not await self.store.add_link(workspace, link, deed=_deed("members:link", link)):
            raise ProviderSignInRefusedError(Reason.LINKED_OTHERWISE)
        await self._follow_groups(workspace, provider, member, asserted)
        return member.id

    async def _join(self, workspace: WorkspaceId, provider: Provider, asserted: Asserted, *, email: str) -> str:
        now = self.clock.now()
        invitation = await self.store.find_open_invitation(workspace, email, now=now)
        if invitation is None and not is_of_domain(provider, email):
            raise ProviderSignInRefusedError(Reason.NOT_ADMITTED)
        role = role_of(provider, asserted.groups, offered=invitation.role if invitation else None)
        if role is None:
            raise ProviderSignInRefusedError(Reason.NO_ROLE)
        if role is Role.OWNER:
            raise ProviderSignInRefusedError(Reason.OWNER)
        known = await self.invitations.find_person_id(email)
        if known is not None:
            await self._refuse_known(workspace, known, invitation)
        person = NewPerson(known or self.ids.new_id("usr"), email, _name_of(asserted, email), None)
        link = Link(asserted.issuer, asserted.subject, person.id, email, now)
        deed = _deed("members:join", link, role=role, invitation=invitation.id if invitation else None)
        try:
            if not await self.store.join(workspace, Joining(person, role, link, invitation), deed=deed):
                raise ProviderSignInRefusedError(Reason.LINKED_OTHERWISE)
        except PasswordWrongError as error:
            raise ProviderSignInRefusedError(Reason.DEACTIVATED) from error
        except (InvitationUsedError, MemberExistsError, MemberChangedError) as error:
            raise ProviderChangedError from error
        return person.id

    async def _refuse_known(self, workspace: WorkspaceId, person: str, invitation: Invitation | None) -> None:
        if await self.store.is_elsewhere(workspace, person):
            raise ProviderSignInRefusedError(Reason.ELSEWHERE)
        if invitation is None and await self.store.was_member(workspace, person):
            # Whoever was removed comes back by the doing of a person, not by itself.
            raise ProviderSignInRefusedError(Reason.NOT_ADMITTED)

    async def _refuse_unfit(self, workspace: WorkspaceId, member: Member) -> None:
        if not member.is_active:
            raise ProviderSignInRefusedError(Reason.DEACTIVATED)
        if member.role is Role.OWNER:
            raise ProviderSignInRefusedError(Reason.OWNER)
        if await self.store.is_elsewhere(workspace, member.id):
            raise ProviderSignInRefusedError(Reason.ELSEWHERE)

    async def _follow_groups(
        self, workspace: WorkspaceId, provider: Provider, member: Member, asserted: Asserted
    ) -> None:
        """Give the role that the groups say, where they decide."""
        if not provider.group_roles:
            return
        role = role_of(provider, asserted.groups)
        if role is None:
            raise ProviderSignInRefusedError(Reason.NO_ROLE)
        if role is member.role:
            return
        wanted = Member(member.id, member.kind, member.name, member.email, role, member.added_at, member.added_by)
        deed = _deed_of(asserted, "members:change", member.id, role=role, roleBefore=member.role)
        try:
            await self.members.set_member(workspace, member, wanted, deed=deed)
        except MemberChangedError as error:
            raise ProviderChangedError from error


def _name_of(asserted: Asserted, email: str) -> str:
    name = "".join(letter for letter in asserted.name if letter.isprintable()).strip()[:MAX_NAME_CHARACTERS]
    return name or email.partition("@")[0]


def _deed(action: str, link: Link, **details: str | None) -> Deed:
    return Deed(
        ActorKind.PERSON,
        "identity-provider",
        action,
        f"member/{link.member}",
        member=link.member,
        details={"issuer": link.issuer, "email": link.email, **details},
    )


def _deed_of(asserted: Asserted, action: str, member: str, **details: str) -> Deed:
    return Deed(
        ActorKind.PERSON,
        "identity-provider",
        action,
        f"member/{member}",
        member=member,
        details={"issuer": asserted.issuer, **details},
    )
