"""Alerts from outside in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from tidegate.alerts.alertmanager.model import Labels
from tidegate.alerts.model import Alert, Change, Outside
from tidegate.alerts.ports import AlertListener
from tidegate.alerts.rows import ALERT_COLUMNS, alert_of, append, insert, outside_json, outside_subject_of, update
from tidegate.kernel import AlertId, WorkspaceId
from tidegate.storage import Connection

__all__ = ["PostgresOutsideStore"]

_OPEN: Final = "workspace = $1 AND origin = 'outside' AND state <> 'resolved'"


class PostgresOutsideStore:
    """Keeps the promises of `OutsideStore`."""

    def __init__(self, listener: AlertListener) -> None:
        self._listener = listener

    async def lock_in(self, connection: Connection, workspace: WorkspaceId) -> None:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 26))", f"outside {workspace}")

    async def list_open_in(
        self, connection: Connection, workspace: WorkspaceId, labels: Collection[Labels]
    ) -> Mapping[Labels, Alert]:
        rows = await connection.fetch(
            f"SELECT {ALERT_COLUMNS} FROM alerts WHERE {_OPEN} AND subject = ANY ($2)",
            workspace,
            [outside_subject_of(each) for each in labels],
        )
        found = map(alert_of, rows)
        return {alert.outside.labels: alert for alert in found if alert.outside is not None}

    async def count_open_in(self, connection: Connection, workspace: WorkspaceId) -> int:
        count: int = await connection.fetchval(f"SELECT count(*) FROM alerts WHERE {_OPEN}", workspace)
        return count

    async def list_unheard_in(self, connection: Connection, workspace: WorkspaceId, now: datetime) -> list[Alert]:
        rows = await connection.fetch(
            f"SELECT {ALERT_COLUMNS} FROM alerts WHERE {_OPEN} AND expires_at <= $2 ORDER BY expires_at, id",
            workspace,
            now,
        )
        return [alert_of(row) for row in rows]

    async def next_end_in(self, connection: Connection, workspace: WorkspaceId) -> datetime | None:
        found: datetime | None = await connection.fetchval(
            f"SELECT min(expires_at) FROM alerts WHERE {_OPEN}", workspace
        )
        return found

    async def set_outside_in(
        self, connection: Connection, workspace: WorkspaceId, said: Sequence[tuple[AlertId, Outside]]
    ) -> None:
        if not said:
            return
        await connection.execute(
            """
            UPDATE alerts SET outside = said.outside::jsonb, expires_at = said.expires_at
            FROM unnest($2::text[], $3::text[], $4::timestamptz[]) AS said (id, outside, expires_at)
            WHERE alerts.workspace = $1 AND alerts.id = said.id
            """,
            workspace,
            [alert_id for alert_id, _ in said],
            [outside_json(outside) for _, outside in said],
            [outside.ends_at for _, outside in said],
        )

    async def add_changes_in(self, connection: Connection, workspace: WorkspaceId, changes: Sequence[Change]) -> None:
        if not changes:
            return
        await insert(connection, workspace, [change for change in changes if change.is_new])
        await update(connection, workspace, [change for change in changes if not change.is_new])
        await append(connection, workspace, changes)
        await self._listener.changed(connection, workspace, changes)
