"""Which waivers count for a release: those in force that its makers did not give."""

from datetime import datetime

from tidegate.gates.model import Waiver
from tidegate.gates.waivers.ports import Makers, WaiverStore
from tidegate.kernel import GateId, ReleaseId, WorkspaceId

__all__ = ["CountingWaivers"]


class CountingWaivers:
    """Keeps the promises of `gates.ports.WaiverReader`.

    A waiver for every release was given when others had made the release of that day: for one that its giver makes
    later it does not count. Who sent the evidence is asked when it is given and not here: else taking evidence away
    could make a waiver count.
    """

    def __init__(self, *, store: WaiverStore, makers: Makers) -> None:
        self._store = store
        self._makers = makers

    async def list_counting(
        self, workspace: WorkspaceId, gate_id: GateId, release_id: ReleaseId, *, now: datetime
    ) -> tuple[Waiver, ...]:
        waivers = await self._store.list_in_force(workspace, gate_id, now=now)
        if not waivers:
            return ()
        makers = await self._makers.find_makers(workspace, release_id=release_id, evidence=())
        return tuple(waiver for waiver in waivers if waiver.given_by not in makers)
