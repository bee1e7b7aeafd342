"""Prometheus sources in PostgreSQL."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import asyncpg

from tidegate.audit import AuditTrail, Deed
from tidegate.kernel import WorkspaceId
from tidegate.prom_sources.errors import PromSourceChangedError, PromSourceLimitError
from tidegate.prom_sources.model import MAX_SOURCES, Source
from tidegate.storage import Connection, Database

if TYPE_CHECKING:
    Record = asyncpg.Record

__all__ = ["PostgresSources"]

_COLUMNS: Final = "name, url, user_name, secret, revision, created_at, changed_at, changed_by"


class PostgresSources:
    """Keeps the promises of `SourceStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def set_source(self, workspace: WorkspaceId, source: Source, *, before: str | None, deed: Deed) -> None:
        try:
            async with self._database.transaction(workspace) as connection:
                await self._write(connection, workspace, source, before)
                await self._trail.append(workspace, deed, within=connection)
        except asyncpg.UniqueViolationError as error:
            raise PromSourceChangedError from error

    async def delete_source(self, workspace: WorkspaceId, name: str, *, deed: Deed) -> bool:
        async with self._database.transaction(workspace) as connection:
            done = await connection.fetchval(
                "DELETE FROM prometheus_sources WHERE workspace = $1 AND name = $2 RETURNING true", workspace, name
            )
            if done:
                await self._trail.append(workspace, deed, within=connection)
        return bool(done)

    async def list_sources(self, workspace: WorkspaceId) -> Sequence[Source]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"SELECT {_COLUMNS} FROM prometheus_sources WHERE workspace = $1 ORDER BY name", workspace
            )
        return [_source_of(row) for row in rows]

    async def find_source(self, workspace: WorkspaceId, name: str) -> Source | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM prometheus_sources WHERE workspace = $1 AND name = $2", workspace, name
            )
        return None if row is None else _source_of(row)

    async def _write(self, connection: Connection, workspace: WorkspaceId, source: Source, before: str | None) -> None:
        values = (
            workspace, source.name, source.url, source.user, source.secret, source.revision, source.changed_at,
            source.changed_by,
        )  # fmt: skip
        if before is None:
            # Whoever adds one at the same moment waits here: both would count the same.
            await connection.execute("SELECT FROM workspaces WHERE id = $1 FOR NO KEY UPDATE", workspace)
            count = await connection.fetchval("SELECT count(*) FROM prometheus_sources WHERE workspace = $1", workspace)
            if count >= MAX_SOURCES:
                raise PromSourceLimitError
            await connection.execute(
                """
                INSERT INTO prometheus_sources (workspace, name, url, user_name, secret, revision, changed_at,
                    changed_by, created_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7)
                """,
                *values,
            )
            return
        done = await connection.fetchval(
            """
            UPDATE prometheus_sources SET url = $3, user_name = $4, secret = $5, revision = $6, changed_at = $7,
                changed_by = $8
            WHERE workspace = $1 AND name = $2 AND revision = $9 RETURNING true
            """,
            *values,
            before,
        )
        if not done:
            raise PromSourceChangedError


def _source_of(row: "Record") -> Source:
    return Source(
        name=row["name"],
        url=row["url"],
        revision=row["revision"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
        user=row["user_name"],
        secret=row["secret"],
    )
