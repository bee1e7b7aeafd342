"""Routings in versions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import asyncpg

from tidegate.alerts.paging.errors import RoutingChangedError
from tidegate.alerts.paging.model import NO_ROUTING, Routing
from tidegate.alerts.paging.ports import StoredRouting, Wake, Wakes
from tidegate.alerts.paging.routing_files import routing_of
from tidegate.audit import AuditTrail, Deed
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection, Database

if TYPE_CHECKING:
    Record = asyncpg.Record

__all__ = ["PostgresRoutingStore"]

_MAX_KEPT: Final = 1_000  # compiled routings in memory; one takes some ten kilobytes
_NONE: Final = StoredRouting(0, NO_ROUTING, b"", "", None)


class PostgresRoutingStore:
    """Keeps the promises of `RoutingStore`. A version never changes, so one that was read once is kept in memory."""

    def __init__(self, database: Database, trail: AuditTrail, wakes: Wakes) -> None:
        self._database = database
        self._trail = trail
        self._wakes = wakes
        self._kept: dict[tuple[WorkspaceId, int], StoredRouting] = {}

    async def find_routing(self, workspace: WorkspaceId) -> StoredRouting:
        async with self._database.transaction(workspace) as connection:
            return await self.find_routing_in(connection, workspace)

    async def find_routing_in(self, connection: Connection, workspace: WorkspaceId) -> StoredRouting:
        version = await connection.fetchval("SELECT max(version) FROM paging_routings WHERE workspace = $1", workspace)
        if version is None:
            return _NONE
        kept = self._kept.get((workspace, version))
        if kept is None:
            row = await connection.fetchrow(
                """
                SELECT version, body, digest, applied_at, applied_by FROM paging_routings
                WHERE workspace = $1 AND version = $2
                """,
                workspace,
                version,
            )
            assert row is not None  # noqa: S101 - versions are never deleted
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            kept = self._kept[workspace, version] = StoredRouting(
                row["version"], _routing(row), row["body"], row["digest"], row["applied_at"], row["applied_by"]
            )
        return kept

    async def add_routing(
        self, workspace: WorkspaceId, stored: StoredRouting, *, deed: Deed, wakes: Sequence[Wake]
    ) -> None:
        async with self._database.transaction(workspace) as connection:
            try:
                await connection.execute(
                    """
                    INSERT INTO paging_routings (workspace, version, body, digest, applied_at, applied_by)
                    VALUES ($1, $2, $3, $4, $5, $6)
                    """,
                    workspace,
                    stored.version,
                    stored.body,
                    stored.digest,
                    stored.applied_at,
                    stored.applied_by,
                )
            except asyncpg.UniqueViolationError as error:
                raise RoutingChangedError from error
            await self._wakes.add(connection, workspace, wakes)
            await self._trail.append(workspace, deed, within=connection)


def _routing(row: "Record") -> Routing:
    return routing_of(row["body"])
