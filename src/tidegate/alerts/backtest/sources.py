"""Paging's own stores behind the port of trying rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tidegate.alerts.paging.model import Routing, Silence
from tidegate.alerts.paging.ports import RoutingStore, SilenceStore
from tidegate.kernel import WorkspaceId

__all__ = ["StoredPaging"]

_MOST_SILENCES: Final = 2_000


class StoredPaging:
    """Keeps the promises of `PagingNow`."""

    def __init__(self, *, routings: RoutingStore, silences: SilenceStore) -> None:
        self._routings = routings
        self._silences = silences

    async def routing(self, workspace: WorkspaceId) -> Routing:
        return (await self._routings.find_routing(workspace)).routing

    async def silences(self, workspace: WorkspaceId, *, ending_after: datetime) -> Sequence[Silence]:
        return await self._silences.list_silences(
            workspace, ending_after=ending_after, limit=_MOST_SILENCES, after=None
        )
