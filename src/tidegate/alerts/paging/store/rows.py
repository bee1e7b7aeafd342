"""Rows of groups and members, and the statements that several ways of changing them share."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tidegate.alerts.paging.model import Care, Decision, Told
from tidegate.alerts.paging.records import Group, GroupMember, MemberAfter, Placement, Turn
from tidegate.alerts.paging.store.alerts import alert_of
from tidegate.kernel import WorkspaceId, format_utc
from tidegate.storage import Connection

if TYPE_CHECKING:
    import asyncpg

    Record = asyncpg.Record

__all__ = [
    "batches", "decision_row", "due_of", "group_of", "lock_groups", "member_of", "put_members", "set_members",
    "set_next", "turn_of",
]  # fmt: skip

Item = TypeVar("Item")

_BATCH: Final = 2_000  # rows of one statement: half a megabyte of JSON each way
_GROUP: Final = """
    id, epoch, route_id, group_key, labels, started_at, next_at, flush_count, page_count, last_flushed_at, last_sent_at,
    told_channels, change_due_at
"""


async def lock_groups(connection: Connection, workspace: WorkspaceId, group_ids: Collection[str] | None) -> list[Group]:
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
    return [group_of(row) for row in rows]


async def set_next(
    connection: Connection, workspace: WorkspaceId, moments: Mapping[str, tuple[datetime, datetime | None]]
) -> None:
    """Set when groups take their turn, and until when what is new in them waits."""
    for batch in batches(sorted(moments.items())):
        await connection.execute(
            """
            UPDATE paging_groups SET next_at = wanted.at, change_due_at = wanted.due
            FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) AS wanted (id, at, due)
            WHERE workspace = $1 AND paging_groups.id = wanted.id
            """,
            workspace,
            [group_id for group_id, _ in batch],
            [at for _, (at, _) in batch],
            [due for _, (_, due) in batch],
        )


async def put_members(
    connection: Connection, workspace: WorkspaceId, placements: Sequence[Placement], *, now: datetime
) -> dict[tuple[str, str], Told]:
    """Write members, and return what was told of those that were there."""
    rows = await connection.fetch(
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
        RETURNING group_id, member_key, told -- which stays as it was
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
    return {(row["group_id"], row["member_key"]): Told(row["told"]) for row in rows}


async def set_members(
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


def due_of(placement: Placement, last_sent_at: datetime | None, now: datetime) -> datetime:
    if placement.is_urgent:
        return now
    return placement.due_at if last_sent_at is None else max(placement.due_at, last_sent_at + placement.interval)


def turn_of(group: Group, at: datetime) -> Turn:
    return Turn(group.id, group.epoch, group.turn, at)


def batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(items), _BATCH):
        yield list(items[start : start + _BATCH])


def decision_row(decision: Decision) -> dict[str, Any]:
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


def group_of(row: "Record") -> Group:
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
        change_due_at=row["change_due_at"],
    )


def member_of(row: "Record") -> GroupMember:
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
