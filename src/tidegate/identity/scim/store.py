"""People and groups of a directory in PostgreSQL."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

import asyncpg

from tidegate.audit import AuditTrail, Deed
from tidegate.edge.caller import Role
from tidegate.identity.members.joining import join_person
from tidegate.identity.members.model import Member
from tidegate.identity.members.ports import Acceptance, NewPerson
from tidegate.identity.members.store import change_membership, end_membership, lock_membership, member_of
from tidegate.identity.scim.conditions import condition_of
from tidegate.identity.scim.errors import ProvisioningInvalidError, ScimTakenError
from tidegate.identity.scim.filters import Filter
from tidegate.identity.scim.model import (
    GroupFacts,
    GroupOf,
    MemberOfGroup,
    Provisioning,
    ScimGroup,
    ScimUser,
    UserFacts,
)
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection, Database

_USERS = """
    SELECT m.id, m.kind, p.name, p.email, m.role, m.added_at, m.added_by,
        coalesce(m.deactivated_at, p.deactivated_at) AS deactivated_at,
        m.deactivated_at IS NULL AND p.deactivated_at IS NULL AS is_active,
        coalesce(s.user_name, p.email) AS user_name, s.external_id,
        CASE WHEN s.member IS NULL THEN p.name ELSE s.display_name END AS display_name,
        s.formatted_name, s.given_name, s.family_name, coalesce(s.changed_at, m.added_at) AS changed_at
    FROM members m JOIN people p ON p.id = m.id
    LEFT JOIN scim_users s ON s.workspace = m.workspace AND s.member = m.id
    WHERE m.workspace = $1 AND m.removed_at IS NULL AND m.kind = 'person'
