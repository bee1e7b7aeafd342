"""What receiving alerts needs of the state store."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from tidegate.alerts.alertmanager.model import Labels
from tidegate.alerts.model import Alert, Change, Outside
from tidegate.kernel import AlertId, WorkspaceId
from tidegate.storage import Connection

__all__ = ["OutsideStore"]


class OutsideStore(Protocol):
    """Open alerts of other tools. All of it happens in the caller's transaction."""

    async def lock_in(self, connection: Connection, workspace: WorkspaceId) -> None:
        """Wait until nobody else moves alerts from outside in the workspace; held until the transaction ends."""
        ...

    async def list_open_in(
        self, connection: Connection, workspace: WorkspaceId, labels: Collection[Labels]
    ) -> Mapping[Labels, Alert]:
        """Return the open alerts of these label sets."""
        ...

    async def count_open_in(self, connection: Connection, workspace: WorkspaceId) -> int: ...

    async def list_unheard_in(self, connection: Connection, workspace: WorkspaceId, now: datetime) -> list[Alert]:
        """Return open alerts whose end has come."""
        ...

    async def next_end_in(self, connection: Connection, workspace: WorkspaceId) -> datetime | None:
        """Return when the next open alert ends unless it is sent again."""
        ...

    async def set_outside_in(
        self, connection: Connection, workspace: WorkspaceId, said: Sequence[tuple[AlertId, Outside]]
    ) -> None:
        """Store what was said of open alerts that do not move."""
        ...

    async def add_changes_in(self, connection: Connection, workspace: WorkspaceId, changes: Sequence[Change]) -> None:
        """Store how alerts moved, and tell who listens."""
        ...
