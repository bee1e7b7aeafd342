"""What paging needs, in its own words."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from tidegate.alerts.model import Alert, AlertState
from tidegate.alerts.paging.model import Care, CareEvent, Decision, Hush, Matcher, Member, OnDuty, Silence
from tidegate.alerts.paging.records import (
    Channel,
    Group,
    GroupAfter,
    GroupMember,
    Health,
    MemberAfter,
    Message,
    PageRow,
    Place,
    Placed,
    Placement,
    StoredRouting,
    Turn,
    Wake,
    WatchdogRow,
)
from tidegate.audit import Deed
from tidegate.kernel import AlertId, WorkspaceId
from tidegate.storage import Connection


class Wakes(Protocol):
    """Adds jobs."""

    async def add(self, connection: Connection, workspace: WorkspaceId, wakes: Sequence[Wake]) -> None:
        """Add in the caller's transaction: with it or not at all; one that waits already moves earlier only."""
        ...


class Courier(Protocol):
    """Sends notices through the channels of a workspace."""

    async def channels(self, workspace: WorkspaceId) -> Mapping[str, Channel]:
        """Return the channels of a workspace by name."""
        ...

    async def enqueue(self, connection: Connection, workspace: WorkspaceId, messages: Sequence[Message]) -> None:
        """Send `messages` when the caller's transaction commits; an id that was given before is not sent again."""
        ...


class TellingListener(Protocol):
    """Is told of groups that are told, where their route says so."""

    async def told(
        self, connection: Connection, workspace: WorkspaceId, *, epoch: str, alerts: Sequence[Alert]
    ) -> None:
        """Write what follows of `alerts`, which fire and were told now, in the transaction of the turn."""
        ...


class Schedules(Protocol):
    """Knows who is on call."""

    async def names(self, workspace: WorkspaceId) -> frozenset[str]: ...

    async def on_duty_in(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        names: Collection[str],
        *,
        channels: Mapping[str, Channel],
        at: datetime,
    ) -> Mapping[str, OnDuty]:
        """Return what each schedule comes to at `at`, by its name: of all that are asked for, known or not."""
        ...


class RoutingStore(Protocol):
    async def find_routing(self, workspace: WorkspaceId) -> StoredRouting: ...

    async def find_routing_in(self, connection: Connection, workspace: WorkspaceId) -> StoredRouting: ...

    async def add_routing(
        self, workspace: WorkspaceId, stored: StoredRouting, *, deed: Deed, wakes: Sequence[Wake]
    ) -> None:
        """Store the next version, its deed and jobs.

        Raises:
            RoutingChangedError: that version is there already.
        """
        ...


class SilenceStore(Protocol):
    async def add_silence(self, workspace: WorkspaceId, silence: Silence, *, deed: Deed) -> None: ...

    async def set_silence(self, workspace: WorkspaceId, silence: Silence, *, before: Silence, deed: Deed) -> bool:
        """Write it with its deed; `False`, and nothing is written, when it is not as `before` any more."""
        ...

    async def find_silence(self, workspace: WorkspaceId, silence_id: str) -> Silence | None: ...

    async def list_silences(
        self, workspace: WorkspaceId, *, ending_after: datetime | None, limit: int, after: tuple[datetime, str] | None
    ) -> list[Silence]:
        """Return silences, the one that ends last first."""
        ...

    async def list_holding_in(self, connection: Connection, workspace: WorkspaceId, now: datetime) -> list[Silence]:
        """Return those that hold at `now`, but for what recurs within them."""
        ...


class CareStore(Protocol):
    async def lock_care_in(
        self, connection: Connection, workspace: WorkspaceId, alert_id: AlertId
    ) -> tuple[str, Care] | None:
        """Return the alert's state and who has it, held until the transaction ends; `None` for an unknown alert."""
        ...

    async def find_care(self, workspace: WorkspaceId, alert_ids: Collection[AlertId]) -> Mapping[AlertId, Care]: ...

    async def list_care_events(self, workspace: WorkspaceId, alert_id: AlertId) -> list[CareEvent]: ...

    async def set_care_in(
        self, connection: Connection, workspace: WorkspaceId, alert_id: AlertId, *, care: Care, event: CareEvent
    ) -> None: ...


