"""What paging needs, in its own words."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from tidegate.alerts.model import Alert, AlertState
from tidegate.alerts.paging.model import Care, CareEvent, Decision, Hush, Matcher, Member, Routing, Silence, Told
from tidegate.audit import Deed
from tidegate.kernel import AlertId, WorkspaceId
from tidegate.storage import Connection


@dataclass(frozen=True, slots=True)
class Wake:
    """A job that is to run at a moment: at most one unfinished of a workspace, kind and key."""

    kind: str
    key: str
    run_at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 0


class Wakes(Protocol):
    """Adds jobs."""

    async def add(self, connection: Connection, workspace: WorkspaceId, wakes: Sequence[Wake]) -> None:
        """Add in the caller's transaction: with it or not at all; one that waits already moves earlier only."""
        ...


@dataclass(frozen=True, slots=True)
class Channel:
    """Where notices go."""

    id: str
    name: str
    problem: str = ""
    """Why what goes there does not arrive for the moment; empty when it does, as far as is known."""


@dataclass(frozen=True, slots=True)
class Message:
    """One notice for one channel."""

    id: str
    """`msg_…`: the same however often it is sent."""
    channel: Channel
    event: str
    severity: str
    title: str
    lines: tuple[str, ...]
    links: Mapping[str, str]
    dedup_key: str
    data: Mapping[str, Any]


class Courier(Protocol):
    """Sends notices through the channels of a workspace."""

    async def channels(self, workspace: WorkspaceId) -> Mapping[str, Channel]:
        """Return the channels of a workspace by name."""
        ...

    async def enqueue(self, connection: Connection, workspace: WorkspaceId, messages: Sequence[Message]) -> None:
        """Send `messages` when the caller's transaction commits; an id that was given before is not sent again."""
        ...


@dataclass(frozen=True, slots=True)
class StoredRouting:
    """A version of the routing; version 0 when none was applied."""

    version: int
    routing: Routing
    body: bytes
    digest: str
    applied_at: datetime | None
    applied_by: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """An alert in a group: where its labels led it."""

    group_id: str
    group_key: str
    route_id: str
    group_labels: Mapping[str, str]
    member_key: str
    alert_id: AlertId
    labels: Mapping[str, str]
    path: tuple[str, ...]
    due_at: datetime
    """When its group is to be told, if that was told of nothing yet."""
    interval: timedelta
    """How long a group that was told is left alone."""
    is_urgent: bool
    """Whether neither holds it back."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a placement."""

    placement: Placement
    turn: "Turn"
    told: Told
    """What was told of the same labels before, in this group."""


@dataclass(frozen=True, slots=True)
class Turn:
    """When a group is looked at next."""

    group_id: str
    epoch: str
    number: int
    """Counts the times it was looked at: each has a job of its own."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """A group as its row has it."""

    id: str
    epoch: str
    route_id: str
    key: str
    labels: Mapping[str, str]
    started_at: datetime
    next_at: datetime | None
    turn: int
    page_count: int
    last_flushed_at: datetime | None
    last_sent_at: datetime | None
    told_channels: frozenset[str]


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member with the alert that it stands for."""

    key: str
    alert: Alert
    labels: Mapping[str, str]
    path: tuple[str, ...]
    is_firing: bool
    told: Told
    told_first_at: datetime | None
    step_count: int
    reason: str
    care: Care


@dataclass(frozen=True, slots=True)
class MemberAfter:
    """What a flush leaves of a member; `None` of those that leave the group is not written."""

    key: str
    told: Told
    told_first_at: datetime | None
    step_count: int
    reason: str


@dataclass(frozen=True, slots=True)
class PageRow:
    """What was told, as it is kept."""

    id: str
    group_id: str
    group_key: str
    route_id: str
    event: str
    reason: str
    at: datetime
    channels: tuple[str, ...]
    title: str
    alert_count: int
    firing_count: int


@dataclass(frozen=True, slots=True)
class GroupAfter:
    """What a flush leaves of a group."""

    next_at: datetime | None
    page_count: int
    last_sent_at: datetime | None
    told_channels: frozenset[str]
    flushed_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where an alert stands now, in one group."""

    group_id: str
    group_key: str
    group_labels: Mapping[str, str]
    started_at: datetime
    route_id: str
    path: tuple[str, ...]
    next_at: datetime | None
    last_sent_at: datetime | None
    told: Told
    is_firing: bool


@dataclass(frozen=True, slots=True)
class Health:
    """What says that people may not be told although they should."""

    late_group_count: int
    """Groups whose turn is long due."""
    watchdog_due_at: datetime | None
    """When the dead man's switch should have spoken; `None` when it did, or there is none."""
    broken_since: datetime | None
    """Since when rules are not evaluated, as the dead man's switch found."""

    @property
    def is_well(self) -> bool:
        return not self.late_group_count and self.watchdog_due_at is None and self.broken_since is None


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

    async def set_silence(self, workspace: WorkspaceId, silence: Silence, *, deed: Deed) -> None: ...

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


@dataclass(frozen=True, slots=True)
class WatchdogRow:
    version: int
    """Of the routing that asks for it."""
    sequence: int
    next_at: datetime
    sent_at: datetime | None
    broken_since: datetime | None


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
    "SilenceStore",
    "StoredRouting",
    "Turn",
    "Wake",
    "Wakes",
    "WatchdogRow",
    "WatchdogRows",
]
