"""What sending to Alertmanagers needs, in its own words."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from tidegate.alerts.forwarding.model import Target
from tidegate.alerts.model import Alert
from tidegate.audit import Deed
from tidegate.egress import Answer
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection


class Calling(Protocol):
    """Calls other machines over HTTP; `egress` keeps it."""

    def check(self, url: str, *, field: str | None = None) -> None: ...

    async def call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer: ...


class TargetStore(Protocol):
    """Keeps Alertmanagers; each write is committed together with what is recorded of it."""

    async def set_target(self, workspace: WorkspaceId, target: Target, *, before: str | None, deed: Deed) -> None:
        """Write it, its deed, and the job that sends to it.

        Raises:
            AlertmanagerChangedError: it is not of the revision `before` any more, or there is one (`None`) by now.
            AlertmanagerLimitError: there are too many.
        """
        ...

    async def delete_target(self, workspace: WorkspaceId, name: str, *, deed: Deed) -> bool: ...

    async def list_targets(self, workspace: WorkspaceId) -> Sequence[Target]: ...

    async def find_target(self, workspace: WorkspaceId, name: str) -> Target | None: ...

    async def lock_target_in(self, connection: Connection, workspace: WorkspaceId, name: str) -> Target | None: ...

    async def list_sent(self, workspace: WorkspaceId, *, now: datetime) -> list[Alert]:
        """Return alerts that fire, and those that are just over; none from outside."""
        ...

    async def set_tried_in(self, connection: Connection, workspace: WorkspaceId, target: Target) -> None:
        """Write what a turn came to, in the caller's transaction."""
        ...

    async def add_job_in(self, connection: Connection, workspace: WorkspaceId, target: Target, *, at: datetime) -> None:
        """Let the next turn come at `at`, or earlier when it was to."""
        ...
