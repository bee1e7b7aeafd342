"""What burns now, and what happened with one alert."""

from enum import StrEnum
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response
from starlette.convertors import StringConvertor, register_url_convertor

from tidegate.alerts.model import AlertState
from tidegate.alerts.paging.service import PagingService
from tidegate.alerts.paging.views import lines_of, matchers_for
from tidegate.alerts.schemas import about_alert
from tidegate.alerts.service import OPEN_STATES, AlertService
from tidegate.alerts.views import alert_view, group_by_service, is_watched, newest_first
from tidegate.edge.caller import CurrentCaller, CurrentWorkspace, Role, Scope, permit
from tidegate.edge.html import Pages, page_router
from tidegate.edge.markdown import html_of_markdown
from tidegate.edge.providers import provide
from tidegate.kernel import MAX_LIMIT, AlertId
from tidegate.runbooks import find_runbook

__all__ = ["router"]


class AlertIdConvertor(StringConvertor):
    """Keeps `/alerts/auth` and `/alerts/ai`, which answer in JSON, apart from the pages of alerts."""

    regex = "alr_[0-9a-z]{1,60}"


register_url_convertor("alert_id", AlertIdConvertor())
router = page_router()
Alerts = Annotated[AlertService, provide(AlertService)]
Paging = Annotated[PagingService, provide(PagingService)]


class StateFilter(StrEnum):
    """Which alerts the list shows."""

    OPEN = "open"
    FIRING = "firing"
    PENDING = "pending"
    RESOLVED = "resolved"

    @property
    def states(self) -> frozenset[AlertState]:
        return OPEN_STATES if self is StateFilter.OPEN else frozenset({AlertState(self.value)})


@router.get("/alerts")
async def show_alerts(  # noqa: PLR0913, PLR0917 - the query of the page
    request: Request,
    workspace: CurrentWorkspace,
    alerts: Alerts,
    paging: Paging,
    pages: Pages,
    state: StateFilter = StateFilter.OPEN,
    service: Annotated[str | None, Query(max_length=512)] = None,
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
) -> Response:
    """Show alerts by service; those without an answer stand apart: they are neither burning nor over."""
    # Asked first: what opens in between is shown; the other way round it would be missing under a fresh time.
    watch = await alerts.get_watch(workspace)
    page = await alerts.list_alerts(
        workspace, states=state.states, service=service, limit=MAX_LIMIT, cursor=cursor or None
    )
    found = [alert_view(alert) for alert in page.items]
    return pages.render(
        request,
        "alerts/list.html",
        section="alerts",
        is_live=cursor is None,
        filters=tuple(StateFilter),
        state=state,
        service=service,
        groups=group_by_service(alert for alert in found if not alert.held_since),
        unanswered=group_by_service(alert for alert in found if alert.held_since),
        next_cursor=page.next_cursor,
        care=await paging.find_care(workspace, page.items),
        health=await paging.health(workspace),
        rule_count=alerts.rule_count,
        evaluated_at=watch.evaluated_at,
        is_watched=is_watched(watch.evaluated_at, pages.now()),
    )


@router.get("/alerts/{alert_id:alert_id}")
async def show_alert(  # noqa: PLR0917 - FastAPI passes them by name
    alert_id: str, request: Request, caller: CurrentCaller, alerts: Alerts, paging: Paging, pages: Pages
) -> Response:
    """Show one alert: what happened, what to do, and every move with its cause."""
    detail = await alerts.get_alert(caller.workspace, AlertId(alert_id))
    await permit(request, caller, about_alert(detail.alert))
    alert = alert_view(detail.alert)
    runbook = find_runbook(alert.runbook_slug)
    why = await paging.why(caller.workspace, detail.alert)
    return pages.render(
        request,
        "alerts/alert.html",
        section="alerts",
        is_live=True,
        alert=alert,
        moves=newest_first(detail.transitions, detail.budget_events),
        runbook=runbook,
        runbook_text=html_of_markdown(runbook.markdown, deepen=1) if runbook else "",
        why=why,
        told=lines_of(why),
        matchers=matchers_for(detail.alert),
        may_write=caller.may(Scope.WRITE),
        may_silence=caller.may(Scope.WRITE) and caller.role is not Role.AGENT,
        base_url=str(request.base_url).rstrip("/"),
    )
