"""A group takes its turn: what is told of it, to whom, and why not the rest.

Contract of this part:
- A turn happens in the transaction that finishes its job: pages, decisions, the group's next timer and its job are
  committed together, or none of them. A process that dies in a turn leaves a job that is claimed again.
- Ids of notices come from the group, its epoch and the number of the page: a turn that is taken again makes the same.
- The group's row is locked throughout; alerts that move meanwhile wait for it and find the next turn.
- A job of another turn than the group's next one does nothing: that turn has a job of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from tidegate.alerts.paging.model import (
    Decision,
    DecisionKind,
    Escalation,
    Flush,
    GroupState,
    HushKind,
    Member,
    OnCall,
    OnDuty,
    Page,
    PageReason,
    Plan,
    Route,
    Told,
    decide,
    hushed_words,
    stable_id,
)
from tidegate.alerts.paging.ports import (
    Channel,
    Courier,
    Group,
    GroupAfter,
    GroupMember,
    MemberAfter,
    Message,
    PageRow,
    PageStore,
    RoutingStore,
    Schedules,
    TellingListener,
    Turn,
    Wakes,
)
from tidegate.alerts.paging.service.duties import duties_in, receivers_of
from tidegate.alerts.paging.service.hushing import Husher, Hushes
from tidegate.alerts.paging.service.placing import AlertPlacer, add_wakes, placements_of, wake_of
from tidegate.alerts.paging.service.telling import Telling, Writer
from tidegate.kernel import Clock, WorkspaceId, format_duration, format_utc
from tidegate.storage import Connection

__all__ = ["Notifier"]

_EARLY: Final = timedelta(
    seconds=1
)  # the ledger's clock and ours may differ so much; a turn is taken at its own moment


@dataclass(frozen=True, slots=True)
class _Turn:
    """One turn with what it needs."""

    group: Group
    route: Route
    members: Sequence[GroupMember]
    hushes: Hushes
    channels: Mapping[str, Channel]
    duties: Mapping[str, OnDuty]
    now: datetime

    @property
    def plan(self) -> Plan:
        route = self.route
        named = receivers_of(route, self.duties)
        known = tuple(name for name in named if name in self.channels)
        steps = tuple(replace(step, channels=receivers_of(step, self.duties)) for step in route.escalate)
        before = sorted(self.group.told_channels - set(known))
        at_end = tuple(name for name in before if name in self.channels)
        return Plan(known, route.timing, steps, route.send_resolved, at_end)

    def why(self, on_call: OnCall | None) -> str:
        """Return who is on call by a schedule, as a sentence to put behind another one; empty without one."""
        return "" if on_call is None else f" {self.duties[on_call.schedule].spoken(on_call)}"

    def handed_over_at(self) -> datetime | None:
        """Return when somebody else comes on call, if somebody is called for what fires until then."""
        is_loud = any(
            member.is_firing and member.care.acknowledged_at is None and self.hushes.of(member.key) is None
            for member in self.members
        )
        known = [self.duties[each.schedule].until for each in self.route.on_calls if is_loud]
        return min((until for until in known if until is not None), default=None)

    def seen(self) -> list[Member]:
        return [
            Member(
                member.key,
                member.is_firing,
                member.told,
                self.hushes.of(member.key),
                is_acknowledged=member.care.acknowledged_at is not None,
                told_first_at=member.told_first_at,
                step_count=member.step_count,
            )
            for member in self.members
        ]


class Notifier:
    """Takes the turns of groups."""

    def __init__(  # noqa: PLR0913 - one argument a collaborator
        self,
        *,
        routings: RoutingStore,
        pages: PageStore,
        husher: Husher,
        schedules: Schedules,
        wakes: Wakes,
        courier: Courier,
        placer: AlertPlacer,
        writer: Writer,
        clock: Clock,
        listener: TellingListener | None = None,
    ) -> None:
        self._routings = routings
        self._pages = pages
        self._husher = husher
        self._schedules = schedules
        self._wakes = wakes
        self._courier = courier
        self._placer = placer
        self._writer = writer
        self._clock = clock
        self._listener = listener

    async def channels(self, workspace: WorkspaceId) -> Mapping[str, Channel]:
        """Return the channels of a workspace; asked before the transaction of a turn, not in it."""
        return await self._courier.channels(workspace)

    async def take_turn(
        self, connection: Connection, workspace: WorkspaceId, *, group_id: str, epoch: str, number: int,
        channels: Mapping[str, Channel],
    ) -> None:  # fmt: skip
        """Tell of a group what is to be told now."""
        group = await self._pages.lock_group_in(connection, workspace, group_id)
        if group is None or group.epoch != epoch or group.turn != number or group.next_at is None:
            return
        now = self._clock.now()
        if now < group.next_at - _EARLY:
            await self._leave(connection, workspace, group, next_at=group.next_at, now=now)
            return
        now = max(now, group.next_at)
        stored = await self._routings.find_routing_in(connection, workspace)
        route = stored.routing.route(group.route_id)
        if route is None:  # its alerts are being led elsewhere: the job of that was added with the routing
            await self._leave(connection, workspace, group, next_at=None, now=now)
            return
        members = await self._pages.list_members_in(connection, workspace, group.id)
        hushes = await self._husher.hushes_in(connection, workspace, members, stored, route=route, now=now)
        duties = await duties_in(self._schedules, connection, workspace, route, channels=channels, at=now)
        turn = _Turn(group, route, members, hushes, channels, duties, now)
        flush = decide(
            turn.seen(), GroupState(group.last_sent_at, group.told_channels, group.change_due_at), turn.plan, now=now
        )
        handed_over_at = turn.handed_over_at()
        if handed_over_at is not None:
            flush = replace(flush, next_at=min(handed_over_at, flush.next_at or handed_over_at))
        await self._carry_out(connection, workspace, turn, flush)

    async def reroute(self, connection: Connection, workspace: WorkspaceId) -> None:
        """Lead all alerts that fire through the routes of now; those that stay in their group are not told anew."""
        now = self._clock.now()
        stored = await self._routings.find_routing_in(connection, workspace)
        known = {route.id for route in stored.routing.all_routes() if route.receivers}
        await self._pages.lock_groups_in(connection, workspace)
        there = {
            (group, key): is_firing
            for group, key, is_firing in await self._pages.list_memberships_in(connection, workspace)
        }
        wanted: dict[tuple[str, str], bool] = {}
        moving = []
        for alert in await self._pages.list_firing_in(connection, workspace):
            found, _ = placements_of(workspace, alert, stored.routing, now=now)
            places = {(placement.group_id, placement.member_key) for placement in found if placement.route_id in known}
            wanted |= dict.fromkeys(places, True)
            if not places <= there.keys() or not places:
                moving.append(alert)
        gone = [place for place, is_firing in there.items() if is_firing and place not in wanted]
        await self._pages.remove_members_in(connection, workspace, gone)
        turns = await self._placer.place(connection, workspace, moving, stored.routing, now=now)
        turns |= {turn.group_id: turn for turn in await self._pages.hasten_in(connection, workspace, None, now=now)}
        await add_wakes(self._wakes, connection, workspace, turns.values())

    async def _carry_out(self, connection: Connection, workspace: WorkspaceId, turn: _Turn, flush: Flush) -> None:
        group, number = turn.group, turn.group.page_count
        rows: list[PageRow] = []
        decisions: list[Decision] = []
        messages: list[Message] = []
        page_ids: dict[int, str] = {}
        everything: list[Page | Escalation] = [*flush.pages, *flush.escalations]
        for told in everything:
            number += 1
            page_id = stable_id("pge", workspace, group.id, group.epoch, number)
            page_ids[id(told)] = page_id
            telling = _telling(turn, told, page_id)
            rows.append(telling.row())
            messages += self._writer.messages(workspace, telling, turn.channels)
        after, gone = _members_after(turn, flush)
        for member in turn.members:
            decision = _decision_of(turn, flush, member, page_ids)
            if decision is not None:
                decisions.append(decision)
                reason = _reason_key(decision)
                after[member.key] = replace(after.get(member.key) or _as_it_was(member), reason=reason)
        await self._courier.enqueue(connection, workspace, messages)
        await self._pages.add_pages_in(connection, workspace, rows)
        await self._pages.add_decisions_in(connection, workspace, decisions)
        whole = any(page.is_whole for page in flush.pages)
        told_channels = group.told_channels | {name for page in flush.pages for name in page.channels}
        # Who was told by a later step learns of the end as well.
        told_channels |= {name for step in flush.escalations for name in step.channels}
        is_over = len(gone) == len(turn.members)
        left = GroupAfter(
            next_at=flush.next_at,
            page_count=number,
            last_sent_at=turn.now if whole else group.last_sent_at,
            told_channels=frozenset(told_channels),
            flushed_at=turn.now,
            change_due_at=group.change_due_at if flush.is_held else None,
        )
        await self._pages.set_flushed_in(
            connection, workspace, group, after=None if is_over else left,
            members=[member for key, member in after.items() if key not in gone], gone=sorted(gone),
        )  # fmt: skip
        if not is_over and flush.next_at is not None:
            await self._wakes.add(connection, workspace, [wake_of(_next_turn(group, flush.next_at))])
        if self._listener is not None and turn.route.opens_incident:
            told_keys = {key for told in everything for key in told.keys}
            alerts = [member.alert for member in turn.members if member.is_firing and member.key in told_keys]
            await self._listener.told(connection, workspace, epoch=group.epoch, alerts=alerts)

    async def _leave(
        self, connection: Connection, workspace: WorkspaceId, group: Group, *, next_at: datetime | None, now: datetime
    ) -> None:
        """Let a turn pass without a word."""
        after = GroupAfter(
            next_at,
            group.page_count,
            group.last_sent_at,
            group.told_channels,
            group.last_flushed_at or now,
            group.change_due_at,
        )
        await self._pages.set_flushed_in(connection, workspace, group, after=after, members=(), gone=())
        if next_at is not None:
            await self._wakes.add(connection, workspace, [wake_of(_next_turn(group, next_at))])


def _next_turn(group: Group, at: datetime) -> Turn:
    return Turn(group.id, group.epoch, group.turn + 1, at)


def _telling(turn: _Turn, told: Page | Escalation, page_id: str) -> Telling:
    members = [member for member in turn.members if member.key in told.keys]
    is_firing = any(member.is_firing for member in members)
    if isinstance(told, Escalation):
        event = "alert.escalated"
        step = turn.route.escalate[told.step - 1]
        reason = f"not acknowledged for {format_duration(step.after)}"
    else:
        event = "alert.firing" if is_firing else "alert.resolved"
        reason = str(told.reason)
    channels = tuple(name for name in told.channels if name in turn.channels)
    return Telling(page_id, turn.group, event, reason, channels, tuple(members), turn.now)


def _members_after(turn: _Turn, flush: Flush) -> tuple[dict[str, MemberAfter], frozenset[str]]:
    """Return what changed of members, and who leaves the group: all that do not fire any more."""
    whole = next((page for page in flush.pages if page.is_whole), None)
    after: dict[str, MemberAfter] = {}
    for member in turn.members:
        new = _as_it_was(member)
        if whole is not None:
            is_told = member.key in whole.keys and member.is_firing
            first = (member.told_first_at or turn.now) if is_told else None
            new = replace(new, told=Told.FIRING if is_told else Told.NOTHING, told_first_at=first)
        steps = [escalation.step for escalation in flush.escalations if member.key in escalation.keys]
        new = replace(new, step_count=max([new.step_count, *steps]))
        if new != _as_it_was(member):
            after[member.key] = new
    return after, frozenset(member.key for member in turn.members if not member.is_firing and not flush.is_held)


def _as_it_was(member: GroupMember) -> MemberAfter:
    return MemberAfter(member.key, member.told, member.told_first_at, member.step_count, member.reason)


def _decision_of(turn: _Turn, flush: Flush, member: GroupMember, page_ids: Mapping[int, str]) -> Decision | None:
    """Return what is new to say about one alert; `None` when it is what was said last."""
    if flush.is_held and member.told is Told.NOTHING and turn.hushes.of(member.key) is None:
        return None  # it waits, as was said
    made = _escalated(turn, flush, member, page_ids) or _told(turn, flush, member, page_ids) or _not_told(turn, member)
    if made is None or _reason_key(made) == member.reason:
        return None
    return made


def _escalated(turn: _Turn, flush: Flush, member: GroupMember, page_ids: Mapping[int, str]) -> Decision | None:
    for escalation in reversed(flush.escalations):
        if member.key in escalation.keys:
            after = format_duration(turn.route.escalate[escalation.step - 1].after)
            words = (
                f"Nobody acknowledged it within {after}: step {escalation.step} tells {_names(escalation.channels)}."
            ) + turn.why(turn.route.escalate[escalation.step - 1].on_call)
            return _made(
                turn,
                member,
                DecisionKind.ESCALATED,
                words=words,
                cause=page_ids[id(escalation)],
                channels=escalation.channels,
            )
    return None


def _told(turn: _Turn, flush: Flush, member: GroupMember, page_ids: Mapping[int, str]) -> Decision | None:
    for page in flush.pages:
        if member.key not in page.keys:
            continue
        if member.is_firing and member.told is Told.FIRING and page.reason is not PageReason.NEW_CHANNEL:
            return None  # told again with others, or repeated: the page says so
        kind = DecisionKind.NOTIFIED if member.is_firing else DecisionKind.RESOLVED_NOTIFIED
        with_ = f" with {len(page.keys) - 1} others" if len(page.keys) > 1 else ""
        words = f"Told {_names(page.channels)}{with_}: {page.reason}. By {turn.route.spoken}."
        words += turn.why(turn.route.on_call)
        if member.is_firing:
            repeat = format_utc(turn.now + turn.route.timing.repeat_interval)
            words += f" Again at {repeat} unless somebody acknowledges it."
        return _made(turn, member, kind, words=words, cause=page_ids[id(page)], channels=page.channels)
    return None


def _not_told(turn: _Turn, member: GroupMember) -> Decision | None:
    hush = turn.hushes.of(member.key)
    if hush is not None:
        kind = {
            HushKind.MUTED: DecisionKind.MUTED,
            HushKind.SILENCED: DecisionKind.SILENCED,
            HushKind.INHIBITED: DecisionKind.INHIBITED,
        }[hush.kind]
        return _made(turn, member, kind, words=hushed_words(hush, turn.hushes.reasons), cause=hush.by)
    if not member.is_firing:
        words = "It is over: nobody who was told of it is to be told that."
        return _made(turn, member, DecisionKind.OVER, words=words, cause="over")
    if not turn.plan.channels:
        missing = _names(receivers_of(turn.route, turn.duties))
        words = f"No channel: {missing} of {turn.route.spoken} does not exist any more. `tidegate channel list`."
        words += turn.why(turn.route.on_call)
        return _made(turn, member, DecisionKind.NO_ROUTE, words=words, cause=turn.route.id)
    return None


def _made(
    turn: _Turn, member: GroupMember, kind: DecisionKind, *, words: str, cause: str, channels: Sequence[str] = ()
) -> Decision:
    return Decision(
        member.alert.id, turn.group.id, kind, turn.now, words, cause=cause, channels=tuple(channels), path=member.path
    )


def _reason_key(decision: Decision) -> str:
    return f"{decision.kind}:{decision.cause}"


def _names(names: Sequence[str]) -> str:
    return ", ".join(names)
