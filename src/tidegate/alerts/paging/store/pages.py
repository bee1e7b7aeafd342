"""Groups, their members and what was told of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from tidegate.alerts.model import Alert
from tidegate.alerts.paging.model import Decision, DecisionKind, Matcher, Operator, Told
from tidegate.alerts.paging.ports import (
    Group,
    GroupAfter,
    GroupMember,
    Health,
    MemberAfter,
    PageRow,
    Place,
    Placed,
    Placement,
    Turn,
)
from tidegate.alerts.paging.store.alerts import ALERT_COLUMNS, alert_of
from tidegate.alerts.paging.store.rows import (
    batches,
    decision_row,
    due_of,
    lock_groups,
    member_of,
    put_members,
    set_members,
    set_next,
    turn_of,
)
from tidegate.kernel import AlertId, IdFactory, WorkspaceId
from tidegate.storage import Connection, Database

if TYPE_CHECKING:
    import asyncpg

    Record = asyncpg.Record

__all__ = ["PostgresPageStore"]

_TURN_WAITS: Final = "200ms"  # well below PostgreSQL's deadlock_timeout of 1 s, well above what a placing takes
_MEMBERS: Final = f"""
    SELECT {", ".join(f"alerts.{name.strip()}" for name in ALERT_COLUMNS.split(","))}, m.member_key, m.labels AS own,
        m.path, m.is_firing, m.told, m.told_first_at, m.step_count, m.reason,
        care.acknowledged_at, care.acknowledged_by, care.assignee
    FROM paging_members m
    JOIN alerts ON alerts.workspace = m.workspace AND alerts.id = m.alert_id
    LEFT JOIN alert_care care ON care.workspace = m.workspace AND care.alert_id = m.alert_id
    WHERE m.workspace = $1 AND m.group_id = $2 AND ($3::text IS NULL OR m.alert_id = $3)
    ORDER BY alerts.severity, alerts.since, alerts.id
