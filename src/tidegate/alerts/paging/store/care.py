"""Who has an alert."""

from collections.abc import Collection, Mapping

from tidegate.alerts.paging.model import Care, CareEvent, CareKind
from tidegate.kernel import AlertId, WorkspaceId
from tidegate.storage import Connection, Database

__all__ = ["PostgresCareStore"]


class PostgresCareStore:
    """Keeps the promises of `CareStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_care(self, workspace: WorkspaceId, alert_ids: Collection[AlertId]) -> Mapping[AlertId, Care]:
        if not alert_ids:
            return {}
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT alert_id, acknowledged_at, acknowledged_by, assignee FROM alert_care
                WHERE workspace = $1 AND alert_id = ANY ($2)
                """,
                workspace,
                list(alert_ids),
            )
        return {
            AlertId(row["alert_id"]): Care(row["acknowledged_at"], row["acknowledged_by"], row["assignee"])
            for row in rows
        }

    async def lock_care_in(
        self, connection: Connection, workspace: WorkspaceId, alert_id: AlertId
    ) -> tuple[str, Care] | None:
        """Return the alert's state and who has it, held until the transaction ends; `None` for an unknown alert.

        The alert itself is held, so that it is not resolved between the look and the deed.
        """
        await connection.execute(
            "INSERT INTO alert_care (workspace, alert_id) SELECT $1, id FROM alerts WHERE workspace = $1 AND id = $2 "
            "ON CONFLICT (workspace, alert_id) DO NOTHING",
            workspace,
            alert_id,
        )
        row = await connection.fetchrow(
            """
            SELECT alerts.state, care.acknowledged_at, care.acknowledged_by, care.assignee
            FROM alert_care care JOIN alerts ON alerts.workspace = care.workspace AND alerts.id = care.alert_id
            WHERE care.workspace = $1 AND care.alert_id = $2 FOR UPDATE OF care
            """,
            workspace,
            alert_id,
        )
        if row is None:
            return None
        return row["state"], Care(row["acknowledged_at"], row["acknowledged_by"], row["assignee"])

    async def list_care_events(self, workspace: WorkspaceId, alert_id: AlertId) -> list[CareEvent]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT kind, at, by_whom, assignee, note FROM alert_care_events
                WHERE workspace = $1 AND alert_id = $2 ORDER BY seq LIMIT 500
                """,
                workspace,
                alert_id,
            )
        return [
            CareEvent(CareKind(row["kind"]), row["at"], row["by_whom"], row["assignee"], row["note"]) for row in rows
        ]

    async def set_care_in(
        self, connection: Connection, workspace: WorkspaceId, alert_id: AlertId, *, care: Care, event: CareEvent
    ) -> None:
        await connection.execute(
            """
            UPDATE alert_care SET acknowledged_at = $3, acknowledged_by = $4, assignee = $5
            WHERE workspace = $1 AND alert_id = $2
            """,
            workspace,
            alert_id,
            care.acknowledged_at,
            care.acknowledged_by,
            care.assignee,
        )
        await connection.execute(
            """
            INSERT INTO alert_care_events (workspace, alert_id, kind, at, by_whom, assignee, note)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            workspace,
            alert_id,
            event.kind,
            event.at,
            event.by,
            event.assignee,
            event.note,
        )