class PageStore(Protocol):
    """Groups, members, decisions and pages. What takes a connection writes in the caller's transaction."""

    async def lock_groups_in(self, connection: Connection, workspace: WorkspaceId) -> None:
        """Wait until nobody else changes several groups of the workspace; held until the transaction ends."""
        ...

    async def place_in(
        self, connection: Connection, workspace: WorkspaceId, placements: Sequence[Placement], *, now: datetime
    ) -> list[Placed]:
        """Put firing alerts into their groups, and let those take their turn no later than the alerts ask for."""
        ...

    async def resolve_in(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        alert_ids: Collection[AlertId],
        *,
        now: datetime,
        intervals: Mapping[str, timedelta],
    ) -> list[Turn]:
        """Note that alerts do not fire any more; `intervals` are those of routes. Return the turns to wake for."""
        ...

    async def hasten_in(
        self, connection: Connection, workspace: WorkspaceId, group_ids: Collection[str] | None, *, now: datetime
    ) -> list[Turn]:
        """Let groups, all with `None`, take their turn now."""
        ...

    async def remove_members_in(
        self, connection: Connection, workspace: WorkspaceId, members: Sequence[tuple[str, str]]
    ) -> None:
        """Take members, by group and key, out of their groups."""
        ...

    async def list_memberships_in(self, connection: Connection, workspace: WorkspaceId) -> list[tuple[str, str, bool]]:
        """Return group, key and whether it fires, of all members."""
        ...

    async def add_decisions_in(
        self, connection: Connection, workspace: WorkspaceId, decisions: Sequence[Decision]
    ) -> None: ...

    async def lock_group_in(self, connection: Connection, workspace: WorkspaceId, group_id: str) -> Group | None: ...

    async def list_members_in(
        self, connection: Connection, workspace: WorkspaceId, group_id: str, *, alert_id: AlertId | None = None
    ) -> list[GroupMember]: ...

    async def set_flushed_in(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        group: Group,
        *,
        after: GroupAfter | None,
        members: Sequence[MemberAfter],
        gone: Sequence[str],
    ) -> None:
        """Store what a flush leaves; `after` is `None` for a group that is over."""
        ...

    async def add_pages_in(self, connection: Connection, workspace: WorkspaceId, pages: Sequence[PageRow]) -> None: ...

    async def list_firing_in(
        self, connection: Connection, workspace: WorkspaceId, *, matchers: Sequence[Matcher] = ()
    ) -> list[Alert]:
        """Return alerts that fire; `matchers` may leave out some that do not fit."""
        ...

    async def list_decisions(self, workspace: WorkspaceId, alert_id: AlertId, *, limit: int) -> list[Decision]: ...

    async def list_places(self, workspace: WorkspaceId, alert_id: AlertId) -> list[Place]: ...

    async def list_places_in(
        self, connection: Connection, workspace: WorkspaceId, alert_id: AlertId
    ) -> list[Place]: ...

    async def health(self, workspace: WorkspaceId, *, late_at: datetime) -> Health: ...

    async def list_pages(
        self, workspace: WorkspaceId, *, channel: str | None, limit: int, after: tuple[datetime, str] | None
    ) -> list[PageRow]: ...


class WatchdogRows(Protocol):
    async def lock_watchdog_in(self, connection: Connection, workspace: WorkspaceId) -> WatchdogRow | None: ...

    async def set_watchdog_in(
        self, connection: Connection, workspace: WorkspaceId, row: WatchdogRow | None
    ) -> None: ...

    async def evaluated_at_in(self, connection: Connection, workspace: WorkspaceId) -> datetime | None:
        """Return when all rules were evaluated last."""
        ...


__all__ = [
    "AlertState",
    "CareStore",
    "Channel",
    "Courier",
    "Group",
    "GroupAfter",
    "GroupMember",
    "Health",
    "Hush",
    "Member",
    "MemberAfter",
    "Message",
    "PageRow",
    "PageStore",
    "Place",
    "Placed",
    "Placement",
    "RoutingStore",
    "Schedules",
    "SilenceStore",
    "StoredRouting",
    "TellingListener",
    "Turn",
    "Wake",
    "Wakes",
    "WatchdogRow",
    "WatchdogRows",
]
