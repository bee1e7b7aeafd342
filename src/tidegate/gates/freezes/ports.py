"""What freezes need."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from tidegate.audit import Doer
from tidegate.gates.model import FreezeException, FreezeWindow
from tidegate.kernel import Cursor, Page, ReleaseId, WorkspaceId
from tidegate.releases import Release


class Makers(Protocol):
    async def find_makers(
        self, workspace: WorkspaceId, *, release_id: ReleaseId, evidence: Collection[str]
    ) -> frozenset[str]: ...


class Releases(Protocol):
    async def get(self, workspace: WorkspaceId, name_or_id: str) -> Release: ...

    async def find_candidate(self, workspace: WorkspaceId, environment: str = ...) -> Release | None: ...


class Names(Protocol):
    async def find_name(self, workspace: WorkspaceId, member: str | None) -> str | None: ...


class FreezeStore(Protocol):
    async def add(self, workspace: WorkspaceId, window: FreezeWindow, *, by: Doer) -> None:
        """Store it and record who set it, both or neither."""
        ...

    async def lift(self, workspace: WorkspaceId, freeze_id: str, *, at: datetime, by: Doer) -> FreezeWindow:
        """End it before its time, and record who did.

        Raises:
            FreezeNotFoundError, FreezeOverError: there is none, or none any more.
        """
        ...

    async def find(self, workspace: WorkspaceId, freeze_id: str) -> FreezeWindow | None: ...

    async def page(self, workspace: WorkspaceId, *, limit: int, cursor: Cursor | None) -> Page[FreezeWindow]:
        """Return freezes, newest first."""
        ...

    async def add_exception(
        self, workspace: WorkspaceId, freeze_id: str, exception: FreezeException, *, by: Doer
    ) -> None:
        """Store a request and record who asked, both or neither."""
        ...

    async def accept(self, workspace: WorkspaceId, freeze_id: str, exception: FreezeException, *, by: Doer) -> None:
        """Put it in force and record who accepted, both or neither.

        Raises:
            FreezeExceptionNotOpenError: somebody else was first, or it is over.
        """
        ...
