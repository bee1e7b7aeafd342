"""What the holder of the data directory does to quotas: says how much a workspace may at most."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tidegate.app.operator import acting, refuse_deleted, refuse_unknown
from tidegate.edge.quotas import Quota
from tidegate.identity.acting import deed_of_operator


async def list_ceilings(data_dir: Path, workspace: str) -> dict[Quota, int | None]:
    """Return what the operator set for a workspace; `None`: no limit.

    Raises:
        WorkspaceNotFoundError: there is none.
    """
    async with acting(data_dir, workspace) as (connection, _):
        await refuse_unknown(connection, workspace)
        rows = await connection.fetch("SELECT quota, amount FROM quota_ceilings WHERE workspace = $1", workspace)
    return {Quota(row["quota"]): row["amount"] for row in rows}


async def set_ceilings(
    data_dir: Path, workspace: str, amounts: Mapping[Quota, int | None], *, cleared: frozenset[Quota] = frozenset()
) -> dict[Quota, int | None]:
    """Set what is named (`None`: no limit), let the server's default hold again for what is cleared; return all.

    Raises:
        WorkspaceNotFoundError, WorkspaceDeletedError: there is none.
    """
    async with acting(data_dir, workspace) as (connection, record):
        await refuse_deleted(connection, workspace)
        for quota in cleared:
            await connection.execute(
                "DELETE FROM quota_ceilings WHERE workspace = $1 AND quota = $2", workspace, quota.value
            )
        for quota, amount in amounts.items():
            await connection.execute(
                """
                INSERT INTO quota_ceilings (workspace, quota, amount, set_at) VALUES ($1, $2, $3, $4)
                ON CONFLICT (workspace, quota) DO UPDATE SET amount = $3, set_at = $4
                """,
                workspace,
                quota.value,
                amount,
                datetime.now(UTC),
            )
        words = {quota.value: "none" if amount is None else amount for quota, amount in amounts.items()}
        words |= {quota.value: "default" for quota in cleared}
        await record(deed_of_operator("limits:set", f"workspace/{workspace}", ceilings={**words}))
    return await list_ceilings(data_dir, workspace)
