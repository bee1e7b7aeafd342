"""What paging's ports hand over. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tidegate.alerts.model import Alert
from tidegate.alerts.paging.model import Care, Routing, Told
from tidegate.kernel import AlertId

__all__ = [
    "Channel",
    "Group",
    "GroupAfter",
    "GroupMember",
    "Health",
    "MemberAfter",
    "Message",
    "PageRow",
    "Place",
    "Placed",
    "Placement",
    "StoredRouting",
    "Turn",
    "Wake",
    "WatchdogRow",
]


@dataclass(frozen=True, slots=True)
class Wake:
    """A job that is to run at a moment: at most one unfinished of a workspace, kind and key."""

    kind: str
    key: str
    run_at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Channel:
    """Where notices go."""

    id: str
    name: str
    problem: str = ""
    """Why what goes there does not arrive for the moment; empty when it does, as far as is known."""
    address: str = ""
    """The one that it mails to, in lower case; empty where it does not, or to several."""


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
class Turn:
    """When a group is looked at next."""

    group_id: str
    epoch: str
    number: int
    """Counts the times it was looked at: each has a job of its own."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a placement."""

    placement: Placement
    turn: "Turn"
    told: Told
    """What was told of the same labels before, in this group."""


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
    change_due_at: datetime | None = None
    """Until when what is new or over in it waits."""


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
    change_due_at: datetime | None


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


@dataclass(frozen=True, slots=True)
class WatchdogRow:
    version: int
    """Of the routing that asks for it."""
    sequence: int
    next_at: datetime
    sent_at: datetime | None
    broken_since: datetime | None
