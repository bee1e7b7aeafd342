"""What objectives need, in their own words."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.kernel import WorkspaceId
from tidegate.slos.burning import BurnLook, BurnSubject
from tidegate.slos.model import Objective, StoredObjective

__all__ = ["BurnListener", "ObjectiveStore"]


class ObjectiveStore(Protocol):
    """Where the objectives of workspaces are kept, every version of them."""

    async def find_all(self, workspace: WorkspaceId) -> Sequence[StoredObjective]:
        """Return the newest versions, by name; removed ones are left out."""
        ...

    async def find_versions(self, workspace: WorkspaceId) -> Mapping[str, int]:
        """Return by name the newest version, removed ones included."""
        ...

    async def add_versions(
        self,
        workspace: WorkspaceId,
        changes: Sequence[tuple[str, int, Objective | None, Deed]],
        *,
        applied_at: datetime,
        applied_by: str,
    ) -> None:
        """Add versions, all or none, each with what is recorded of it; without an objective the name is removed.

        Raises:
            ObjectivesChangedError: there is such a version already; nothing was stored.
        """
        ...

    async def workspaces(self) -> Sequence[WorkspaceId]:
        """Return the workspaces that have, or had, an objective."""
        ...

    async def change_count(self) -> int:
        """Return how often objectives were set, over the whole installation."""
        ...

    async def find_freezes(self, workspace: WorkspaceId) -> Mapping[str, datetime]:
        """Return since when policies freeze, by name of the objective."""
        ...

    async def set_freezes(
        self, workspace: WorkspaceId, *, frozen: Collection[str], lifted: Collection[str], at: datetime
    ) -> None:
        """Remember which policies froze and which were lifted; saying it twice changes nothing."""
        ...


class BurnListener(Protocol):
    """Whoever turns burning budgets into alerts."""

    async def find_open(self) -> Collection[BurnSubject] | None:
        """Return what was told to burn and not told to be over; `None` while another process does the telling."""
        ...

    async def told(self, look: BurnLook) -> None:
        """Take what burns, and how it stands with all that `find_open` returned before the look."""
        ...

    async def release(self) -> None:
        """Let another process tell."""
        ...
