"""What waivers need."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from tidegate.audit import Doer
from tidegate.gates.model import Waiver
from tidegate.gates.waivers.model import WaiverFilter
from tidegate.kernel import Cursor, GateId, Page, ReleaseId, WorkspaceId


class WaiverStore(Protocol):
    async def add(self, workspace: WorkspaceId, waiver: Waiver, *, by: Doer) -> None:
        """Store it and record who gave it, both or neither."""
        ...

    async def end(
        self, workspace: WorkspaceId, gate_id: GateId, waiver_id: str, *, ended_at: datetime, by: Doer
    ) -> Waiver:
        """End it before its time, and record who did.

        Raises:
            WaiverNotFoundError: the gate has none of this id.
            WaiverEndedError: somebody ended it before.
        """
        ...

    async def find(self, workspace: WorkspaceId, gate_id: GateId, waiver_id: str) -> Waiver | None: ...

    async def list_in_force(self, workspace: WorkspaceId, gate_id: GateId, *, now: datetime) -> tuple[Waiver, ...]:
        """Return those of a gate that count at `now`."""
        ...

    async def page(
        self, workspace: WorkspaceId, chosen: WaiverFilter, *, now: datetime, limit: int, cursor: Cursor | None
    ) -> Page[Waiver]:
        """Return waivers, newest first."""
        ...


class Makers(Protocol):
    """Knows who made what a release rests on."""

    async def find_makers(
        self, workspace: WorkspaceId, *, release_id: ReleaseId, evidence: Collection[str]
    ) -> frozenset[str]:
        """Return the members who created the release or sent a piece of evidence.

        For a service account or a token, the person who made it as well.
        """
        ...
