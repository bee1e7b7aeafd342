"""Gates in the background."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from tidegate.gates.service import GateService
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

__all__ = ["GateRefresher", "workspace_lister"]

_INTERVAL_S = 2.0  # for the record; whoever looks at a gate has it measured then, and pages ask every 1.5 s


def workspace_lister(database: Database) -> Callable[[], Awaitable[list[WorkspaceId]]]:
    """Return what lists the ids of all workspaces."""

    async def list_ids() -> list[WorkspaceId]:
        async with database.across_workspaces() as connection:
            rows = await connection.fetch("SELECT list_active_workspace_ids() AS id")
        return [WorkspaceId(row["id"]) for row in rows]

    return list_ids


class GateRefresher:
    """Measures every gate of every workspace every two seconds and records what changed.

    Any number of processes may run it: the store lets one of two that found the same change record it. A crash loses
    at most the tick that was under way; the next one measures again. A tick that takes longer than that delays the
    next, and ticks never overlap.
    """

    def __init__(
        self, gates: GateService, *, list_workspaces: Callable[[], Awaitable[Collection[WorkspaceId]]]
    ) -> None:
        self._gates = gates
        self._list_workspaces = list_workspaces

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            await self._gates.refresh_all(await self._list_workspaces())
            await asyncio.sleep(_INTERVAL_S)
