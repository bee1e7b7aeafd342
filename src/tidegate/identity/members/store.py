"""Members in PostgreSQL."""

from datetime import datetime

import asyncpg

from tidegate.audit import AuditTrail, Deed
from tidegate.edge.caller import Role
from tidegate.identity.members.errors import LastOwnerError, MemberChangedError, MemberExistsError
from tidegate.identity.members.model import Member, MemberKind
from tidegate.identity.members.ports import Position
from tidegate.identity.roles import is_within
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection, Database

_MEMBERS = """
    SELECT m.id, m.kind, coalesce(p.name, m.name, '') AS name, p.email, m.role, m.added_at, m.added_by,
        coalesce(m.deactivated_at, p.deactivated_at) AS deactivated_at
    FROM members m LEFT JOIN people p ON p.id = m.id
    WHERE m.workspace = $1 AND m.removed_at IS NULL
"""


class PostgresMembers:
    """Keeps the promises of `MemberStore` for members; invitations have a store of their own."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def list_members(
        self, workspace: WorkspaceId, *, kind: MemberKind | None, after: Position | None, limit: int
    ) -> list[Member]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                {_MEMBERS} AND ($2::text IS NULL OR m.kind = $2)
                    AND ($3::timestamptz IS NULL OR (m.added_at, m.id) > ($3, $4))
                ORDER BY m.added_at, m.id LIMIT $5
                """,
                workspace,
                kind,
                *(after or (None, "")),
                limit,
            )
        return [member_of(row) for row in rows]

    async def find_member(self, workspace: WorkspaceId, member_id: str) -> Member | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(f"{_MEMBERS} AND m.id = $2", workspace, member_id)
        return None if row is None else member_of(row)

    async def find_member_by_email(self, workspace: WorkspaceId, email: str) -> Member | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(f"{_MEMBERS} AND p.email = $2", workspace, email)
        return None if row is None else member_of(row)

    async def add_service_account(self, workspace: WorkspaceId, member: Member, *, deed: Deed) -> None:
        async with self._database.transaction(workspace) as connection:
            try:
                await connection.execute(
                    """
                    INSERT INTO members (workspace, id, kind, name, role, added_at, added_by)
                    VALUES ($1, $2, $3, $4, $5, $6, $7)
                    """,
                    workspace,
                    member.id,
                    member.kind,
                    member.name,
                    member.role,
                    member.added_at,
                    member.added_by,
                )
            except asyncpg.UniqueViolationError as error:
                raise MemberExistsError(f"A service account {member.name!r}") from error
            await self._trail.append(workspace, deed, within=connection)

    async def set_member(self, workspace: WorkspaceId, known: Member, wanted: Member, *, deed: Deed) -> None:
        async with self._database.transaction(workspace) as connection:
            await lock_membership(connection, workspace)
            await change_membership(connection, workspace, known, wanted)
            await self._trail.append(workspace, deed, within=connection)

    async def remove_member(self, workspace: WorkspaceId, known: Member, *, now: datetime, deed: Deed) -> None:
        async with self._database.transaction(workspace) as connection:
            await lock_membership(connection, workspace)
            await end_membership(connection, workspace, known, now=now)
            await self._trail.append(workspace, deed, within=connection)


def member_of(row: asyncpg.Record) -> Member:
    return Member(
        id=row["id"],
        kind=MemberKind(row["kind"]),
        name=row["name"],
        email=row["email"],
        role=Role(row["role"]),
        added_at=row["added_at"],
        added_by=row["added_by"],
        deactivated_at=row["deactivated_at"],
    )


async def lock_membership(connection: Connection, workspace: WorkspaceId) -> None:
    """Let one transaction at a time change who is an owner; requests that only read do not wait."""
    await connection.execute("SELECT FROM workspaces WHERE id = $1 FOR NO KEY UPDATE", workspace)


async def change_membership(connection: Connection, workspace: WorkspaceId, known: Member, wanted: Member) -> None:
    """Set role and activity, within a transaction that holds the membership.

    Raises:
        MemberChangedError, LastOwnerError: as `set_member`.
    """
    if wanted.role is not Role.OWNER or not wanted.is_active:
        await _refuse_last_owner(connection, workspace, known)
    done = await connection.fetchval(
        """
        UPDATE members SET role = $4, deactivated_at = $5
        WHERE workspace = $1 AND id = $2 AND role = $3 AND removed_at IS NULL
        RETURNING true
        """,
        workspace,
        known.id,
        known.role,
        wanted.role,
        wanted.deactivated_at,
    )
    if not done:
        raise MemberChangedError
    if not wanted.is_active or not is_within(known.role, wanted.role):
        await _withdraw_offers(connection, workspace, known.id)


async def end_membership(connection: Connection, workspace: WorkspaceId, known: Member, *, now: datetime) -> None:
    """Remove a member with its credentials, within a transaction that holds the membership.

    Raises:
        MemberChangedError, LastOwnerError: as `remove_member`.
    """
    await _refuse_last_owner(connection, workspace, known)
    done = await connection.fetchval(
        """
        UPDATE members SET removed_at = $4
        WHERE workspace = $1 AND id = $2 AND role = $3 AND removed_at IS NULL
        RETURNING true
        """,
        workspace,
        known.id,
        known.role,
        now,
    )
    if not done:
        raise MemberChangedError
    # For good: whoever is invited again later does not find old credentials alive.
    for statement in (
        "UPDATE tokens SET revoked_at = $3 WHERE workspace = $1 AND member = $2 AND revoked_at IS NULL",
        "UPDATE sessions SET ended_at = $3 WHERE workspace = $1 AND member = $2 AND ended_at IS NULL",
        "UPDATE passkeys SET removed_at = $3 WHERE workspace = $1 AND member = $2 AND removed_at IS NULL",
    ):
        await connection.execute(statement, workspace, known.id, now)
    # Nor what a directory said of them: it would give a role again.
    for statement in (
        "DELETE FROM scim_group_members WHERE workspace = $1 AND member = $2",
        "DELETE FROM scim_users WHERE workspace = $1 AND member = $2",
    ):
        await connection.execute(statement, workspace, known.id)
    await _withdraw_offers(connection, workspace, known.id)


async def has_other_owner(connection: Connection, workspace: WorkspaceId, member_id: str) -> bool:
    return bool(
        await connection.fetchval(
            """
            SELECT EXISTS (
                SELECT FROM members m JOIN people p ON p.id = m.id
                WHERE m.workspace = $1 AND m.role = 'owner' AND m.id <> $2
                    AND m.removed_at IS NULL AND m.deactivated_at IS NULL AND p.deactivated_at IS NULL)
            """,
            workspace,
            member_id,
        )
    )


async def _refuse_last_owner(connection: Connection, workspace: WorkspaceId, known: Member) -> None:
    if known.role is Role.OWNER and not await has_other_owner(connection, workspace, known.id):
        raise LastOwnerError


async def _withdraw_offers(connection: Connection, workspace: WorkspaceId, member_id: str) -> None:
    """Withdraw what the member offered to others: it would be a way back in."""
    await connection.execute(
        """
        UPDATE invitations SET withdrawn_at = greatest(created_at, now())
        WHERE workspace = $1 AND created_by = $2 AND used_at IS NULL AND withdrawn_at IS NULL
        """,
        workspace,
        member_id,
    )
