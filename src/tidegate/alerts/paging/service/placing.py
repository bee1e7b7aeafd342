"""From an alert that moved to the groups that tell of it, in the transaction that moves it.

Contract of this part:
- An alert that fires stands in its groups, and the job of each stands in the ledger, when the commit that moves it is
  done: a process that dies before it has moved nothing, one that dies after it has lost nothing.
- Nothing is sent here and nobody outside is asked: the evaluator waits for this.
- Who changes several groups holds the workspace's lock of paging first, so that no two of them wait for each other; who
  takes a group's turn holds that group alone.
- However many alerts fire at once, statements follow each other within a fraction of a second: the transaction of the
  evaluator ends when it is idle for five.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from tidegate.alerts.labels import has_no_tolerance, labels_of
from tidegate.alerts.model import Alert, AlertState, Change
from tidegate.alerts.paging.model import (
    Decision,
    DecisionKind,
    Matched,
    Routing,
    Told,
    group_key_of,
    group_labels_of,
    matched_routes,
    member_key_of,
    spoken_route,
    stable_id,
)
from tidegate.alerts.paging.ports import (
    PageStore,
    Placed,
    Placement,
    RoutingStore,
    Turn,
    Wake,
    Wakes,
)
from tidegate.kernel import Clock, WorkspaceId, format_utc
from tidegate.storage import Connection

__all__ = ["NOTIFY", "REROUTE", "AlertPlacer", "add_wakes", "placements_of", "wake_of"]

NOTIFY: Final = "alerts.notify"
REROUTE: Final = "alerts.reroute"
_PRIORITY: Final = 10  # above what nobody waits for
_BATCH: Final = 1_000  # alerts; 40 ms of thinking between two statements


class AlertPlacer:
    """Keeps the promise of `AlertListener`."""

    def __init__(self, *, routings: RoutingStore, pages: PageStore, wakes: Wakes, clock: Clock) -> None:
        self._routings = routings
        self._pages = pages
        self._wakes = wakes
        self._clock = clock

    async def changed(self, connection: Connection, workspace: WorkspaceId, changes: Sequence[Change]) -> None:
        fired = [change.alert for change in changes if _fires(change)]
        resolved = [change.alert for change in changes if _ends(change)]
        if not (fired or resolved):
            return
        await self._pages.lock_groups_in(connection, workspace)
        stored = await self._routings.find_routing_in(connection, workspace)
        now = self._clock.now()
        turns: dict[str, Turn] = {}
        if resolved:
            intervals = {route.id: route.timing.group_interval for route in stored.routing.all_routes()}
            over = await self._pages.resolve_in(
                connection, workspace, [alert.id for alert in resolved], now=now, intervals=intervals
            )
            turns |= {turn.group_id: turn for turn in over}
        if fired:
            turns |= await self.place(connection, workspace, fired, stored.routing, now=now)
        await add_wakes(self._wakes, connection, workspace, turns.values())

    async def place(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        alerts: Sequence[Alert],
        routing: Routing,
        *,
        now: datetime,
    ) -> dict[str, Turn]:
        """Put firing alerts where `routing` leads them, and write down why; return the turns to wake for, by group."""
        turns: dict[str, Turn] = {}
        for start in range(0, len(alerts), _BATCH):
            batch = alerts[start : start + _BATCH]
            placed = await self._place(connection, workspace, batch, routing, now=now)
            turns |= {each.turn.group_id: each.turn for each in placed}
        return turns

    async def _place(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        alerts: Sequence[Alert],
        routing: Routing,
        *,
        now: datetime,
    ) -> list[Placed]:
        placements: list[Placement] = []
        decisions: list[Decision] = []
        for alert in alerts:
            found, unrouted = placements_of(workspace, alert, routing, now=now)
            placements += found
            decisions += [_no_route(alert, matched, now) for matched in unrouted]
        placed = await self._pages.place_in(connection, workspace, placements, now=now)
        decisions += [_placed_decision(each, now) for each in placed]
        await self._pages.add_decisions_in(connection, workspace, decisions)
        return placed


def placements_of(
    workspace: WorkspaceId, alert: Alert, routing: Routing, *, now: datetime
) -> tuple[list[Placement], list[Matched]]:
    """Return where an alert belongs, and the ends without channels that it comes to."""
    labels, is_strict = labels_of(alert), has_no_tolerance(alert)
    placements, unrouted = [], []
    for matched in matched_routes(routing.root, labels):
        route = matched.route
        if not route.receivers:
            unrouted.append(matched)
            continue
        group_labels = group_labels_of(route, labels)
        wait = route.timing.wait_for(severity=alert.severity, is_zero_tolerance=is_strict)
        placements.append(
            Placement(
                group_id=stable_id("grp", workspace, route.id, *(f"{k}={v}" for k, v in sorted(group_labels.items()))),
                group_key=group_key_of(route.id, group_labels),
                route_id=route.id,
                group_labels=group_labels,
                member_key=member_key_of(labels),
                alert_id=alert.id,
                labels=labels,
                path=matched.path,
                due_at=now + wait,
                interval=route.timing.group_interval,
                is_urgent=is_strict,
            )
        )
    return placements, unrouted


def wake_of(turn: Turn) -> Wake:
    """Return the job of a turn: its key is that of no other one."""
    payload: Mapping[str, object] = {"group": turn.group_id, "epoch": turn.epoch, "turn": turn.number}
    key = f"{turn.group_id}:{turn.epoch}:{turn.number}"
    return Wake(NOTIFY, key, turn.at, payload=payload, priority=_PRIORITY)


async def add_wakes(wakes: Wakes, connection: Connection, workspace: WorkspaceId, turns: Iterable[Turn]) -> None:
    """Add the jobs of turns, in bounded batches."""
    waiting = [wake_of(turn) for turn in turns]
    for start in range(0, len(waiting), _BATCH):
        await wakes.add(connection, workspace, waiting[start : start + _BATCH])


def _fires(change: Change) -> bool:
    return change.alert.state is AlertState.FIRING and any(
        move.to_state is AlertState.FIRING and move.from_state is not AlertState.FIRING for move in change.transitions
    )


def _ends(change: Change) -> bool:
    return change.alert.state is AlertState.RESOLVED and change.alert.fired_at is not None


def _no_route(alert: Alert, matched: Matched, now: datetime) -> Decision:
    words = (
        f"No route: it ends at {matched.route.spoken}, which has no channel. `tidegate route show` shows the routes."
    )
    return Decision(alert.id, None, DecisionKind.NO_ROUTE, now, words, cause=matched.route.id, path=matched.path)


def _placed_decision(placed: Placed, now: datetime) -> Decision:
    placement, turn = placed.placement, placed.turn
    if placed.told is Told.FIRING:
        words = "The same alert was told before and had not been told as over; it is not told anew."
        kind = DecisionKind.ALREADY_NOTIFIED
    else:
        words = f"Routed to {spoken_route(placement.route_id)}; its group is told at {format_utc(turn.at)}."
        kind = DecisionKind.WAITING
    return Decision(
        placement.alert_id, placement.group_id, kind, now, words, cause=placement.group_key, path=placement.path
    )
