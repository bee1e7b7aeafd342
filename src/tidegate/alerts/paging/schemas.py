"""Paging on the wire."""

import json
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, Field

from tidegate.alerts.model import Alert, Severity
from tidegate.alerts.paging.answers import Preview, RoutingPlan, SilenceWish, Tried
from tidegate.alerts.paging.interval_files import IntervalFile, intervals_of
from tidegate.alerts.paging.model import (
    HushKind,
    Operator,
    Route,
    Silence,
    SilenceState,
)
from tidegate.alerts.paging.ports import StoredRouting
from tidegate.alerts.paging.routing_files import matchers_of
from tidegate.edge.wire import Utc, WireModel
from tidegate.kernel import Page, format_duration

_MAX_MATCHERS = 32
_Note = Annotated[str, Field(max_length=2_000)]
_Matcher = Annotated[str, Field(max_length=700)]


class RouteOut(WireModel):
    id: str
    channels: tuple[str, ...]
    schedule: str | None
    """Whoever is on call by it is told as well."""
    fallback: tuple[str, ...]
    """Told where nobody is known to be on call."""
    matchers: tuple[str, ...]
    group_by: tuple[str, ...]
    group_wait: str | None
    """Null: nothing for P1, 30s for others."""
    group_interval: str
    repeat_interval: str
    continues: bool
    mute_time_intervals: tuple[str, ...]
    active_time_intervals: tuple[str, ...]
    escalate: tuple[str, ...]

    @classmethod
    def of(cls, route: Route) -> Self:
        timing = route.timing
        return cls(
            id=route.id,
            channels=route.channels,
            schedule=route.on_call.schedule if route.on_call else None,
            fallback=route.on_call.fallback if route.on_call else (),
            matchers=tuple(map(str, route.matchers)),
            group_by=route.group_by,
            group_wait=None if timing.group_wait is None else format_duration(timing.group_wait),
            group_interval=format_duration(timing.group_interval),
            repeat_interval=format_duration(timing.repeat_interval),
            continues=route.goes_on,
            mute_time_intervals=route.mute_time_intervals,
            active_time_intervals=route.active_time_intervals,
            escalate=tuple(f"{format_duration(step.after)}: {', '.join(step.receivers)}" for step in route.escalate),
        )


class RoutingOut(WireModel):
    version: int
    """0 when none was applied: then nobody is told of anything."""
    digest: str
    applied_at: Utc | None
    applied_by: str
    document: dict[str, Any] | None
    """As it was applied; null without one."""
    routes: tuple[RouteOut, ...]
    """From the root down, with what each inherits."""

    @classmethod
    def of(cls, stored: StoredRouting) -> Self:
        return cls(
            version=stored.version,
            digest=stored.digest,
            applied_at=stored.applied_at,
            applied_by=stored.applied_by,
            document=json.loads(stored.body) if stored.body else None,
            routes=tuple(RouteOut.of(route) for route in stored.routing.all_routes()),
        )


class AppliedRoutingOut(RoutingOut):
    is_new: bool

    @classmethod
    def of_applied(cls, stored: StoredRouting, *, is_new: bool) -> Self:
        return cls(**dict(RoutingOut.of(stored)), is_new=is_new)


class RoutingPlanOut(WireModel):
    current_version: int
    digest: str
    changes: tuple[str, ...]
    """Lines with `+` and `-`; none when nothing would change."""

    @classmethod
    def of(cls, plan: RoutingPlan) -> Self:
        return cls(current_version=plan.current.version, digest=plan.digest, changes=plan.changes)


class RoutingTestIn(WireModel):
    """Which alert is meant: one that there is, or one that there may be."""

    alert_id: Annotated[str, Field(max_length=80)] | None = None
    labels: Annotated[
        dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=1_024)]], Field(max_length=64)
    ] = Field(default_factory=dict)
    """Beside those of the alert, or in their place."""
    at: AwareDatetime | None = None
    """When; now unless said."""


