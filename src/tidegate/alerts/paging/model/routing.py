"""Routes: which channels an alert goes to, with whom it is told together, and when. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from tidegate.alerts.paging.model.intervals import TimeInterval, is_within, next_change
from tidegate.alerts.paging.model.matchers import Matcher, matches, may_meet

__all__ = [
    "ALL_LABELS",
    "NO_ROUTING",
    "EscalationStep",
    "InhibitRule",
    "Matched",
    "OnCall",
    "OnDuty",
    "Route",
    "Routing",
    "Timing",
    "Watchdog",
    "find_cycle",
    "group_labels_of",
    "matched_routes",
]

ALL_LABELS: Final = "..."
"""In `group_by`: every label of its own, so that no alert is told with another one."""


@dataclass(frozen=True, slots=True)
class OnCall:
    """Whoever a schedule says is on call."""

    schedule: str
    fallback: tuple[str, ...]
    """Channels that are told instead where nobody is known to be, or one who is has no channel."""


@dataclass(frozen=True, slots=True)
class OnDuty:
    """What a schedule comes to at one moment."""

    words: str
    """Half a sentence: who is on call, or why that is not known."""
    channels: tuple[str, ...] = ()
    is_reached: bool = False
    """Whether somebody is on call, and all who are have a channel."""
    until: datetime | None = None
    """When that may change; `None` where nobody knows."""

    def receivers(self, on_call: OnCall) -> tuple[str, ...]:
        return self.channels if self.is_reached else (*self.channels, *on_call.fallback)

    def spoken(self, on_call: OnCall) -> str:
        """Return why these channels are told."""
        is_address = "@" in self.words.partition(" ")[0]
        words = self.words if is_address else f"{self.words[:1].upper()}{self.words[1:]}"
        return f"{words}." if self.is_reached else f"{words}: the fallback is told, {', '.join(on_call.fallback)}."


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """Whom to tell as well when nobody has acknowledged an alert for so long."""

    after: timedelta
    channels: tuple[str, ...]
    on_call: OnCall | None = None

    @property
    def receivers(self) -> tuple[str, ...]:
        """Return whom it names."""
        return self.channels if self.on_call is None else (*self.channels, f"schedule {self.on_call.schedule}")


@dataclass(frozen=True, slots=True)
class Timing:
    """When a group is told. The defaults are Alertmanager's, but for what wakes a person, which waits for nobody."""

    group_wait: timedelta | None = None
    """How long the first alert of a group waits for others; `None`: not at all for P1, else thirty seconds."""
    group_interval: timedelta = timedelta(minutes=5)
    """How long a group that was told is left alone before what is new in it is told."""
    repeat_interval: timedelta = timedelta(hours=4)
    """When what still burns and nobody acknowledged is told again."""

    def wait_for(self, *, severity: str, is_zero_tolerance: bool) -> timedelta:
        if is_zero_tolerance:
            return timedelta()
        if self.group_wait is not None:
            return self.group_wait
        return timedelta() if severity == "P1" else timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Route:
    """One node of the tree, with what it inherited written out."""

    id: str
    """Stable as long as its matchers and those above it are: `{}/{severity="P1"}`; `#2` behind it for a twin."""
    channels: tuple[str, ...] = ()
    on_call: OnCall | None = None
    matchers: tuple[Matcher, ...] = ()
    group_by: tuple[str, ...] = ()
    timing: Timing = field(default_factory=Timing)
    goes_on: bool = False
    """Whether siblings behind it are asked as well (`continue`)."""
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    escalate: tuple[EscalationStep, ...] = ()
    send_resolved: bool = True
    send_acknowledged: bool = False
    opens_incident: bool = False
    """Whether an incident is opened for P1 alerts when a group of it is told."""
    routes: tuple["Route", ...] = ()

    @property
    def spoken(self) -> str:
        """Return how sentences call it."""
        return spoken_route(self.id)

    @property
    def receivers(self) -> tuple[str, ...]:
        """Return whom it names: channels, and `schedule NAME`; empty when nobody is told."""
        return self.channels if self.on_call is None else (*self.channels, f"schedule {self.on_call.schedule}")

    @property
    def on_calls(self) -> tuple[OnCall, ...]:
        """Return the schedules that it and its steps name."""
        named = (self.on_call, *(step.on_call for step in self.escalate))
        return tuple(each for each in named if each is not None)


