"""Prices over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from tidegate.audit.doing import Writing
from tidegate.edge.bodies import JSON, YAML, read_body
from tidegate.edge.caller import CurrentWorkspace, WritableWorkspace
from tidegate.edge.providers import provide
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT
from tidegate.signals.prices.model import PriceSource
from tidegate.signals.prices.price_files import MAX_FILE_BYTES
from tidegate.signals.prices.schemas import (
    AppliedPricesOut,
    ExplainQuery,
    ExplanationOut,
    OverridesOut,
    PricePageOut,
)
from tidegate.signals.prices.service import PriceService

router = APIRouter(prefix="/api/v1/prices", tags=["prices"])
Prices = Annotated[PriceService, provide(PriceService)]
_PRICE_FILE: dict[str, Any] = {"requestBody": {"content": {"application/yaml": {}, "application/json": {}}}}
_Name = Annotated[str | None, Query(max_length=512)]


@router.get("")
async def list_prices(  # noqa: PLR0913, PLR0917 - the query of the route
    workspace: CurrentWorkspace,
    prices: Prices,
    provider: _Name = None,
    model: _Name = None,
    source: PriceSource | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> PricePageOut:
    """List prices: those of the workspace, then the bundled ones. `model` is a part of the name."""
    page = await prices.list(workspace, provider=provider, model=model, source=source, limit=limit, cursor=cursor)
    return PricePageOut.of(page, now=prices.now())


@router.get("/overrides")
async def show_overrides(workspace: CurrentWorkspace, prices: Prices) -> OverridesOut:
    """Return the prices that the workspace set itself."""
    return OverridesOut.of(await prices.overrides(workspace))


@router.put("/overrides", openapi_extra=_PRICE_FILE)
async def set_overrides(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request, response: Response, workspace: WritableWorkspace, prices: Prices, by: Writing
) -> AppliedPricesOut:
    """Set the workspace's prices to those of a price file, YAML or JSON: 201; 200 when they counted already."""
    applied = await prices.apply(workspace, await _price_file(request), by=by)
    response.status_code = 201 if applied.is_new else 200
    return AppliedPricesOut.of_applied(applied)


@router.post("/validate", openapi_extra=_PRICE_FILE)
async def validate_prices(request: Request, workspace: CurrentWorkspace, prices: Prices) -> OverridesOut:
    """Return the prices in a file, storing nothing."""
    return OverridesOut.of(await prices.check(workspace, await _price_file(request)))


@router.get("/explain")
async def explain_price(
    workspace: CurrentWorkspace, prices: Prices, call: Annotated[ExplainQuery, Query()]
) -> ExplanationOut:
    """Say what one call costs, by which price, part by part."""
    usage = call.usage_at(prices.now())
    return ExplanationOut.of(await prices.explain(workspace, usage), usage)


async def _price_file(request: Request) -> bytes:
    return await read_body(request, JSON + YAML, limit_bytes=MAX_FILE_BYTES)
