"""What isolation needs from the state store."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from tidegate.audit import Deed
from tidegate.isolation.model import AuthzRun, AuthzStanding, AuthzSubject
from tidegate.kernel import WorkspaceId


class AuthzRunStore(Protocol):
    async def add_run(  # noqa: PLR0913 - one argument a column, and who did it
        self,
        workspace: WorkspaceId,
        run_id: str,
        *,
        subject: AuthzSubject,
        body: Mapping[str, Any],
        digest: str,
        received_at: datetime,
        deed: Deed,
    ) -> bool:
        """Store a run and record it; return whether its id was free. Of two at once exactly one gets it."""
        ...

    async def find_run(self, workspace: WorkspaceId, run_id: str) -> AuthzRun | None: ...

    async def find_latest_run(
        self, workspace: WorkspaceId, service: str, *, commit: str | None, suite: str | None
    ) -> AuthzRun | None:
        """Return the run received last; `None` for commit or suite means any."""
        ...

    async def list_standings(
        self, workspace: WorkspaceId, service: str, *, commit: str, suite: str | None
    ) -> tuple[AuthzStanding, ...]:
        """Return what counts for each suite at this commit, by suite."""
        ...