"""


class PostgresScim:
    """Keeps the promises of `ScimStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def find_provisioning(self, workspace: WorkspaceId) -> Provisioning | None:
        async with self._database.transaction(workspace) as connection:
            return await _find_provisioning(connection, workspace)

    async def list_users(
        self, workspace: WorkspaceId, wanted: Filter | None, *, offset: int, limit: int
    ) -> tuple[list[ScimUser], int]:
        parameters: list[str | bool] = [workspace]
        condition = condition_of(wanted, parameters)
        found = f"FROM ({_USERS}) u WHERE {condition}"
        places = f"LIMIT ${len(parameters) + 1} OFFSET ${len(parameters) + 2}"
        async with self._database.transaction(workspace) as connection:
            total = await connection.fetchval(f"SELECT count(*) {found}", *parameters)
            rows = await connection.fetch(
                f"SELECT u.* {found} ORDER BY u.added_at, u.id {places}", *parameters, limit, offset
            )
            return list((await _with_groups(connection, workspace, rows)).values()), total

    async def find_user(self, workspace: WorkspaceId, user_id: str) -> ScimUser | None:
        async with self._database.transaction(workspace) as connection:
            return (await _find_users(connection, workspace, [user_id])).get(user_id)

    async def list_groups(self, workspace: WorkspaceId) -> list[ScimGroup]:
        async with self._database.transaction(workspace) as connection:
            return await _list_groups(connection, workspace)

    @asynccontextmanager
    async def writing(self, workspace: WorkspaceId) -> AsyncIterator["PostgresScimWriting"]:
        async with self._database.transaction(workspace) as connection:
            await lock_membership(connection, workspace)
            writing = PostgresScimWriting(connection)
            yield writing
            for deed in writing.deeds:
                await self._trail.append(workspace, deed, within=connection)


class PostgresScimWriting:
    """Keeps the promises of `ScimWriting`, within one transaction that holds the membership."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.deeds: list[Deed] = []
        """Appended last: they hold the chain."""

    async def find_provisioning(self, workspace: WorkspaceId) -> Provisioning | None:
        return await _find_provisioning(self._connection, workspace)

    async def set_provisioning(self, workspace: WorkspaceId, wanted: Provisioning) -> None:
        await self._connection.execute(
            """
            INSERT INTO provisioning (workspace, default_role, set_at, set_by) VALUES ($1, $2, $3, $4)
            ON CONFLICT (workspace) DO UPDATE
                SET default_role = excluded.default_role, set_at = excluded.set_at, set_by = excluded.set_by
            """,
            workspace,
            wanted.default_role,
            wanted.set_at,
            wanted.set_by,
        )

    async def find_user(self, workspace: WorkspaceId, user_id: str) -> ScimUser | None:
        return (await _find_users(self._connection, workspace, [user_id])).get(user_id)

    async def find_users(self, workspace: WorkspaceId, user_ids: frozenset[str]) -> dict[str, ScimUser]:
        return await _find_users(self._connection, workspace, user_ids)

    async def is_admitted(self, workspace: WorkspaceId, email: str) -> bool:
        # The domain itself, not one below it: as signing in by the provider has it.
        return bool(
            await self._connection.fetchval(
                "SELECT true FROM identity_providers WHERE workspace = $1 AND $2 = ANY (email_domains)",
                workspace,
                email.rpartition("@")[2],
            )
        )

    async def is_known(self, workspace: WorkspaceId, email: str) -> bool:  # noqa: ARG002 - of all workspaces
        return await self._connection.fetchval("SELECT person_of_email($1)", email) is not None

    async def add_user(
        self, workspace: WorkspaceId, person: NewPerson, facts: UserFacts, *, role: Role, now: datetime, deed: Deed
    ) -> None:
        await self._refuse_taken(workspace, facts, but=person.id)
        acceptance = Acceptance(now, deed.member or deed.actor, deed)
        await join_person(self._connection, workspace, person, role, prove=_never, acceptance=acceptance)
        if not facts.is_active:
            known = (await _find_users(self._connection, workspace, [person.id]))[person.id].member
            await change_membership(self._connection, workspace, known, replace(known, deactivated_at=now))
        await self._keep(workspace, person.id, facts, now=now)
        self.deeds.append(deed)

    async def set_user(
        self, workspace: WorkspaceId, known: ScimUser, facts: UserFacts, *, now: datetime, deed: Deed
    ) -> None:
        await self._refuse_taken(workspace, facts, but=known.member.id)
        if facts.is_active != known.facts.is_active:
            ended_at = None if facts.is_active else now
            wanted = replace(known.member, deactivated_at=ended_at)
            await change_membership(self._connection, workspace, known.member, wanted)
        await self._keep(workspace, known.member.id, facts, now=now)
        is_renamed = facts.name is not None and facts.name not in {known.member.name, known.facts.name}
        if is_renamed and not await self._is_elsewhere(workspace, known.member.id):
            await self._connection.execute("UPDATE people SET name = $2 WHERE id = $1", known.member.id, facts.name)
        self.deeds.append(deed)

    async def set_role(self, workspace: WorkspaceId, known: ScimUser, role: Role, *, deed: Deed) -> None:
        await change_membership(self._connection, workspace, known.member, replace(known.member, role=role))
        self.deeds.append(deed)

    async def remove_user(self, workspace: WorkspaceId, known: ScimUser, *, now: datetime, deed: Deed) -> None:
        await end_membership(self._connection, workspace, known.member, now=now)
        await self._connection.execute(
            """
            UPDATE invitations SET withdrawn_at = greatest(created_at, $3)
            WHERE workspace = $1 AND email = $2 AND used_at IS NULL AND withdrawn_at IS NULL
            """,
            workspace,
            known.facts.email,
            now,
        )
        self.deeds.append(deed)

    async def list_groups(self, workspace: WorkspaceId) -> list[ScimGroup]:
        return await _list_groups(self._connection, workspace)

    async def add_group(self, workspace: WorkspaceId, group: ScimGroup) -> None:
        try:
            await self._connection.execute(
                """
                INSERT INTO scim_groups (workspace, id, name, role, created_at, changed_at)
                VALUES ($1, $2, $3, $4, $5, $5)
                """,
                workspace,
                group.id,
                group.name,
                group.role,
                group.created_at,
            )
        except asyncpg.UniqueViolationError as error:  # lower case beyond ASCII is the engine's to say
            raise ProvisioningInvalidError(f"The group {group.name!r} is there under almost this name.") from error

    async def delete_group(self, workspace: WorkspaceId, group_id: str) -> None:
        await self._connection.execute("DELETE FROM scim_groups WHERE workspace = $1 AND id = $2", workspace, group_id)

    async def set_group_role(self, workspace: WorkspaceId, group_id: str, role: Role, *, now: datetime) -> None:
        await self._connection.execute(
            "UPDATE scim_groups SET role = $3, changed_at = $4 WHERE workspace = $1 AND id = $2",
            workspace,
            group_id,
            role,
            now,
        )

    async def set_group(self, workspace: WorkspaceId, known: ScimGroup, facts: GroupFacts, *, now: datetime) -> None:
        try:
            await self._connection.execute(
                "UPDATE scim_groups SET external_id = $3, changed_at = $4 WHERE workspace = $1 AND id = $2",
                workspace,
                known.id,
                facts.external_id,
                now,
            )
        except asyncpg.UniqueViolationError as error:
            raise ScimTakenError("Another group has this external id.", field="externalId") from error
        await self._connection.execute(
            "DELETE FROM scim_group_members WHERE workspace = $1 AND group_id = $2 AND member = ANY ($3)",
            workspace,
            known.id,
            list(known.member_ids - facts.member_ids),
        )
        await self._connection.execute(
            "INSERT INTO scim_group_members (workspace, group_id, member) SELECT $1, $2, unnest($3::text[])",
            workspace,
            known.id,
            sorted(facts.member_ids - known.member_ids),
        )

    async def record(self, workspace: WorkspaceId, deed: Deed) -> None:  # noqa: ARG002 - written by `writing`
        self.deeds.append(deed)

    async def _refuse_taken(self, workspace: WorkspaceId, facts: UserFacts, *, but: str) -> None:
        taken = await self._connection.fetchrow(
            f"""
            SELECT lower(u.user_name) = lower($3) AS is_name FROM ({_USERS}) u
            WHERE u.id <> $2 AND (lower(u.user_name) = lower($3) OR u.external_id = $4) LIMIT 1
            """,
            workspace,
            but,
            facts.user_name,
            facts.external_id,
        )
        if taken is not None:
            field = "userName" if taken["is_name"] else "externalId"
            raise ScimTakenError(f"Somebody else in this workspace has this `{field}`.", field=field)

    async def _keep(self, workspace: WorkspaceId, member: str, facts: UserFacts, *, now: datetime) -> None:
        await self._connection.execute(
            """
            INSERT INTO scim_users (workspace, member, user_name, external_id, display_name, formatted_name,
                given_name, family_name, changed_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (workspace, member) DO UPDATE SET user_name = excluded.user_name,
                external_id = excluded.external_id, display_name = excluded.display_name,
                formatted_name = excluded.formatted_name, given_name = excluded.given_name,
                family_name = excluded.family_name, changed_at = excluded.changed_at
            """,
            workspace,
            member,
            facts.user_name,
            facts.external_id,
            facts.display_name,
            facts.formatted_name,
            facts.given_name,
            facts.family_name,
            now,
        )

    async def _is_elsewhere(self, workspace: WorkspaceId, person: str) -> bool:
        rows = await self._connection.fetch("SELECT list_workspaces_of_person($1) AS id", person)
        return any(row["id"] != workspace for row in rows)


async def _never(_: str | None) -> bool:
    """Tell that nobody proved to be a person who is known already."""
    return False


async def _find_provisioning(connection: Connection, workspace: WorkspaceId) -> Provisioning | None:
    row = await connection.fetchrow(
        "SELECT default_role, set_at, set_by FROM provisioning WHERE workspace = $1", workspace
    )
    if row is None:
        return None
    groups = await connection.fetch("SELECT name, role FROM scim_groups WHERE workspace = $1 ORDER BY name", workspace)
    roles = {group["name"]: Role(group["role"]) for group in groups}
    return Provisioning(Role(row["default_role"]), roles, row["set_at"], row["set_by"])


async def _find_users(connection: Connection, workspace: WorkspaceId, user_ids: Iterable[str]) -> dict[str, ScimUser]:
    rows = await connection.fetch(f"{_USERS} AND m.id = ANY ($2)", workspace, list(user_ids))
    return await _with_groups(connection, workspace, rows)


async def _with_groups(
    connection: Connection, workspace: WorkspaceId, rows: Iterable[asyncpg.Record]
) -> dict[str, ScimUser]:
    found = {row["id"]: _user_of(row) for row in rows}
    groups = await connection.fetch(
        """
        SELECT gm.member, g.id, g.name FROM scim_group_members gm
        JOIN scim_groups g ON g.workspace = gm.workspace AND g.id = gm.group_id
        WHERE gm.workspace = $1 AND gm.member = ANY ($2) ORDER BY g.name
        """,
        workspace,
        list(found),
    )
    for row in groups:
        user = found[row["member"]]
        found[row["member"]] = replace(user, groups=(*user.groups, GroupOf(row["id"], row["name"])))
    return found


async def _list_groups(connection: Connection, workspace: WorkspaceId) -> list[ScimGroup]:
    rows = await connection.fetch(
        """
        SELECT id, name, role, external_id, created_at, changed_at FROM scim_groups
        WHERE workspace = $1 ORDER BY lower(name)
        """,
        workspace,
    )
    members = await connection.fetch(
        """
        SELECT gm.group_id, p.id, p.name FROM scim_group_members gm
        JOIN members m ON m.workspace = gm.workspace AND m.id = gm.member AND m.removed_at IS NULL
        JOIN people p ON p.id = gm.member
        WHERE gm.workspace = $1 ORDER BY p.id
        """,
        workspace,
    )
    inside: dict[str, list[MemberOfGroup]] = {}
    for row in members:
        inside.setdefault(row["group_id"], []).append(MemberOfGroup(row["id"], row["name"]))
    return [
        ScimGroup(
            id=row["id"],
            name=row["name"],
            role=Role(row["role"]),
            created_at=row["created_at"],
            changed_at=row["changed_at"],
            external_id=row["external_id"],
            members=tuple(inside.get(row["id"], ())),
        )
        for row in rows
    ]


def _user_of(row: asyncpg.Record) -> ScimUser:
    member: Member = member_of(row)
    facts = UserFacts(
        user_name=row["user_name"],
        email=row["email"],
        is_active=row["is_active"],
        external_id=row["external_id"],
        display_name=row["display_name"],
        formatted_name=row["formatted_name"],
        given_name=row["given_name"],
        family_name=row["family_name"],
    )
    return ScimUser(member, facts, row["changed_at"])
