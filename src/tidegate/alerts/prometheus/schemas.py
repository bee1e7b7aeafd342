"""Rules and alerts in the shapes of Prometheus's HTTP API."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tidegate.alerts.labels import labels_of
from tidegate.alerts.model import Alert, AlertState, Op, Rule
from tidegate.edge.prometheus import rfc3339
from tidegate.kernel import format_duration
from tidegate.promql.numbers import go_text
from tidegate.signals import Family

__all__ = ["alerts_out", "rules_out"]

_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)  # Go's moment that is none
_FILE: Final = "built-in"


def alerts_out(alerts: Sequence[Alert]) -> dict[str, Any]:
    """Return open alerts."""
    return {"alerts": [_alert(alert) for alert in alerts]}


def rules_out(
    rules: Sequence[Rule],
    alerts: Sequence[Alert],
    *,
    evaluated_at: datetime | None,
    names: Collection[str] = (),
    with_alerts: bool = True,
) -> dict[str, Any]:
    """Return rules in groups, one a family and set, with their open alerts; of `names` alone when there are any."""
    open_of: defaultdict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        open_of[alert.code].append(alert)
    groups: defaultdict[tuple[str, Family], list[dict[str, Any]]] = defaultdict(list)
    for rule in rules:
        if not names or rule.code in names:
            groups[rule.rule_set or _FILE, rule.family].append(
                _rule(rule, open_of[rule.code], evaluated_at, with_alerts=with_alerts)
            )
    return {
        "groups": [
            {
                "name": family.value,
                "file": file,
                "rules": found,
                "interval": 0,
                "limit": 0,
                "evaluationTime": 0,
                "lastEvaluation": rfc3339(evaluated_at or _NEVER),
            }
            for (file, family), found in groups.items()
        ]
    }


def _rule(rule: Rule, alerts: Sequence[Alert], evaluated_at: datetime | None, *, with_alerts: bool) -> dict[str, Any]:
    states = {alert.state for alert in alerts}
    state = next((one for one in (AlertState.FIRING, AlertState.PENDING) if one in states), AlertState.INACTIVE)
    body = {
        "state": state.value,
        "name": rule.code,
        "query": f"tidegate:{rule.family.value}:{rule.measure.figure}:{format_duration(rule.window)} "
        f"{'>=' if rule.op is Op.ABOVE else '<='} {go_text(rule.threshold)}",
        "duration": rule.lasting.total_seconds(),
        "keepFiringFor": rule.keep_firing.total_seconds(),
        "labels": {"severity": rule.severity.value, "family": rule.family.value} | dict(rule.labels),
        "annotations": {"runbook_url": rule.runbook_link},
        "alerts": [_alert(alert) for alert in alerts] if with_alerts else [],
        "health": "unknown" if evaluated_at is None else "ok",
        "evaluationTime": 0,
        "lastEvaluation": rfc3339(evaluated_at or _NEVER),
        "type": "alerting",
    }
    if not with_alerts:
        del body["alerts"]
    return body


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "labels": labels_of(alert),
        "annotations": {"summary": alert.sentence, "runbook_url": alert.runbook},
        "state": alert.state.value,
        "activeAt": rfc3339(alert.since),
        "value": "NaN" if alert.value is None else go_text(alert.value),
    }
