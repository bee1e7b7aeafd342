"""`rules` and `alerts` of Prometheus's HTTP API."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from tidegate.alerts.model import Alert
from tidegate.alerts.prometheus.schemas import alerts_out, rules_out
from tidegate.alerts.service import OPEN_STATES, AlertService
from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.prometheus import PROMETHEUS_PREFIX, REFUSED, PrometheusRoute, success
from tidegate.edge.providers import provide
from tidegate.kernel import MAX_LIMIT, WorkspaceId

__all__ = ["router"]

router = APIRouter(prefix=PROMETHEUS_PREFIX, tags=["prometheus"], route_class=PrometheusRoute, responses=REFUSED)
Alerts = Annotated[AlertService, provide(AlertService)]
_MOST_ALERTS: Final = 1_000  # as many as one answer of ours shows of a family
_CUT: Final = f"Only the {_MOST_ALERTS} newest open alerts are shown."


@router.get("/rules")
async def list_rules(
    workspace: CurrentWorkspace,
    alerts: Alerts,
    *,
    kind: Annotated[
        str | None, Query(alias="type", description="`alert` or `record`", pattern="^(alert|record)?$")
    ] = None,
    names: Annotated[list[str] | None, Query(alias="rule_name[]", description="Only these")] = None,
    exclude_alerts: bool = False,
) -> dict[str, Any]:
    """List the rules with their open alerts, one group a family and set."""
    found, warnings = await _open(workspace, alerts)
    watch = await alerts.get_watch(workspace)
    rules = () if kind == "record" else await alerts.list_rules(workspace)
    body = rules_out(rules, found, evaluated_at=watch.evaluated_at, names=names or (), with_alerts=not exclude_alerts)
    return success(body, warnings=warnings)


@router.get("/alerts")
async def list_open_alerts(workspace: CurrentWorkspace, alerts: Alerts) -> dict[str, Any]:
    """List the alerts that are pending or firing."""
    found, warnings = await _open(workspace, alerts)
    return success(alerts_out(found), warnings=warnings)


async def _open(workspace: WorkspaceId, alerts: AlertService) -> tuple[list[Alert], list[str]]:
    found: list[Alert] = []
    cursor = None
    while len(found) < _MOST_ALERTS:
        page = await alerts.list_alerts(workspace, states=OPEN_STATES, limit=MAX_LIMIT, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found, []
    return found[:_MOST_ALERTS], [_CUT]
