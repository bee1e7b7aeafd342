"""Who would have been told: groups, waits, repetitions, mutes, silences and inhibitions on the clock of the history.

Decisions are paging's own (`decide`, `placements_of`, `silenced_by`, `inhibited_by`); what its store does between two
of them (`place_in`, `resolve_in`, `set_flushed_in`) is done here in memory. Nobody acknowledges anything.
"""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from tidegate.alerts.backtest.errors import BacktestTooLargeError
from tidegate.alerts.backtest.model.outcome import Pages, PageSaid
from tidegate.alerts.labels import has_no_tolerance, labels_of
from tidegate.alerts.model import Alert, AlertKey, AlertState, Change
from tidegate.alerts.paging.model import (
    Flush,
    GroupState,
    Hush,
    HushKind,
    Member,
    Plan,
    Route,
    Routing,
    Silence,
    Told,
    decide,
    matches,
)
from tidegate.alerts.paging.records import Placement
from tidegate.alerts.paging.service.hushing import inhibited_by, silenced_by
from tidegate.alerts.paging.service.placing import placements_of

__all__ = ["MAX_TURNS", "pages_of"]

MAX_TURNS: Final = 200_000  # of groups: 20 µs each


@dataclass(slots=True)
class _Member:
    placement: Placement
    alert: Alert
    is_firing: bool = True
    told: Told = Told.NOTHING
    told_first_at: datetime | None = None
    step_count: int = 0

    @property
    def key(self) -> str:
        return self.placement.member_key

    @property
    def labels(self) -> Mapping[str, str]:
        return self.placement.labels


@dataclass(slots=True)
class _Group:
    route: Route
    members: dict[str, _Member] = field(default_factory=dict)
    next_at: datetime | None = None
    last_sent_at: datetime | None = None
    told_channels: frozenset[str] = frozenset()
    change_due_at: datetime | None = None


def pages_of(changes: Sequence[Change], routing: Routing, silences: Sequence[Silence], *, end: datetime) -> Pages:
    """Return what would have been told of `changes`, which come in order, until `end`.

    Raises:
        BacktestTooLargeError: groups would take more than `MAX_TURNS` turns.
    """
    desk = _Desk(routing, silences)
    for change in changes:
        now = change.transitions[-1].at
        desk.turn_until(now)
        if _fires(change):
            desk.place(change.alert, now)
        elif change.alert.state is AlertState.RESOLVED and change.alert.fired_at is not None:
            desk.resolve(change.alert, now)
    desk.turn_until(end, with_end=True)
    return desk.pages()


