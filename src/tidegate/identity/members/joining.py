"""Invitations and joining in PostgreSQL."""

from datetime import datetime

import asyncpg

from tidegate.audit import AuditTrail, Deed
from tidegate.edge.caller import Role
from tidegate.identity.errors import PasswordWrongError
from tidegate.identity.lookups import workspace_of
from tidegate.identity.members.errors import (
    InvitationUsedError,
    MemberChangedError,
    MemberExistsError,
    OwnerExistsError,
)
from tidegate.identity.members.model import Invitation
from tidegate.identity.members.ports import Acceptance, NewPerson, Position, Prove
from tidegate.identity.members.store import has_other_owner, lock_membership
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection, Database

INVITATIONS = """
    SELECT id, email, role, created_at, created_by, expires_at, used_at, withdrawn_at
    FROM invitations WHERE workspace = $1
"""


class PostgresInvitations:
    """Keeps the promises of `InvitationStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def list_invitations(self, workspace: WorkspaceId, *, after: Position | None, limit: int) -> list[Invitation]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                {INVITATIONS} AND ($2::timestamptz IS NULL OR (created_at, id) > ($2, $3))
                ORDER BY created_at, id LIMIT $4
                """,
                workspace,
                *(after or (None, "")),
                limit,
            )
        return [invitation_of(row) for row in rows]

    async def list_open(self, workspace: WorkspaceId, *, now: datetime, limit: int) -> list[Invitation]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                {INVITATIONS} AND used_at IS NULL AND withdrawn_at IS NULL AND expires_at > $2
                ORDER BY created_at DESC, id LIMIT $3
                """,
                workspace,
                now,
                limit,
            )
        return [invitation_of(row) for row in rows]

    async def find_invitation(self, workspace: WorkspaceId, invitation_id: str) -> Invitation | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(f"{INVITATIONS} AND id = $2", workspace, invitation_id)
        return None if row is None else invitation_of(row)

    async def add_invitation(
        self, workspace: WorkspaceId, invitation: Invitation, invitation_hash: bytes, *, deed: Deed
    ) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                """
                UPDATE invitations SET withdrawn_at = $3
                WHERE workspace = $1 AND email = $2 AND used_at IS NULL AND withdrawn_at IS NULL
                """,
                workspace,
                invitation.email,
                invitation.created_at,
            )
            await connection.execute(
                """
                INSERT INTO invitations (workspace, id, hash, email, role, created_at, created_by, expires_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                """,
                workspace,
                invitation.id,
                invitation_hash,
                invitation.email,
                invitation.role,
                invitation.created_at,
                invitation.created_by,
                invitation.expires_at,
            )
            await self._trail.append(workspace, deed, within=connection)

    async def withdraw_invitation(
        self, workspace: WorkspaceId, invitation_id: str, *, now: datetime, deed: Deed
    ) -> None:
        async with self._database.transaction(workspace) as connection:
            done = await connection.fetchval(
                """
                UPDATE invitations SET withdrawn_at = $3
                WHERE workspace = $1 AND id = $2 AND used_at IS NULL AND withdrawn_at IS NULL
                RETURNING true
                """,
                workspace,
                invitation_id,
                now,
            )
            if not done:
                raise InvitationUsedError
            await self._trail.append(workspace, deed, within=connection)

    async def find_invitation_of(self, invitation_hash: bytes) -> tuple[WorkspaceId, Invitation] | None:
        workspace = await workspace_of(self._database, "invitation", invitation_hash)
        if workspace is None:
            return None
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"""
                {INVITATIONS} AND hash = $2
                    AND EXISTS (SELECT FROM workspaces WHERE workspaces.id = $1 AND state = 'active')
                """,
                workspace,
                invitation_hash,
            )
        return None if row is None else (workspace, invitation_of(row))

    async def find_person_id(self, email: str) -> str | None:
        async with self._database.across_workspaces() as connection:
            found: str | None = await connection.fetchval("SELECT person_of_email($1)", email)
        return found

    async def accept(
        self, workspace: WorkspaceId, invitation: Invitation, person: NewPerson, *, prove: Prove, acceptance: Acceptance
    ) -> None:
        async with self._database.transaction(workspace) as connection:
            # The row lock lets exactly one of two who use it at once through.
            used = await connection.fetchval(
                """
                UPDATE invitations SET used_at = $3, used_by = $4
                WHERE workspace = $1 AND id = $2 AND used_at IS NULL AND withdrawn_at IS NULL AND expires_at > $3
                RETURNING true
                """,
                workspace,
                invitation.id,
                acceptance.now,
                person.id,
            )
            if not used:
                raise InvitationUsedError
            await join_person(connection, workspace, person, invitation.role, prove=prove, acceptance=acceptance)
            await self._trail.append(workspace, acceptance.deed, within=connection)

    async def add_first_owner(
        self, workspace: WorkspaceId, person: NewPerson, *, prove: Prove, acceptance: Acceptance
    ) -> None:
        async with self._database.transaction(workspace) as connection:
            await lock_membership(connection, workspace)
            if await has_other_owner(connection, workspace, ""):
                raise OwnerExistsError
            await join_person(connection, workspace, person, Role.OWNER, prove=prove, acceptance=acceptance)
            await self._trail.append(workspace, acceptance.deed, within=connection)


async def join_person(
    connection: Connection,
    workspace: WorkspaceId,
    person: NewPerson,
    role: Role,
    *,
    prove: Prove,
    acceptance: Acceptance,
) -> None:
    """Make the person a member; what the password does not prove is rolled back with all else."""
    joined = await connection.fetchval(
        """
        INSERT INTO members (workspace, id, kind, role, added_at, added_by) VALUES ($1, $2, 'person', $3, $4, $5)
        ON CONFLICT (workspace, id) DO UPDATE
            SET role = excluded.role, added_at = excluded.added_at, added_by = excluded.added_by,
                deactivated_at = NULL, removed_at = NULL
            WHERE members.removed_at IS NOT NULL
        RETURNING true
        """,
        workspace,
        person.id,
        role,
        acceptance.now,
        acceptance.added_by,
    )
    if not joined:
        raise MemberExistsError(person.email)
    # Only now does this workspace see the person, if there is one.
    known = await connection.fetchrow("SELECT password_hash, deactivated_at FROM people WHERE id = $1", person.id)
    if known is not None:
        # A password is never set by an invitation: it would be somebody else's account.
        if not await prove(known["password_hash"]) or known["deactivated_at"] is not None:
            raise PasswordWrongError
        return
    try:
        await connection.execute(
            "INSERT INTO people (id, email, name, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)",
            person.id,
            person.email,
            person.name,
            person.password_hash,
            acceptance.now,
        )
    except asyncpg.UniqueViolationError as error:
        raise MemberChangedError from error


def invitation_of(row: asyncpg.Record) -> Invitation:
    return Invitation(
        id=row["id"],
        email=row["email"],
        role=Role(row["role"]),
        created_at=row["created_at"],
        created_by=row["created_by"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
        withdrawn_at=row["withdrawn_at"],
    )
