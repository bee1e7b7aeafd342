"""Incidents in PostgreSQL."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tidegate.alerts.incidents.model import (
    EventKind,
    Incident,
    IncidentEvent,
    IncidentId,
    IncidentSeverity,
    IncidentState,
    Span,
    SplitBy,
    Statistics,
    StatisticsGroup,
)
from tidegate.alerts.incidents.ports import IncidentFilter
from tidegate.alerts.model import Alert
from tidegate.alerts.rows import ALERT_COLUMNS, alert_of
from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.storage import Connection, Database

if TYPE_CHECKING:
    import asyncpg

    Record = asyncpg.Record

__all__ = ["PostgresIncidentStore"]

_FIXED: Final = ("id", "opened_at", "opened_by", "group_epoch")
_MOVING: Final = (
    "title", "severity", "state", "commander", "started_at", "acknowledged_at", "mitigated_at", "resolved_at",
    "changed_at", "reopened_count", "sequence", "codes", "services", "tenants", "alert_count",
)  # fmt: skip
_COLUMNS: Final = ", ".join(_FIXED + _MOVING)
_INSERT: Final = f"""
    INSERT INTO incidents (workspace, {_COLUMNS})
    VALUES ($1, {", ".join(f"${number}" for number in range(2, 2 + len(_FIXED + _MOVING)))})
"""
_UPDATE: Final = f"""
    UPDATE incidents SET {", ".join(f"{name} = ${number}" for number, name in enumerate(_MOVING, 3))}
    WHERE workspace = $1 AND id = $2
"""
_LIST: Final = f"""
    SELECT {_COLUMNS} FROM incidents
    WHERE workspace = $1 AND ($2::text[] IS NULL OR state = ANY ($2)) AND ($3::text IS NULL OR severity = $3)
        AND ($4::text IS NULL OR $4 = ANY (services)) AND ($5::text IS NULL OR $5 = ANY (tenants))
        AND ($6::text IS NULL OR $6 = ANY (codes)) AND ($7::text IS NULL OR commander = $7)
        AND ($8::text IS NULL OR id IN (
            SELECT incident_id FROM incident_alerts WHERE workspace = $1 AND alert_id = $8))
        AND ($9::timestamptz IS NULL OR (opened_at, id) < ($9, $10))
    ORDER BY opened_at DESC, id DESC LIMIT $11
