"""What the holder of the data directory does to workspaces. None is ever removed: its id must never be given again."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from tidegate.app.operator import OwnerConnection, acting, refuse_deleted, state
from tidegate.identity.acting import deed_of_operator
from tidegate.identity.errors import WorkspaceExistsError, WorkspaceNameInvalidError
from tidegate.identity.workspaces import Workspace, WorkspaceState
from tidegate.identity.workspaces.store import workspace_of

_WORKSPACE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_MAX_NAME_CHARACTERS = 200


async def create_workspace(data_dir: Path, name: str) -> None:
    """Create a workspace.

    Raises:
        WorkspaceNameInvalidError: the name cannot be one.
        WorkspaceExistsError: there is, or was, one of that name.
    """
    if not _WORKSPACE.fullmatch(name):
        raise WorkspaceNameInvalidError(name)
    async with acting(data_dir, name) as (connection, record):
        try:
            await connection.execute(
                "INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, $2)", name, datetime.now(UTC)
            )
        except asyncpg.UniqueViolationError as error:
            raise WorkspaceExistsError(name) from error
        await record(deed_of_operator("workspace:create", f"workspace/{name}"))


async def list_workspaces(data_dir: Path) -> list[Workspace]:
    """Return all workspaces, tombstones included, by id."""
    async with state(data_dir) as connection:
        rows = await connection.fetch("SELECT id, name, state, created_at, deleted_at FROM workspaces ORDER BY id")
    return [workspace_of(row) for row in rows]


async def rename_workspace(data_dir: Path, workspace: str, name: str) -> None:
    """Give a workspace another name for people; its id stays.

    Raises:
        WorkspaceNameInvalidError: the name is empty or too long.
        WorkspaceNotFoundError, WorkspaceDeletedError: there is none.
    """
    wanted = name.strip()
    if not 1 <= len(wanted) <= _MAX_NAME_CHARACTERS or not wanted.isprintable():
        raise WorkspaceNameInvalidError(name)
    async with acting(data_dir, workspace) as (connection, record):
        await refuse_deleted(connection, workspace)
        await connection.execute("UPDATE workspaces SET name = $2 WHERE id = $1", workspace, wanted)
        await record(deed_of_operator("workspace:rename", f"workspace/{workspace}", name=wanted))


async def suspend_workspace(data_dir: Path, workspace: str) -> None:
    """Let nothing in and nothing out, until it is restored; telemetry and settings stay.

    Raises:
        WorkspaceNotFoundError, WorkspaceDeletedError: there is none.
    """
    await _set_state(data_dir, workspace, WorkspaceState.SUSPENDED, "workspace:suspend")


async def restore_workspace(data_dir: Path, workspace: str) -> None:
    """Let a suspended workspace go on.

    Raises:
        WorkspaceNotFoundError, WorkspaceDeletedError: there is none.
    """
    await _set_state(data_dir, workspace, WorkspaceState.ACTIVE, "workspace:restore")


async def delete_workspace(data_dir: Path, workspace: str) -> None:
    """End every credential of a workspace and leave its tombstone; nobody gets in again.

    Raises:
        WorkspaceNotFoundError, WorkspaceDeletedError: there is none.
    """
    now = datetime.now(UTC)
    async with acting(data_dir, workspace) as (connection, record):
        await refuse_deleted(connection, workspace)
        await connection.execute(
            "UPDATE workspaces SET state = 'deleted', deleted_at = $2 WHERE id = $1", workspace, now
        )
        await _end_credentials(connection, workspace, now)
        await record(deed_of_operator("workspace:delete", f"workspace/{workspace}"))


async def _set_state(data_dir: Path, workspace: str, wanted: WorkspaceState, action: str) -> None:
    async with acting(data_dir, workspace) as (connection, record):
        await refuse_deleted(connection, workspace)
        await connection.execute("UPDATE workspaces SET state = $2 WHERE id = $1", workspace, wanted)
        await record(deed_of_operator(action, f"workspace/{workspace}"))


async def _end_credentials(connection: OwnerConnection, workspace: str, now: datetime) -> None:
    for statement in (
        "UPDATE tokens SET revoked_at = $2 WHERE workspace = $1 AND revoked_at IS NULL",
        "UPDATE sessions SET ended_at = $2 WHERE workspace = $1 AND ended_at IS NULL",
        "UPDATE invitations SET withdrawn_at = $2 WHERE workspace = $1 AND used_at IS NULL AND withdrawn_at IS NULL",
        "UPDATE sign_in_links SET used_at = $2 WHERE workspace = $1 AND used_at IS NULL",
        "UPDATE members SET removed_at = $2 WHERE workspace = $1 AND removed_at IS NULL",
    ):
        await connection.execute(statement, workspace, now)
