"""What provisioning needs from the state store."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.edge.caller import Role
from tidegate.identity.members.ports import NewPerson
from tidegate.identity.scim.filters import Filter
from tidegate.identity.scim.model import GroupFacts, Provisioning, ScimGroup, ScimUser, UserFacts
from tidegate.kernel import WorkspaceId


class ScimWriting(Protocol):
    """One change of a workspace's members, all or nothing. Nobody else changes them meanwhile."""

    async def find_provisioning(self, workspace: WorkspaceId) -> Provisioning | None: ...

    async def set_provisioning(self, workspace: WorkspaceId, wanted: Provisioning) -> None: ...

    async def find_user(self, workspace: WorkspaceId, user_id: str) -> ScimUser | None: ...

    async def find_users(self, workspace: WorkspaceId, user_ids: frozenset[str]) -> dict[str, ScimUser]: ...

    async def is_admitted(self, workspace: WorkspaceId, email: str) -> bool:
        """Return whether the identity provider of the workspace lets in people of the address's domain."""
        ...

    async def is_known(self, workspace: WorkspaceId, email: str) -> bool:
        """Return whether the address is somebody's, here or elsewhere, now or before."""
        ...

    async def add_user(
        self, workspace: WorkspaceId, person: NewPerson, facts: UserFacts, *, role: Role, now: datetime, deed: Deed
    ) -> None:
        """Make a person a member.

        Raises:
            ScimTakenError: somebody has the user name or the external id.
            MemberChangedError: somebody came in with this address at this moment.
        """
        ...

    async def set_user(
        self, workspace: WorkspaceId, known: ScimUser, facts: UserFacts, *, now: datetime, deed: Deed
    ) -> None:
        """Keep what a directory says of a member.

        Raises:
            ScimTakenError: somebody has the user name or the external id.
        """
        ...

    async def set_role(self, workspace: WorkspaceId, known: ScimUser, role: Role, *, deed: Deed) -> None: ...

    async def remove_user(self, workspace: WorkspaceId, known: ScimUser, *, now: datetime, deed: Deed) -> None:
        """End a membership with its credentials, and withdraw what invites the address; the row stays: a tombstone."""
        ...

    async def list_groups(self, workspace: WorkspaceId) -> list[ScimGroup]: ...

    async def add_group(self, workspace: WorkspaceId, group: ScimGroup) -> None:
        """Add it.

        Raises:
            ProvisioningInvalidError: one of its name is there.
        """
        ...

    async def delete_group(self, workspace: WorkspaceId, group_id: str) -> None: ...

    async def set_group_role(self, workspace: WorkspaceId, group_id: str, role: Role, *, now: datetime) -> None: ...

    async def set_group(self, workspace: WorkspaceId, known: ScimGroup, facts: GroupFacts, *, now: datetime) -> None:
        """Set members and external id of a group.

        Raises:
            ScimTakenError: another group has the external id.
        """
        ...

    async def record(self, workspace: WorkspaceId, deed: Deed) -> None:
        """Record a deed with all else."""
        ...


class ScimStore(Protocol):
    """People, groups and the mapping of workspaces."""

    async def find_provisioning(self, workspace: WorkspaceId) -> Provisioning | None: ...

    async def list_users(
        self, workspace: WorkspaceId, wanted: Filter | None, *, offset: int, limit: int
    ) -> tuple[list[ScimUser], int]:
        """Return the people `wanted` from `offset` on, in the order in which they came, and how many there are."""
        ...

    async def find_user(self, workspace: WorkspaceId, user_id: str) -> ScimUser | None: ...

    async def list_groups(self, workspace: WorkspaceId) -> list[ScimGroup]:
        """Return the groups by their names, each with its members."""
        ...

    def writing(self, workspace: WorkspaceId) -> AbstractAsyncContextManager[ScimWriting]:
        """Open one change; it is committed when the block ends well."""
        ...
