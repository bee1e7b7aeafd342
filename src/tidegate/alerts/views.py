"""Alerts as pages show them: marks, words and links instead of states and codes. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from tidegate.alerts.model import Alert, CauseKind, Outside, Transition, Unit, written
from tidegate.edge.marks import MARKS, Mark

__all__ = [
    "WATCH_LIMIT",
    "AlertView",
    "MoveView",
    "ServiceAlerts",
    "alert_view",
    "group_by_service",
    "is_watched",
    "move_view",
]

WATCH_LIMIT = timedelta(seconds=10)
"""Rules are evaluated every second; after ten missed turns nobody knows what burns, and gates call it stale too."""

_NO_DATA = MARKS["missing"]
_NOT_OURS = "not told"  # the rule is another tool's


@dataclass(frozen=True, slots=True)
class AlertView:
    id: str
    mark: Mark
    severity: str
    code: str
    sentence: str
    service: str
    tenant: str | None
    value: str
    bound: str
    count: int
    since: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    held_since: datetime | None
    scope: str | None
    """Whom it is about, where that can be told."""
    dimensions: tuple[tuple[str, str], ...]
    is_flapping: bool
    runbook: str
    """Path of its page, or an https address."""

    outside: Outside | None = None
    """What its sender said, where no rule of ours judges it."""

    @property
    def runbook_slug(self) -> str:
        return self.runbook.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class ServiceAlerts:
    """Alerts of one service, the most severe first."""

    service: str
    alerts: tuple[AlertView, ...]


@dataclass(frozen=True, slots=True)
class MoveView:
    """One move of an alert and why."""

    mark: Mark
    title: str
    words: str
    at: datetime


def alert_view(alert: Alert) -> AlertView:
    return AlertView(
        id=alert.id,
        mark=_NO_DATA if alert.is_open and alert.held_since else MARKS[alert.state],
        severity=alert.severity,
        code=alert.code,
        sentence=alert.sentence,
        service=alert.service or "without a name",
        tenant=alert.tenant,
        value=_written(alert.unit, alert.value) if alert.outside is None else _NOT_OURS,
        bound=written(alert.unit, alert.threshold) if alert.outside is None else _NOT_OURS,
        count=alert.count,
        since=alert.since,
        fired_at=alert.fired_at,
        resolved_at=alert.resolved_at,
        held_since=alert.held_since if alert.is_open else None,
        scope=alert.scope,
        dimensions=alert.key.labels,
        is_flapping=alert.is_flapping,
        runbook=alert.runbook,
        outside=alert.outside,
    )


def group_by_service(alerts: Iterable[AlertView]) -> tuple[ServiceAlerts, ...]:
    """Return the alerts by service: the service with the most severe and oldest one first."""

    def rank(alert: AlertView) -> tuple[str, datetime]:
        return alert.severity, alert.since

    by_name = sorted(alerts, key=lambda alert: alert.service)
    groups = [
        ServiceAlerts(service, tuple(sorted(own, key=rank)))
        for service, own in groupby(by_name, key=lambda alert: alert.service)
    ]
    return tuple(sorted(groups, key=lambda group: rank(group.alerts[0])))


def move_view(transition: Transition) -> MoveView:
    kind = transition.cause.kind
    mark = _NO_DATA if kind in {CauseKind.HELD, CauseKind.NO_DATA, CauseKind.UNHEARD} else MARKS[transition.to_state]
    return MoveView(mark, _TITLES[kind], transition.cause.words, transition.at)


_TITLES = {
    CauseKind.CROSSED: "Bound crossed",
    CauseKind.SILENT: "Fell silent",
    CauseKind.SUSTAINED: "Fired",
    CauseKind.HELD: "No answer: held",
    CauseKind.RESUMED: "Answers are back",
    CauseKind.RECOVERING: "Good again: resolves when that lasts",
    CauseKind.RELAPSED: "Crossed again",
    CauseKind.FLAPPING: "Flapping: stays open until it is stable",
    CauseKind.STEADY: "Flaps no more",
    CauseKind.RECOVERED: "Resolved: back within the bound",
    CauseKind.NO_DATA: "Closed without an answer",
    CauseKind.WITHDRAWN: "Closed: nothing judges it any more",
    CauseKind.REPORTED: "Fired, by the word of its sender",
    CauseKind.ENDED: "Resolved, by the word of its sender",
    CauseKind.UNHEARD: "Closed: its sender speaks of it no more",
}


def newest_first(transitions: Sequence[Transition]) -> tuple[MoveView, ...]:
    return tuple(move_view(transition) for transition in reversed(transitions))


def is_watched(evaluated_at: datetime | None, now: datetime) -> bool:
    """Return whether an empty list of alerts means that nothing burns."""
    return evaluated_at is not None and abs(now - evaluated_at) <= WATCH_LIMIT


def _written(unit: Unit, value: float | None) -> str:
    return "no value" if value is None else written(unit, value)