"""


class PostgresPageStore:
    """Keeps the promises of `PageStore`."""

    def __init__(self, database: Database, ids: IdFactory) -> None:
        self._database = database
        self._ids = ids

    async def lock_groups_in(self, connection: Connection, workspace: WorkspaceId) -> None:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 24))", f"paging {workspace}")

    async def place_in(
        self, connection: Connection, workspace: WorkspaceId, placements: Sequence[Placement], *, now: datetime
    ) -> list[Placed]:
        if not placements:
            return []
        groups = await self._open_groups(connection, workspace, placements, now=now)
        due: dict[str, datetime] = {}
        for placement in placements:
            own = due_of(placement, groups[placement.group_id].last_sent_at, now)
            due[placement.group_id] = min(own, due.get(placement.group_id, own))
        turns = await _hasten(connection, workspace, groups.values(), due)
        told: dict[tuple[str, str], Told] = {}
        for batch in batches(placements):
            told |= await put_members(connection, workspace, batch, now=now)
        return [
            Placed(
                placement,
                turns[placement.group_id],
                told.get((placement.group_id, placement.member_key), Told.NOTHING),
            )
            for placement in placements
        ]

    async def resolve_in(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        alert_ids: Collection[AlertId],
        *,
        now: datetime,
        intervals: Mapping[str, timedelta],
    ) -> list[Turn]:
        found = await connection.fetch(
            "SELECT DISTINCT group_id FROM paging_members WHERE workspace = $1 AND alert_id = ANY ($2)",
            workspace,
            list(alert_ids),
        )
        groups = await lock_groups(connection, workspace, [row["group_id"] for row in found])
        await connection.execute(
            "UPDATE paging_members SET is_firing = false WHERE workspace = $1 AND alert_id = ANY ($2)",
            workspace,
            list(alert_ids),
        )
        due = {
            group.id: now
            if group.last_sent_at is None
            else max(now, group.last_sent_at + intervals.get(group.route_id, timedelta()))
            for group in groups
        }
        return list((await _hasten(connection, workspace, groups, due)).values())

    async def hasten_in(
        self, connection: Connection, workspace: WorkspaceId, group_ids: Collection[str] | None, *, now: datetime
    ) -> list[Turn]:
        groups = await lock_groups(connection, workspace, group_ids)
        await set_next(connection, workspace, {group.id: (now, group.change_due_at) for group in groups})
        return [turn_of(group, now) for group in groups]

    async def lock_group_in(self, connection: Connection, workspace: WorkspaceId, group_id: str) -> Group | None:
        # A turn holds its job already. Whoever holds the group may be about to wake that job: waiting for each other
        # for a second would roll them back, with all the alerts that they write. A turn is soon taken again.
        await connection.execute("SELECT set_config('lock_timeout', $1, true)", _TURN_WAITS)
        found = await lock_groups(connection, workspace, [group_id])
        await connection.execute("SET LOCAL lock_timeout TO DEFAULT")
        return found[0] if found else None

    async def list_members_in(
        self, connection: Connection, workspace: WorkspaceId, group_id: str, *, alert_id: AlertId | None = None
    ) -> list[GroupMember]:
        return [member_of(row) for row in await connection.fetch(_MEMBERS, workspace, group_id, alert_id)]

    async def list_memberships_in(self, connection: Connection, workspace: WorkspaceId) -> list[tuple[str, str, bool]]:
        rows = await connection.fetch(
            "SELECT group_id, member_key, is_firing FROM paging_members WHERE workspace = $1", workspace
        )
        return [(row["group_id"], row["member_key"], row["is_firing"]) for row in rows]

    async def remove_members_in(
        self, connection: Connection, workspace: WorkspaceId, members: Sequence[tuple[str, str]]
    ) -> None:
        for batch in batches(members):
            await connection.execute(
                """
                DELETE FROM paging_members USING unnest($2::text[], $3::text[]) AS gone (id, key)
                WHERE workspace = $1 AND group_id = gone.id AND member_key = gone.key
                """,
                workspace,
                [group for group, _ in batch],
                [key for _, key in batch],
            )

    async def set_flushed_in(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        group: Group,
        *,
        after: GroupAfter | None,
        members: Sequence[MemberAfter],
        gone: Sequence[str],
    ) -> None:
        await self.remove_members_in(connection, workspace, [(group.id, key) for key in gone])
        for batch in batches(members):
            await set_members(connection, workspace, group.id, batch)
        if after is None:
            await connection.execute(
                "DELETE FROM paging_members WHERE workspace = $1 AND group_id = $2", workspace, group.id
            )
            await connection.execute("DELETE FROM paging_groups WHERE workspace = $1 AND id = $2", workspace, group.id)
            return
        await connection.execute(
            """
            UPDATE paging_groups SET next_at = $3, flush_count = flush_count + 1, page_count = $4,
                last_flushed_at = $5, last_sent_at = $6, told_channels = $7, change_due_at = $8
            WHERE workspace = $1 AND id = $2
            """,
            workspace,
            group.id,
            after.next_at,
            after.page_count,
            after.flushed_at,
            after.last_sent_at,
            sorted(after.told_channels),
            after.change_due_at,
        )

    async def add_pages_in(self, connection: Connection, workspace: WorkspaceId, pages: Sequence[PageRow]) -> None:
        await connection.executemany(
            """
            INSERT INTO paging_pages (workspace, id, group_id, group_key, route_id, event, reason, at, channels, title,
                alert_count, firing_count)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            """,
            [
                (workspace, page.id, page.group_id, page.group_key, page.route_id, page.event, page.reason, page.at,
                 list(page.channels), page.title, page.alert_count, page.firing_count)
                for page in pages
            ],
        )  # fmt: skip

    async def add_decisions_in(
        self, connection: Connection, workspace: WorkspaceId, decisions: Sequence[Decision]
    ) -> None:
        for batch in batches(decisions):
            await connection.execute(
                """
                INSERT INTO paging_decisions (workspace, alert_id, group_id, kind, at, words, cause, channels, path)
                SELECT $1, alert_id, group_id, kind, at, words, cause,
                    ARRAY(SELECT jsonb_array_elements_text(channels)), ARRAY(SELECT jsonb_array_elements_text(path))
                FROM jsonb_to_recordset($2) AS made (alert_id text, group_id text, kind text, at timestamptz,
                    words text, cause text, channels jsonb, path jsonb)
                """,
                workspace,
                [decision_row(decision) for decision in batch],
            )

    async def list_firing_in(
        self, connection: Connection, workspace: WorkspaceId, *, matchers: Sequence[Matcher] = ()
    ) -> list[Alert]:
        fixed = {each.name: each.value for each in matchers if each.operator is Operator.EQUAL and each.value}
        rows = await connection.fetch(
            f"""
            SELECT {ALERT_COLUMNS} FROM alerts
            WHERE workspace = $1 AND state = 'firing' AND ($2::text IS NULL OR code = $2)
                AND ($3::text IS NULL OR severity = $3 OR origin = 'outside') AND ($4::text IS NULL OR service = $4)
                AND ($5::text IS NULL OR tenant = $5)
            ORDER BY since DESC, id DESC
            """,
            workspace,
            *(fixed.get(name) for name in ("alertname", "severity", "service", "tenant")),
        )
        return [alert_of(row) for row in rows]

    async def list_decisions(self, workspace: WorkspaceId, alert_id: AlertId, *, limit: int) -> list[Decision]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT group_id, kind, at, words, cause, channels, path FROM paging_decisions
                WHERE workspace = $1 AND alert_id = $2 ORDER BY seq DESC LIMIT $3
                """,
                workspace,
                alert_id,
                limit,
            )
        return [
            Decision(
                alert_id, row["group_id"], DecisionKind(row["kind"]), row["at"], row["words"], row["cause"],
                tuple(row["channels"]), tuple(row["path"]),
            )
            for row in reversed(rows)
        ]  # fmt: skip

    async def list_places(self, workspace: WorkspaceId, alert_id: AlertId) -> list[Place]:
        async with self._database.transaction(workspace) as connection:
            return await self.list_places_in(connection, workspace, alert_id)

    async def list_places_in(self, connection: Connection, workspace: WorkspaceId, alert_id: AlertId) -> list[Place]:
        rows = await connection.fetch(
            """
            SELECT g.id, g.group_key, g.labels, g.started_at, g.route_id, m.path, g.next_at, g.last_sent_at, m.told,
                m.is_firing
            FROM paging_members m JOIN paging_groups g ON g.workspace = m.workspace AND g.id = m.group_id
            WHERE m.workspace = $1 AND m.alert_id = $2 ORDER BY g.id
            """,
            workspace,
            alert_id,
        )
        return [
            Place(
                row["id"], row["group_key"], row["labels"], row["started_at"], row["route_id"], tuple(row["path"]),
                row["next_at"], row["last_sent_at"], Told(row["told"]), row["is_firing"],
            )
            for row in rows
        ]  # fmt: skip

    async def health(self, workspace: WorkspaceId, *, late_at: datetime) -> Health:
        async with self._database.transaction(workspace) as connection:
            late = await connection.fetchval(
                "SELECT count(*) FROM paging_groups WHERE workspace = $1 AND next_at < $2", workspace, late_at
            )
            row = await connection.fetchrow(
                "SELECT next_at, broken_since FROM paging_watchdogs WHERE workspace = $1", workspace
            )
        due_at = row["next_at"] if row and row["next_at"] < late_at else None
        return Health(late, due_at, row["broken_since"] if row else None)

    async def list_pages(
        self, workspace: WorkspaceId, *, channel: str | None, limit: int, after: tuple[datetime, str] | None
    ) -> list[PageRow]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT id, group_id, group_key, route_id, event, reason, at, channels, title, alert_count, firing_count
                FROM paging_pages
                WHERE workspace = $1 AND ($2::text IS NULL OR $2 = ANY (channels))
                    AND ($3::timestamptz IS NULL OR (at, id) < ($3, $4))
                ORDER BY at DESC, id DESC LIMIT $5
                """,
                workspace,
                channel,
                *(after or (None, None)),
                limit,
            )
        return [PageRow(**{**dict(row), "channels": tuple(row["channels"])}) for row in rows]

    async def _open_groups(
        self, connection: Connection, workspace: WorkspaceId, placements: Sequence[Placement], *, now: datetime
    ) -> dict[str, Group]:
        by_id = {placement.group_id: placement for placement in placements}
        wanted = [
            {
                "id": placement.group_id,
                "epoch": self._ids.new_id("epo"),
                "route_id": placement.route_id,
                "group_key": placement.group_key,
                "labels": dict(placement.group_labels),
            }
            for _, placement in sorted(by_id.items())
        ]
        for batch in batches(wanted):
            await connection.execute(
                """
                INSERT INTO paging_groups (workspace, id, epoch, route_id, group_key, labels, started_at)
                SELECT $1, id, epoch, route_id, group_key, labels, $3
                FROM jsonb_to_recordset($2) AS wanted (id text, epoch text, route_id text, group_key text, labels jsonb)
                ORDER BY id ON CONFLICT (workspace, id) DO NOTHING
                """,
                workspace,
                batch,
                now,
            )
        return {group.id: group for group in await lock_groups(connection, workspace, list(by_id))}


async def _hasten(
    connection: Connection, workspace: WorkspaceId, groups: Iterable[Group], due: Mapping[str, datetime]
) -> dict[str, Turn]:
    """Let locked groups tell what is new or over in them when that is due, if they would not before."""
    moments: dict[str, tuple[datetime, datetime | None]] = {}
    turns: dict[str, Turn] = {}
    for group in groups:
        change_due_at = min(due[group.id], group.change_due_at or due[group.id])
        next_at = min(change_due_at, group.next_at or change_due_at)
        moments[group.id] = (next_at, change_due_at)
        turns[group.id] = turn_of(group, next_at)
    await set_next(connection, workspace, moments)
    return turns