def spoken_route(route_id: str) -> str:
    """Return how sentences call the route of this id."""
    return "the first route" if route_id == "{}" else f"route {route_id}"


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """While an alert fires that fits the source, those that fit the target and agree in `equal` are not told."""

    name: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Watchdog:
    """A notice that comes as long as the whole way works: whoever misses it knows that it does not."""

    channels: tuple[str, ...]
    every: timedelta


@dataclass(frozen=True, slots=True)
class Routing:
    """All that decides who is told; one document a workspace, in versions."""

    root: Route
    time_intervals: Mapping[str, tuple[TimeInterval, ...]] = field(default_factory=dict)
    inhibit_rules: tuple[InhibitRule, ...] = ()
    watchdog: Watchdog | None = None

    def muted_by(self, route: Route, moment: datetime) -> str | None:
        """Return the name of the interval because of which `route` says nothing at `moment`; `None` when it does."""
        for name in route.mute_time_intervals:
            if is_within(self.time_intervals[name], moment):
                return name
        active = route.active_time_intervals
        if active and not any(is_within(self.time_intervals[name], moment) for name in active):
            return f"not {' or '.join(active)}"
        return None

    def next_change_of(self, route: Route, moment: datetime) -> datetime:
        """Return when the answer of `muted_by` may change next; at most a day later."""
        names = {*route.mute_time_intervals, *route.active_time_intervals}
        return min(next_change(self.time_intervals[name], moment) for name in names)

    def all_routes(self) -> Iterator[Route]:
        waiting = [self.root]
        while waiting:
            route = waiting.pop()
            yield route
            waiting.extend(reversed(route.routes))

    def route(self, route_id: str) -> Route | None:
        return next((route for route in self.all_routes() if route.id == route_id), None)


NO_ROUTING: Final = Routing(Route(id="{}"))
"""What a workspace has that set nothing: everything ends at a root without channels."""


@dataclass(frozen=True, slots=True)
class Matched:
    """A route that an alert ends at, and how it came there."""

    route: Route
    path: tuple[str, ...]
    """Ids of the routes from the root to this one."""


def matched_routes(root: Route, labels: Mapping[str, str]) -> tuple[Matched, ...]:
    """Return where an alert ends, in order: the deepest routes that fit, siblings only behind one that goes on."""
    return tuple(_matched(root, labels, ()))


def group_labels_of(route: Route, labels: Mapping[str, str]) -> dict[str, str]:
    """Return what the alerts of a group have in common by the route's wish."""
    if ALL_LABELS in route.group_by:
        return dict(labels)
    return {name: labels[name] for name in route.group_by if name in labels}


def find_cycle(rules: Sequence[InhibitRule]) -> tuple[str, ...] | None:
    """Return names of rules that may silence each other in a ring, so that nobody would be told; `None` without one.

    A rule alone makes no ring: an alert that fits both of its sides is not inhibited by another one that does.
    """
    follows = {
        rule.name: [other.name for other in rules if other is not rule and may_meet(rule.target, other.source)]
        for rule in rules
    }
    done: set[str] = set()
    for rule in rules:
        ring = _ring_from(rule.name, follows, done, [])
        if ring is not None:
            return ring
    return None


def _matched(route: Route, labels: Mapping[str, str], above: tuple[str, ...]) -> Iterator[Matched]:
    path = (*above, route.id)
    is_taken = False
    for child in route.routes:
        if not matches(child.matchers, labels):
            continue
        is_taken = True
        yield from _matched(child, labels, path)
        if not child.goes_on:
            break
    if not is_taken:
        yield Matched(route, path)


def _ring_from(name: str, follows: Mapping[str, list[str]], done: set[str], way: list[str]) -> tuple[str, ...] | None:
    if name in way:
        return tuple(way[way.index(name) :])
    if name in done:
        return None
    for following in follows[name]:
        ring = _ring_from(following, follows, done, [*way, name])
        if ring is not None:
            return ring
    done.add(name)
    return None
