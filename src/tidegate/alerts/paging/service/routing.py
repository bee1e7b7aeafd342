"""Looking at routes, trying them, setting them."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff

from tidegate.alerts.labels import labels_of
from tidegate.alerts.model import Alert
from tidegate.alerts.paging.answers import RoutingPlan, Tried
from tidegate.alerts.paging.errors import RoutingChangedError, RoutingInvalidError
from tidegate.alerts.paging.model import (
    Matcher,
    OnDuty,
    Route,
    Routing,
    group_labels_of,
    hushed_words,
    matched_routes,
)
from tidegate.alerts.paging.ports import Courier, RoutingStore, Schedules, StoredRouting, Wake
from tidegate.alerts.paging.routing_files import parse_routing
from tidegate.alerts.paging.service.duties import duties_in, receivers_of
from tidegate.alerts.paging.service.hushing import Husher
from tidegate.alerts.paging.service.placing import REROUTE
from tidegate.audit import Doer
from tidegate.kernel import Clock, WorkspaceId, digest_of
from tidegate.storage import Database

__all__ = ["RoutingService", "labels_with"]


@dataclass(frozen=True, slots=True)
class _Supposed:
    """An alert that there may be."""

    key: str
    alert: Alert
    labels: Mapping[str, str]


class RoutingService:
    """The routes of a workspace, for people."""

    def __init__(
        self,
        *,
        routings: RoutingStore,
        husher: Husher,
        schedules: Schedules,
        courier: Courier,
        database: Database,
        clock: Clock,
    ) -> None:
        self._routings = routings
        self._husher = husher
        self._schedules = schedules
        self._courier = courier
        self._database = database
        self._clock = clock

    async def current(self, workspace: WorkspaceId) -> StoredRouting:
        return await self._routings.find_routing(workspace)

    async def plan(self, workspace: WorkspaceId, text: bytes) -> RoutingPlan:
        """Return what applying `text` would change, storing nothing.

        Raises:
            RoutingInvalidError: something in it is wrong; the field is named.
        """
        routing, body = await asyncio.to_thread(parse_routing, text)
        await self._check_channels(workspace, routing)
        current = await self.current(workspace)
        before, after = (_lines_of(routing_of) for routing_of in (current.routing, routing))
        changes = tuple(
            line for line in unified_diff(before, after, lineterm="", n=0) if line[:2] not in {"--", "++", "@@"}
        )
        return RoutingPlan(current, digest_of(body), changes)

    async def apply(
        self, workspace: WorkspaceId, text: bytes, *, by: Doer, expected_version: int | None = None
    ) -> tuple[StoredRouting, bool]:
        """Set the routing; return it and whether it is new. All alerts that fire are led through it at once.

        Raises:
            RoutingInvalidError: something in it is wrong; nothing changed.
            RoutingChangedError: it is not the expected version any more; nothing changed.
        """
        routing, body = await asyncio.to_thread(parse_routing, text)
        await self._check_channels(workspace, routing)
        current = await self.current(workspace)
        if expected_version is not None and expected_version != current.version:
            raise RoutingChangedError
        digest = digest_of(body)
        if digest == current.digest:
            return current, False
        now = self._clock.now()
        version = current.version + 1
        stored = StoredRouting(version, routing, body, digest, now, by.member or by.actor)
        before = current.digest or None
        deed = by.deed("routing:set", "paging/routing", before=before, after=digest, version=version)
        wake = Wake(REROUTE, str(version), now, payload={"version": version}, priority=10)
        await self._routings.add_routing(workspace, stored, deed=deed, wakes=[wake])
        return stored, True

    async def try_labels(
        self, workspace: WorkspaceId, labels: Mapping[str, str], *, alert: Alert, at: datetime | None = None
    ) -> tuple[Tried, ...]:
        """Return who would be told of an alert with these labels, and why; `alert` stands for what is no label."""
        now = at or self._clock.now()
        supposed = _Supposed("supposed", alert, labels)
        channels = await self._courier.channels(workspace)
        found = []
        async with self._database.transaction(workspace) as connection:
            stored = await self._routings.find_routing_in(connection, workspace)
            for matched in matched_routes(stored.routing.root, labels):
                hushes = await self._husher.hushes_in(
                    connection, workspace, [supposed], stored, route=matched.route, now=now
                )
                hush = hushes.of(supposed.key)
                duties = await duties_in(
                    self._schedules, connection, workspace, matched.route, channels=channels, at=now
                )
                words = hushed_words(hush, hushes.reasons) if hush is not None else _words(matched.route, duties)
                told = receivers_of(matched.route, duties)
                found.append(Tried(matched, group_labels_of(matched.route, labels), hush, words, told))
        return tuple(found)

    async def _check_channels(self, workspace: WorkspaceId, routing: Routing) -> None:
        known = await self._courier.channels(workspace)
        wanted = {name for route in routing.all_routes() for name in route.channels}
        wanted |= {name for route in routing.all_routes() for step in route.escalate for name in step.channels}
        wanted |= set(routing.watchdog.channels) if routing.watchdog else set()
        on_calls = [each for route in routing.all_routes() for each in route.on_calls]
        wanted |= {name for each in on_calls for name in each.fallback}
        missing = sorted(wanted - known.keys())
        if missing:
            raise RoutingInvalidError(
                f"There is no channel {missing[0]!r}. `tidegate channel list` shows those you have.", field="route"
            )
        asked = {each.schedule for each in on_calls}
        unknown = sorted(asked - await self._schedules.names(workspace)) if asked else []
        if unknown:
            raise RoutingInvalidError(
                f"There is no schedule {unknown[0]!r}. `tidegate schedule list` shows those you have.", field="route"
            )


def labels_with(alert: Alert, given: Mapping[str, str]) -> dict[str, str]:
    return {**labels_of(alert), **given}


def _words(route: Route, duties: Mapping[str, OnDuty]) -> str:
    if not route.receivers:
        return f"No route: it ends at {route.spoken}, which has no channel."
    why = "" if route.on_call is None else f" {duties[route.on_call.schedule].spoken(route.on_call)}"
    return f"{', '.join(receivers_of(route, duties))} would be told, by {route.spoken}.{why}"


def _lines_of(routing: Routing) -> list[str]:
    lines = []
    for route in routing.all_routes():
        own = {name: getattr(route, name) for name in route.__slots__ if name not in {"routes", "id", "matchers"}}
        lines += [f"{route.id} {name}: {value!r}" for name, value in own.items() if value not in ((), None)]
    lines += [f"time interval {name}: {value!r}" for name, value in sorted(routing.time_intervals.items())]
    lines += [
        f"inhibit {rule.name}: {_words_of(rule.source)} silences {_words_of(rule.target)}, equal {list(rule.equal)}"
        for rule in routing.inhibit_rules
    ]
    if routing.watchdog is not None:
        lines.append(f"watchdog: {routing.watchdog.channels!r} every {routing.watchdog.every}")
    return lines


def _words_of(matchers: Iterable[Matcher]) -> str:
    return " ".join(map(str, matchers))
