"""The launch board and the page of a gate."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Protocol
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import Response

from tidegate.alerts import OPEN_STATES, AlertService
from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.html import Pages, page_router
from tidegate.edge.providers import provide
from tidegate.gates.rendering import alerts_view, board_view, gate_view
from tidegate.gates.service import GateService
from tidegate.gates.views import AlertsView
from tidegate.kernel import MAX_LIMIT, GateId, UnavailableError, WorkspaceId
from tidegate.releases import ReleasesService

__all__ = ["TelemetryWatch", "router"]

_DECISIONS_ON_PAGE = 20  # a strip of them is as wide as a phone


class TelemetryWatch(Protocol):
    """Knows when telemetry last arrived."""

    async def last_span_at(self, workspace: WorkspaceId) -> int | None:
        """Return the newest stored moment in Unix seconds, `None` when there is none.

        Raises:
            UnavailableError: the telemetry engine does not answer for the moment.
        """
        ...


router = page_router()
Gates = Annotated[GateService, provide(GateService)]
Releases = Annotated[ReleasesService, provide(ReleasesService)]
Alerts = Annotated[AlertService, provide(AlertService)]
Telemetry = Annotated[TelemetryWatch, provide(TelemetryWatch)]


@router.get("/")
async def show_board(  # noqa: PLR0913, PLR0917 - what the board puts together
    request: Request,
    workspace: CurrentWorkspace,
    gates: Gates,
    releases: Releases,
    alerts: Alerts,
    telemetry: Telemetry,
    pages: Pages,
) -> Response:
    """Show whether the candidate may go out and, if not, who has to do what."""
    release = await releases.find_candidate(workspace)
    listed, dashboards, burning, (telemetry_at, is_telemetry_known) = await asyncio.gather(
        gates.list_gates(workspace),
        gates.board(workspace, release=release.name if release else None),
        _find_alerts(alerts, workspace, pages.now()),
        _find_telemetry(telemetry, workspace),
    )
    board = board_view(
        listed,
        dashboards,
        release,
        alerts=burning,
        telemetry_at=telemetry_at,
        is_telemetry_known=is_telemetry_known,
    )
    return pages.render(
        request, "gates/board.html", section="launch", is_live=True, board=board, base_url=_base_url(request)
    )


@router.get("/gates/{gate_id}")
async def show_gate(  # noqa: PLR0913, PLR0917 - the query of the page
    gate_id: GateId,
    request: Request,
    workspace: CurrentWorkspace,
    gates: Gates,
    pages: Pages,
    release: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
) -> Response:
    """Show why the gate says what it says, and what would make it say GO."""
    gate = await gates.get_gate(workspace, gate_id)
    dashboard = await gates.dashboard(workspace, gate_id, release=release)
    history = await gates.history(workspace, gate_id, release, limit=_DECISIONS_ON_PAGE, cursor=cursor)
    query = {"release": release, "cursor": history.next_cursor}
    older = urlencode({name: value for name, value in query.items() if value is not None})
    return pages.render(
        request,
        "gates/gate.html",
        section="launch",
        is_live=cursor is None,
        gate=gate_view(gate, dashboard, history),
        next_query=older if history.next_cursor else None,
        base_url=_base_url(request),
    )


async def _find_alerts(alerts: AlertService, workspace: WorkspaceId, now: datetime) -> AlertsView | None:
    """Alerts are a part of the board: without them the rest still answers."""
    try:
        watch = await alerts.get_watch(workspace)
        page = await alerts.list_alerts(workspace, states=OPEN_STATES, limit=MAX_LIMIT)
    except UnavailableError:
        return None
    return alerts_view(page, watch, rule_count=alerts.rule_count, now=now)


async def _find_telemetry(telemetry: TelemetryWatch, workspace: WorkspaceId) -> tuple[datetime | None, bool]:
    try:
        newest = await telemetry.last_span_at(workspace)
    except UnavailableError:
        return None, False
    return (datetime.fromtimestamp(newest, UTC) if newest is not None else None), True


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")
