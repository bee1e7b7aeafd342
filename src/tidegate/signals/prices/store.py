"""Prices of workspaces in PostgreSQL."""

import json
from datetime import datetime

import asyncpg

from tidegate.audit import AuditTrail, Deed
from tidegate.kernel import WorkspaceId, digest_of
from tidegate.signals.prices.errors import PricesChangedError
from tidegate.signals.prices.model import NO_OVERRIDES, Overrides, PriceEntry
from tidegate.signals.prices.price_files import body_of, entries_of
from tidegate.storage import Database


class PostgresPriceStore:
    """Keeps the promises of `PriceStore` and `PriceChanges`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def find_overrides(self, workspace: WorkspaceId) -> Overrides:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                """
                SELECT version, body, digest, applied_at FROM price_overrides
                WHERE workspace = $1 ORDER BY version DESC LIMIT 1
                """,
                workspace,
            )
        if row is None:
            return NO_OVERRIDES
        return Overrides(row["version"], row["digest"], entries_of(json.loads(row["body"])), row["applied_at"])

    async def add_overrides(
        self, workspace: WorkspaceId, entries: tuple[PriceEntry, ...], *, version: int, applied_at: datetime, deed: Deed
    ) -> Overrides:
        body = body_of(entries)
        async with self._database.transaction(workspace) as connection:
            try:
                await connection.execute(
                    """
                    INSERT INTO price_overrides (workspace, version, body, digest, applied_at)
                    VALUES ($1, $2, $3, $4, $5)
                    """,
                    workspace,
                    version,
                    body,
                    digest_of(body),
                    applied_at,
                )
            except asyncpg.UniqueViolationError as error:
                raise PricesChangedError from error
            await connection.execute("UPDATE price_changes SET change_count = change_count + 1")
            await self._trail.append(workspace, deed, within=connection)
        return Overrides(version, digest_of(body), entries, applied_at)

    async def change_count(self) -> int:
        async with self._database.across_workspaces() as connection:
            return int(await connection.fetchval("SELECT change_count FROM price_changes"))
