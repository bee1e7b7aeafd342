"""The own workspace in PostgreSQL."""

import asyncpg

from tidegate.audit import AuditTrail, Deed
from tidegate.identity.workspaces.model import Workspace, WorkspaceState
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database


class PostgresWorkspaces:
    """Keeps the promises of `WorkspaceStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def find_workspace(self, workspace: WorkspaceId) -> Workspace | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                "SELECT id, name, state, created_at, deleted_at FROM workspaces WHERE id = $1", workspace
            )
        return None if row is None else workspace_of(row)

    async def rename_workspace(self, workspace: WorkspaceId, name: str, *, deed: Deed) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute("UPDATE workspaces SET name = $2 WHERE id = $1", workspace, name)
            await self._trail.append(workspace, deed, within=connection)


def workspace_of(row: asyncpg.Record) -> Workspace:
    return Workspace(
        id=WorkspaceId(row["id"]),
        name=row["name"],
        state=WorkspaceState(row["state"]),
        created_at=row["created_at"],
        deleted_at=row["deleted_at"],
    )
