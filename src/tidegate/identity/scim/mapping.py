"""Which role who is provisioned gets: a default, and roles by group. An admin says it, never a directory."""

from tidegate.audit.model import JsonValue
from tidegate.edge.caller import Role
from tidegate.identity.acting import Acting
from tidegate.identity.scim.errors import ProvisioningInvalidError
from tidegate.identity.scim.model import MAX_GROUPS, MAX_NAME_CHARACTERS, Provisioning, ProvisioningWish, ScimGroup
from tidegate.identity.scim.service import ScimParts, follow_groups
from tidegate.kernel import WorkspaceId

__all__ = ["ProvisioningService"]

_SHOWN_GROUPS = 20


class ProvisioningService:
    """The mapping of a workspace."""

    def __init__(self, parts: ScimParts) -> None:
        self._parts = parts

    async def find_provisioning(self, workspace: WorkspaceId) -> Provisioning | None:
        return await self._parts.store.find_provisioning(workspace)

    async def set_provisioning(self, workspace: WorkspaceId, wish: ProvisioningWish, *, by: Acting) -> Provisioning:
        """Set default and groups; who is in a group whose role changes, or that goes, gets the role that is left.

        Raises:
            ProvisioningInvalidError: a group or a role cannot be.
            RoleTooHighError: a role, old or new, is higher than that of who asks.
        """
        _refuse_unfit(wish, by=by)
        parts, now = self._parts, self._parts.clock.now()
        wanted = Provisioning(wish.default_role, dict(sorted(wish.group_roles.items())), now, by.name)
        async with parts.store.writing(workspace) as writing:
            before = await writing.find_provisioning(workspace)
            await writing.set_provisioning(workspace, wanted)
            known = {group.name.lower(): group for group in await writing.list_groups(workspace)}
            touched: set[str] = set()
            for name, role in wanted.group_roles.items():
                group = known.pop(name.lower(), None)
                if group is None:
                    await writing.add_group(workspace, ScimGroup(parts.ids.new_id("grp"), name, role, now, now))
                elif group.role is not role:
                    touched |= group.member_ids
                    await writing.set_group_role(workspace, group.id, role, now=now)
            for group in known.values():
                touched |= group.member_ids
                await writing.delete_group(workspace, group.id)
            deed = by.deed(
                "provisioning:set",
                f"workspace/{workspace}",
                before=None if before is None else _facts_of(before),
                after=_facts_of(wanted),
                defaultRole=wanted.default_role,
                groupCount=len(wanted.group_roles),
                groups={name: str(role) for name, role in list(wanted.group_roles.items())[:_SHOWN_GROUPS]},
            )
            await writing.record(workspace, deed)
            await follow_groups(writing, workspace, frozenset(touched), by=by)
            made = await writing.find_provisioning(workspace)
        parts.on_taken_away()
        return made or wanted


def _refuse_unfit(wish: ProvisioningWish, *, by: Acting) -> None:
    names = [name.lower() for name in wish.group_roles]
    if len(set(names)) != len(names) or len(names) > MAX_GROUPS:
        raise ProvisioningInvalidError(f"At most {MAX_GROUPS} groups, each once.", field="groups")
    for name in wish.group_roles:
        if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable() or name != name.strip():
            raise ProvisioningInvalidError(
                f"A group has a name of 1 to {MAX_NAME_CHARACTERS} characters that can be printed.", field="groups"
            )
    for field_name, role in [("defaultRole", wish.default_role), *(("groups", r) for r in wish.group_roles.values())]:
        if role is Role.OWNER:
            raise ProvisioningInvalidError("No directory makes an owner: owners are invited.", field=field_name)
        by.refuse_above(role)


def _facts_of(provisioning: Provisioning) -> dict[str, JsonValue]:
    roles: dict[str, JsonValue] = {name: str(role) for name, role in sorted(provisioning.group_roles.items())}
    return {"defaultRole": provisioning.default_role, "groups": roles}
