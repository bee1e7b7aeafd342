"""Alerts on the wire."""

from typing import Annotated, Self

from pydantic import Field

from tidegate.alerts.model import (
    Alert,
    AlertDetail,
    AlertPreview,
    AlertState,
    CauseKind,
    FamilyAlert,
    Outside,
    Severity,
    Transition,
)
from tidegate.alerts.ports import Watch
from tidegate.edge.authority import UNNAMED, Target
from tidegate.edge.wire import Utc, WireModel
from tidegate.kernel import Page, TimeRange
from tidegate.slos import FreezeEvent, FreezeEventKind


class WindowOut(WireModel):
    """The moments that an answer covers, without its end."""

    from_: Annotated[Utc, Field(alias="from")]
    to: Utc

    @classmethod
    def of(cls, window: TimeRange) -> Self:
        return cls(from_=window.start, to=window.end)


class FamilyAlertOut(WireModel):
    code: str
    severity: Severity
    message: str
    value: float | None
    threshold: float
    count: int
    since: Utc
    runbook: str
    service: str
    tenant: str | None
    state: AlertState

    @classmethod
    def of(cls, alert: FamilyAlert) -> Self:
        return cls(
            code=alert.code,
            severity=alert.severity,
            message=alert.sentence,
            value=alert.value,
            threshold=alert.threshold,
            count=alert.count,
            since=alert.since,
            runbook=alert.runbook,
            service=alert.service,
            tenant=alert.tenant,
            state=alert.state,
        )


class FamilyAlertsOut(WireModel):
    """Figures of a family over the window of its rules, and its alerts."""

    window: WindowOut
    evaluated_at: Utc | None
    """When the rules were last evaluated; null when they never were: then an empty list says nothing."""
    metrics: dict[str, int | float | dict[str, int] | None]
    alerts: tuple[FamilyAlertOut, ...]
    preview: bool
    """Whether the alerts are what the given bounds would find, instead of the stored ones."""

    @classmethod
    def of(cls, preview: AlertPreview) -> Self:
        return cls(
            window=WindowOut.of(preview.window),
            evaluated_at=preview.evaluated_at,
            metrics={**preview.figures, **{name: dict(counts) for name, counts in preview.breakdowns.items()}},
            alerts=tuple(FamilyAlertOut.of(alert) for alert in preview.alerts),
            preview=preview.is_preview,
        )


class OutsideOut(WireModel):
    """What another tool said of an alert that it sent here."""

    sender: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: Utc
    ends_at: Utc
    """When it is over unless it is sent again."""
    updated_at: Utc
    generator_url: str

    @classmethod
    def of(cls, outside: Outside) -> Self:
        return cls(
            sender=outside.sender,
            labels=dict(outside.labels),
            annotations=dict(outside.annotations),
            starts_at=outside.starts_at,
            ends_at=outside.ends_at,
            updated_at=outside.updated_at,
            generator_url=outside.generator_url,
        )


class AlertOut(WireModel):
    """One episode. Numbers and sentence are those of its last transition."""

    id: str
    code: str
    family: str
    severity: Severity
    service: str
    tenant: str | None
    """Null for the service as a whole."""
    state: AlertState
    value: float | None
    threshold: float
    count: int
    sentence: str
    runbook: str
    since: Utc
    fired_at: Utc | None
    resolved_at: Utc | None
    held_since: Utc | None
    """Since when there was no answer; the alert stays open meanwhile."""
    recovering_since: Utc | None
    """Since when it is good, not yet for as long as its rule asks."""
    scope: str | None
    """Whom it is about: `tenant t-1`, `3 of 40 tenants`, `all tenants`; null where that cannot be told."""
    dimensions: dict[str, str]
    """What its rule groups by besides service and tenant."""
    owner: str | None
    labels: dict[str, str]
    flapping: bool
    """It opened and closed too often: it stays open until it is stable."""
    zero_tolerance: bool
    outside: OutsideOut | None
    """Null for an alert of a rule. Otherwise no rule judged it: `value`, `threshold` and `count` say nothing."""

    @classmethod
    def of(cls, alert: Alert) -> Self:
        return cls(
            id=alert.id,
            code=alert.code,
            family=alert.family,
            severity=alert.severity,
            service=alert.service,
            tenant=alert.tenant,
            state=alert.state,
            value=alert.value,
            threshold=alert.threshold,
            count=alert.count,
            sentence=alert.sentence,
            runbook=alert.runbook,
            since=alert.since,
            fired_at=alert.fired_at,
            resolved_at=alert.resolved_at,
            held_since=alert.held_since,
            recovering_since=alert.recovering_since,
            scope=alert.scope,
            dimensions=dict(alert.key.labels),
            owner=alert.owner,
            labels=dict(alert.labels),
            flapping=alert.is_flapping,
            zero_tolerance=alert.is_zero_tolerance,
            outside=OutsideOut.of(alert.outside) if alert.outside is not None else None,
        )


class CauseOut(WireModel):
    kind: CauseKind
    value: float | None
    threshold: float
    count: int
    min_count: int
    window_s: float
    words: str


class TransitionOut(WireModel):
    sequence: int
    from_state: AlertState
    to_state: AlertState
    at: Utc
    cause: CauseOut

    @classmethod
    def of(cls, transition: Transition) -> Self:
        cause = transition.cause
        return cls(
            sequence=transition.sequence,
            from_state=transition.from_state,
            to_state=transition.to_state,
            at=transition.at,
            cause=CauseOut(
                kind=cause.kind,
                value=cause.value,
                threshold=cause.threshold,
                count=cause.count,
                min_count=cause.min_count,
                window_s=cause.window.total_seconds(),
                words=cause.words,
            ),
        )


class BudgetEventOut(WireModel):
    """Something that happened to releases because of the budget."""

    kind: FreezeEventKind
    at: Utc
    words: str
    by: str | None
    """Id of the person; null for the policy itself."""

    @classmethod
    def of(cls, event: FreezeEvent) -> Self:
        return cls(kind=event.kind, at=event.at, words=event.words, by=event.by)


class AlertDetailOut(WireModel):
    alert: AlertOut
    transitions: tuple[TransitionOut, ...]
    """In order."""
    budget_events: tuple[BudgetEventOut, ...]
    """Of an objective: what its policy and people did about releases while this was open, in order."""

    @classmethod
    def of(cls, detail: AlertDetail) -> Self:
        return cls(
            alert=AlertOut.of(detail.alert),
            transitions=tuple(TransitionOut.of(transition) for transition in detail.transitions),
            budget_events=tuple(BudgetEventOut.of(event) for event in detail.budget_events),
        )


class AlertPageOut(WireModel):
    """Alerts, the newest first."""

    items: tuple[AlertOut, ...]
    next_cursor: str | None
    rule_count: int
    evaluated_at: Utc | None
    """When the rules were last evaluated; null when they never were."""

    @classmethod
    def of(cls, page: Page[Alert], watch: Watch, *, rule_count: int) -> Self:
        return cls(
            items=tuple(AlertOut.of(alert) for alert in page.items),
            next_cursor=page.next_cursor,
            rule_count=rule_count,
            evaluated_at=watch.evaluated_at,
        )


def about_alert(alert: Alert) -> Target:
    """Return what an alert is about: its service, in all environments."""
    return Target(services=frozenset({alert.service}), environments=frozenset({UNNAMED}))
