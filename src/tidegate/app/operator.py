"""What the holder of the data directory may do, with the server up or down: workspaces, tokens, sign-in links."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from tidegate.app.keys import load_signing_key
from tidegate.app.settings import external_database
from tidegate.app.supervisor import postgres_alone
from tidegate.identity.errors import WorkspaceExistsError, WorkspaceNameInvalidError, WorkspaceNotFoundError
from tidegate.identity.model import HINT_CHARACTERS, SIGN_IN_LINK_LENGTH, new_token
from tidegate.kernel import RandomIds
from tidegate.storage.migrations import migrate_state

_WORKSPACE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


async def create_workspace(data_dir: Path, name: str) -> None:
    """Create a workspace.

    Raises:
        WorkspaceNameInvalidError: the name cannot be one.
        WorkspaceExistsError: there is one of that name.
    """
    if not _WORKSPACE.fullmatch(name):
        raise WorkspaceNameInvalidError(name)
    async with _state(data_dir) as connection:
        try:
            await connection.execute(
                "INSERT INTO workspaces (id, name, created_at) VALUES ($1, $2, $3)", name, name, datetime.now(UTC)
            )
        except asyncpg.UniqueViolationError as error:
            raise WorkspaceExistsError(name) from error


async def create_token(data_dir: Path, *, workspace: str, scope: str) -> str:
    """Create a token and return it: the only moment in which it can be seen.

    Raises:
        WorkspaceNotFoundError: there is no such workspace.
    """
    token = new_token(secrets.token_bytes(48))
    key = load_signing_key(data_dir)
    async with _state(data_dir) as connection:
        try:
            await connection.execute(
                """
                INSERT INTO tokens (workspace, id, hint, scope, hash, key_name, created_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                """,
                workspace,
                RandomIds().new_id("tok"),
                token[:HINT_CHARACTERS],
                scope,
                key.hash_of(token),
                key.name,
                datetime.now(UTC),
            )
        except asyncpg.ForeignKeyViolationError as error:
            raise WorkspaceNotFoundError(workspace) from error
    return token


async def create_sign_in_link(data_dir: Path, *, workspace: str, public_url: str) -> str:
    """Create a one-time link that signs a browser in; it is good for half an hour.

    Raises:
        WorkspaceNotFoundError: there is no such workspace.
    """
    secret = secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    async with _state(data_dir) as connection:
        try:
            await connection.execute(
                "INSERT INTO sign_in_links (workspace, hash, created_at, expires_at) VALUES ($1, $2, $3, $4)",
                workspace,
                load_signing_key(data_dir).hash_of(secret),
                now,
                now + SIGN_IN_LINK_LENGTH,
            )
        except asyncpg.ForeignKeyViolationError as error:
            raise WorkspaceNotFoundError(workspace) from error
    return f"{public_url.rstrip('/')}/sign-in?link={secret}"


@asynccontextmanager
async def _state(data_dir: Path) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
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
