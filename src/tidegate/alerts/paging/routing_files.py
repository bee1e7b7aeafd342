"""The routing file: its shape, and how text becomes routes. Words and meanings are Alertmanager's."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError

from tidegate.alerts.paging.errors import MatcherInvalidError, RoutingInvalidError
from tidegate.alerts.paging.interval_files import IntervalFile, Published, intervals_of
from tidegate.alerts.paging.model import (
    MAX_MATCHERS,
    EscalationStep,
    InhibitRule,
    Matcher,
    OnCall,
    Operator,
    Route,
    Routing,
    TimeInterval,
    Timing,
    Watchdog,
    find_cycle,
    make_matcher,
    parse_matcher,
)
from tidegate.edge.bodies import field_of
from tidegate.edge.documents import DocumentUnreadableError, load_document
from tidegate.kernel import InvalidInputError, canonical_json, parse_duration

__all__ = [
    "MAX_FILE_BYTES",
    "IntervalFile",
    "MatcherFile",
    "RoutingFile",
    "body_of",
    "intervals_of",
    "matchers_of",
    "parse_routing",
    "routing_of",
]

MAX_FILE_BYTES: Final = 256 * 1024
_MAX_ROUTES: Final = 1_000
_MAX_DEPTH: Final = 16
_LEAST_INTERVAL: Final = timedelta(seconds=1)
_LONGEST: Final = timedelta(days=30)

_Channel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}$")]
_Label = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,99}$")]
_Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,200}$")]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


_Channels = Annotated[tuple[_Channel, ...], BeforeValidator(_as_list), Field(max_length=20)]


class MatcherFile(Published):
    """A matcher in parts."""

    name: _Label
    op: Operator = Operator.EQUAL
    value: Annotated[str, Field(max_length=512)]


_ZERO: Final = frozenset({"0", "0ms", "0s", "0m", "0h", "0d", "0w", "0y"})  # as Prometheus writes durations
_Matchers = Annotated[tuple[Annotated[str, Field(max_length=700)] | MatcherFile, ...], Field(max_length=MAX_MATCHERS)]


class NamedIntervalsFile(Published):
    name: _Name
    time_intervals: Annotated[tuple[IntervalFile, ...], Field(max_length=64)]


class StepFile(Published):
    """Whom to tell as well while nobody acknowledges: channels, whoever a schedule says, or both."""

    after: str
    channels: _Channels = ()
    schedule: _Channel | None = None
    fallback: _Channels = ()


class RouteFile(Published):
    """One node; what it leaves out of receiver, grouping and times is its parent's."""

    receiver: _Channels | None = None
    """Names of channels. A node that names a receiver or a schedule tells these alone, and not its parent's."""
    schedule: _Channel | None = None
    """Whoever is on call by this schedule is told as well."""
    fallback: _Channels = ()
    """Channels that are told where nobody is known to be on call; a schedule needs one."""
    matchers: _Matchers = ()
    group_by: Annotated[tuple[_Label | Literal["..."], ...], Field(max_length=32)] | None = None
    group_wait: str | None = None
    """Without one anywhere above: nothing for P1, 30s for others. What has no tolerance never waits."""
    group_interval: str | None = None
    repeat_interval: str | None = None
    goes_on: Annotated[bool, Field(alias="continue")] = False
    mute_time_intervals: Annotated[tuple[_Name, ...], Field(max_length=32)] = ()
    active_time_intervals: Annotated[tuple[_Name, ...], Field(max_length=32)] = ()
    escalate: Annotated[tuple[StepFile, ...], Field(max_length=10)] | None = None
    send_resolved: bool | None = None
    send_acknowledged: bool | None = None
    open_incident: bool | None = None
    routes: Annotated[tuple["RouteFile", ...], Field(max_length=_MAX_ROUTES)] = ()


class InhibitFile(Published):
    name: _Name | None = None
    source_matchers: Annotated[_Matchers, Field(min_length=1)]
    target_matchers: Annotated[_Matchers, Field(min_length=1)]
    equal: Annotated[tuple[_Label, ...], Field(max_length=32)] = ()


class WatchdogFile(Published):
    receiver: Annotated[_Channels, Field(min_length=1)]
    every: str = "5m"


class RoutingFile(Published):
    """Who is told of which alerts, and when."""

    api_version: Annotated[Literal["tidegate/v1"], Field(alias="apiVersion")] = "tidegate/v1"
    kind: Literal["Routing"] = "Routing"
    route: RouteFile
    time_intervals: Annotated[tuple[NamedIntervalsFile, ...], Field(max_length=200)] = ()
    inhibit_rules: Annotated[tuple[InhibitFile, ...], Field(max_length=200)] = ()
    watchdog: WatchdogFile | None = None


