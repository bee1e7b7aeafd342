"""What others ask of the audit."""

from typing import Protocol

from tidegate.audit.model import Deed
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection


class AuditTrail(Protocol):
    """Records deeds, each exactly once, in the order in which they were committed."""

    async def append(self, workspace: WorkspaceId, deed: Deed, *, within: Connection) -> None:
        """Record `deed` in a transaction of `workspace` that is open: both are committed, or neither.

        Call it last: it holds the workspace's chain until the transaction ends.

        Raises:
            UnavailableError: the state store does not answer for the moment.
        """
        ...

    async def record(self, workspace: WorkspaceId, deed: Deed) -> None:
        """Record `deed` by itself, together with what others record meanwhile; it is committed when this returns.

        Raises:
            UnavailableError: the state store does not answer for the moment; nothing was recorded, or it is not known.
        """
        ...
