"""Trying rules over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Request

from tidegate.alerts.backtest.schemas import BacktestIn, BacktestOut
from tidegate.alerts.backtest.service import BacktestService
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.providers import provide

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/rules", tags=["rules"])
Backtests = Annotated[BacktestService, provide(BacktestService)]
_MAX_BODY_BYTES = 2 * 1024 * 1024  # a rule file of 256 KB and 10,000 incidents of 150 bytes
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/json": {}}}}


@router.post("/backtest", openapi_extra=_BODY)
async def backtest_rules(request: Request, workspace: CurrentWorkspace, backtests: Backtests) -> BacktestOut:
    """Say what the rules of a file would have done over recorded history; stores nothing and tells nobody."""
    asked = parse_json(BacktestIn, await read_body(request, JSON, limit_bytes=_MAX_BODY_BYTES))
    return BacktestOut.of(await backtests.replay(workspace, asked.trial()))
