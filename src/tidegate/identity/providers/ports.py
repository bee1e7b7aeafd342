"""What signing in by a provider needs from the state store and from the network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.edge.caller import Role
from tidegate.egress import Answer
from tidegate.identity.members.model import Invitation
from tidegate.identity.members.ports import NewPerson
from tidegate.identity.providers.id_tokens import Logout
from tidegate.identity.providers.model import Provider
from tidegate.kernel import WorkspaceId


class Outside(Protocol):
    """Calls other machines; `egress` keeps it."""

    def check(self, url: str, *, field: str | None = None) -> None: ...

    async def call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Link:
    """That a subject of an issuer is a member."""

    issuer: str
    subject: str
    member: str
    email: str
    """As it was asserted then."""
    linked_at: datetime


@dataclass(frozen=True, slots=True)
class Joining:
    """Somebody who becomes a member by a provider."""

    person: NewPerson
    role: Role
    link: Link
    invitation: Invitation | None
    """`None`: by a permitted domain."""


class ProviderStore(Protocol):
    """Providers of workspaces and whom they linked. Each write is committed together with what is recorded of it."""

    async def find_provider(self, workspace: WorkspaceId) -> Provider | None:
        """Return the provider of an active workspace."""
        ...

    async def set_provider(self, workspace: WorkspaceId, provider: Provider, *, deed: Deed) -> None:
        """Set it; with another issuer, all links are gone."""
        ...

    async def delete_provider(self, workspace: WorkspaceId, *, deed: Deed) -> bool:
        """Delete it with all links; false, and nothing recorded, when there is none."""
        ...

    async def use_state(
        self, workspace: WorkspaceId, hashes: Sequence[bytes], *, now: datetime, until: datetime
    ) -> bool:
        """Use up the state of a sign-in, known by its hash under each key; false when that was done before by any."""
        ...

    async def end_sessions(
        self, workspace: WorkspaceId, logout: Logout, hashes: Sequence[bytes], *, now: datetime, until: datetime
    ) -> bool:
        """End the sessions that the provider began and ends now, and use its token up, known by its hash.

        False, and nothing done, when the token was used before.
        """
        ...

    async def find_linked(self, workspace: WorkspaceId, issuer: str, subject: str) -> str | None:
        """Return the member, also one who was removed."""
        ...

    async def find_open_invitation(self, workspace: WorkspaceId, email: str, *, now: datetime) -> Invitation | None: ...

    async def was_member(self, workspace: WorkspaceId, person: str) -> bool:
        """Return whether the person was a member and was removed."""
        ...

    async def is_elsewhere(self, workspace: WorkspaceId, person: str) -> bool:
        """Return whether the person is a member of another workspace as well."""
        ...

    async def add_link(self, workspace: WorkspaceId, link: Link, *, deed: Deed) -> bool:
        """Link a member; false, and nothing done, when the subject or the member is linked otherwise."""
        ...

    async def join(self, workspace: WorkspaceId, joining: Joining, *, deed: Deed) -> bool:
        """Make the person a member and link it; false, and nothing done, as with `add_link`.

        Raises:
            InvitationUsedError: somebody used it at this moment.
            MemberExistsError, MemberChangedError: the same happened at this moment.
            PasswordWrongError: the person was deactivated.
        """
        ...
