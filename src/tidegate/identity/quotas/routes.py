"""Quotas over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from tidegate.edge.providers import provide
from tidegate.identity.doors import ActingAdmin, ActingReader, body_of, read_wish
from tidegate.identity.quotas.schemas import LimitsIn, LimitsOut
from tidegate.identity.quotas.service import QuotaService

router = APIRouter(prefix="/api/v1", tags=["limits"])
Quotas = Annotated[QuotaService, provide(QuotaService)]
_BODY: dict[str, Any] = body_of(LimitsIn)


@router.get("/limits")
async def show_limits(by: ActingReader, quotas: Quotas) -> LimitsOut:
    """Return the quotas of the workspace: what holds, who set it, and what of a day's is used."""
    return LimitsOut.of(await quotas.list_limits(by.caller.workspace, by=by))


@router.get("/limits/metrics", response_class=PlainTextResponse)
async def limit_metrics(by: ActingReader, quotas: Quotas) -> PlainTextResponse:
    """Quotas in the Prometheus text format: amounts, what of a day's is used, refusals; no tenant is a label."""
    found = await quotas.list_limits(by.caller.workspace, by=by)
    lines = ["# TYPE tidegate_quota_refused_total counter"]
    lines += [f'tidegate_quota_refused_total{{quota="{each.quota}"}} {each.refused}' for each in found]
    lines.append("# TYPE tidegate_quota_amount gauge")
    lines += [f'tidegate_quota_amount{{quota="{each.quota}"}} {each.amount}' for each in found if each.amount]
    lines.append("# TYPE tidegate_quota_used gauge")
    lines += [f'tidegate_quota_used{{quota="{each.quota}"}} {each.used}' for each in found if each.used is not None]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4; charset=utf-8")


@router.put("/limits", openapi_extra=_BODY)
async def set_limits(request: Request, by: ActingAdmin, quotas: Quotas) -> LimitsOut:
    """Lower quotas of the workspace; in force within two seconds. More than the operator allows is refused."""
    wish = await read_wish(request, LimitsIn)
    return LimitsOut.of(await quotas.set_limits(by.caller.workspace, wish.changes(), by=by))


@router.get("/tokens/{token_id}/limits")
async def show_limits_of_token(token_id: str, by: ActingReader, quotas: Quotas) -> LimitsOut:
    """Return what is set for one token, besides the quotas of its workspace."""
    return LimitsOut.of(await quotas.list_limits(by.caller.workspace, by=by, token=token_id))


@router.put("/tokens/{token_id}/limits", openapi_extra=_BODY)
async def set_limits_of_token(request: Request, token_id: str, by: ActingAdmin, quotas: Quotas) -> LimitsOut:
    """Give one token a part of what its workspace may; in force within two seconds. It stays when it is rotated."""
    wish = await read_wish(request, LimitsIn)
    return LimitsOut.of(await quotas.set_limits(by.caller.workspace, wish.changes(), by=by, token=token_id))
