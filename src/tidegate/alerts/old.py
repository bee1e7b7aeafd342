"""Alerts that have been over for long, with all that was written about them, and the pages that told of them.

What stands in an incident stays with it, and so do its pages; so does what is still in a group that is told. What is
open is never old. The audit has words of its own and needs none of these rows. Who serves cannot remove history by
itself: functions of 0033_held_and_kept.sql do, of the workspace that was entered, and never of the last week.
"""

from datetime import datetime

from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

__all__ = ["OldAlerts", "OldPages"]


class OldAlerts:
    """Keeps the promise of `Remover`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remove_old(self, workspace: WorkspaceId, *, before: datetime, limit: int) -> int:
        async with self._database.transaction(workspace) as connection:
            return len(await connection.fetch("SELECT remove_old_alerts($1, $2)", before, limit))


class OldPages:
    """Keeps the promise of `Remover`, for pages of alerts that are gone: after `OldAlerts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remove_old(self, workspace: WorkspaceId, *, before: datetime, limit: int) -> int:
        async with self._database.transaction(workspace) as connection:
            return len(await connection.fetch("SELECT remove_old_pages($1, $2)", before, limit))
