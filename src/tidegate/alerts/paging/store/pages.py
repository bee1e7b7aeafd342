"""Groups, their members and what was told of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tidegate.alerts.model import Alert
from tidegate.alerts.paging.model import Care, Decision, DecisionKind, Matcher, Operator, Told
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
from tidegate.kernel import AlertId, IdFactory, WorkspaceId, format_utc
from tidegate.storage import Connection, Database

if TYPE_CHECKING:
    import asyncpg

    Record = asyncpg.Record

__all__ = ["PostgresPageStore"]

Item = TypeVar("Item")

_BATCH: Final = 2_000  # rows of one statement: half a megabyte of JSON each way
_GROUP: Final = """
    id, epoch, route_id, group_key, labels, started_at, next_at, flush_count, page_count, last_flushed_at, last_sent_at,
    told_channels
"""
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

    async def place_in(
        self, connection: Connection, workspace: WorkspaceId, placements: Sequence[Placement], *, now: datetime
    ) -> list[Placed]:
        if not placements:
            return []
        groups = await self._open_groups(connection, workspace, placements, now=now)
        earliest: dict[str, datetime] = {}
        for placement in placements:
            group = groups[placement.group_id]
            due = _due(placement, group.last_sent_at, now)
            earliest[group.id] = min(due, earliest.get(group.id, group.next_at or due), group.next_at or due)
        await _set_next(connection, workspace, {id_: at for id_, at in earliest.items() if at != groups[id_].next_at})
        told: dict[tuple[str, str], Told] = {}
        for batch in _batches(placements):
            told |= await _put_members(connection, workspace, batch, now=now)
        return [
            Placed(
                placement,
                _turn(groups[placement.group_id], earliest[placement.group_id]),
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
        groups = await _lock(connection, workspace, [row["group_id"] for row in found])
        await connection.execute(
            "UPDATE paging_members SET is_firing = false WHERE workspace = $1 AND alert_id = ANY ($2)",
            workspace,
            list(alert_ids),
        )
        earliest: dict[str, datetime] = {}
        for group in groups:
            due = now
            if group.last_sent_at is not None:
                due = max(now, group.last_sent_at + intervals.get(group.route_id, timedelta()))
            earliest[group.id] = min(due, group.next_at or due)
        await _set_next(connection, workspace, earliest)
        return [_turn(group, earliest[group.id]) for group in groups]

    async def hasten_in(
        self, connection: Connection, workspace: WorkspaceId, group_ids: Collection[str] | None, *, now: datetime
    ) -> list[Turn]:
        groups = await _lock(connection, workspace, group_ids)
        # Not before a group that was told of nothing yet is due: its alerts still wait for others.
        late = [group for group in groups if group.last_flushed_at is not None and (group.next_at or now) >= now]
        await _set_next(connection, workspace, {group.id: now for group in late})
        return [_turn(group, now) for group in late]

    async def lock_group_in(self, connection: Connection, workspace: WorkspaceId, group_id: str) -> Group | None:
        found = await _lock(connection, workspace, [group_id])
        return found[0] if found else None

    async def list_members_in(
        self, connection: Connection, workspace: WorkspaceId, group_id: str, *, alert_id: AlertId | None = None
    ) -> list[GroupMember]:
        return [_member(row) for row in await connection.fetch(_MEMBERS, workspace, group_id, alert_id)]

    async def list_memberships_in(self, connection: Connection, workspace: WorkspaceId) -> list[tuple[str, str, bool]]:
        rows = await connection.fetch(
            "SELECT group_id, member_key, is_firing FROM paging_members WHERE workspace = $1", workspace
        )
        return [(row["group_id"], row["member_key"], row["is_firing"]) for row in rows]

    async def remove_members_in(
        self, connection: Connection, workspace: WorkspaceId, members: Sequence[tuple[str, str]]
    ) -> None:
        for batch in _batches(members):
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
        for batch in _batches(members):
            await _set_members(connection, workspace, group.id, batch)
        if after is None:
            await connection.execute(
                "DELETE FROM paging_members WHERE workspace = $1 AND group_id = $2", workspace, group.id
            )
            await connection.execute("DELETE FROM paging_groups WHERE workspace = $1 AND id = $2", workspace, group.id)
            return
        await connection.execute(
            """
            UPDATE paging_groups SET next_at = $3, flush_count = flush_count + 1, page_count = $4,
                last_flushed_at = $5, last_sent_at = $6, told_channels = $7
            WHERE workspace = $1 AND id = $2
            """,
            workspace,
            group.id,
            after.next_at,
            after.page_count,
            after.flushed_at,
            after.last_sent_at,
            sorted(after.told_channels),
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
        for batch in _batches(decisions):
            await connection.execute(
                """
                INSERT INTO paging_decisions (workspace, alert_id, group_id, kind, at, words, cause, channels, path)
                SELECT $1, alert_id, group_id, kind, at, words, cause,
                    ARRAY(SELECT jsonb_array_elements_text(channels)), ARRAY(SELECT jsonb_array_elements_text(path))
                FROM jsonb_to_recordset($2) AS made (alert_id text, group_id text, kind text, at timestamptz,
                    words text, cause text, channels jsonb, path jsonb)
                """,
                workspace,
                [_decision_row(decision) for decision in batch],
            )

    async def list_firing_in(
        self, connection: Connection, workspace: WorkspaceId, *, matchers: Sequence[Matcher] = ()
    ) -> list[Alert]:
        fixed = {each.name: each.value for each in matchers if each.operator is Operator.EQUAL and each.value}
        rows = await connection.fetch(
            f"""
            SELECT {ALERT_COLUMNS} FROM alerts
            WHERE workspace = $1 AND state = 'firing' AND ($2::text IS NULL OR code = $2)
                AND ($3::text IS NULL OR severity = $3) AND ($4::text IS NULL OR service = $4)
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
        for batch in _batches(wanted):
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
        return {group.id: group for group in await _lock(connection, workspace, list(by_id))}


