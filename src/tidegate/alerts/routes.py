"""Alerts over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.convertors import StringConvertor, register_url_convertor

from tidegate.alerts.errors import OverrideInvalidError
from tidegate.alerts.model import AlertState
from tidegate.alerts.schemas import AlertDetailOut, AlertPageOut, FamilyAlertsOut, about_alert
from tidegate.alerts.service import AlertService
from tidegate.edge.caller import CurrentCaller, CurrentWorkspace, permit
from tidegate.edge.providers import provide
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT, AlertId, InvalidInputError, WorkspaceId
from tidegate.signals import Family
from tidegate.signals.explore import family_named

__all__ = ["router"]

router = APIRouter()
Alerts = Annotated[AlertService, provide(AlertService)]


class FamilyConvertor(StringConvertor):
    """Keeps families, which answer in JSON, apart from the pages of alerts, whose ids begin with `alr_`."""

    regex = "(?!alr_)[^/]{1,80}"


register_url_convertor("family", FamilyConvertor())
_STORED_STATES = frozenset(AlertState) - {AlertState.INACTIVE}
_TENANT = "workspaceId"
"""Filters by tenant: the name is the one of the service that these routes come from."""


@router.get("/alerts/{family:family}")
async def show_family_alerts(
    family: str, request: Request, workspace: CurrentWorkspace, alerts: Alerts
) -> FamilyAlertsOut:
    """Show figures and open alerts of a family; with bounds in the query, what these bounds would find now.

    A family without rules has figures and no alerts. `ai` is `ai_run`; `workspaceId` filters by tenant.
    """
    return await _show(request, workspace, alerts, family_named(family))


@router.get("/api/v1/alerts")
async def list_alerts(
    workspace: CurrentWorkspace,
    alerts: Alerts,
    *,
    state: Annotated[str | None, Query(description="One or more of pending, firing, resolved, with commas.")] = None,
    service: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> AlertPageOut:
    """List alerts, the newest first."""
    states = None if state is None else _states_of(state)
    page = await alerts.list_alerts(workspace, states=states, service=service, cursor=cursor, limit=limit)
    return AlertPageOut.of(page, await alerts.get_watch(workspace), rule_count=alerts.rule_count)


@router.get("/api/v1/alerts/{alert_id}")
async def get_alert(alert_id: str, request: Request, caller: CurrentCaller, alerts: Alerts) -> AlertDetailOut:
    """Show one alert and each of its transitions with its cause."""
    detail = await alerts.get_alert(caller.workspace, AlertId(alert_id))
    await permit(request, caller, about_alert(detail.alert))
    return AlertDetailOut.of(detail)


def _states_of(text: str) -> frozenset[AlertState]:
    words = text.split(",")
    if not _STORED_STATES.issuperset(words):
        raise InvalidInputError(f"`state` is one or more of {', '.join(sorted(_STORED_STATES))}.", field="state")
    return frozenset(AlertState(word) for word in words)


async def _show(request: Request, workspace: WorkspaceId, alerts: AlertService, family: Family) -> FamilyAlertsOut:
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise OverrideInvalidError(f"{name} is given twice.", name)
        given[name] = value
    tenant = given.pop(_TENANT, None)
    return FamilyAlertsOut.of(await alerts.preview(workspace, family, given, tenant=tenant))
