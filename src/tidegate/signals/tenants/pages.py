"""Tenants for people: who is unlike the others, and one of them in all families."""

import shlex
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import ConfigDict

from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.html import Pages, page_router
from tidegate.edge.providers import provide
from tidegate.kernel import UnavailableError
from tidegate.signals import SignalScope
from tidegate.signals.explore.catalogue import FigureUnit
from tidegate.signals.explore.pages import alert_lines
from tidegate.signals.explore.ranges import PRESETS
from tidegate.signals.explore.schemas import RangeIn
from tidegate.signals.explore.service import ExploreService
from tidegate.signals.explore.views import address, overview_row
from tidegate.signals.explore.words import written
from tidegate.signals.tenants.ranking import COLUMNS, Ranked, TenantRow
from tidegate.signals.tenants.routes import DEFAULT_TENANT_RANGE, Name, checked, tenant_span
from tidegate.signals.tenants.schemas import TenantsIn
from tidegate.signals.tenants.service import TenantService

__all__ = ["router"]

router = page_router()
Tenants = Annotated[TenantService, provide(TenantService)]
Explore = Annotated[ExploreService, provide(ExploreService)]
_NOTABLE = 3.0  # so many times the median is worth an eye


class TenantsQuery(TenantsIn):
    model_config = ConfigDict(extra="ignore")


class TenantQuery(RangeIn):
    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True, slots=True)
class RankView:
    label: str
    value: str
    rank: str
    """How many times the median it is, in words; empty without one."""
    is_notable: bool


@dataclass(frozen=True, slots=True)
class TenantView:
    tenant: str
    ranks: tuple[RankView, ...]


@router.get("/tenants")
async def show_tenants(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request,
    workspace: CurrentWorkspace,
    tenants: Tenants,
    pages: Pages,
    asked: Annotated[TenantsQuery, Query()],
) -> Response:
    """Show tenants against their median, the furthest from it first."""
    span = tenant_span(asked, tenants)
    query = _query(asked)
    found, problem = None, None
    try:
        found = await tenants.list_tenants(
            workspace, span.window, scope=asked.scope(), search=asked.q or "", sort=asked.sort,
            is_descending=asked.is_descending, limit=asked.limit, cursor=asked.cursor,
        )  # fmt: skip
    except UnavailableError as error:
        problem = error
    return pages.render(
        request,
        "signals/tenants.html",
        section="tenants",
        is_live=asked.cursor is None and asked.to is None,
        topics="signals",
        found=found,
        problem=problem,
        rows=[_view(row) for row in found.page.items] if found else [],
        columns=COLUMNS,
        sort=asked.sort,
        is_descending=asked.is_descending,
        span=span,
        presets=tuple(PRESETS),
        query=query,
        address=address,
        call=f"/api/v1/tenants?{urlencode(query)}" if query else "/api/v1/tenants",
        csv=address("/api/v1/tenants", query, format="csv", limit="200", cursor=None),
        base_url=_base_url(request),
    )


@router.get("/tenants/{tenant:path}")
async def show_tenant(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    tenant: Name,
    request: Request,
    workspace: CurrentWorkspace,
    tenants: Tenants,
    explore: Explore,
    pages: Pages,
    asked: Annotated[TenantQuery, Query()],
) -> Response:
    """Show one tenant in all families, its alerts, and the way to its runs and logs."""
    name = checked(tenant)
    span = tenant_span(asked, tenants)
    row, problem = None, None
    try:
        row = await tenants.find_tenant(workspace, name, span.window)
    except UnavailableError as error:
        problem = error
    families = await explore.overview(workspace, SignalScope(tenant=name))
    burning = await explore.burning(workspace, tenant=name)
    return pages.render(
        request,
        "signals/tenant.html",
        section="tenants",
        is_live=asked.to is None,
        topics="signals,alerts",
        tenant=name,
        row=_view(row) if row else None,
        problem=problem,
        rows=[overview_row(each) for each in families if each.figures is None or each.figures.get(each.entry.count)],
        alerts=alert_lines(burning.alerts) if burning else None,
        span=span,
        presets=tuple(PRESETS),
        query=_query(asked),
        address=address,
        command=f"tidegate tenant show {shlex.quote(name)}",
        base_url=_base_url(request),
    )


def _view(row: TenantRow) -> TenantView:
    return TenantView(
        row.tenant, tuple(_rank(column.label, column.unit, row.figures[column.name]) for column in COLUMNS)
    )


def _rank(label: str, unit: FigureUnit, ranked: Ranked) -> RankView:
    rank = ""
    if ranked.ratio is not None:
        rank = f"\N{MULTIPLICATION SIGN}{ranked.ratio:,.3g} the median"
    elif ranked.weight > 0:
        rank = "median 0"
    is_notable = ranked.weight >= _NOTABLE
    return RankView(label, written(unit, ranked.value), rank, is_notable)


def _query(asked: RangeIn) -> dict[str, str | None]:
    given = asked.model_dump(by_alias=True, mode="json", exclude_defaults=True)
    given = {name: str(value) for name, value in given.items() if value}
    if given.get("range") == DEFAULT_TENANT_RANGE:
        given.pop("range")
    return given


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")
