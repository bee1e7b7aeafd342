"""The alert rules, runbooks and quiet of the slices below, behind the ports of this one."""

from collections.abc import Collection, Sequence
from datetime import datetime

from tidegate.alerts import AlertService, Rule
from tidegate.gates.model import OpenAlert, QuietReading
from tidegate.gates.ports import AlertRule
from tidegate.kernel import WorkspaceId
from tidegate.runbooks import find_runbook

__all__ = ["AlertQuietReader", "BuiltInRunbooks", "LoadedRules"]


class LoadedRules:
    """Keeps the promises of `AlertCatalogue` with the rules that the evaluator runs."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(AlertRule(rule.code, rule.severity.value, rule.family) for rule in rules)

    def list_rules(self) -> Collection[AlertRule]:
        return self._rules


class BuiltInRunbooks:
    """Keeps the promises of `RunbookCatalogue` with the pages of the package."""

    def find_slug(self, name: str) -> str | None:
        page = find_runbook(name)
        return page.slug if page is not None else None


class AlertQuietReader:
    """Keeps the promises of `QuietReader` with the alert slice."""

    def __init__(self, alerts: AlertService) -> None:
        self._alerts = alerts

    async def read_quiet(
        self, workspace: WorkspaceId, codes: Collection[str], services: Collection[str], *, since: datetime
    ) -> QuietReading:
        state = await self._alerts.quiet_state(workspace, codes, services, since=since)
        return QuietReading(
            open_alerts=tuple(
                OpenAlert(alert.id, alert.code, alert.service, alert.since) for alert in state.open_alerts
            ),
            last_closed_at=state.last_closed_at,
            evaluated_at=state.evaluated_at,
            watched_since=state.watched_since,
        )
