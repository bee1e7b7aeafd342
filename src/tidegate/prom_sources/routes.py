"""Prometheus sources over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from tidegate.audit import doer_of
from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.providers import provide
from tidegate.identity.doors import ActingAdmin, body_of, read_wish
from tidegate.prom_sources.schemas import (
    PrometheusSourceIn,
    PrometheusSourceListOut,
    PrometheusSourceOut,
    PrometheusTestIn,
    PrometheusTestOut,
    SetPrometheusSourceOut,
)
from tidegate.prom_sources.service import PromSourceService

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/prometheus-sources", tags=["prometheus-sources"])
Sources = Annotated[PromSourceService, provide(PromSourceService)]


@router.get("")
async def list_prometheus_sources(workspace: CurrentWorkspace, sources: Sources) -> PrometheusSourceListOut:
    """List the Prometheus-compatible servers that rules may ask, by name."""
    return PrometheusSourceListOut(items=tuple(map(PrometheusSourceOut.of, await sources.list_sources(workspace))))


@router.get("/{source}")
async def show_prometheus_source(source: str, workspace: CurrentWorkspace, sources: Sources) -> PrometheusSourceOut:
    """Show one of them, without its secret."""
    return PrometheusSourceOut.of(await sources.get_source(workspace, source))


@router.put("/{source}", openapi_extra=body_of(PrometheusSourceIn))
async def set_prometheus_source(  # noqa: PLR0917 - FastAPI passes them by name
    source: str, request: Request, response: Response, by: ActingAdmin, sources: Sources
) -> SetPrometheusSourceOut:
    """Set a server that rules may ask: 201 when it is new."""
    wanted = await read_wish(request, PrometheusSourceIn)
    doer = doer_of(by.caller, request_id=by.request_id)
    found, is_new = await sources.set_source(by.caller.workspace, source, wanted.wish(), by=doer)
    response.status_code = 201 if is_new else 200
    return SetPrometheusSourceOut.of_set(found, is_new=is_new)


@router.delete("/{source}", status_code=204)
async def remove_prometheus_source(source: str, by: ActingAdmin, sources: Sources) -> None:
    """Remove a server and its secret: rules that ask it get no answer from now on."""
    await sources.remove(by.caller.workspace, source, by=doer_of(by.caller, request_id=by.request_id))


@router.post("/{source}/test", openapi_extra=body_of(PrometheusTestIn))
async def test_prometheus_source(source: str, request: Request, by: ActingAdmin, sources: Sources) -> PrometheusTestOut:
    """Ask a server once, as rules do. 503 says why there is no answer."""
    wanted = await read_wish(request, PrometheusTestIn)
    return PrometheusTestOut.of(await sources.test(by.caller.workspace, source, wanted.query))
