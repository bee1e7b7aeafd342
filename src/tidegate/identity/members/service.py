"""Who belongs to a workspace, and with which role."""

from collections.abc import Callable
from dataclasses import replace

from tidegate.audit.model import JsonValue
from tidegate.edge.caller import Role
from tidegate.identity.acting import Acting
from tidegate.identity.lists import page_of, position_of
from tidegate.identity.members.errors import MemberNotFoundError, RoleOfServiceAccountError
from tidegate.identity.members.model import Member, MemberKind
from tidegate.identity.members.ports import MemberStore
from tidegate.kernel import Clock, Cursor, IdFactory, Page, WorkspaceId


def _nothing() -> None:
    pass


class MemberService:
    """Members of a workspace, for those who administer it."""

    def __init__(
        self, *, store: MemberStore, ids: IdFactory, clock: Clock, on_taken_away: Callable[[], None] = _nothing
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._on_taken_away = on_taken_away

    async def list_members(
        self, workspace: WorkspaceId, *, kind: MemberKind | None = None, limit: int, cursor: Cursor | None
    ) -> Page[Member]:
        found = await self._store.list_members(workspace, kind=kind, after=position_of(cursor), limit=limit + 1)
        return page_of(found, limit, lambda member: (member.added_at, member.id))

    async def get_member(self, workspace: WorkspaceId, member_id: str) -> Member:
        """Return a member.

        Raises:
            MemberNotFoundError: the workspace has no such member.
        """
        found = await self._store.find_member(workspace, member_id)
        if found is None:
            raise MemberNotFoundError(member_id)
        return found

    async def change(
        self,
        workspace: WorkspaceId,
        member_id: str,
        *,
        role: Role | None = None,
        is_active: bool | None = None,
        by: Acting,
    ) -> Member:
        """Give a member another role, deactivate it or activate it again.

        Raises:
            MemberNotFoundError: the workspace has no such member.
            RoleTooHighError: the old role or the new one is higher than that of who asks.
            LastOwnerError: nobody else would be an owner.
            MemberChangedError: somebody else changed it at the same moment.
        """
        known = await self.get_member(workspace, member_id)
        by.refuse_above(known.role)
        wanted = known
        if role is not None:
            by.refuse_above(role)
            _refuse_owner_of_no_person(known.kind, role)
            wanted = replace(wanted, role=role)
        if is_active is not None:
            ended_at = None if is_active else known.deactivated_at or self._clock.now()
            wanted = replace(wanted, deactivated_at=ended_at)
        if wanted == known:
            return known
        deed = by.deed(
            "members:change",
            f"member/{known.id}",
            before=_facts_of(known),
            after=_facts_of(wanted),
            role=wanted.role,
            isActive=wanted.is_active,
        )
        await self._store.set_member(workspace, known, wanted, deed=deed)
        self._on_taken_away()
        return wanted

    async def remove(self, workspace: WorkspaceId, member_id: str, *, by: Acting) -> None:
        """Remove a member; its tokens and sessions end for good.

        Raises:
            MemberNotFoundError: the workspace has no such member.
            RoleTooHighError: its role is higher than that of who asks.
            LastOwnerError: nobody else would be an owner.
            MemberChangedError: somebody else changed it at the same moment.
        """
        known = await self.get_member(workspace, member_id)
        by.refuse_above(known.role)
        deed = by.deed("members:remove", f"member/{known.id}", before=_facts_of(known))
        await self._store.remove_member(workspace, known, now=self._clock.now(), deed=deed)
        self._on_taken_away()

    async def add_service_account(self, workspace: WorkspaceId, name: str, role: Role, *, by: Acting) -> Member:
        """Make a service account.

        Raises:
            RoleTooHighError: the role is higher than that of who asks.
            RoleOfServiceAccountError: the role is that of an owner.
            MemberExistsError: one of that name is there.
        """
        by.refuse_above(role)
        _refuse_owner_of_no_person(MemberKind.SERVICE_ACCOUNT, role)
        made = Member(
            id=self._ids.new_id("svc"),
            kind=MemberKind.SERVICE_ACCOUNT,
            name=name,
            email=None,
            role=role,
            added_at=self._clock.now(),
            added_by=by.name,
        )
        deed = by.deed("service-accounts:create", f"member/{made.id}", after=_facts_of(made), name=name, role=role)
        await self._store.add_service_account(workspace, made, deed=deed)
        return made


def _facts_of(member: Member) -> dict[str, JsonValue]:
    return {"id": member.id, "role": member.role, "isActive": member.is_active}


def _refuse_owner_of_no_person(kind: MemberKind, role: Role) -> None:
    if kind is not MemberKind.PERSON and role is Role.OWNER:
        raise RoleOfServiceAccountError
