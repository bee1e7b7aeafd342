"""What the holder of the data directory may do, with the server up or down: tokens, sign-in links, a connection.

Workspaces and people are in `operator_workspaces` and `operator_people`.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import asyncpg

from tidegate.app.keys import load_signing_key
from tidegate.app.settings import external_database
from tidegate.app.supervisor import postgres_alone
from tidegate.audit import Deed, append_deed
from tidegate.identity.acting import deed_of_operator
from tidegate.identity.errors import WorkspaceDeletedError, WorkspaceNotFoundError
from tidegate.identity.model import HINT_CHARACTERS, SIGN_IN_LINK_LENGTH, Token, new_token
from tidegate.identity.quotas.store import copy_quotas
from tidegate.identity.rows import TOKENS, token_of
from tidegate.identity.tokens.errors import TokenEndedError, TokenNotFoundError, TokenRotatedError
from tidegate.kernel import RandomIds, WorkspaceId
from tidegate.storage.migrations import migrate_state

OwnerConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Record = Callable[[Deed], Awaitable[None]]


async def create_token(data_dir: Path, *, workspace: str, scope: str) -> str:
    """Create a token and return it: the only moment in which it can be seen.

    Raises:
        WorkspaceNotFoundError: there is no such workspace.
    """
    token = new_token(secrets.token_bytes(48))
    key = load_signing_key(data_dir)
    token_id = RandomIds().new_id("tok")
    async with acting(data_dir, workspace) as (connection, record):
        await refuse_deleted(connection, workspace)
        await connection.execute(
            """
            INSERT INTO tokens (workspace, id, hint, scope, hash, key_name, created_at, created_by)
            VALUES ($1, $2, $3, $4, $5, $6, $7, 'operator')
            """,
            workspace,
            token_id,
            token[:HINT_CHARACTERS],
            scope,
            key.hash_of(token),
            key.name,
            datetime.now(UTC),
        )
        await record(deed_of_operator("tokens:create", f"token/{token_id}", scope=scope))
    return token


async def create_sign_in_link(data_dir: Path, *, workspace: str, public_url: str) -> str:
    """Create a one-time link that signs a browser in; it is good for half an hour.

    Raises:
        WorkspaceNotFoundError: there is no such workspace.
    """
    secret = secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    async with acting(data_dir, workspace) as (connection, record):
        await refuse_deleted(connection, workspace)
        await connection.execute(
            "INSERT INTO sign_in_links (workspace, hash, created_at, expires_at) VALUES ($1, $2, $3, $4)",
            workspace,
            load_signing_key(data_dir).hash_of(secret),
            now,
            now + SIGN_IN_LINK_LENGTH,
        )
        await record(deed_of_operator("sign-in-links:create", f"workspace/{workspace}"))
    return f"{public_url.rstrip('/')}/sign-in?link={secret}"


async def list_tokens(data_dir: Path, *, workspace: str) -> list[Token]:
    """Return the tokens of a workspace, the first first.

    Raises:
        WorkspaceNotFoundError: there is no such workspace.
    """
    async with acting(data_dir, workspace) as (connection, _):
        await refuse_unknown(connection, workspace)
        rows = await connection.fetch(f"{TOKENS} WHERE t.workspace = $1 ORDER BY t.created_at, t.id", workspace)
    return [token_of(row) for row in rows]


async def rotate_token(data_dir: Path, *, workspace: str, token_id: str, overlap: timedelta) -> str:
    """Put another token in the place of one, which works until `overlap` is over; return it.

    Raises:
        TokenNotFoundError: the workspace has no such token.
        TokenEndedError: it does not work any more.
        TokenRotatedError: it was rotated before.
    """
    token, now = new_token(secrets.token_bytes(48)), datetime.now(UTC)
    key, new_id = load_signing_key(data_dir), RandomIds().new_id("tok")
    async with acting(data_dir, workspace) as (connection, record):
        row = await connection.fetchrow(f"{TOKENS} WHERE t.workspace = $1 AND t.id = $2", workspace, token_id)
        if row is None:
            raise TokenNotFoundError(token_id)
        if row["overlap_ends_at"] is not None:
            raise TokenRotatedError
        if not token_of(row).is_valid_at(now):
            raise TokenEndedError
        try:
            await connection.execute(
                """
                INSERT INTO tokens (workspace, id, hint, scope, hash, key_name, created_at, expires_at, name, member,
                    created_by, services, environments, rotated_from)
                SELECT workspace, $3::text, $4::text, scope, $5::bytea, $6::text, $7::timestamptz,
                    $7::timestamptz + (expires_at - created_at), name, member,
                    'operator', services, environments, id
                FROM tokens WHERE workspace = $1 AND id = $2
                """,
                workspace,
                token_id,
                new_id,
                token[:HINT_CHARACTERS],
                key.hash_of(token),
                key.name,
                now,
            )
        except asyncpg.UniqueViolationError as error:
            raise TokenRotatedError from error
        await connection.execute(
            "UPDATE tokens SET overlap_ends_at = $3 WHERE workspace = $1 AND id = $2",
            workspace,
            token_id,
            now + overlap,
        )
        await copy_quotas(connection, workspace, token_id, to=new_id)
        await record(deed_of_operator("tokens:rotate", f"token/{token_id}", to=new_id))
    return token


async def revoke_token(data_dir: Path, *, workspace: str, token_id: str) -> None:
    """Revoke a token; one that was revoked stays so.

    Raises:
        TokenNotFoundError: the workspace has no such token.
    """
    async with acting(data_dir, workspace) as (connection, record):
        found = await connection.fetchval(
            """
            UPDATE tokens SET revoked_at = coalesce(revoked_at, $3) WHERE workspace = $1 AND id = $2 RETURNING true
            """,
            workspace,
            token_id,
            datetime.now(UTC),
        )
        if not found:
            raise TokenNotFoundError(token_id)
        await record(deed_of_operator("tokens:revoke", f"token/{token_id}"))


async def refuse_deleted(connection: OwnerConnection, workspace: str) -> None:
    """Let pass a workspace that is there.

    Raises:
        WorkspaceNotFoundError: there never was one.
        WorkspaceDeletedError: there was one.
    """
    if await refuse_unknown(connection, workspace) == "deleted":
        raise WorkspaceDeletedError(workspace)


async def refuse_unknown(connection: OwnerConnection, workspace: str) -> str:
    """Return the state of a workspace.

    Raises:
        WorkspaceNotFoundError: there never was one.
    """
    state: str | None = await connection.fetchval("SELECT state FROM workspaces WHERE id = $1", workspace)
    if state is None:
        raise WorkspaceNotFoundError(workspace)
    return state


@asynccontextmanager
async def acting(data_dir: Path, workspace: str) -> AsyncIterator[tuple[OwnerConnection, Record]]:
    """Yield a transaction of `workspace` with the owner's rights, and what records a deed in it, to be called last."""
    async with state(data_dir) as connection, connection.transaction():
        await connection.execute("SELECT set_config('tidegate.workspace', $1, true)", workspace)

        async def record(deed: Deed) -> None:
            await append_deed(WorkspaceId(workspace), deed, within=connection, recorded_at=datetime.now(UTC))

        yield connection, record


@asynccontextmanager
async def state(data_dir: Path) -> AsyncIterator[OwnerConnection]:
    """Yield a connection with the owner's rights; the server may run or not."""
    async with _owner_url(data_dir) as url:
        await migrate_state(url)
        connection = await asyncpg.connect(url, timeout=10)
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def _owner_url(data_dir: Path) -> AsyncIterator[str]:
    external = external_database()
    if external is not None:
        yield external.owner_url
        return
    if not (data_dir / "postgres").exists():
        sys.stderr.write(f"Making a new installation in {data_dir}: there was none (--data-dir, TIDEGATE_DATA_DIR).\n")
    async with postgres_alone(data_dir) as dsns:
        yield dsns.owner
