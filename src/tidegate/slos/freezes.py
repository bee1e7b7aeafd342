"""Freezes as they were: when a policy froze, and when it was lifted."""

from dataclasses import dataclass
from datetime import datetime

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.storage import Database

__all__ = ["Freeze", "PostgresFreezes"]


@dataclass(frozen=True, slots=True)
class Freeze:
    """One freeze of the policy of one objective."""

    objective: str
    frozen_at: datetime
    lifted_at: datetime | None


class PostgresFreezes:
    """Reads what the watch over objectives remembered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_freezes(self, workspace: WorkspaceId, window: TimeRange, *, limit: int) -> list[Freeze]:
        """Return freezes that began or were lifted within `window`, the oldest first."""
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT name, frozen_at, lifted_at FROM objective_freezes
                WHERE workspace = $1 AND ((frozen_at >= $2 AND frozen_at < $3) OR (lifted_at >= $2 AND lifted_at < $3))
                ORDER BY frozen_at, name LIMIT $4
                """,
                workspace,
                window.start,
                window.end,
                limit,
            )
        return [Freeze(row["name"], row["frozen_at"], row["lifted_at"]) for row in rows]
