"""Credentials in PostgreSQL."""

from datetime import datetime

from tidegate.identity.model import Token
from tidegate.kernel import TokenId, WorkspaceId
from tidegate.storage import Database


class PostgresCredentialStore:
    """Keeps the promises of `CredentialStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_token(self, token_hash: bytes) -> Token | None:
        workspace = await self._workspace_of("token", token_hash)
        if workspace is None:
            return None
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                """
                SELECT id, scope, hint, created_at, expires_at, revoked_at
                FROM tokens WHERE workspace = $1 AND hash = $2
                """,
                workspace,
                token_hash,
            )
        if row is None:
            return None
        return Token(
            id=TokenId(row["id"]),
            workspace=workspace,
            scope=row["scope"],
            hint=row["hint"],
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            revoked_at=row["revoked_at"],
        )

    async def find_session(self, session_hash: bytes, *, now: datetime) -> WorkspaceId | None:
        workspace = await self._workspace_of("session", session_hash)
        if workspace is None:
            return None
        async with self._database.transaction(workspace) as connection:
            found = await connection.fetchval(
                """
                SELECT true FROM sessions
                WHERE workspace = $1 AND hash = $2 AND ended_at IS NULL AND expires_at > $3
                """,
                workspace,
                session_hash,
                now,
            )
        return workspace if found else None

    async def redeem_link(
        self, link_hash: bytes, *, session_hash: bytes, now: datetime, session_ends_at: datetime
    ) -> WorkspaceId | None:
        workspace = await self._workspace_of("sign_in_link", link_hash)
        if workspace is None:
            return None
        async with self._database.transaction(workspace) as connection:
            # The row lock of the update lets exactly one of two simultaneous clicks through.
            used = await connection.fetchval(
                """
                UPDATE sign_in_links SET used_at = $3
                WHERE workspace = $1 AND hash = $2 AND used_at IS NULL AND expires_at > $3
                RETURNING true
                """,
                workspace,
                link_hash,
                now,
            )
            if not used:
                return None
            await connection.execute(
                "INSERT INTO sessions (workspace, hash, created_at, expires_at) VALUES ($1, $2, $3, $4)",
                workspace,
                session_hash,
                now,
                session_ends_at,
            )
        return workspace

    async def end_session(self, workspace: WorkspaceId, session_hash: bytes, *, now: datetime) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                "UPDATE sessions SET ended_at = $3 WHERE workspace = $1 AND hash = $2 AND ended_at IS NULL",
                workspace,
                session_hash,
                now,
            )

    async def _workspace_of(self, kind: str, credential_hash: bytes) -> WorkspaceId | None:
        async with self._database.across_workspaces() as connection:
            found = await connection.fetchval(f"SELECT workspace_of_{kind}($1)", credential_hash)
        return WorkspaceId(found) if found is not None else None
