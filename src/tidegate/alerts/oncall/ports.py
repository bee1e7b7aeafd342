"""What schedules need, in their own words."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tidegate.alerts.oncall.model import Reading, Roster, Schedule
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


class Reader(Protocol):
    """Reads a schedule where others keep it."""

    async def read(self, workspace: WorkspaceId, schedule: Schedule, *, now: datetime) -> Roster:
        """Return the shifts around `now`.

        Raises:
            ScheduleUnreadError: nothing was read; the message says why.
        """
        ...


class Uses(Protocol):
    """Who rests on schedules."""

    async def is_used_in(self, connection: Connection, workspace: WorkspaceId, name: str) -> bool:
        """Return whether routes name it, held so until the transaction ends."""
        ...


@dataclass(frozen=True, slots=True)
class Recipient:
    """A channel."""

    id: str
    name: str


class Announcer(Protocol):
    """Tells people of schedules themselves."""

    async def audience(self, workspace: WorkspaceId, name: str) -> Sequence[Recipient]:
        """Return the channels that routes fall back to where nobody is known to be on call by this schedule.

        Asked before a transaction, not in it; so is `reachable`.
        """
        ...

    async def reachable(self, workspace: WorkspaceId) -> Sequence[Recipient]:
        """Return all channels: of those who were told before, some may be no more."""
        ...

    async def announce(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        schedule: Schedule,
        *,
        to: Sequence[Recipient],
        now: datetime,
        is_removed: bool = False,
    ) -> None:
        """Tell them, in the caller's transaction, that it is stale since `told_stale_at`, or is no more."""
        ...


class Farewell(Protocol):
    """What follows from the end of a schedule."""

    async def __call__(self, connection: Connection, schedule: Schedule, /) -> None: ...


class ScheduleStore(Protocol):
    async def set_schedule(self, workspace: WorkspaceId, schedule: Schedule, *, before: str | None, deed: Deed) -> None:
        """Write it with the roster that it has, its deed, and the job that reads it.

        Raises:
            ScheduleChangedError: it is not of the revision `before` any more, or there is one (`None`) by now.
            ScheduleLimitError: there are too many.
        """
        ...

    async def delete_schedule(
        self, workspace: WorkspaceId, name: str, *, uses: Uses, deed: Deed, farewell: Farewell
    ) -> bool:
        """Delete it with its secret, and take leave in the same transaction; false, and nothing done, without one.

        Raises:
            ScheduleInUseError: routes name it.
        """
        ...

    async def find_schedule(self, workspace: WorkspaceId, name: str) -> Schedule | None: ...

    async def list_schedules(self, workspace: WorkspaceId) -> Sequence[Schedule]:
        """Return all of them by name, without files: there are few."""
        ...

    async def list_named_in(
        self, connection: Connection, workspace: WorkspaceId, names: Collection[str]
    ) -> Sequence[Schedule]: ...

    async def lock_schedule_in(self, connection: Connection, workspace: WorkspaceId, name: str) -> Schedule | None: ...

    async def set_reading_in(
        self, connection: Connection, workspace: WorkspaceId, schedule: Schedule, reading: Reading, *, next_at: datetime
    ) -> None:
        """Write what a try came to, and add the job of the next one, in the caller's transaction."""
        ...