class TriedOut(WireModel):
    path: tuple[str, ...]
    """Routes from the root to where it ends."""
    route: RouteOut
    group_labels: dict[str, str]
    channels: tuple[str, ...]
    hushed: HushKind | None
    """Why it would not be told; null when it would."""
    hushed_by: str | None
    until: Utc | None
    words: str

    @classmethod
    def of(cls, tried: Tried) -> Self:
        hush = tried.hush
        return cls(
            path=tried.matched.path,
            route=RouteOut.of(tried.matched.route),
            group_labels=dict(tried.group_labels),
            channels=tried.channels if hush is None else (),
            hushed=hush.kind if hush else None,
            hushed_by=hush.by if hush else None,
            until=hush.until if hush else None,
            words=tried.words,
        )


class RoutingTestOut(WireModel):
    labels: dict[str, str]
    routes: tuple[TriedOut, ...]


class MatcherOut(WireModel):
    name: str
    op: Operator
    value: str


class SilenceIn(WireModel):
    matchers: Annotated[tuple[_Matcher, ...], Field(min_length=1, max_length=_MAX_MATCHERS)]
    """`severity="P2"`, `tenant=~"acme|blue"`."""
    reason: Annotated[str, Field(max_length=1_000)]
    starts_at: AwareDatetime | None = None
    """Now unless said."""
    ends_at: AwareDatetime
    """Within 30 days; of a maintenance window, within 366."""
    recurring: Annotated[tuple[IntervalFile, ...], Field(max_length=16)] = ()
    """A maintenance window: within its time it holds in these intervals alone."""
    covers_all: bool = False
    """Say so when it is meant to cover every alert."""

    def wish(self) -> SilenceWish:
        return SilenceWish(
            matchers_of(self.matchers, "matchers"),
            self.reason,
            self.starts_at,
            self.ends_at,
            intervals_of(self.recurring, "recurring"),
            covers_all=self.covers_all,
        )


class SilencePreviewIn(WireModel):
    matchers: Annotated[tuple[_Matcher, ...], Field(min_length=1, max_length=_MAX_MATCHERS)]


class CoveredOut(WireModel):
    id: str
    code: str
    severity: Severity
    service: str
    tenant: str | None
    sentence: str

    @classmethod
    def of(cls, alert: Alert) -> Self:
        return cls(
            id=alert.id,
            code=alert.code,
            severity=alert.severity,
            service=alert.service,
            tenant=alert.tenant,
            sentence=alert.sentence,
        )


class SilencePreviewOut(WireModel):
    count: int
    """Alerts that fire now and fit."""
    alerts: tuple[CoveredOut, ...]
    """The first fifty."""
    zero_tolerance_count: int
    """Of them, those that stay loud until a second person confirms."""
    covers_everything: bool

    @classmethod
    def of(cls, preview: Preview) -> Self:
        return cls(
            count=preview.count,
            alerts=tuple(map(CoveredOut.of, preview.alerts)),
            zero_tolerance_count=preview.zero_tolerance_count,
            covers_everything=preview.covers_everything,
        )


class SilenceOut(WireModel):
    id: str
    state: SilenceState
    matchers: tuple[MatcherOut, ...]
    reason: str
    starts_at: Utc
    ends_at: Utc
    created_by: str
    created_at: Utc
    updated_at: Utc | None
    is_confirmed: bool
    """Whether two people stand for it, so that it covers what has no tolerance too."""
    is_recurring: bool
    holds_now: bool

    @classmethod
    def of(cls, silence: Silence, *, now: AwareDatetime) -> Self:
        return cls(
            id=silence.id,
            state=silence.state_at(now),
            matchers=tuple(MatcherOut(name=m.name, op=m.operator, value=m.value) for m in silence.matchers),
            reason=silence.reason,
            starts_at=silence.starts_at,
            ends_at=silence.ends_at,
            created_by=silence.created_by,
            created_at=silence.created_at,
            updated_at=silence.updated_at,
            is_confirmed=silence.is_confirmed,
            is_recurring=bool(silence.recurring),
            holds_now=silence.holds_at(now),
        )


class SilencePageOut(WireModel):
    items: tuple[SilenceOut, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Silence], *, now: AwareDatetime) -> Self:
        return cls(items=tuple(SilenceOut.of(each, now=now) for each in page.items), next_cursor=page.next_cursor)