async def _lock(connection: Connection, workspace: WorkspaceId, group_ids: Collection[str] | None) -> list[Group]:
    if group_ids is not None and not group_ids:
        return []
    rows = await connection.fetch(
        f"""
        SELECT {_GROUP} FROM paging_groups
        WHERE workspace = $1 AND ($2::text[] IS NULL OR id = ANY ($2)) ORDER BY id FOR UPDATE
        """,
        workspace,
        None if group_ids is None else list(group_ids),
    )
    return [_group(row) for row in rows]


async def _set_next(connection: Connection, workspace: WorkspaceId, moments: Mapping[str, datetime]) -> None:
    for batch in _batches(sorted(moments.items())):
        await connection.execute(
            """
            UPDATE paging_groups SET next_at = wanted.at FROM unnest($2::text[], $3::timestamptz[]) AS wanted (id, at)
            WHERE workspace = $1 AND paging_groups.id = wanted.id
            """,
            workspace,
            [group_id for group_id, _ in batch],
            [at for _, at in batch],
        )


async def _put_members(
    connection: Connection, workspace: WorkspaceId, placements: Sequence[Placement], *, now: datetime
) -> dict[tuple[str, str], Told]:
    """Write members, and return what was told of those that were there."""
    before = await connection.fetch(
        """
        SELECT group_id, member_key, told FROM paging_members
        WHERE workspace = $1 AND (group_id, member_key) IN (SELECT * FROM unnest($2::text[], $3::text[]))
        """,
        workspace,
        [placement.group_id for placement in placements],
        [placement.member_key for placement in placements],
    )
    await connection.execute(
        """
        INSERT INTO paging_members AS kept (workspace, group_id, member_key, alert_id, labels, path, is_firing, reason)
        SELECT $1, group_id, member_key, alert_id, labels, ARRAY(SELECT jsonb_array_elements_text(path)), true, 'placed'
        FROM jsonb_to_recordset($2) AS wanted (group_id text, member_key text, alert_id text, labels jsonb, path jsonb)
        ON CONFLICT (workspace, group_id, member_key) DO UPDATE SET
            alert_id = excluded.alert_id, labels = excluded.labels, path = excluded.path, is_firing = true,
            reason = 'placed',
            -- Another episode: nobody has had it for long.
            told_first_at = CASE WHEN kept.alert_id = excluded.alert_id THEN kept.told_first_at
                WHEN kept.told = 'firing' THEN $3::timestamptz END,
            step_count = CASE WHEN kept.alert_id = excluded.alert_id THEN kept.step_count ELSE 0 END
        """,
        workspace,
        [
            {
                "group_id": placement.group_id,
                "member_key": placement.member_key,
                "alert_id": placement.alert_id,
                "labels": dict(placement.labels),
                "path": list(placement.path),
            }
            for placement in placements
        ],
        now,
    )
    return {(row["group_id"], row["member_key"]): Told(row["told"]) for row in before}


async def _set_members(
    connection: Connection, workspace: WorkspaceId, group_id: str, members: Sequence[MemberAfter]
) -> None:
    await connection.execute(
        """
        UPDATE paging_members SET told = now.told, told_first_at = now.told_first_at, step_count = now.step_count,
            reason = now.reason
        FROM jsonb_to_recordset($3) AS now (
            key text, told text, told_first_at timestamptz, step_count integer, reason text)
        WHERE workspace = $1 AND group_id = $2 AND member_key = now.key
        """,
        workspace,
        group_id,
        [
            {
                "key": member.key,
                "told": member.told,
                "told_first_at": member.told_first_at and format_utc(member.told_first_at),
                "step_count": member.step_count,
                "reason": member.reason,
            }
            for member in members
        ],
    )


def _due(placement: Placement, last_sent_at: datetime | None, now: datetime) -> datetime:
    if placement.is_urgent:
        return now
    return placement.due_at if last_sent_at is None else max(placement.due_at, last_sent_at + placement.interval)


def _turn(group: Group, at: datetime) -> Turn:
    return Turn(group.id, group.epoch, group.turn, at)


def _batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(items), _BATCH):
        yield list(items[start : start + _BATCH])


def _decision_row(decision: Decision) -> dict[str, Any]:
    return {
        "alert_id": decision.alert_id,
        "group_id": decision.group_id,
        "kind": decision.kind,
        "at": format_utc(decision.at),
        "words": decision.words,
        "cause": decision.cause,
        "channels": list(decision.channels),
        "path": list(decision.path),
    }


def _group(row: "Record") -> Group:
    return Group(
        id=row["id"],
        epoch=row["epoch"],
        route_id=row["route_id"],
        key=row["group_key"],
        labels=row["labels"],
        started_at=row["started_at"],
        next_at=row["next_at"],
        turn=row["flush_count"],
        page_count=row["page_count"],
        last_flushed_at=row["last_flushed_at"],
        last_sent_at=row["last_sent_at"],
        told_channels=frozenset(row["told_channels"]),
    )


def _member(row: "Record") -> GroupMember:
    return GroupMember(
        key=row["member_key"],
        alert=alert_of(row),
        labels=row["own"],
        path=tuple(row["path"]),
        is_firing=row["is_firing"],
        told=Told(row["told"]),
        told_first_at=row["told_first_at"],
        step_count=row["step_count"],
        reason=row["reason"],
        care=Care(row["acknowledged_at"], row["acknowledged_by"], row["assignee"]),
    )
