"""Freezes as they were: when a policy froze, and when it was lifted."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.storage import Database

__all__ = ["Freeze", "OpenFreeze", "PostgresFreezes"]


@dataclass(frozen=True, slots=True)
class Freeze:
    """One freeze of the policy of one objective."""

    objective: str
    frozen_at: datetime
    lifted_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenFreeze:
    """A freeze that was not lifted."""

    objective: str
    service: str
    frozen_at: datetime
    is_excepted: bool
    """Whether somebody lets releases through for a while."""


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

    async def list_open(self, workspace: WorkspaceId, services: Collection[str], *, now: datetime) -> list[OpenFreeze]:
        """Return the freezes of `services` that were not lifted, by objective."""
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                """
                SELECT frozen.name, frozen.frozen_at, objective.service,
                    EXISTS (
                        SELECT FROM objective_exceptions AS excepted
                        WHERE excepted.workspace = $1 AND excepted.name = frozen.name AND excepted.until > $3
                            AND excepted.granted_at <= $3 AND excepted.ended_at IS NULL) AS is_excepted
                FROM objective_freezes AS frozen
                CROSS JOIN LATERAL (
                    SELECT convert_from(body, 'UTF8')::jsonb #>> '{spec,service}' AS service FROM objectives
                    WHERE workspace = $1 AND name = frozen.name
                    ORDER BY version DESC LIMIT 1) AS objective
                WHERE frozen.workspace = $1 AND frozen.lifted_at IS NULL AND objective.service = ANY ($2)
                ORDER BY frozen.name
                """,
                workspace,
                list(services),
                now,
            )
        return [OpenFreeze(row["name"], row["service"], row["frozen_at"], row["is_excepted"]) for row in rows]
