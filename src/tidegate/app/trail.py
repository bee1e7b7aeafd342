"""The audit trail of an installation that keeps none."""

from tidegate.audit import Deed
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection

__all__ = ["NoTrail"]


class NoTrail:
    """An `AuditTrail` that records nothing."""

    async def append(self, workspace: WorkspaceId, deed: Deed, *, within: Connection) -> None:
        pass

    async def record(self, workspace: WorkspaceId, deed: Deed) -> None:
        pass
