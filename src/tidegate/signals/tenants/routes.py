"""Tenants over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.csv import csv_response
from tidegate.edge.providers import provide
from tidegate.kernel import InvalidInputError
from tidegate.signals import SignalScope
from tidegate.signals.explore.ranges import Span, span_of
from tidegate.signals.explore.schemas import HealthOut, RangeIn, WindowOut
from tidegate.signals.explore.service import ExploreService
from tidegate.signals.tenants.ranking import COLUMNS, Ranked
from tidegate.signals.tenants.schemas import TenantAlertOut, TenantDetailOut, TenantOut, TenantsIn, TenantsOut
from tidegate.signals.tenants.service import TenantPage, TenantService

__all__ = ["DEFAULT_TENANT_RANGE", "Name", "router", "tenant_span"]

router = APIRouter(prefix="/api/v1/tenants", tags=["tenants"])
Tenants = Annotated[TenantService, provide(TenantService)]
Explore = Annotated[ExploreService, provide(ExploreService)]
Name = Annotated[str, Path(min_length=1, max_length=512)]
DEFAULT_TENANT_RANGE = "24h"


@router.get("", response_model=TenantsOut)
async def list_tenants(
    workspace: CurrentWorkspace, tenants: Tenants, asked: Annotated[TenantsIn, Query()]
) -> TenantsOut | Response:
    """List tenants against their median: requests, denials, errors, runs, cost; outliers first."""
    span = tenant_span(asked, tenants)
    found = await tenants.list_tenants(
        workspace, span.window, scope=asked.scope(), search=asked.q or "", sort=asked.sort,
        is_descending=asked.is_descending, limit=asked.limit, cursor=asked.cursor,
    )  # fmt: skip
    if asked.format == "csv":
        return _csv(found)
    return TenantsOut(
        window=WindowOut.of(span.window),
        items=tuple(TenantOut.of(row) for row in found.page.items),
        next_cursor=found.page.next_cursor,
        count=found.count,
        is_cut=found.is_cut,
    )


@router.get("/{tenant:path}")
async def get_tenant(  # noqa: PLR0917 - FastAPI passes them by name
    tenant: Name, workspace: CurrentWorkspace, tenants: Tenants, explore: Explore, asked: Annotated[RangeIn, Query()]
) -> TenantDetailOut:
    """Show one tenant: its rank in the window, how every family is for it now, its open alerts."""
    name = checked(tenant)
    span = tenant_span(asked, tenants)
    rank = await tenants.find_tenant(workspace, name, span.window)
    rows = await explore.overview(workspace, SignalScope(tenant=name))
    burning = await explore.burning(workspace, tenant=name)
    return TenantDetailOut(
        tenant=name,
        window=WindowOut.of(span.window),
        rank=TenantOut.of(rank) if rank else None,
        families=tuple(HealthOut.of(row) for row in rows),
        alerts=tuple(TenantAlertOut.of(alert) for alert in burning.alerts) if burning else None,
    )


def tenant_span(asked: RangeIn, tenants: TenantService) -> Span:
    preset = asked.range or (None if asked.from_ or asked.to else DEFAULT_TENANT_RANGE)
    return span_of(preset=preset, start=asked.from_, end=asked.to, step=None, now=tenants.now())


def checked(tenant: str) -> str:
    if "\0" in tenant:
        raise InvalidInputError("tenant: it contains a NUL character.", field="tenant")
    return tenant


def _csv(found: TenantPage) -> Response:
    columns = ["tenant", *(f"{column.name}{suffix}" for column in COLUMNS for suffix in ("", "Ratio"))]
    rows = [
        (row.tenant, *(cell for column in COLUMNS for cell in _pair(row.figures[column.name])))
        for row in found.page.items
    ]
    return csv_response("tenants", columns, rows)


def _pair(ranked: Ranked) -> tuple[float | None, float | None]:
    return ranked.value, ranked.ratio
