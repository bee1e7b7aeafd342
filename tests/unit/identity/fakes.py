"""Audit trails of tests."""

from tidegate.audit import Deed
from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.storage import Connection


class RecordingTrail:
    """Keeps what it is told, in the transaction that is open; `is_away` makes it fail as a full disk would."""

    def __init__(self) -> None:
        self.deeds: list[tuple[WorkspaceId, Deed]] = []
        self.is_away = False

    async def append(self, workspace: WorkspaceId, deed: Deed, *, within: Connection) -> None:
        if self.is_away:
            raise UnavailableError("The audit cannot be written.")
        assert within.is_in_transaction()
        assert await within.fetchval("SELECT current_workspace()") == workspace
        self.deeds.append((workspace, deed))

    async def record(self, workspace: WorkspaceId, deed: Deed) -> None:
        self.deeds.append((workspace, deed))

    async def record_read(self, workspace: WorkspaceId, deed: Deed) -> None:
        self.deeds.append((workspace, deed))

    def actions(self, workspace: WorkspaceId) -> list[str]:
        return [deed.action for of, deed in self.deeds if of == workspace]
