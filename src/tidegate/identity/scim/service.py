"""What a directory does in one workspace. Roles come from the mapping of an admin, and owners are left alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tidegate.audit import AuditTrail, Deed, Outcome
from tidegate.audit.model import JsonValue
from tidegate.edge.caller import Role
from tidegate.identity.acting import Acting
from tidegate.identity.members.ports import NewPerson
from tidegate.identity.scim.errors import (
    ProvisioningNotSetError,
    ScimGroupNotFoundError,
    ScimGroupsMappedError,
    ScimOwnerError,
    ScimTakenError,
    ScimUnchangeableError,
    ScimUserNotFoundError,
    ScimValueInvalidError,
    ScimVersionChangedError,
)
from tidegate.identity.scim.filters import GROUP_ATTRIBUTES, USER_ATTRIBUTES, matches, parse_filter
from tidegate.identity.scim.model import GroupFacts, ScimGroup, ScimUser, UserFacts, role_of
from tidegate.identity.scim.patching import changed_group, changed_user, changes_of, group_of, user_of
from tidegate.identity.scim.ports import ScimStore, ScimWriting
from tidegate.kernel import Clock, IdFactory, TidegateError, WorkspaceId

__all__ = ["ScimParts", "ScimService", "follow_groups"]

_REFUSED = (ScimUnchangeableError, ScimOwnerError, ScimGroupsMappedError)
_FROM = "scim"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScimParts:
    """What provisioning works with."""

    store: ScimStore
    trail: AuditTrail
    ids: IdFactory
    clock: Clock
    on_taken_away: Callable[[], None]
    """Called when somebody may be less than before, so that this process knows it at once."""


class ScimService:
    """People and groups of a workspace. What a directory tries and may not is recorded as refused."""

    def __init__(self, parts: ScimParts) -> None:
        self._parts = parts

    async def list_users(
        self, workspace: WorkspaceId, asked: str | None, *, start: int, count: int
    ) -> tuple[list[ScimUser], int]:
        """Return people from the place `start` on, the first is 1, and how many there are.

        Raises:
            ScimFilterInvalidError: what is asked is no filter.
        """
        wanted = None if asked is None else parse_filter(asked, USER_ATTRIBUTES)
        return await self._parts.store.list_users(workspace, wanted, offset=start - 1, limit=count)

    async def get_user(self, workspace: WorkspaceId, user_id: str) -> ScimUser:
        """Return one of the people.

        Raises:
            ScimUserNotFoundError: the workspace has no such person.
        """
        found = await self._parts.store.find_user(workspace, user_id)
        if found is None:
            raise ScimUserNotFoundError
        return found

    async def create_user(self, workspace: WorkspaceId, body: Mapping[str, Any], *, by: Acting) -> ScimUser:
        """Make somebody a member, whom the workspace's identity provider will let in.

        Raises:
            ScimTakenError: somebody has the address, the user name or the external id.
            ProvisioningNotSetError: nobody said with which role.
            ScimValueInvalidError, ScimUnchangeableError, ScimPathInvalidError: it cannot be.
        """
        try:
            return await self._create_user(workspace, user_of(body, None), by=by)
        except _REFUSED as error:
            await self._record_refusal(workspace, "scim:write", f"workspace/{workspace}", error, by=by)
            raise

    async def replace_user(
        self, workspace: WorkspaceId, user_id: str, body: Mapping[str, Any], *, version: str | None, by: Acting
    ) -> ScimUser:
        """Make a member what `body` says; what is left out ends, but for activity and address.

        Raises:
            ScimUserNotFoundError, ScimVersionChangedError, ScimOwnerError, ScimTakenError: see there.
            ScimValueInvalidError, ScimUnchangeableError, ScimPathInvalidError: it cannot be.
        """
        return await self._change_user(workspace, user_id, lambda known: user_of(body, known), version=version, by=by)

    async def patch_user(
        self, workspace: WorkspaceId, user_id: str, body: Mapping[str, Any], *, version: str | None, by: Acting
    ) -> ScimUser:
        """Change a member as a PATCH says, all of it or nothing.

        Raises:
            ScimSyntaxInvalidError, ScimNoTargetError: it is no such message, or is about nothing.
            ScimUserNotFoundError, ScimVersionChangedError, ScimOwnerError, ScimTakenError: see there.
            ScimValueInvalidError, ScimUnchangeableError, ScimPathInvalidError: it cannot be.
        """
        changes = changes_of(body)
        return await self._change_user(
            workspace, user_id, lambda known: changed_user(known, changes), version=version, by=by
        )

    async def delete_user(self, workspace: WorkspaceId, user_id: str, *, version: str | None, by: Acting) -> None:
        """Remove a member for good: every credential ends, the id is never given again.

        Raises:
            ScimUserNotFoundError, ScimVersionChangedError, ScimOwnerError: see there.
        """
        parts = self._parts
        try:
            async with parts.store.writing(workspace) as writing:
                known = await _get_user(writing, workspace, user_id, version=version)
                _refuse_owner(known, by=by)
                deed = by.deed("members:remove", f"member/{user_id}", before=_facts_of(known.facts), by=_FROM)
                await writing.remove_user(workspace, known, now=parts.clock.now(), deed=deed)
        except _REFUSED as error:
            await self._record_refusal(workspace, "members:remove", f"member/{user_id}", error, by=by)
            raise
        parts.on_taken_away()

    async def list_groups(self, workspace: WorkspaceId, asked: str | None) -> list[ScimGroup]:
        """Return the groups that are mapped to roles, and are asked for.

        Raises:
            ScimFilterInvalidError: what is asked is no filter.
        """
        wanted = None if asked is None else parse_filter(asked, GROUP_ATTRIBUTES)
        groups = await self._parts.store.list_groups(workspace)
        return [group for group in groups if wanted is None or matches(wanted, group.values)]

    async def get_group(self, workspace: WorkspaceId, group_id: str) -> ScimGroup:
        """Return one group.

        Raises:
            ScimGroupNotFoundError: the workspace has no such group.
        """
        return _one_of(await self._parts.store.list_groups(workspace), group_id)

    async def refuse_group(self, workspace: WorkspaceId, body: Mapping[str, Any] | None, *, by: Acting) -> None:
        """Say that groups are an admin's to make and to remove.

        Raises:
            ScimTakenError: a group of this name is there.
            ScimGroupsMappedError: it is not.
        """
        name = next((value for key, value in (body or {}).items() if key.lower() == "displayname"), None)
        for group in await self._parts.store.list_groups(workspace):
            if isinstance(name, str) and group.name.lower() == name.lower():
                raise ScimTakenError("This group is here already. Find it by its name.", field="displayName")
        error = ScimGroupsMappedError()
        await self._record_refusal(workspace, "scim:write", f"workspace/{workspace}", error, by=by)
        raise error

    async def replace_group(
        self, workspace: WorkspaceId, group_id: str, body: Mapping[str, Any], *, version: str | None, by: Acting
    ) -> ScimGroup:
        """Make the members of a group those of `body`.

        Raises:
            ScimGroupNotFoundError, ScimUserNotFoundError, ScimVersionChangedError, ScimTakenError: see there.
            ScimValueInvalidError, ScimUnchangeableError, ScimPathInvalidError: it cannot be.
        """
        return await self._change_group(
            workspace, group_id, lambda known: group_of(body, known), version=version, by=by
        )

    async def patch_group(
        self, workspace: WorkspaceId, group_id: str, body: Mapping[str, Any], *, version: str | None, by: Acting
    ) -> ScimGroup:
        """Change who is in a group; each gets the role that the groups add up to.

        Raises:
            ScimSyntaxInvalidError, ScimNoTargetError: it is no such message, or is about nothing.
            ScimGroupNotFoundError, ScimUserNotFoundError, ScimVersionChangedError, ScimTakenError: see there.
            ScimValueInvalidError, ScimUnchangeableError, ScimPathInvalidError: it cannot be.
        """
        changes = changes_of(body)
        return await self._change_group(
            workspace, group_id, lambda known: changed_group(known, changes), version=version, by=by
        )

    async def _create_user(self, workspace: WorkspaceId, facts: UserFacts, *, by: Acting) -> ScimUser:
        parts = self._parts
        now = parts.clock.now()
        person = NewPerson(parts.ids.new_id("usr"), facts.email, facts.name or facts.email.partition("@")[0], None)
        async with parts.store.writing(workspace) as writing:
            provisioning = await writing.find_provisioning(workspace)
            if provisioning is None:
                raise ProvisioningNotSetError
            by.refuse_above(provisioning.default_role)
            if not await writing.is_admitted(workspace, facts.email):
                raise ScimValueInvalidError(
                    "No identity provider of this workspace lets in people of this domain. Permit the domain, or "
                    "invite them: `tidegate member invite`.",
                    field="emails",
                )
            if await writing.is_known(workspace, facts.email):
                # Nobody is linked by an address alone, nor comes back by it: a person decides that.
                raise ScimTakenError(
                    "Somebody with this address is known already. If no user here has it, invite them: "
                    "`tidegate member invite`; once they are in, they are found by their address.",
                    field="emails",
                )
            role = provisioning.default_role
            after = {**_facts_of(facts), "role": role}
            deed = by.deed("members:join", f"member/{person.id}", after=after, by=_FROM, email=facts.email, role=role)
            await writing.add_user(workspace, person, facts, role=role, now=now, deed=deed)
            return await _get_user(writing, workspace, person.id, version=None)

    async def _change_user(
        self,
        workspace: WorkspaceId,
        user_id: str,
        change: Callable[[UserFacts], UserFacts],
        *,
        version: str | None,
        by: Acting,
    ) -> ScimUser:
        parts = self._parts
        try:
            async with parts.store.writing(workspace) as writing:
                known = await _get_user(writing, workspace, user_id, version=version)
                facts = change(known.facts)
                if facts == known.facts:
                    return known
                _refuse_owner(known, by=by)
                deed = by.deed(
                    "members:change",
                    f"member/{user_id}",
                    before=_facts_of(known.facts),
                    after=_facts_of(facts),
                    by=_FROM,
                    isActive=facts.is_active,
                )
                await writing.set_user(workspace, known, facts, now=parts.clock.now(), deed=deed)
                changed = await _get_user(writing, workspace, user_id, version=None)
        except _REFUSED as error:
            await self._record_refusal(workspace, "members:change", f"member/{user_id}", error, by=by)
            raise
        parts.on_taken_away()
        return changed

    async def _change_group(
        self,
        workspace: WorkspaceId,
        group_id: str,
        change: Callable[[GroupFacts], GroupFacts],
        *,
        version: str | None,
        by: Acting,
    ) -> ScimGroup:
        parts = self._parts
        try:
            async with parts.store.writing(workspace) as writing:
                known = _one_of(await writing.list_groups(workspace), group_id)
                _refuse_version(known.version, version)
                before = GroupFacts(known.name, known.external_id, known.member_ids)
                facts = change(before)
                if facts == before:
                    return known
                touched = facts.member_ids ^ known.member_ids
                people = await writing.find_users(workspace, touched)
                if touched - set(people):
                    raise ScimUserNotFoundError
                await writing.set_group(workspace, known, facts, now=parts.clock.now())
                await writing.record(workspace, _deed_of_group(known, facts, by=by))
                await follow_groups(writing, workspace, touched, by=by)
                changed = _one_of(await writing.list_groups(workspace), group_id)
        except _REFUSED as error:
            await self._record_refusal(workspace, "scim:write", f"group/{group_id}", error, by=by)
            raise
        parts.on_taken_away()
        return changed

    async def _record_refusal(
        self, workspace: WorkspaceId, action: str, target: str, error: TidegateError, *, by: Acting
    ) -> None:
        deed = by.deed(action, target[:200], by=_FROM, code=error.code, field=error.field)
        await self._parts.trail.record(workspace, replace(deed, outcome=Outcome.DENIED))


async def follow_groups(writing: ScimWriting, workspace: WorkspaceId, user_ids: frozenset[str], *, by: Acting) -> None:
    """Give people the role that their groups add up to; owners keep theirs.

    Raises:
        RoleTooHighError: a role is higher than that of who acts.
    """
    provisioning = await writing.find_provisioning(workspace)
    if provisioning is None:
        return
    roles = await _roles_of_groups(writing, workspace)
    for user in (await writing.find_users(workspace, user_ids)).values():
        role = role_of((roles[group.id] for group in user.groups), default=provisioning.default_role)
        if user.member.role in {role, Role.OWNER}:
            continue
        by.refuse_above(user.member.role)
        by.refuse_above(role)
        details: dict[str, JsonValue] = {"by": _FROM, "role": role, "roleBefore": user.member.role}
        deed = by.deed("members:change", f"member/{user.member.id}", **details)
        await writing.set_role(workspace, user, role, deed=deed)


async def _roles_of_groups(writing: ScimWriting, workspace: WorkspaceId) -> dict[str, Role]:
    return {group.id: group.role for group in await writing.list_groups(workspace)}


async def _get_user(writing: ScimWriting, workspace: WorkspaceId, user_id: str, *, version: str | None) -> ScimUser:
    found = await writing.find_user(workspace, user_id)
    if found is None:
        raise ScimUserNotFoundError
    _refuse_version(found.version, version)
    return found


def _one_of(groups: Sequence[ScimGroup], group_id: str) -> ScimGroup:
    for group in groups:
        if group.id == group_id:
            return group
    raise ScimGroupNotFoundError


def _refuse_version(known: str, wanted: str | None) -> None:
    if wanted is None:
        return
    tags = {tag.strip().removeprefix("W/") for tag in wanted.split(",")}
    if "*" not in tags and known.removeprefix("W/") not in tags:
        raise ScimVersionChangedError


def _refuse_owner(known: ScimUser, *, by: Acting) -> None:
    if known.member.role is Role.OWNER:
        raise ScimOwnerError
    by.refuse_above(known.member.role)


def _facts_of(facts: UserFacts) -> dict[str, JsonValue]:
    return {
        "userName": facts.user_name,
        "email": facts.email,
        "isActive": facts.is_active,
        "externalId": facts.external_id,
        "displayName": facts.display_name,
        "formattedName": facts.formatted_name,
        "givenName": facts.given_name,
        "familyName": facts.family_name,
    }


def _deed_of_group(known: ScimGroup, facts: GroupFacts, *, by: Acting) -> Deed:
    added, removed = facts.member_ids - known.member_ids, known.member_ids - facts.member_ids
    return by.deed(
        "groups:change",
        f"group/{known.id}",
        before=[known.external_id, *sorted(known.member_ids)],
        after=[facts.external_id, *sorted(facts.member_ids)],
        name=known.name,
        addedCount=len(added),
        removedCount=len(removed),
    )
