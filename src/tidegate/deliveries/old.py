"""Deliveries that came to an end long ago, with their attempts. One that is under way is never old."""

from datetime import datetime
from typing import Final

from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

__all__ = ["OldDeliveries"]

_OLD: Final = """
    WITH gone AS (
        DELETE FROM deliveries WHERE workspace = $1 AND id IN (
            SELECT id FROM deliveries WHERE workspace = $1 AND finished_at < $2 AND state <> 'pending'
            ORDER BY finished_at LIMIT $3)
        RETURNING 1)
    SELECT count(*) FROM gone
"""


class OldDeliveries:
    """Keeps the promise of `Remover`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remove_old(self, workspace: WorkspaceId, *, before: datetime, limit: int) -> int:
        async with self._database.transaction(workspace) as connection:
            count: int = await connection.fetchval(_OLD, workspace, before, limit)
        return count
