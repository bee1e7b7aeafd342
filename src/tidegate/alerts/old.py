"""Alerts that have been over for long, with all that was written about them, and the pages that told of them.

What stands in an incident stays with it, and so do its pages; so does what is still in a group that is told. What is
open is never old. The audit has words of its own and needs none of these rows.
"""

from datetime import datetime
from typing import Final

from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

__all__ = ["OldAlerts", "OldPages"]

_OLD_ALERTS: Final = """
    SELECT id FROM alerts
    WHERE workspace = $1 AND state = 'resolved' AND resolved_at < $2
        AND NOT EXISTS (SELECT FROM incident_alerts held WHERE held.workspace = $1 AND held.alert_id = alerts.id)
        AND NOT EXISTS (SELECT FROM paging_members held WHERE held.workspace = $1 AND held.alert_id = alerts.id)
    ORDER BY resolved_at LIMIT $3 FOR UPDATE SKIP LOCKED
"""
_OF_ALERTS: Final = ("paging_decisions", "alert_care_events", "alert_care", "alert_transitions")
# What an incident tells of pages (incidents/sources.py): those of a group from the first that told of an alert until
# that alert was over. Alerts that are kept keep them here.
_OLD_PAGES: Final = """
    WITH gone AS (
        DELETE FROM paging_pages WHERE workspace = $1 AND id IN (
            SELECT id FROM paging_pages pages WHERE workspace = $1 AND at < $2 AND NOT EXISTS (
                SELECT FROM paging_decisions told
                JOIN alerts ON alerts.workspace = told.workspace AND alerts.id = told.alert_id
                WHERE told.workspace = $1 AND told.group_id = pages.group_id
                    AND told.kind IN ('notified', 'resolved_notified', 'escalated')
                    AND (told.cause = pages.id
                        OR (told.at <= pages.at AND coalesce(alerts.resolved_at, 'infinity') >= pages.at)))
            ORDER BY at, id LIMIT $3)
        RETURNING 1)
    SELECT count(*) FROM gone
"""


class OldAlerts:
    """Keeps the promise of `Remover`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remove_old(self, workspace: WorkspaceId, *, before: datetime, limit: int) -> int:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(_OLD_ALERTS, workspace, before, limit)
            ids = [row["id"] for row in rows]
            for table in _OF_ALERTS:
                await connection.execute(f"DELETE FROM {table} WHERE workspace = $1 AND alert_id = ANY ($2)",
                                         workspace, ids)  # fmt: skip
            await connection.execute("DELETE FROM alerts WHERE workspace = $1 AND id = ANY ($2)", workspace, ids)
        return len(ids)


class OldPages:
    """Keeps the promise of `Remover`, for pages of alerts that are gone: after `OldAlerts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remove_old(self, workspace: WorkspaceId, *, before: datetime, limit: int) -> int:
        async with self._database.transaction(workspace) as connection:
            count: int = await connection.fetchval(_OLD_PAGES, workspace, before, limit)
        return count
