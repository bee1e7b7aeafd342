"""Releases in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from asyncpg import Record

from tidegate.audit import AuditTrail, Deed
from tidegate.kernel import (
    Cursor,
    InvalidInputError,
    Page,
    ReleaseId,
    TimeRange,
    WorkspaceId,
    decode_cursor,
    encode_cursor,
)
from tidegate.releases.model import Release, ReleaseService
from tidegate.storage import Database

_COLUMNS = """
    r.id, r.name, r.environment, r.services, r.created_at, r.seq,
    r.seq = (SELECT max(c.seq) FROM releases c WHERE c.workspace = r.workspace AND c.environment = r.environment)
        AS is_candidate
"""


class PostgresReleaseStore:
    """Keeps the promises of `ReleaseStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def add_release(  # noqa: PLR0913 - one argument a column, and who did it
        self,
        workspace: WorkspaceId,
        release_id: ReleaseId,
        *,
        name: str,
        environment: str,
        services: Sequence[ReleaseService],
        created_at: datetime,
        deed: Deed,
    ) -> bool:
        async with self._database.transaction(workspace) as connection:
            added = await connection.fetchval(
                """
                INSERT INTO releases (workspace, id, name, environment, services, created_at)
                VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace, name) DO NOTHING RETURNING true
                """,
                workspace,
                release_id,
                name,
                environment,
                [_row_of(service) for service in services],
                created_at,
            )
            if added:
                await self._trail.append(workspace, deed, within=connection)
        return bool(added)

    async def find_release(self, workspace: WorkspaceId, name_or_id: str) -> Release | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM releases r WHERE r.workspace = $1 AND (r.id = $2 OR r.name = $2)",
                workspace,
                name_or_id,
            )
        return None if row is None else _release_of(row)

    async def find_candidate(self, workspace: WorkspaceId, environment: str) -> Release | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"""
                SELECT {_COLUMNS} FROM releases r
                WHERE r.workspace = $1 AND r.environment = $2 ORDER BY r.seq DESC LIMIT 1
                """,
                workspace,
                environment,
            )
        return None if row is None else _release_of(row)

    async def list_releases(self, workspace: WorkspaceId, *, limit: int, cursor: Cursor | None) -> Page[Release]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_COLUMNS} FROM releases r
                WHERE r.workspace = $1 AND ($2::bigint IS NULL OR r.seq < $2) ORDER BY r.seq DESC LIMIT $3
                """,
                workspace,
                _sequence_of(cursor),
                limit + 1,
            )
        items = tuple(_release_of(row) for row in rows[:limit])
        return Page(items, encode_cursor(str(rows[limit - 1]["seq"])) if len(rows) > limit else None)

    async def list_created(self, workspace: WorkspaceId, window: TimeRange, *, limit: int) -> list[Release]:
        """Return releases created within `window`, the oldest first."""
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_COLUMNS} FROM releases r
                WHERE r.workspace = $1 AND r.created_at >= $2 AND r.created_at < $3
                ORDER BY r.created_at, r.seq LIMIT $4
                """,
                workspace,
                window.start,
                window.end,
                limit,
            )
        return [_release_of(row) for row in rows]


def _sequence_of(cursor: Cursor | None) -> int | None:
    if cursor is None:
        return None
    key = decode_cursor(cursor)
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor")
    return int(key)


def _row_of(service: ReleaseService) -> dict[str, str]:
    return {name: value for name, value in asdict(service).items() if value is not None}


def _release_of(row: Record) -> Release:
    return Release(
        id=ReleaseId(row["id"]),
        name=row["name"],
        environment=row["environment"],
        services=tuple(ReleaseService(**service) for service in row["services"]),
        created_at=row["created_at"],
        is_candidate=row["is_candidate"],
    )
