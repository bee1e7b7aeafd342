"""When a group of alerts is told, what of it, and why what is not told is not. Pure: the same state, the same answer.

The rules are Alertmanager's, with three differences that only make it more exact: what was hushed is told at the moment
at which its silence or mute ends instead of an interval later; a repetition comes at its time, not at the next turn
after it; what somebody acknowledged is not repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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
    change_due_at: datetime | None = None
    """Until when what is new or over in it is kept back; `None` when nothing is.

    A turn that is taken before, because somebody is to be called or a silence ended, leaves that alone.
    """


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
    is_held: bool = False
    """Whether what is new or over still waits; then what is over stays in the group."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the route of a group asks for."""

    channels: tuple[str, ...]
    timing: Timing
    escalate: tuple[EscalationStep, ...] = ()
    send_resolved: bool = True
    told_at_end: tuple[str, ...] = ()
    """Channels that are told as well when all is over.

    Those of steps, of people who were on call and are no more, and those that the route named before.
    """


@dataclass(frozen=True, slots=True)
class _Look:
    """A group at the moment at which it is looked at."""

    members: Sequence[Member]
    state: GroupState
    plan: Plan
    now: datetime

    @property
    def is_held(self) -> bool:
        due_at = self.state.change_due_at
        return due_at is not None and self.now < due_at

    @property
    def firing(self) -> list[Member]:
        """Those that fire and are not hushed."""
        return [member for member in self.members if member.is_firing and member.hush is None]

    @property
    def resolved(self) -> list[Member]:
        return [member for member in self.members if not member.is_firing and member.hush is None]


def decide(members: Sequence[Member], state: GroupState, plan: Plan, *, now: datetime) -> Flush:
    """Return what to tell of a group at `now`. What is over leaves the group afterwards, told or not, unless held."""
    look = _Look(members, state, plan, now)
    pages = _pages(look)
    is_told = any(page.is_whole for page in pages)
    is_held = look.is_held and not is_told
    return Flush(pages, _escalations(look), _next_at(look, is_told=is_told, is_held=is_held), is_held=is_held)


def _pages(look: _Look) -> tuple[Page, ...]:
    plan = look.plan
    firing = frozenset(member.key for member in look.firing)
    reason = _reason(look)
    if not plan.channels and not (reason is PageReason.ALL_RESOLVED and plan.told_at_end):
        return ()
    if reason is not None:
        resolved = (member.key for member in look.resolved) if plan.send_resolved else ()
        more = plan.told_at_end if reason is PageReason.ALL_RESOLVED else ()
        return (Page(reason, firing.union(resolved), (*plan.channels, *more)),)
    late = tuple(channel for channel in plan.channels if channel not in look.state.told_channels)
    is_known = look.state.last_sent_at is not None
    return (Page(PageReason.NEW_CHANNEL, firing, late),) if late and firing and is_known else ()


def _reason(look: _Look) -> PageReason | None:
    """Return why the group is told now, `None` when it is not."""
    firing, resolved = look.firing, look.resolved if look.plan.send_resolved else []
    last_sent_at = look.state.last_sent_at
    found: PageReason | None = None
    if look.is_held:
        pass
    elif not firing:
        was_told = any(member.told is Told.FIRING for member in look.members)
        found = PageReason.ALL_RESOLVED if resolved and was_told else None
    elif last_sent_at is None:
        found = PageReason.FIRST
    elif any(member.told is not Told.FIRING for member in firing):
        found = PageReason.NEW_ALERTS
    elif resolved:
        found = PageReason.NEW_RESOLVED
    return found or (PageReason.REPEAT if _is_repeated(look) else None)


def _is_repeated(look: _Look) -> bool:
    last_sent_at = look.state.last_sent_at
    if last_sent_at is None or look.now < last_sent_at + look.plan.timing.repeat_interval:
        return False
    return any(member.told is Told.FIRING and not member.is_acknowledged for member in look.firing)


def _escalations(look: _Look) -> tuple[Escalation, ...]:
    found = []
    for number, step in enumerate(look.plan.escalate, start=1):
        keys = frozenset(
            member.key
            for member in look.firing
            if not member.is_acknowledged
            and member.step_count < number
            and member.told_first_at is not None
            and look.now >= member.told_first_at + step.after
        )
        if keys:
            found.append(Escalation(number, step.channels, keys))
    return tuple(found)


def _next_at(look: _Look, *, is_told: bool, is_held: bool) -> datetime | None:
    """Return the earliest moment at which `decide` may have something to say, if no alert moves before."""
    now, plan = look.now, look.plan
    moments: set[datetime] = {look.state.change_due_at} if is_held and look.state.change_due_at is not None else set()
    for member in look.members:
        if not member.is_firing:
            continue
        if member.hush is not None:
            until = member.hush.until
            moments.add(until if until is not None and until > now else now + plan.timing.group_interval)
            continue
        if not plan.channels or member.is_acknowledged:
            continue
        last_sent_at = now if is_told else look.state.last_sent_at
        if last_sent_at is not None and (is_told or member.told is Told.FIRING):
            moments.add(max(last_sent_at + plan.timing.repeat_interval, now))
        first = member.told_first_at or (now if is_told else None)
        if first is not None:
            moments.update(first + step.after for step in plan.escalate if first + step.after > now)
    return min(moments, default=None)
