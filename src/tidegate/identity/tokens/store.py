"""Tokens in PostgreSQL."""

from datetime import datetime

import asyncpg

from tidegate.audit import AuditTrail, Deed
from tidegate.identity.members.errors import MemberNotFoundError
from tidegate.identity.model import SigningKey, Token
from tidegate.identity.quotas.store import copy_quotas
from tidegate.identity.rows import TOKENS, token_of
from tidegate.identity.tokens.errors import TokenEndedError, TokenRotatedError
from tidegate.identity.tokens.ports import Position
from tidegate.kernel import TokenId, WorkspaceId
from tidegate.storage import Connection, Database


class PostgresTokens:
    """Keeps the promises of `TokenStore`; new tokens are hashed under `key`."""

    def __init__(self, database: Database, trail: AuditTrail, *, key: SigningKey) -> None:
        self._database = database
        self._trail = trail
        self._key = key

    async def list_tokens(
        self, workspace: WorkspaceId, *, member: str | None, after: Position | None, limit: int
    ) -> list[Token]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                {TOKENS} WHERE t.workspace = $1 AND ($2::text IS NULL OR t.member = $2)
                    AND ($3::timestamptz IS NULL OR (t.created_at, t.id) > ($3, $4))
                ORDER BY t.created_at, t.id LIMIT $5
                """,
                workspace,
                member,
                *(after or (None, "")),
                limit,
            )
        return [token_of(row) for row in rows]

    async def find_token(self, workspace: WorkspaceId, token_id: str) -> Token | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(f"{TOKENS} WHERE t.workspace = $1 AND t.id = $2", workspace, token_id)
        return None if row is None else token_of(row)

    async def add_token(self, workspace: WorkspaceId, token: Token, token_hash: bytes, *, deed: Deed) -> None:
        async with self._database.transaction(workspace) as connection:
            await self._add(connection, token, token_hash)
            await self._trail.append(workspace, deed, within=connection)

    async def rotate_token(
        self, workspace: WorkspaceId, old: Token, new: Token, token_hash: bytes, *, deed: Deed
    ) -> None:
        async with self._database.transaction(workspace) as connection:
            try:
                await self._add(connection, new, token_hash)
            except asyncpg.UniqueViolationError as error:
                raise TokenRotatedError from error
            done = await connection.fetchval(
                """
                UPDATE tokens SET overlap_ends_at = $3 WHERE workspace = $1 AND id = $2 AND revoked_at IS NULL
                RETURNING true
                """,
                workspace,
                old.id,
                old.overlap_ends_at,
            )
            if not done:
                raise TokenEndedError
            await copy_quotas(connection, workspace, old.id, to=new.id)
            await self._trail.append(workspace, deed, within=connection)

    async def revoke_token(self, workspace: WorkspaceId, token_id: TokenId, *, now: datetime, deed: Deed) -> bool:
        async with self._database.transaction(workspace) as connection:
            done = await connection.fetchval(
                """
                UPDATE tokens SET revoked_at = $3 WHERE workspace = $1 AND id = $2 AND revoked_at IS NULL
                RETURNING true
                """,
                workspace,
                token_id,
                now,
            )
            if done:
                await self._trail.append(workspace, deed, within=connection)
        return bool(done)

    async def _add(self, connection: Connection, token: Token, token_hash: bytes) -> None:
        member = token.holder.id if token.holder else None
        if member is not None:
            # Locked against being removed meanwhile: removing revokes the tokens that it sees.
            held = await connection.fetchval(
                """
                SELECT true FROM members WHERE workspace = $1 AND id = $2 AND removed_at IS NULL
                    AND deactivated_at IS NULL
                FOR SHARE
                """,
                token.workspace,
                member,
            )
            if not held:
                raise MemberNotFoundError(member)
        await connection.execute(
            """
            INSERT INTO tokens (workspace, id, hint, scope, hash, key_name, created_at, expires_at, name, member,
                created_by, services, environments, rotated_from)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            """,
            token.workspace,
            token.id,
            token.hint,
            token.scope,
            token_hash,
            self._key.name,
            token.created_at,
            token.expires_at,
            token.name,
            member,
            token.created_by,
            None if token.services is None else sorted(token.services),
            None if token.environments is None else sorted(token.environments),
            token.rotated_from,
        )
