"""Credentials in PostgreSQL."""

from dataclasses import replace
from datetime import datetime

from tidegate.audit import ActorKind, AuditTrail, Deed
from tidegate.identity.acting import Visit
from tidegate.identity.lookups import workspace_of
from tidegate.identity.model import SESSION_LENGTH, USE_NOTED_EVERY, Session, Token
from tidegate.identity.quotas.store import read_quotas
from tidegate.identity.rows import SESSIONS, TOKENS, session_of, token_of
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database


class PostgresCredentialStore:
    """Keeps the promises of `CredentialStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def find_token(self, token_hash: bytes) -> Token | None:
        workspace = await workspace_of(self._database, "token", token_hash)
        if workspace is None:
            return None
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(f"{TOKENS} WHERE t.workspace = $1 AND t.hash = $2", workspace, token_hash)
            if row is None:
                return None
            return replace(token_of(row), quotas=await read_quotas(connection, workspace, row["id"]))

    async def rehash_token(self, workspace: WorkspaceId, old: bytes, new: bytes, *, key_name: str) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                "UPDATE tokens SET hash = $3, key_name = $4 WHERE workspace = $1 AND hash = $2",
                workspace,
                old,
                new,
                key_name,
            )

    async def find_session(self, session_hash: bytes) -> Session | None:
        workspace = await workspace_of(self._database, "session", session_hash)
        if workspace is None:
            return None
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"{SESSIONS} WHERE s.workspace = $1 AND s.hash = $2 AND s.ended_at IS NULL", workspace, session_hash
            )
            if row is None:
                return None
            return replace(session_of(row), quotas=await read_quotas(connection, workspace))

    async def note_use_of_token(self, workspace: WorkspaceId, token_id: str, *, now: datetime) -> None:
        await self._note_use("tokens", workspace, token_id, now=now)

    async def note_use_of_session(self, workspace: WorkspaceId, session_id: str, *, now: datetime) -> None:
        await self._note_use("sessions", workspace, session_id, now=now)

    async def redeem_link(
        self, link_hash: bytes, *, session_hash: bytes, session_id: str, visit: Visit, now: datetime
    ) -> Session | None:
        workspace = await workspace_of(self._database, "sign_in_link", link_hash)
        if workspace is None:
            return None
        async with self._database.transaction(workspace) as connection:
            # The row lock of the update lets exactly one of two simultaneous clicks through.
            used = await connection.fetchval(
                """
                UPDATE sign_in_links SET used_at = $3
                WHERE workspace = $1 AND hash = $2 AND used_at IS NULL AND expires_at > $3
                    AND EXISTS (SELECT FROM workspaces WHERE id = $1 AND state <> 'deleted')
                RETURNING true
                """,
                workspace,
                link_hash,
                now,
            )
            if not used:
                return None
            session = Session(session_id, workspace, now, now + SESSION_LENGTH, now, user_agent=visit.user_agent)
            await connection.execute(
                """
                INSERT INTO sessions (workspace, id, hash, created_at, expires_at, proven_at, user_agent)
                VALUES ($1, $2, $3, $4, $5, $4, $6)
                """,
                workspace,
                session.id,
                session_hash,
                now,
                session.expires_at,
                visit.user_agent,
            )
            target, facts = f"session/{session_id}", {"how": "link", **visit.facts}
            deed = Deed(ActorKind.OPERATOR, session_id, "sessions:create", target, details=facts)
            await self._trail.append(workspace, deed, within=connection)
        return session

    async def find_workspace_of_link(self, link_hash: bytes) -> WorkspaceId | None:
        return await workspace_of(self._database, "sign_in_link", link_hash)

    async def end_session(self, workspace: WorkspaceId, session_hash: bytes, *, now: datetime) -> None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                """
                UPDATE sessions SET ended_at = $3 WHERE workspace = $1 AND hash = $2 AND ended_at IS NULL
                RETURNING id, member
                """,
                workspace,
                session_hash,
                now,
            )
            if row is not None:
                kind = ActorKind.OPERATOR if row["member"] is None else ActorKind.PERSON
                deed = Deed(kind, row["id"], "sessions:end", f"session/{row['id']}", member=row["member"])
                await self._trail.append(workspace, deed, within=connection)

    async def _note_use(self, table: str, workspace: WorkspaceId, credential: str, *, now: datetime) -> None:
        async with self._database.transaction(workspace) as connection:
            # Of two processes that noticed at once, one writes.
            await connection.execute(
                f"""
                UPDATE {table} SET last_used_at = $3
                WHERE workspace = $1 AND id = $2 AND (last_used_at IS NULL OR last_used_at <= $4)
                """,
                workspace,
                credential,
                now,
                now - USE_NOTED_EVERY,
            )
