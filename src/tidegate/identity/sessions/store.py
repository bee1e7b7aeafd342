"""Accounts and sessions in PostgreSQL."""

from datetime import datetime

from tidegate.audit import AuditTrail, Deed
from tidegate.identity.model import Session
from tidegate.identity.rows import SESSIONS, session_of
from tidegate.identity.sessions.ports import Account
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

_NOBODY = "usr_0"
_NOWHERE = WorkspaceId("default")


class PostgresSessions:
    """Keeps the promises of `SessionStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def find_account(self, email: str) -> Account:
        async with self._database.across_workspaces() as connection:
            person = await connection.fetchval("SELECT person_of_email($1)", email) or _NOBODY
            rows = await connection.fetch("SELECT list_workspaces_of_person($1) AS id", person)
        workspaces = [WorkspaceId(row["id"]) for row in rows]
        kept = await self._password_of(workspaces[0] if workspaces else _NOWHERE, person)
        return Account(person, kept, workspaces)

    async def find_own_account(self, workspace: WorkspaceId, person: str) -> tuple[str, Account] | None:
        async with self._database.transaction(workspace) as connection:
            email = await connection.fetchval("SELECT email FROM people WHERE id = $1", person)
        return None if email is None else (email, await self.find_account(email))

    async def open_session(self, workspace: WorkspaceId, session: Session, session_hash: bytes, *, deed: Deed) -> bool:
        async with self._database.transaction(workspace) as connection:
            opened = await connection.fetchval(
                """
                INSERT INTO sessions
                    (workspace, id, hash, member, created_at, expires_at, proven_at, user_agent, last_used_at,
                     provider_issuer, provider_session)
                SELECT $1, $3, $4, m.id, $5, $6, $10, $7, $5, $8, $9
                FROM members m JOIN people p ON p.id = m.id JOIN workspaces w ON w.id = m.workspace
                WHERE m.workspace = $1 AND m.id = $2 AND m.removed_at IS NULL AND m.deactivated_at IS NULL
                    AND p.deactivated_at IS NULL AND w.state = 'active'
                RETURNING true
                """,
                workspace,
                session.holder.id if session.holder else None,
                session.id,
                session_hash,
                session.created_at,
                session.expires_at,
                session.user_agent,
                session.provider.issuer if session.provider else None,
                session.provider.id if session.provider else None,
                session.proven_at,
            )
            if opened:
                await self._trail.append(workspace, deed, within=connection)
        return bool(opened)

    async def renew_session(
        self, workspace: WorkspaceId, session_id: str, session_hash: bytes, *, now: datetime, deed: Deed
    ) -> bool:
        async with self._database.transaction(workspace) as connection:
            renewed = await connection.fetchval(
                """
                UPDATE sessions SET hash = $3, proven_at = $4
                WHERE workspace = $1 AND id = $2 AND ended_at IS NULL AND expires_at > $4
                RETURNING true
                """,
                workspace,
                session_id,
                session_hash,
                now,
            )
            if renewed:
                await self._trail.append(workspace, deed, within=connection)
        return bool(renewed)

    async def is_suspended(self, workspace: WorkspaceId) -> bool:
        async with self._database.transaction(workspace) as connection:
            state = await connection.fetchval("SELECT state FROM workspaces WHERE id = $1", workspace)
        return bool(state == "suspended")

    async def list_sessions(
        self, workspace: WorkspaceId, *, member: str | None, now: datetime, limit: int
    ) -> list[Session]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                {SESSIONS} WHERE s.workspace = $1 AND s.member IS NOT DISTINCT FROM $2
                    AND s.ended_at IS NULL AND s.expires_at > $3
                ORDER BY s.created_at DESC, s.id LIMIT $4
                """,
                workspace,
                member,
                now,
                limit,
            )
        return [session_of(row) for row in rows]

    async def find_session(self, workspace: WorkspaceId, session_id: str) -> Session | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"{SESSIONS} WHERE s.workspace = $1 AND s.id = $2 AND s.ended_at IS NULL", workspace, session_id
            )
        return None if row is None else session_of(row)

    async def end_session(self, workspace: WorkspaceId, session_id: str, *, now: datetime, deed: Deed) -> bool:
        async with self._database.transaction(workspace) as connection:
            ended = await connection.fetchval(
                """
                UPDATE sessions SET ended_at = $3 WHERE workspace = $1 AND id = $2 AND ended_at IS NULL
                RETURNING true
                """,
                workspace,
                session_id,
                now,
            )
            if ended:
                await self._trail.append(workspace, deed, within=connection)
        return bool(ended)

    async def set_password(
        self, account: Account, password_hash: str, *, kept_session: str | None, now: datetime, deed: Deed
    ) -> None:
        async with self._database.transaction_over(account.workspaces) as visits:
            async for workspace, connection in visits:
                await connection.execute(
                    "UPDATE people SET password_hash = $2 WHERE id = $1", account.person, password_hash
                )
                await connection.execute(
                    """
                    UPDATE sessions SET ended_at = $3
                    WHERE workspace = $1 AND member = $2 AND ended_at IS NULL AND id IS DISTINCT FROM $4
                    """,
                    workspace,
                    account.person,
                    now,
                    kept_session,
                )
                await self._trail.append(workspace, deed, within=connection)

    async def _password_of(self, workspace: WorkspaceId, person: str) -> str | None:
        async with self._database.transaction(workspace) as connection:
            kept: str | None = await connection.fetchval(
                "SELECT password_hash FROM people WHERE id = $1 AND deactivated_at IS NULL", person
            )
        return kept
