"""The dead man's switches of workspaces."""

from datetime import datetime

from tidegate.alerts.paging.ports import WatchdogRow
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection

__all__ = ["PostgresWatchdogRows"]


class PostgresWatchdogRows:
    """Keeps the promises of `WatchdogRows`."""

    async def lock_watchdog_in(self, connection: Connection, workspace: WorkspaceId) -> WatchdogRow | None:
        row = await connection.fetchrow(
            """
            SELECT routing_version, sequence, next_at, sent_at, broken_since FROM paging_watchdogs
            WHERE workspace = $1 FOR UPDATE
            """,
            workspace,
        )
        return WatchdogRow(*row) if row else None

    async def set_watchdog_in(self, connection: Connection, workspace: WorkspaceId, row: WatchdogRow | None) -> None:
        if row is None:
            await connection.execute("DELETE FROM paging_watchdogs WHERE workspace = $1", workspace)
            return
        await connection.execute(
            """
            INSERT INTO paging_watchdogs (workspace, routing_version, sequence, next_at, sent_at, broken_since)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (workspace) DO UPDATE SET routing_version = $2, sequence = $3, next_at = $4, sent_at = $5,
                broken_since = $6
            """,
            workspace,
            row.version,
            row.sequence,
            row.next_at,
            row.sent_at,
            row.broken_since,
        )

    async def evaluated_at_in(self, connection: Connection, workspace: WorkspaceId) -> datetime | None:
        """Return when rules, and objectives where there are any, were last judged; one row each says it for all."""
        found: datetime | None = await connection.fetchval(
            """
            SELECT CASE
                WHEN burns.is_only IS NULL THEN rules.evaluated_at
                WHEN burns.evaluated_at IS NOT NULL THEN least(rules.evaluated_at, burns.evaluated_at)
            END
            FROM alert_watch AS rules
                LEFT JOIN burn_watch AS burns ON EXISTS (SELECT FROM objectives WHERE workspace = $1)
            """,
            workspace,
        )
        return found
