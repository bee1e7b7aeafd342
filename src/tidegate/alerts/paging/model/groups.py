"""When a group of alerts is told, what of it, and why what is not told is not. Pure: the same state, the same answer.

The rules are Alertmanager's, with three differences that only make it more exact: what was hushed is told at the moment
at which its silence or mute ends instead of an interval later; a repetition comes at its time, not at the next turn
after it; what somebody acknowledged is not repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tidegate.alerts.paging.model.routing import EscalationStep, Timing

__all__ = [
    "Escalation",
    "Flush",
    "GroupState",
    "Hush",
    "HushKind",
    "Member",
    "Page",
    "PageReason",
    "Plan",
    "Told",
    "decide",
]


class Told(StrEnum):
    """What the last page of its group said of an alert."""

    NOTHING = "nothing"
    FIRING = "firing"
    RESOLVED = "resolved"


class HushKind(StrEnum):
    """Why an alert is not told although its group is."""

    MUTED = "muted"
    SILENCED = "silenced"
    INHIBITED = "inhibited"


@dataclass(frozen=True, slots=True)
class Hush:
    kind: HushKind
    by: str
    """Id of the silence or alert, name of the interval."""
    until: datetime | None = None
    """When to look again, if that is known; the next interval of the group else."""


class PageReason(StrEnum):
    """Why a group is told now; on the wire of webhooks as `notification_reason`."""

    FIRST = "first notification"
    NEW_ALERTS = "new alerts in group"
    NEW_RESOLVED = "new resolved alerts in group"
    ALL_RESOLVED = "all alerts resolved"
    REPEAT = "repeat interval elapsed"
    NEW_CHANNEL = "new channel"


@dataclass(frozen=True, slots=True)
class Member:
    """One alert of a group, by its labels: an episode that follows another one of the same labels takes its place."""

    key: str
    is_firing: bool
    told: Told = Told.NOTHING
    hush: Hush | None = None
    is_acknowledged: bool = False
    told_first_at: datetime | None = None
    """When it was first told as firing in this episode."""
    step_count: int = 0
    """Steps of escalation that it has behind it."""


@dataclass(frozen=True, slots=True)
class GroupState:
    last_sent_at: datetime | None = None
    """When it was told last; `None` before the first page."""
    told_channels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Page:
    """What is told: these members, as they stand."""

    reason: PageReason
    keys: frozenset[str]
    channels: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether all channels of the route get it."""
        return self.reason is not PageReason.NEW_CHANNEL


@dataclass(frozen=True, slots=True)
class Escalation:
    step: int
    """From 1."""
    channels: tuple[str, ...]
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Flush:
    """What one turn of a group comes to."""

    pages: tuple[Page, ...]
    escalations: tuple[Escalation, ...]
    next_at: datetime | None
    """When its next turn is, if nothing happens before; `None`: it is empty or waits for a change alone."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the route of a group asks for."""

    channels: tuple[str, ...]
    timing: Timing
    escalate: tuple[EscalationStep, ...] = ()
    send_resolved: bool = True


def decide(members: Sequence[Member], state: GroupState, plan: Plan, *, now: datetime) -> Flush:
    """Return what to tell of a group at `now`. Resolved members leave the group afterwards, told or not."""
    heard = [member for member in members if member.hush is None]
    pages = _pages(members, heard, state, plan, now)
    whole = next((page for page in pages if page.is_whole), None)
    escalations = _escalations(heard, plan, now)
    last_sent_at = now if whole is not None else state.last_sent_at
    return Flush(pages, escalations, _next_at(members, plan, whole, last_sent_at, now))


def _pages(
    members: Sequence[Member], heard: Sequence[Member], state: GroupState, plan: Plan, now: datetime
) -> tuple[Page, ...]:
    if not plan.channels:
        return ()
    reason = _reason(members, heard, state, plan, now)
    firing = frozenset(member.key for member in heard if member.is_firing)
    if reason is not None:
        resolved = (
            frozenset(member.key for member in heard if not member.is_firing) if plan.send_resolved else frozenset()
        )
        return (Page(reason, firing | resolved, plan.channels),)
    late = tuple(channel for channel in plan.channels if channel not in state.told_channels)
    return (Page(PageReason.NEW_CHANNEL, firing, late),) if late and firing and state.last_sent_at else ()


def _reason(
    members: Sequence[Member], heard: Sequence[Member], state: GroupState, plan: Plan, now: datetime
) -> PageReason | None:
    firing = [member for member in heard if member.is_firing]
    resolved = [member for member in heard if not member.is_firing]
    if not firing:
        was_told = any(member.told is Told.FIRING for member in members)
        return PageReason.ALL_RESOLVED if plan.send_resolved and resolved and was_told else None
    if state.last_sent_at is None:
        return PageReason.FIRST
    if any(member.told is not Told.FIRING for member in firing):
        return PageReason.NEW_ALERTS
    if plan.send_resolved and any(member.told is not Told.RESOLVED for member in resolved):
        return PageReason.NEW_RESOLVED
    is_repeated = now >= state.last_sent_at + plan.timing.repeat_interval
    return PageReason.REPEAT if is_repeated and any(not member.is_acknowledged for member in firing) else None


def _escalations(heard: Sequence[Member], plan: Plan, now: datetime) -> tuple[Escalation, ...]:
    found = []
    for number, step in enumerate(plan.escalate, start=1):
        keys = frozenset(
            member.key
            for member in heard
            if _may_escalate(member)
            and member.step_count < number
            and member.told_first_at is not None
            and now >= member.told_first_at + step.after
        )
        if keys:
            found.append(Escalation(number, step.channels, keys))
    return tuple(found)


def _next_at(
    members: Sequence[Member], plan: Plan, whole: Page | None, last_sent_at: datetime | None, now: datetime
) -> datetime | None:
    """Return the earliest moment at which `decide` may have something to say, if no alert moves before."""
    moments: list[datetime] = []
    for member in members:
        if not member.is_firing:
            continue
        if member.hush is not None:
            until = member.hush.until
            moments.append(until if until is not None and until > now else now + plan.timing.group_interval)
            continue
        if not plan.channels or member.is_acknowledged:
            continue
        if last_sent_at is not None:
            moments.append(max(last_sent_at + plan.timing.repeat_interval, now + timedelta(milliseconds=1)))
        told_first_at = member.told_first_at
        if told_first_at is None and whole is not None:
            told_first_at = now
        if told_first_at is not None:
            moments.extend(told_first_at + step.after for step in plan.escalate if told_first_at + step.after > now)
    return min(moments, default=None)


def _may_escalate(member: Member) -> bool:
    return member.is_firing and not member.is_acknowledged
