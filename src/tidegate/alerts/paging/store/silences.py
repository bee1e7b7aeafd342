"""Silences."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tidegate.alerts.paging.model import Matcher, Operator, Silence, Span, TimeInterval
from tidegate.audit import AuditTrail, Deed
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection, Database

if TYPE_CHECKING:
    import asyncpg

    Record = asyncpg.Record

__all__ = ["PostgresSilenceStore"]

_COLUMNS: Final = (
    "id, matchers, reason, starts_at, ends_at, recurring, created_by, created_at, updated_at, people, author"
)
_KINDS: Final = ("minutes", "weekdays", "days_of_month", "months", "years")


class PostgresSilenceStore:
    """Keeps the promises of `SilenceStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def add_silence(self, workspace: WorkspaceId, silence: Silence, *, deed: Deed) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                f"""
                INSERT INTO paging_silences (workspace, {_COLUMNS})
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                """,
                workspace,
                silence.id,
                [_matcher_row(matcher) for matcher in silence.matchers],
                silence.reason,
                silence.starts_at,
                silence.ends_at,
                [_interval_row(interval) for interval in silence.recurring],
                silence.created_by,
                silence.created_at,
                silence.updated_at,
                sorted(silence.people),
                silence.author,
            )
            await self._trail.append(workspace, deed, within=connection)

    async def set_silence(self, workspace: WorkspaceId, silence: Silence, *, before: Silence, deed: Deed) -> bool:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM paging_silences WHERE workspace = $1 AND id = $2 FOR UPDATE",
                workspace,
                silence.id,
            )
            if row is None or _silence(row) != before:
                return False
            await connection.execute(
                """
                UPDATE paging_silences SET matchers = $3, reason = $4, starts_at = $5, ends_at = $6, recurring = $7,
                    updated_at = $8, people = $9, author = $10
                WHERE workspace = $1 AND id = $2
                """,
                workspace,
                silence.id,
                [_matcher_row(matcher) for matcher in silence.matchers],
                silence.reason,
                silence.starts_at,
                silence.ends_at,
                [_interval_row(interval) for interval in silence.recurring],
                silence.updated_at,
                sorted(silence.people),
                silence.author,
            )
            await self._trail.append(workspace, deed, within=connection)
        return True

    async def find_silence(self, workspace: WorkspaceId, silence_id: str) -> Silence | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM paging_silences WHERE workspace = $1 AND id = $2", workspace, silence_id
            )
        return _silence(row) if row else None

    async def list_silences(
        self, workspace: WorkspaceId, *, ending_after: datetime | None, limit: int, after: tuple[datetime, str] | None
    ) -> list[Silence]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_COLUMNS} FROM paging_silences
                WHERE workspace = $1 AND ($2::timestamptz IS NULL OR ends_at > $2)
                    AND ($3::timestamptz IS NULL OR (ends_at, id) < ($3, $4))
                ORDER BY ends_at DESC, id DESC LIMIT $5
                """,
                workspace,
                ending_after,
                *(after or (None, None)),
                limit,
            )
        return [_silence(row) for row in rows]

    async def list_holding_in(self, connection: Connection, workspace: WorkspaceId, now: datetime) -> list[Silence]:
        rows = await connection.fetch(
            f"SELECT {_COLUMNS} FROM paging_silences WHERE workspace = $1 AND ends_at > $2 AND starts_at <= $2",
            workspace,
            now,
        )
        return [_silence(row) for row in rows]


def _matcher_row(matcher: Matcher) -> list[str]:
    return [matcher.name, matcher.operator, matcher.value]


def _interval_row(interval: TimeInterval) -> dict[str, Any]:
    spans = {kind: [[span.first, span.last] for span in getattr(interval, kind)] for kind in _KINDS}
    return {"location": interval.location, **spans}


def _silence(row: "Record") -> Silence:
    return Silence(
        id=row["id"],
        matchers=tuple(Matcher(name, Operator(operator), value) for name, operator, value in row["matchers"]),
        reason=row["reason"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        people=frozenset(row["people"]),
        recurring=tuple(
            TimeInterval(
                **{kind: tuple(Span(*span) for span in interval[kind]) for kind in _KINDS},
                location=interval["location"],
            )
            for interval in row["recurring"]
        ),
        updated_at=row["updated_at"],
        author=row["author"],
    )
