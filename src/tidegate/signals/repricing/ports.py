"""What the doors of recounts need; counting does the work."""

from datetime import datetime
from typing import Protocol

from tidegate.audit import Doer
from tidegate.kernel import Cursor, Page, WorkspaceId
from tidegate.signals.repricing.model import Recount


class Recounts(Protocol):
    """Counts stored telemetry again, under the prices and rules of now. Exact while telemetry comes in."""

    async def begin(
        self, workspace: WorkspaceId, *, reason: str, start: datetime | None, end: datetime | None, by: Doer
    ) -> Recount:
        """Store a recount and record who asked, to be worked off in the background; survives a crash.

        The credential of `by` is looked at again when the work begins.

        Raises:
            ConflictError: one is waiting or running already.
        """
        ...

    async def get_recount(self, workspace: WorkspaceId, recount_id: str) -> Recount:
        """Return one.

        Raises:
            NotFoundError: the workspace has none of this id.
        """
        ...

    async def list_recounts(self, workspace: WorkspaceId, *, limit: int, cursor: Cursor | None) -> Page[Recount]:
        """Return recounts, the newest first."""
        ...
