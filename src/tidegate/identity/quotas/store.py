"""Quotas in PostgreSQL."""

from collections.abc import Mapping
from datetime import date
from typing import TypeAlias

import asyncpg

from tidegate.audit import AuditTrail, Deed
from tidegate.edge.quotas import NOTHING_SET, Quota, QuotasSet
from tidegate.identity.quotas.model import Counts, DayQuota, Grant
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection, Database

__all__ = ["PostgresQuotas", "copy_quotas", "read_quotas"]

Writer: TypeAlias = "Connection | asyncpg.Connection[asyncpg.Record]"

_SET = """
    SELECT 'ceiling' AS kind, quota, amount FROM quota_ceilings WHERE workspace = $1
    UNION ALL
    SELECT CASE subject WHEN '' THEN 'own' ELSE 'token' END, quota, amount
    FROM quotas WHERE workspace = $1 AND subject IN ('', $2)
"""
_ROW = "WHERE workspace = $1 AND subject = $2 AND quota = $3 AND day = $4"


async def read_quotas(connection: Connection, workspace: WorkspaceId, token: str = "") -> QuotasSet:
    """Return what is set for a workspace, and for one of its tokens; asked with each look-up of a credential."""
    rows = await connection.fetch(_SET, workspace, token)
    if not rows:
        return NOTHING_SET
    found: dict[str, dict[Quota, int]] = {"ceiling": {}, "own": {}, "token": {}}
    for row in rows:
        found[row["kind"]][Quota(row["quota"])] = row["amount"]
    return QuotasSet(ceilings=found["ceiling"], own=found["own"], token=found["token"])


async def copy_quotas(connection: Writer, workspace: str, token: str, *, to: str) -> None:
    """Set for the token `to`, which takes the place of another, what was set for that."""
    await connection.execute(
        """
        INSERT INTO quotas (workspace, subject, quota, amount, set_at, set_by)
        SELECT workspace, $3, quota, amount, set_at, set_by FROM quotas WHERE workspace = $1 AND subject = $2
        """,
        workspace,
        token,
        to,
    )


class PostgresQuotas:
    """Keeps the promises of `QuotaStore` and `UsageStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def get_set(self, workspace: WorkspaceId, subject: str) -> QuotasSet:
        async with self._database.transaction(workspace) as connection:
            return await read_quotas(connection, workspace, subject)

    async def set_own(
        self, workspace: WorkspaceId, subject: str, changes: Mapping[Quota, int | None], *, by: str, deed: Deed
    ) -> None:
        async with self._database.transaction(workspace) as connection:
            for quota, amount in changes.items():
                if amount is None:
                    await connection.execute(
                        "DELETE FROM quotas WHERE workspace = $1 AND subject = $2 AND quota = $3",
                        workspace,
                        subject,
                        quota,
                    )
                    continue
                await connection.execute(
                    """
                    INSERT INTO quotas (workspace, subject, quota, amount, set_at, set_by)
                    VALUES ($1, $2, $3, $4, now(), $5)
                    ON CONFLICT (workspace, subject, quota) DO UPDATE SET amount = $4, set_at = now(), set_by = $5
                    """,
                    workspace,
                    subject,
                    quota,
                    amount,
                    by,
                )
            await self._trail.append(workspace, deed, within=connection)

    async def get_counts(self, workspace: WorkspaceId, subject: str, *, day: date) -> Counts:
        async with self._database.transaction(workspace) as connection:
            used = await connection.fetch(
                "SELECT quota, used FROM quota_usage WHERE workspace = $1 AND subject = $2 AND day = $3",
                workspace,
                subject,
                day,
            )
            refused = await connection.fetch(
                "SELECT quota, refused FROM quota_refusals WHERE workspace = $1 AND subject = $2", workspace, subject
            )
        return Counts(
            {Quota(row["quota"]): row["used"] for row in used},
            {Quota(row["quota"]): row["refused"] for row in refused},
        )

    async def take(self, workspace: WorkspaceId, of: DayQuota, *, limit: int, least: int, most: int) -> Grant:
        key = (workspace, of.subject, of.quota, of.day)
        async with self._database.transaction(workspace) as connection:
            begun = await connection.fetchval(
                """
                INSERT INTO quota_usage (workspace, subject, quota, day, used) VALUES ($1, $2, $3, $4, 0)
                ON CONFLICT DO NOTHING RETURNING true
                """,
                *key,
            )
            if begun:
                # Yesterday stays: the clock of another process may be behind, and would find all of it free again.
                await connection.execute(
                    """
                    DELETE FROM quota_usage
                    WHERE workspace = $1 AND subject = $2 AND quota = $3 AND day < $4::date - 1
                    """,
                    *key,
                )
            used: int = await connection.fetchval(f"SELECT used FROM quota_usage {_ROW} FOR UPDATE", *key)
            left = max(limit - used, 0)
            if left < least:
                return Grant(0, left)
            amount = min(most, left)
            await connection.execute(f"UPDATE quota_usage SET used = used + $5 {_ROW}", *key, amount)
        return Grant(amount, left - amount)

    async def give_back(self, workspace: WorkspaceId, of: DayQuota, amount: int) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                f"UPDATE quota_usage SET used = greatest(used - $5, 0) {_ROW}",
                workspace,
                of.subject,
                of.quota,
                of.day,
                amount,
            )

    async def add_refusals(self, workspace: WorkspaceId, refused: Mapping[tuple[str, Quota], int]) -> None:
        async with self._database.transaction(workspace) as connection:
            for (subject, quota), count in sorted(refused.items()):  # in one order: two processes wait, none deadlocks
                await connection.execute(
                    """
                    INSERT INTO quota_refusals (workspace, subject, quota, refused) VALUES ($1, $2, $3, $4)
                    ON CONFLICT (workspace, subject, quota) DO UPDATE SET refused = quota_refusals.refused + $4
                    """,
                    workspace,
                    subject,
                    quota,
                    count,
                )