class _Desk:
    def __init__(self, routing: Routing, silences: Sequence[Silence]) -> None:
        self._routing = routing
        self._silences = silences
        self._routes = {route.id: route for route in routing.all_routes()}
        self._groups: dict[str, _Group] = {}
        self._groups_of: dict[AlertKey, list[str]] = {}
        self._firing: dict[AlertKey, tuple[Alert, Mapping[str, str]]] = {}
        self._due: list[tuple[datetime, str]] = []
        self._said: list[PageSaid] = []
        self._by_code: Counter[str] = Counter()
        self._placed: set[tuple[AlertKey, datetime]] = set()
        self._told: set[tuple[AlertKey, datetime]] = set()
        self._unrouted_count = 0
        self._turn_count = 0

    def place(self, alert: Alert, now: datetime) -> None:
        placements, _ = placements_of(alert.workspace, alert, self._routing, now=now)
        self._firing[alert.key] = alert, labels_of(alert)
        self._unrouted_count += not placements
        if placements:
            self._placed.add((alert.key, alert.since))
        self._groups_of[alert.key] = [placement.group_id for placement in placements]
        for placement in placements:
            group = self._groups.setdefault(placement.group_id, _Group(self._routes[placement.route_id]))
            due = placement.due_at
            if placement.is_urgent:
                due = now
            elif group.last_sent_at is not None:
                due = max(due, group.last_sent_at + placement.interval)
            kept = group.members.get(placement.member_key)
            new = _Member(placement, alert)
            if kept is not None:
                new.told, new.told_first_at = kept.told, now if kept.told is Told.FIRING else None
            group.members[placement.member_key] = new
            self._hasten(placement.group_id, group, due)

    def resolve(self, alert: Alert, now: datetime) -> None:
        self._firing.pop(alert.key, None)
        for group_id in self._groups_of.pop(alert.key, ()):
            group = self._groups.get(group_id)
            if group is None:
                continue
            for member in group.members.values():
                if member.alert.key == alert.key:
                    member.is_firing = False
            sent_at = group.last_sent_at
            due = now if sent_at is None else max(now, sent_at + group.route.timing.group_interval)
            self._hasten(group_id, group, due)

    def turn_until(self, moment: datetime, *, with_end: bool = False) -> None:
        """Let groups take the turns that are due before `moment`."""
        while self._due and (self._due[0][0] < moment or (with_end and self._due[0][0] == moment)):
            at, group_id = heapq.heappop(self._due)
            group = self._groups.get(group_id)
            if group is None or group.next_at != at:
                continue
            self._turn_count += 1
            if self._turn_count > MAX_TURNS:
                raise BacktestTooLargeError(
                    f"Groups of alerts would take more than {MAX_TURNS:,} turns: take a shorter time.", field="from"
                )
            self._turn(group_id, group, at)

    def pages(self) -> Pages:
        return Pages(tuple(self._said), len(self._placed - self._told), self._unrouted_count, dict(self._by_code))

    def _hasten(self, group_id: str, group: _Group, due: datetime) -> None:
        group.change_due_at = min(due, group.change_due_at or due)
        self._wake(group_id, group, min(group.change_due_at, group.next_at or group.change_due_at))

    def _wake(self, group_id: str, group: _Group, at: datetime | None) -> None:
        group.next_at = at
        if at is not None:
            heapq.heappush(self._due, (at, group_id))

    def _turn(self, group_id: str, group: _Group, now: datetime) -> None:
        route = group.route
        hushes = self._hushes(group, now)
        seen = [
            Member(key, one.is_firing, one.told, hushes.get(key), told_first_at=one.told_first_at,
                   step_count=one.step_count)
            for key, one in group.members.items()
        ]  # fmt: skip
        # Who was on call then is not known: schedules stand for themselves.
        steps = tuple(replace(step, channels=step.receivers) for step in route.escalate)
        at_end = tuple(sorted(group.told_channels - set(route.receivers)))
        plan = Plan(route.receivers, route.timing, steps, route.send_resolved, at_end)
        flush = decide(seen, GroupState(group.last_sent_at, group.told_channels, group.change_due_at), plan, now=now)
        self._say(group, flush, now)
        _after(group, flush, now)
        if group.members:
            self._wake(group_id, group, flush.next_at)
        else:
            del self._groups[group_id]

    def _say(self, group: _Group, flush: Flush, now: datetime) -> None:
        said = [(page.reason.value, page.channels, page.keys) for page in flush.pages]
        said += [("escalation", escalation.channels, escalation.keys) for escalation in flush.escalations]
        for reason, channels, keys in said:
            self._said.append(PageSaid(now, group.route.id, channels, reason, len(keys)))
            alerts = [group.members[key].alert for key in keys]
            self._by_code.update({alert.code for alert in alerts})
            self._told.update((alert.key, alert.since) for alert in alerts)

    def _hushes(self, group: _Group, now: datetime) -> dict[str, Hush]:
        """Return what `Husher` says, in its order: the times of the route, silences, other alerts."""
        silences = [silence for silence in self._silences if silence.holds_at(now)]
        muted_by = self._routing.muted_by(group.route, now)
        mute = Hush(HushKind.MUTED, muted_by, self._routing.next_change_of(group.route, now)) if muted_by else None
        rules = self._routing.inhibit_rules
        sources = {rule.name: [one for one in self._firing.values() if matches(rule.source, one[1])] for rule in rules}
        found: dict[str, Hush] = {}
        for key, member in group.members.items():
            has_tolerance = not has_no_tolerance(member.alert)
            hush = mute if has_tolerance else None
            hush = hush or silenced_by(silences, member.labels, has_tolerance=has_tolerance, now=now)
            if hush is None and has_tolerance and rules:
                hush = inhibited_by(rules, sources, member)
            if hush is not None:
                found[key] = hush
        return found


def _after(group: _Group, flush: Flush, now: datetime) -> None:
    whole = next((page for page in flush.pages if page.is_whole), None)
    for key, member in list(group.members.items()):
        if whole is not None:
            is_told = key in whole.keys and member.is_firing
            member.told = Told.FIRING if is_told else Told.NOTHING
            member.told_first_at = (member.told_first_at or now) if is_told else None
        steps = [escalation.step for escalation in flush.escalations if key in escalation.keys]
        member.step_count = max([member.step_count, *steps])
        if not member.is_firing and not flush.is_held:
            del group.members[key]
    if whole is not None:
        group.last_sent_at = now
    group.told_channels |= {name for page in flush.pages for name in page.channels}
    group.told_channels |= {name for step in flush.escalations for name in step.channels}
    group.change_due_at = group.change_due_at if flush.is_held else None


def _fires(change: Change) -> bool:
    return change.alert.state is AlertState.FIRING and any(
        move.to_state is AlertState.FIRING and move.from_state is not AlertState.FIRING for move in change.transitions
    )
