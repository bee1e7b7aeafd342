"""Prometheus's HTTP API over the signals of a workspace, as Grafana's data source asks it."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from tidegate.edge.authority import Target
from tidegate.edge.caller import CurrentCaller, permit
from tidegate.edge.prometheus import PROMETHEUS_PREFIX, REFUSED, PrometheusRoute, success
from tidegate.edge.providers import provide
from tidegate.signals.prometheus.answers import Answer
from tidegate.signals.prometheus.errors import PrometheusQueryInvalidError
from tidegate.signals.prometheus.lookups import LookupService
from tidegate.signals.prometheus.ports import Within
from tidegate.signals.prometheus.schemas import Parameters, answer_json, metadata_out, parameters_of
from tidegate.signals.prometheus.service import QueryService

__all__ = ["router"]

_LOOKED_BACK_MS: Final = 3_600_000  # what clients choose from when they name no time: the last hour
_CUT: Final = "results truncated due to limit"
_FORM: Final[dict[str, Any]] = {"requestBody": {"content": {"application/x-www-form-urlencoded": {
    "schema": {"type": "object", "additionalProperties": {"type": "string"}}}}}}  # fmt: skip

router = APIRouter(prefix=PROMETHEUS_PREFIX, tags=["prometheus"], route_class=PrometheusRoute, responses=REFUSED)
Queries = Annotated[QueryService, provide(QueryService)]
Lookups = Annotated[LookupService, provide(LookupService)]


async def _within(request: Request, caller: CurrentCaller) -> Within:
    """Return what the caller is narrowed to: it is put to every selector, so nothing else can be read."""
    within = Within(caller.services, caller.environments)
    await permit(
        request,
        caller,
        Target(services=within.services or frozenset(), environments=within.environments or frozenset()),
    )
    return within


class Asked:
    """Who asks, of what, with which parameters."""

    def __init__(
        self,
        caller: CurrentCaller,
        within: Annotated[Within, Depends(_within)],
        parameters: Annotated[Parameters, Depends(parameters_of)],
    ) -> None:
        self.workspace = caller.workspace
        self.within = within
        self.parameters = parameters

    def times(self, now_ms: int) -> dict[str, int]:
        end = self.parameters.moment_ms("end", now_ms)
        start = self.parameters.moment_ms("start", min(end, now_ms) - _LOOKED_BACK_MS)
        if end < start:
            raise PrometheusQueryInvalidError("end timestamp must not be before start time", field="end")
        return {"start_ms": start, "end_ms": end}


AskedBy = Annotated[Asked, Depends()]


async def _answered(answer: Answer) -> Response:
    return Response(await asyncio.to_thread(answer_json, answer), media_type="application/json")


@router.get("/query")
async def query(  # noqa: PLR0917 - the parameters of the route
    asked: AskedBy,
    queries: Queries,
    query: Annotated[str, Query(description="An expression")] = "",  # noqa: ARG001 - described here, read with the form
    time: Annotated[str | None, Query(description="Unix seconds or RFC 3339; now without it")] = None,  # noqa: ARG001 - the same
    timeout: Annotated[str | None, Query(description="At most 30s")] = None,  # noqa: ARG001 - the same
) -> Response:
    """Evaluate an expression at one moment."""
    return await _query(asked, queries)


@router.post("/query", openapi_extra=_FORM)
async def query_by_form(asked: AskedBy, queries: Queries) -> Response:
    """Evaluate an expression at one moment; the parameters may stand in a form."""
    return await _query(asked, queries)


async def _query(asked: Asked, queries: QueryService) -> Response:
    parameters = asked.parameters
    at_ms = parameters.moment_ms("time", queries.now_ms)
    found = await queries.query(
        asked.workspace, parameters.text("query"), at_ms=at_ms, timeout_s=parameters.timeout_s, within=asked.within
    )
    return await _answered(found)


@router.get("/query_range")
async def query_range(  # noqa: PLR0913, PLR0917 - the parameters of the route
    asked: AskedBy,
    queries: Queries,
    query: Annotated[str, Query(description="An expression")] = "",  # noqa: ARG001 - described here, read with the form
    start: Annotated[str | None, Query(description="Unix seconds or RFC 3339")] = None,  # noqa: ARG001 - the same
    end: Annotated[str | None, Query(description="Unix seconds or RFC 3339; belongs to the answer")] = None,  # noqa: ARG001 - the same
    step: Annotated[str | None, Query(description="Seconds, or a duration such as 15s")] = None,  # noqa: ARG001 - the same
    timeout: Annotated[str | None, Query(description="At most 30s")] = None,  # noqa: ARG001 - the same
) -> Response:
    """Evaluate an expression at every step of a time: at most 11,000."""
    return await _query_range(asked, queries)


@router.post("/query_range", openapi_extra=_FORM)
async def query_range_by_form(asked: AskedBy, queries: Queries) -> Response:
    """Evaluate an expression at every step of a time; the parameters may stand in a form."""
    return await _query_range(asked, queries)


async def _query_range(asked: Asked, queries: QueryService) -> Response:
    parameters = asked.parameters
    start, end = parameters.moment_ms("start"), parameters.moment_ms("end")
    if end < start:
        raise PrometheusQueryInvalidError(
            'invalid parameter "end": end timestamp must not be before start time', field="end"
        )
    found = await queries.query_range(
        asked.workspace,
        parameters.text("query"),
        range(start, end + 1, parameters.step_ms),
        timeout_s=parameters.timeout_s,
        within=asked.within,
    )
    return await _answered(found)


@router.get("/series")
async def list_series(
    asked: AskedBy,
    lookups: Lookups,
    match: Annotated[list[str] | None, Query(alias="match[]", description="Selectors")] = None,  # noqa: ARG001 - described here
) -> dict[str, Any]:
    """List the series that selectors mean."""
    return await _series(asked, lookups)


@router.post("/series", openapi_extra=_FORM)
async def list_series_by_form(asked: AskedBy, lookups: Lookups) -> dict[str, Any]:
    """List the series that selectors mean; the parameters may stand in a form."""
    return await _series(asked, lookups)


async def _series(asked: Asked, lookups: LookupService) -> dict[str, Any]:
    selectors = asked.parameters.every("match[]")
    if not selectors:
        raise PrometheusQueryInvalidError("no match[] parameter provided", field="match[]")
    times = asked.times(lookups.now_ms)
    found = await lookups.series(asked.workspace, selectors, **times, within=asked.within)
    return _limited([dict(labels) for labels in found], asked)


@router.get("/labels")
async def list_labels(
    asked: AskedBy,
    lookups: Lookups,
    match: Annotated[list[str] | None, Query(alias="match[]", description="Selectors")] = None,  # noqa: ARG001 - described here
) -> dict[str, Any]:
    """List the names of labels."""
    return await _labels(asked, lookups)


@router.post("/labels", openapi_extra=_FORM)
async def list_labels_by_form(asked: AskedBy, lookups: Lookups) -> dict[str, Any]:
    """List the names of labels; the parameters may stand in a form."""
    return await _labels(asked, lookups)


async def _labels(asked: Asked, lookups: LookupService) -> dict[str, Any]:
    times, selectors = asked.times(lookups.now_ms), asked.parameters.every("match[]")
    return _limited(await lookups.label_names(asked.workspace, selectors, **times, within=asked.within), asked)


@router.get("/label/{name}/values")
async def list_label_values(
    name: str,
    asked: AskedBy,
    lookups: Lookups,
    match: Annotated[list[str] | None, Query(alias="match[]", description="Selectors")] = None,  # noqa: ARG001 - described here
) -> dict[str, Any]:
    """List the values of a label: of `__name__`, the metrics that have data."""
    times, selectors = asked.times(lookups.now_ms), asked.parameters.every("match[]")
    values, warnings = await lookups.label_values(asked.workspace, name, selectors, **times, within=asked.within)
    return _limited(values, asked, warnings)


def _limited(found: Sequence[object], asked: Asked, warnings: Sequence[str] = ()) -> dict[str, Any]:
    limit = asked.parameters.limit
    if limit is not None and len(found) > limit:
        return success(found[:limit], warnings=[_CUT])
    return success(found, warnings=warnings)


@router.get("/metadata")
async def show_metadata(
    caller: CurrentCaller,  # noqa: ARG001 - asks who it is
    parameters: Annotated[Parameters, Depends(parameters_of)],
    metric: Annotated[str | None, Query(description="Only this one")] = None,
) -> dict[str, Any]:
    """Return type and help of every metric: the same for all workspaces."""
    return success(metadata_out(metric, parameters.limit))


@router.get("/status/buildinfo")
async def show_build(request: Request, caller: CurrentCaller) -> dict[str, Any]:  # noqa: ARG001 - asks who it is
    """Say as what clients may take this: the language is that of Prometheus 2.42."""
    return success({
        "version": "2.42.0", "revision": f"tidegate {request.app.version}", "branch": "", "buildUser": "",
        "buildDate": "", "goVersion": "",
    })  # fmt: skip
