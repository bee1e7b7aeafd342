"""What releases need from the state store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.kernel import Cursor, Page, ReleaseId, WorkspaceId
from tidegate.releases.model import Release, ReleaseService


class ReleaseStore(Protocol):
    async def add_release(  # noqa: PLR0913 - one argument a column, and who did it
        self,
        workspace: WorkspaceId,
        release_id: ReleaseId,
        *,
        name: str,
        environment: str,
        services: Sequence[ReleaseService],
        created_at: datetime,
        deed: Deed,
    ) -> bool:
        """Store a new release and record it; return whether the name was free. Of two at once exactly one gets it."""
        ...

    async def find_release(self, workspace: WorkspaceId, name_or_id: str) -> Release | None: ...

    async def find_candidate(self, workspace: WorkspaceId, environment: str) -> Release | None:
        """Return the release of `environment` that was received last."""
        ...

    async def list_releases(self, workspace: WorkspaceId, *, limit: int, cursor: Cursor | None) -> Page[Release]:
        """Return releases, newest first."""
        ...
