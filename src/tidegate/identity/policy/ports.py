"""What the policy wall needs from others."""

from typing import Protocol

from tidegate.audit import Deed
from tidegate.kernel import WorkspaceId


class DenialLog(Protocol):
    """Records what was refused; an `AuditTrail` is one."""

    async def record(self, workspace: WorkspaceId, deed: Deed) -> None:
        """Record `deed`; it is kept when this returns.

        Raises:
            UnavailableError: the state store does not answer for the moment.
        """
        ...