_INSIDE: Final[Mapping[str, type[Published]]] = {
    "route": RouteFile,
    "routes": RouteFile,
    "escalate": StepFile,
    "time_intervals": NamedIntervalsFile,
    "inhibit_rules": InhibitFile,
    "watchdog": WatchdogFile,
}


def parse_routing(text: bytes) -> tuple[Routing, bytes]:
    """Read a routing file, and return it with its canonical body.

    Raises:
        RoutingInvalidError: something in it is wrong; the field is named.
    """
    try:
        document = load_document(text, limit_bytes=MAX_FILE_BYTES)
    except DocumentUnreadableError as error:
        raise RoutingInvalidError(f"The file is not read: {error}") from error
    try:
        found = RoutingFile.model_validate(document)
    except RecursionError as error:
        raise RoutingInvalidError("The routes are nested too deep.", field="route") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = field_of(first["loc"]) or "file"
        is_unknown = first["type"] == "extra_forbidden"
        message = f"there is no such field. {_known_beside(first['loc'])}" if is_unknown else first["msg"]
        raise RoutingInvalidError(f"{field}: {message}", field=field) from error
    routing = _routing(found)
    return routing, canonical_json(found.model_dump(mode="json", by_alias=True, exclude_defaults=True))


def _known_beside(place: tuple[str | int, ...]) -> str:
    """Return which fields stand where one was given that is not known."""
    inside = next((part for part in reversed(place[:-1]) if isinstance(part, str)), "")
    model = _INSIDE.get(inside, RoutingFile)
    names = [field.alias or name for name, field in model.model_fields.items()]
    return f"Known here: {', '.join(names)}."


def body_of(routing: RoutingFile) -> bytes:
    return canonical_json(routing.model_dump(mode="json", by_alias=True, exclude_defaults=True))


def routing_of(body: bytes) -> Routing:
    """Return what was stored."""
    return _routing(RoutingFile.model_validate_json(body))


def matchers_of(given: tuple[str | MatcherFile, ...], field: str) -> tuple[Matcher, ...]:
    """Return matchers from their two ways of writing.

    Raises:
        MatcherInvalidError: one is none; the field is named.
    """
    return tuple(
        parse_matcher(each, field=f"{field}.{place}")
        if isinstance(each, str)
        else make_matcher(each.name, each.op, each.value, field=f"{field}.{place}")
        for place, each in enumerate(given)
    )


def _routing(found: RoutingFile) -> Routing:
    intervals: dict[str, tuple[TimeInterval, ...]] = {}
    for place, named in enumerate(found.time_intervals):
        if named.name in intervals:
            raise RoutingInvalidError(f"Two time intervals are called {named.name!r}.", field=f"time_intervals.{place}")
        intervals[named.name] = intervals_of(named.time_intervals, f"time_intervals.{place}.time_intervals")
    if found.route.matchers:
        raise RoutingInvalidError("The first route takes every alert: it has no matchers.", field="route.matchers")
    root = _Tree(frozenset(intervals)).build(found.route, Route(id="{}"), "route", 0)
    try:
        rules = tuple(_inhibit(rule, place) for place, rule in enumerate(found.inhibit_rules))
    except MatcherInvalidError as error:
        raise RoutingInvalidError(error.message, field=error.field) from error
    _check_rules(rules)
    watchdog = None
    if found.watchdog is not None:
        every = _duration(found.watchdog.every, "watchdog.every", least=timedelta(seconds=10))
        watchdog = Watchdog(found.watchdog.receiver, every)
    return Routing(root, intervals, rules, watchdog)


