"""Live versions out of PostgreSQL, and the bells of this process that say when to look."""

import asyncio
from collections.abc import Callable, Collection, Mapping

from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

__all__ = ["Bell", "PostgresVersions"]


class PostgresVersions:
    """Keeps the promises of `Versions`: one look-up by primary key a workspace."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def versions(self, workspaces: Collection[WorkspaceId]) -> Mapping[WorkspaceId, Mapping[str, int]]:
        found: dict[WorkspaceId, dict[str, int]] = {}
        async with self._database.transaction_over(workspaces) as each:
            async for workspace, connection in each:
                rows = await connection.fetch(
                    "SELECT topic, version FROM live_versions WHERE workspace = $1", workspace
                )
                found[workspace] = {row["topic"]: row["version"] for row in rows}
        return found


class Bell(asyncio.Event):
    """An event that also rings somebody else: one waits for it, the other only wants to know."""

    def __init__(self, also: Callable[[], None]) -> None:
        super().__init__()
        self._also = also

    def set(self) -> None:
        super().set()
        self._also()
