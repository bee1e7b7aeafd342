"""What those who look at signals ask of alerts: bounds, and what burns."""

from collections.abc import Sequence

from tidegate.alerts.model import Alert, Op, Rule, Source
from tidegate.alerts.service import OPEN_STATES, AlertService
from tidegate.alerts.views import is_watched
from tidegate.kernel import MAX_LIMIT, Clock, WorkspaceId
from tidegate.signals import Family
from tidegate.signals.explore import Bound, Burning, OpenAlert

__all__ = ["AlertWatcher"]


class AlertWatcher:
    """Keeps the promises of `Watcher` of signals."""

    def __init__(self, alerts: AlertService, clock: Clock) -> None:
        self._alerts = alerts
        self._clock = clock

    async def bounds(self, workspace: WorkspaceId, family: Family, *, tenant: str | None = None) -> Sequence[Bound]:
        rules = await self._alerts.list_rules(workspace)
        return [
            _bound(rule.of_tenant(tenant, dict(rule.tenants)))
            for rule in rules
            if rule.family is family and _is_of_all(rule)
        ]

    async def burning(
        self, workspace: WorkspaceId, *, family: Family | None = None, tenant: str | None = None
    ) -> Burning:
        watch = await self._alerts.get_watch(workspace)
        page = await self._alerts.list_alerts(
            workspace, states=OPEN_STATES, family=family, tenant=tenant, limit=MAX_LIMIT
        )
        return Burning(
            alerts=tuple(_open(alert) for alert in page.items),
            has_more=page.next_cursor is not None,
            is_watched=is_watched(watch.evaluated_at, self._clock.now()),
        )


def _is_of_all(rule: Rule) -> bool:
    """Return whether the figure that a rule reads is the one that pages draw: of all that the family counts."""
    return not rule.where and rule.measure.source is not Source.TELEMETRY


def _bound(rule: Rule) -> Bound:
    return Bound(
        code=rule.code,
        family=rule.family,
        figure=rule.measure.figure,
        threshold=rule.threshold,
        severity=rule.severity,
        min_count=rule.min_count,
        window=rule.window,
        runbook=rule.runbook_link,
        is_below=rule.op is Op.BELOW,
    )


def _open(alert: Alert) -> OpenAlert:
    return OpenAlert(
        id=alert.id,
        code=alert.code,
        family=alert.family,
        severity=alert.severity,
        service=alert.service,
        tenant=alert.tenant,
        state=alert.state,
        sentence=alert.sentence,
        since=alert.since,
        is_held=alert.held_since is not None,
    )
