"""What erasing needs: the rows, and a place that remembers what is to be erased."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.kernel import WorkspaceId
from tidegate.telemetry.erasures.model import Erasure, Found, Target


class ErasedRows(Protocol):
    """Telemetry as erasing sees it. Every method raises `UnavailableError` while the engine does not answer."""

    async def count(self, workspace: WorkspaceId, target: Target) -> Found:
        """Return how much of it is stored."""
        ...

    async def seconds_of(self, workspace: WorkspaceId, target: Target, *, after: int, limit: int) -> list[int]:
        """Return seconds later than `after` in which rows of it lie, the earliest first."""
        ...

    async def counted_with(self, workspace: WorkspaceId, target: Target, seconds: Sequence[int]) -> set[int]:
        """Return seconds whose runs have parts in `seconds` that will be erased: they change too."""
        ...

    async def delete(self, workspace: WorkspaceId, target: Target, seconds: Sequence[int]) -> None:
        """Delete its rows in these seconds; on return no reader sees them. May be repeated."""
        ...

    async def free(self) -> None:
        """Have the engine take what was deleted off the disk, in the background."""
        ...

    async def find_late(self, workspace: WorkspaceId, targets: Collection[Target], *, since: datetime) -> set[Target]:
        """Return those of `targets` of which rows came in after `since`."""
        ...


class ErasureStore(Protocol):
    """Remembers erasures, and touches the seconds that they change."""

    async def add(self, workspace: WorkspaceId, erasure: Erasure, *, deed: Deed) -> Erasure:
        """Keep `erasure` and record it; when one of the same subject is running, return that one instead."""
        ...

    async def find(self, workspace: WorkspaceId, erasure_id: str) -> Erasure | None: ...

    async def list_newest(self, workspace: WorkspaceId, *, limit: int) -> list[Erasure]: ...

    async def list_open_workspaces(self) -> list[WorkspaceId]:
        """Return where something is running or held."""
        ...

    async def list_held(self, workspace: WorkspaceId) -> list[Erasure]: ...

    async def claim(self, workspace: WorkspaceId, *, holder: str, now: datetime, until: datetime) -> Erasure | None:
        """Return a running erasure that nobody else works on, and keep it for `holder`; `None` when there is none."""
        ...

    async def announce(self, workspace: WorkspaceId, erasure: Erasure, seconds: Collection[int]) -> None:
        """Write, before rows are deleted, that these seconds will change."""
        ...

    async def confirm(
        self, workspace: WorkspaceId, erasure: Erasure, *, done: int, holder: str, until: datetime
    ) -> Erasure:
        """Write, after rows were deleted, that the announced seconds may be counted, and how far it is.

        Raises:
            ConflictError: another process took it over.
        """
        ...

    async def finish(self, workspace: WorkspaceId, erasure: Erasure, *, at: datetime, holder: str) -> None:
        """Write that its rows are gone, and hold it."""
        ...

    async def refuse(self, workspace: WorkspaceId, erasure: Erasure, *, why: str, at: datetime, holder: str) -> None:
        """Write that it was not begun, and is not to be, and why."""
        ...

    async def reopen(self, workspace: WorkspaceId, erasure_ids: Collection[str]) -> None:
        """Have held erasures run again: copies came in. One whose subject is being erased already is left as it is."""
        ...

    async def end_holds(self, workspace: WorkspaceId, *, now: datetime) -> None:
        """Write of those that were held long enough that they are over."""
        ...
