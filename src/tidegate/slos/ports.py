"""What objectives need, in their own words."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.kernel import WorkspaceId
from tidegate.slos.burning import BurnLook, BurnSubject
from tidegate.slos.model import Freeze, FreezeException, FreezeMove, FreezeState, Objective, StoredObjective

__all__ = ["BurnListener", "FreezeReader", "FreezeStore", "ObjectiveStore"]


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


class FreezeStore(Protocol):
    """Where it stands what policies froze, and who let a release through."""

    async def find_freezes(self, workspace: WorkspaceId) -> Mapping[str, Freeze]:
        """Return the freezes that are not lifted, by name of the objective."""
        ...

    async def find_exceptions(
        self, workspace: WorkspaceId, *, now: datetime
    ) -> Mapping[str, Sequence[FreezeException]]:
        """Return the exceptions that are not over, by name of the objective."""
        ...

    async def find_history(
        self, workspace: WorkspaceId, name: str, *, limit: int
    ) -> tuple[Sequence[Freeze], Sequence[FreezeException]]:
        """Return the newest freezes and exceptions of an objective."""
        ...

    async def move_freezes(
        self,
        workspace: WorkspaceId,
        *,
        begun: Mapping[str, FreezeMove],
        lifted: Mapping[str, FreezeMove],
        at: datetime,
    ) -> None:
        """Remember which policies froze and which were lifted, and record it; saying it twice changes nothing."""
        ...

    async def add_exception(self, workspace: WorkspaceId, exception: FreezeException, deed: Deed) -> bool:
        """Add an exception with what is recorded of it; return whether there was a freeze to make it from."""
        ...

    async def end_exception(
        self, workspace: WorkspaceId, which: tuple[str, str], *, at: datetime, who: str, deed: Deed
    ) -> bool:
        """End the exception `which` (objective, id); return whether there is one. What is over stays as it ended."""
        ...


class FreezeReader(Protocol):
    """Tells which releases freeze: for gates."""

    async def find_freezes(
        self, workspace: WorkspaceId, services: Collection[str], *, now: datetime
    ) -> Sequence[FreezeState]:
        """Return what the policies of all objectives about `services` say now; none named means all.

        Never raises because budgets cannot be told: then what is frozen stays so, and the rest is unknown.

        Raises:
            UnavailableError: the state store does not answer.
        """
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