class _Tree:
    """Builds routes from their files: what a node leaves out is its parent's."""

    def __init__(self, intervals: frozenset[str]) -> None:
        self._intervals = intervals
        self._ids: set[str] = {"{}"}

    def build(self, given: RouteFile, above: Route, field: str, depth: int) -> Route:
        if depth > _MAX_DEPTH or len(self._ids) > _MAX_ROUTES:
            raise RoutingInvalidError(f"At most {_MAX_ROUTES} routes, {_MAX_DEPTH} deep.", field=field)
        try:
            matchers = matchers_of(given.matchers, f"{field}.matchers")
        except MatcherInvalidError as error:
            raise RoutingInvalidError(error.message, field=error.field) from error
        for kind, names in (("mute", given.mute_time_intervals), ("active", given.active_time_intervals)):
            for name in names:
                if name not in self._intervals:
                    where = f"{field}.{kind}_time_intervals"
                    raise RoutingInvalidError(f"There is no time interval {name!r}.", field=where)
        is_silent = given.receiver is None and given.schedule is None and not given.fallback
        own = Route(
            id=self._id(above, matchers, depth),
            channels=above.channels if is_silent else given.receiver or (),
            on_call=above.on_call if is_silent else _on_call(given.schedule, given.fallback, field),
            matchers=matchers,
            group_by=above.group_by if given.group_by is None else given.group_by,
            timing=_timing(given, above.timing, field),
            goes_on=given.goes_on,
            mute_time_intervals=given.mute_time_intervals,
            active_time_intervals=given.active_time_intervals,
            escalate=above.escalate if given.escalate is None else _steps(given.escalate, field),
            send_resolved=above.send_resolved if given.send_resolved is None else given.send_resolved,
            send_acknowledged=above.send_acknowledged if given.send_acknowledged is None else given.send_acknowledged,
            opens_incident=above.opens_incident if given.open_incident is None else given.open_incident,
        )
        routes = tuple(
            self.build(child, own, f"{field}.routes.{place}", depth + 1) for place, child in enumerate(given.routes)
        )
        return Route(**{**{name: getattr(own, name) for name in own.__slots__}, "routes": routes})

    def _id(self, above: Route, matchers: tuple[Matcher, ...], depth: int) -> str:
        if depth == 0:
            return "{}"
        base = f"{above.id}/{{{','.join(map(str, matchers))}}}"
        name, number = base, 1
        while name in self._ids:
            number += 1
            name = f"{base}#{number}"
        self._ids.add(name)
        return name


def _timing(given: RouteFile, above: Timing, field: str) -> Timing:
    def own(name: str, otherwise: timedelta, least: timedelta = _LEAST_INTERVAL) -> timedelta:
        text = getattr(given, name)
        return otherwise if text is None else _duration(text, f"{field}.{name}", least=least)

    wait = above.group_wait
    if given.group_wait is not None:
        wait = own("group_wait", timedelta(), least=timedelta())
    return Timing(wait, own("group_interval", above.group_interval), own("repeat_interval", above.repeat_interval))


def _duration(text: str, field: str, *, least: timedelta) -> timedelta:
    if text in _ZERO and least <= timedelta():
        return timedelta()
    try:
        found = parse_duration(text, field=field)
    except InvalidInputError as error:
        raise RoutingInvalidError(error.message, field=field) from error
    if not least <= found <= _LONGEST:
        raise RoutingInvalidError(f"{text!r} lies outside of {least} and {_LONGEST.days} days.", field=field)
    return found


def _steps(given: tuple[StepFile, ...], field: str) -> tuple[EscalationStep, ...]:
    steps = tuple(_step(step, f"{field}.escalate.{place}") for place, step in enumerate(given))
    if any(one.after >= other.after for one, other in pairwise(steps)):
        raise RoutingInvalidError("Each step comes later than the one before.", field=f"{field}.escalate")
    return steps


def _step(given: StepFile, field: str) -> EscalationStep:
    if not given.channels and given.schedule is None:
        raise RoutingInvalidError("A step names channels or a schedule.", field=f"{field}.channels")
    after = _duration(given.after, f"{field}.after", least=_LEAST_INTERVAL)
    return EscalationStep(after, given.channels, _on_call(given.schedule, given.fallback, field))


def _on_call(schedule: str | None, fallback: tuple[str, ...], field: str) -> OnCall | None:
    if schedule is None:
        if fallback:
            raise RoutingInvalidError("A fallback without a schedule is never told.", field=f"{field}.fallback")
        return None
    if not fallback:
        raise RoutingInvalidError(
            f"Name the fallback: who is told when nobody is known to be on call by {schedule!r}.",
            field=f"{field}.fallback",
        )
    return OnCall(schedule, fallback)


def _inhibit(given: InhibitFile, place: int) -> InhibitRule:
    field = f"inhibit_rules.{place}"
    return InhibitRule(
        given.name or f"rule {place + 1}",
        matchers_of(given.source_matchers, f"{field}.source_matchers"),
        matchers_of(given.target_matchers, f"{field}.target_matchers"),
        given.equal,
    )


def _check_rules(rules: tuple[InhibitRule, ...]) -> None:
    names = [rule.name for rule in rules]
    if len(names) != len(set(names)):
        raise RoutingInvalidError("Two inhibit rules have one name.", field="inhibit_rules")
    ring = find_cycle(rules)
    if ring is not None:
        words = " → ".join((*ring, ring[0]))
        raise RoutingInvalidError(
            f"These inhibit rules may silence each other, so that nobody is told: {words}. Narrow one of them.",
            field="inhibit_rules",
        )
