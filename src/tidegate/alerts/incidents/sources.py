"""What is recorded of alerts, as lines of a timeline: read where it stands, each with the id of its record."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from tidegate.alerts.incidents.model import EntryKind, TimelineEntry
from tidegate.alerts.model import Alert
from tidegate.alerts.rows import transition_of
from tidegate.alerts.views import move_view
from tidegate.kernel import WorkspaceId, format_utc
from tidegate.storage import Database

if TYPE_CHECKING:
    import asyncpg

    Record = asyncpg.Record

__all__ = ["PostgresRecords"]

_NOT_TOLD: Final = {
    "silenced": "Not told: silenced", "inhibited": "Not told: inhibited", "muted": "Not told: muted",
    "no_route": "Told to nobody",
}  # fmt: skip
_CARE: Final = {
    "acknowledged": "Alert acknowledged", "assigned": "Alert given to somebody", "noted": "Noted of an alert",
}  # fmt: skip
_TRANSITIONS: Final = """
    SELECT moves.alert_id, moves.sequence, moves.from_state, moves.to_state, moves.at, moves.cause
    FROM alert_transitions moves
    JOIN alerts ON alerts.workspace = moves.workspace AND alerts.id = moves.alert_id
        AND moves.sequence <= alerts.transition_count
    WHERE moves.workspace = $1 AND moves.alert_id = ANY ($2) ORDER BY moves.at, moves.alert_id, moves.sequence LIMIT $3
"""
# Who is told again is not decided anew: a group's pages tell of an alert from the first one until it is over.
_PAGES: Final = """
    WITH decided AS (
        SELECT decisions.cause, decisions.group_id, decisions.alert_id, decisions.at, alerts.resolved_at
        FROM paging_decisions decisions
        JOIN alerts ON alerts.workspace = decisions.workspace AND alerts.id = decisions.alert_id
        WHERE decisions.workspace = $1 AND decisions.alert_id = ANY ($2)
            AND decisions.kind IN ('notified', 'resolved_notified', 'escalated')
    ), told AS (
        SELECT group_id, min(at) AS first_at, max(coalesce(resolved_at, 'infinity')) AS last_at
        FROM decided GROUP BY group_id
    ), counted AS (
        SELECT cause, count(DISTINCT alert_id) AS count FROM decided GROUP BY cause
    )
    SELECT pages.id, pages.event, pages.reason, pages.at, pages.channels, pages.title, counted.count
    FROM paging_pages pages LEFT JOIN counted ON counted.cause = pages.id
    WHERE pages.workspace = $1 AND pages.id IN (
        SELECT cause FROM counted
        UNION ALL
        SELECT others.id FROM told JOIN paging_pages others ON others.workspace = $1
            AND others.group_id = told.group_id AND others.at BETWEEN told.first_at AND told.last_at)
    ORDER BY pages.at, pages.id LIMIT $3
"""
_HUSHED: Final = """
    SELECT * FROM (
        SELECT DISTINCT ON (kind, cause) alert_id, seq, kind, at, words, cause FROM paging_decisions
        WHERE workspace = $1 AND alert_id = ANY ($2) AND kind IN ('silenced', 'inhibited', 'muted', 'no_route')
        ORDER BY kind, cause, seq
    ) AS first ORDER BY at, seq LIMIT $3
"""
_CARED: Final = """
    SELECT alert_id, seq, kind, at, by_whom, assignee, note FROM alert_care_events
    WHERE workspace = $1 AND alert_id = ANY ($2) ORDER BY at, seq LIMIT $3
"""
_SILENCES: Final = """
    SELECT id, reason, created_by, created_at, ends_at FROM paging_silences
    WHERE workspace = $1 AND id IN (
        SELECT cause FROM paging_decisions WHERE workspace = $1 AND alert_id = ANY ($2) AND kind = 'silenced')
    ORDER BY created_at, id LIMIT $3
"""


class PostgresRecords:
    """Keeps the promise of `Records`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_recorded(
        self, workspace: WorkspaceId, alerts: Sequence[Alert], *, limit: int
    ) -> list[TimelineEntry]:
        by_id = {str(alert.id): alert for alert in alerts}
        found: list[TimelineEntry] = []
        async with self._database.transaction(workspace) as connection:
            for statement, entry_of in (
                (_TRANSITIONS, _moved), (_PAGES, _told), (_HUSHED, _hushed), (_CARED, _cared), (_SILENCES, _silence),
            ):  # fmt: skip
                rows = await connection.fetch(statement, workspace, list(by_id), limit)
                found += [entry_of(row, by_id) for row in rows]
        return found


def _moved(row: "Record", alerts: Mapping[str, Alert]) -> TimelineEntry:
    move = move_view(transition_of(row))
    about = _about(alerts[row["alert_id"]])
    source = f"{row['alert_id']}/{row['sequence']}"
    return TimelineEntry(source, EntryKind.ALERT, move.at, move.title, f"{about}: {move.words}", alert=row["alert_id"])


def _told(row: "Record", alerts: Mapping[str, Alert]) -> TimelineEntry:
    many = "" if len(alerts) == 1 or row["count"] is None else f", of {row['count']} of {len(alerts)} alerts"
    title = {"alert.resolved": "Told that it is over", "alert.escalated": "Escalated"}.get(row["event"], "Told")
    words = f"{', '.join(row['channels']) or 'nobody'}: {row['reason']}{many}. {row['title']}"
    return TimelineEntry(row["id"], EntryKind.PAGE, row["at"], title, words)


def _hushed(row: "Record", alerts: Mapping[str, Alert]) -> TimelineEntry:
    words = f"{_about(alerts[row['alert_id']])}: {row['words']}"
    source = f"{row['alert_id']}/decision/{row['seq']}"
    return TimelineEntry(source, EntryKind.NOT_TOLD, row["at"], _NOT_TOLD[row["kind"]], words, alert=row["alert_id"])


def _cared(row: "Record", alerts: Mapping[str, Alert]) -> TimelineEntry:
    whose = f" {row['assignee'] or 'Nobody'} has it." if row["kind"] == "assigned" else ""
    words = f"{_about(alerts[row['alert_id']])}.{whose} {row['note']}".rstrip()
    source = f"{row['alert_id']}/care/{row['seq']}"
    return TimelineEntry(
        source, EntryKind.CARE, row["at"], _CARE[row["kind"]], words, by=row["by_whom"], alert=row["alert_id"]
    )


def _silence(row: "Record", alerts: Mapping[str, Alert]) -> TimelineEntry:
    del alerts
    words = f"Until {format_utc(row['ends_at'])}: {row['reason']}"
    return TimelineEntry(row["id"], EntryKind.SILENCE, row["created_at"], "Silenced", words, by=row["created_by"])


def _about(alert: Alert) -> str:
    tenant = f", tenant {alert.tenant}" if alert.tenant is not None else ""
    return f"{alert.code} on {alert.service or 'a service without a name'}{tenant}"