"""
_KEYS: Final[Mapping[SplitBy | None, str]] = {
    None: "NULL::text",
    SplitBy.SEVERITY: "severity",
    SplitBy.COMMANDER: "commander",
    SplitBy.SERVICE: "unnest(services)",
    SplitBy.TENANT: "unnest(tenants)",
    SplitBy.CODE: "unnest(codes)",
}


class PostgresIncidentStore:
    """Keeps the promises of `IncidentStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lock_in(self, connection: Connection, workspace: WorkspaceId) -> None:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 28))", f"incidents {workspace}")

    async def find_alerts_in(
        self, connection: Connection, workspace: WorkspaceId, alert_ids: Collection[str]
    ) -> list[Alert]:
        rows = await connection.fetch(
            f"SELECT {ALERT_COLUMNS} FROM alerts WHERE workspace = $1 AND id = ANY ($2)", workspace, list(alert_ids)
        )
        return [alert_of(row) for row in rows]

    async def list_group_alerts_in(self, connection: Connection, workspace: WorkspaceId, group_id: str) -> list[str]:
        rows = await connection.fetch(
            "SELECT DISTINCT alert_id FROM paging_members WHERE workspace = $1 AND group_id = $2 AND is_firing",
            workspace,
            group_id,
        )
        return [row["alert_id"] for row in rows]

    async def find_holders_in(
        self, connection: Connection, workspace: WorkspaceId, alert_ids: Collection[str]
    ) -> Mapping[str, IncidentId]:
        rows = await connection.fetch(
            """
            SELECT held.alert_id, held.incident_id FROM incident_alerts held
            JOIN incidents ON incidents.workspace = held.workspace AND incidents.id = held.incident_id
            WHERE held.workspace = $1 AND held.alert_id = ANY ($2) AND incidents.state <> 'resolved'
            ORDER BY held.alert_id
            """,
            workspace,
            list(alert_ids),
        )
        return {row["alert_id"]: IncidentId(row["incident_id"]) for row in rows}

    async def list_alert_ids_in(
        self, connection: Connection, workspace: WorkspaceId, incident_id: IncidentId
    ) -> list[str]:
        rows = await connection.fetch(
            "SELECT alert_id FROM incident_alerts WHERE workspace = $1 AND incident_id = $2", workspace, incident_id
        )
        return [row["alert_id"] for row in rows]

    async def count_open_alerts_in(
        self, connection: Connection, workspace: WorkspaceId, incident_id: IncidentId
    ) -> int:
        found: int = await connection.fetchval(
            """
            SELECT count(*) FROM incident_alerts held
            JOIN alerts ON alerts.workspace = held.workspace AND alerts.id = held.alert_id
            WHERE held.workspace = $1 AND held.incident_id = $2 AND alerts.state <> 'resolved'
            """,
            workspace,
            incident_id,
        )
        return found

    async def find_epoch_in(self, connection: Connection, workspace: WorkspaceId, epoch: str) -> Incident | None:
        row = await connection.fetchrow(
            f"SELECT {_COLUMNS} FROM incidents WHERE workspace = $1 AND group_epoch = $2 FOR UPDATE", workspace, epoch
        )
        return None if row is None else _incident_of(row)

    async def find_incident_in(
        self, connection: Connection, workspace: WorkspaceId, incident_id: str
    ) -> Incident | None:
        row = await connection.fetchrow(
            f"SELECT {_COLUMNS} FROM incidents WHERE workspace = $1 AND id = $2 FOR UPDATE", workspace, incident_id
        )
        return None if row is None else _incident_of(row)

    async def add_in(
        self, connection: Connection, workspace: WorkspaceId, incident: Incident, event: IncidentEvent
    ) -> None:
        await connection.execute(_INSERT, workspace, *_values(incident, _FIXED + _MOVING))
        await _append(connection, workspace, event)

    async def set_in(
        self, connection: Connection, workspace: WorkspaceId, incident: Incident, event: IncidentEvent
    ) -> None:
        await connection.execute(_UPDATE, workspace, incident.id, *_values(incident, _MOVING))
        await _append(connection, workspace, event)

    async def add_alerts_in(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        incident_id: IncidentId,
        *,
        alert_ids: Collection[str],
        at: datetime,
    ) -> None:
        await connection.execute(
            """
            INSERT INTO incident_alerts (workspace, incident_id, alert_id, added_at)
            SELECT $1, $2, alert_id, $4 FROM unnest($3::text[]) AS added (alert_id)
            """,
            workspace,
            incident_id,
            sorted(alert_ids),
            at,
        )

    async def find_incident(self, workspace: WorkspaceId, incident_id: str) -> Incident | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM incidents WHERE workspace = $1 AND id = $2", workspace, incident_id
            )
        return None if row is None else _incident_of(row)

    async def list_incidents(
        self, workspace: WorkspaceId, which: IncidentFilter, *, limit: int, after: tuple[datetime, str] | None
    ) -> list[Incident]:
        states = None if which.states is None else sorted(which.states)
        wanted = (states, which.severity, which.service, which.tenant, which.code, which.commander, which.alert)
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(_LIST, workspace, *wanted, *(after or (None, None)), limit)
        return [_incident_of(row) for row in rows]

    async def list_alerts(self, workspace: WorkspaceId, incident_id: IncidentId) -> list[Alert]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {ALERT_COLUMNS} FROM alerts
                WHERE workspace = $1
                    AND id IN (SELECT alert_id FROM incident_alerts WHERE workspace = $1 AND incident_id = $2)
                ORDER BY since, id
                """,
                workspace,
                incident_id,
            )
        return [alert_of(row) for row in rows]

    async def list_events(self, workspace: WorkspaceId, incident_id: IncidentId) -> list[IncidentEvent]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT sequence, kind, at, by_whom, note, details FROM incident_events
                WHERE workspace = $1 AND incident_id = $2 ORDER BY sequence
                """,
                workspace,
                incident_id,
            )
        return [
            IncidentEvent(
                incident_id, row["sequence"], EventKind(row["kind"]), row["at"], row["by_whom"], row["note"],
                row["details"],
            )
            for row in rows
        ]  # fmt: skip

    async def list_alike(self, workspace: WorkspaceId, incident: Incident, *, limit: int) -> list[Incident]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_COLUMNS} FROM incidents
                WHERE workspace = $1 AND (opened_at, id) < ($2, $3)
                    AND (codes && $4 OR services && $5 OR tenants && $6)
                ORDER BY opened_at DESC, id DESC LIMIT $7
                """,
                workspace,
                incident.opened_at,
                incident.id,
                list(incident.codes),
                list(incident.services),
                list(incident.tenants),
                limit,
            )
        return [_incident_of(row) for row in rows]

    async def statistics(
        self, workspace: WorkspaceId, window: TimeRange, *, by: SplitBy | None, limit: int
    ) -> Statistics:
        async with self._database.transaction(workspace) as connection:
            whole = await connection.fetchrow(_statistics(None), workspace, window.start, window.end, 1)
            rows = (
                []
                if by is None
                else await connection.fetch(_statistics(by), workspace, window.start, window.end, limit)
            )
        groups = tuple(map(_group_of, rows))
        left_off = rows[0]["group_count"] - len(rows) if rows else 0
        none = StatisticsGroup(None, 0, 0, 0, Span(0, None, None), Span(0, None, None))
        return Statistics(window.start, window.end, none if whole is None else _group_of(whole), groups, left_off)


def _statistics(by: SplitBy | None) -> str:
    """Return the statement; a time is that of an incident, so one of several services counts in each of them."""
    return f"""
        WITH found AS (
            SELECT {_KEYS[by]} AS key, state,
                extract(epoch FROM acknowledged_at - started_at)::double precision AS acknowledged_s,
                extract(epoch FROM resolved_at - started_at)::double precision AS resolved_s
            FROM incidents WHERE workspace = $1 AND opened_at >= $2 AND opened_at < $3
        )
        SELECT key, count(*) AS count, count(*) OVER () AS group_count,
            count(*) FILTER (WHERE state <> 'resolved') AS open_count,
            count(*) FILTER (WHERE acknowledged_s IS NULL) AS unacknowledged_count,
            count(acknowledged_s) AS acknowledged_count, avg(acknowledged_s) AS acknowledged_mean,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY acknowledged_s) AS acknowledged_p50,
            count(resolved_s) AS resolved_count, avg(resolved_s) AS resolved_mean,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY resolved_s) AS resolved_p50
        FROM found GROUP BY key ORDER BY count(*) DESC, key LIMIT $4
    """


def _group_of(row: "Record") -> StatisticsGroup:
    return StatisticsGroup(
        key=row["key"],
        count=row["count"],
        open_count=row["open_count"],
        unacknowledged_count=row["unacknowledged_count"],
        acknowledgement=Span(row["acknowledged_count"], row["acknowledged_p50"], row["acknowledged_mean"]),
        resolution=Span(row["resolved_count"], row["resolved_p50"], row["resolved_mean"]),
    )


def _values(incident: Incident, names: tuple[str, ...]) -> list[Any]:
    values = [getattr(incident, name) for name in names]
    return [list(value) if isinstance(value, tuple) else value for value in values]


def _incident_of(row: "Record") -> Incident:
    values = dict(row)
    return Incident(
        **values
        | {
            "state": IncidentState(values["state"]),
            "severity": IncidentSeverity(values["severity"]),
            **{name: tuple(values[name]) for name in ("codes", "services", "tenants")},
        }
    )


async def _append(connection: Connection, workspace: WorkspaceId, event: IncidentEvent) -> None:
    await connection.execute(
        """
        INSERT INTO incident_events (workspace, incident_id, sequence, kind, at, by_whom, note, details)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        workspace,
        event.incident,
        event.sequence,
        event.kind,
        event.at,
        event.by,
        event.note,
        dict(event.details),
    )
