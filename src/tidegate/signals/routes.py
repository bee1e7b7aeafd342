"""`/metrics`, `/metrics/{family}` and the stored counts."""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from tidegate.audit.doing import Writing
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import CurrentWorkspace, WritableWorkspace
from tidegate.edge.providers import provide
from tidegate.jobs import JobService
from tidegate.kernel import InvalidInputError, TimeRange, format_utc, parse_utc
from tidegate.signals.errors import FamilyNotFoundError
from tidegate.signals.exposition import CONTENT_TYPE, OPENMETRICS_TYPE, exposition_of, openmetrics_of
from tidegate.signals.model import Family, Figures
from tidegate.signals.reader import RollupReader
from tidegate.signals.retention import PostgresRetention
from tidegate.signals.schemas import RetentionIn, RetentionOut, TelemetryStatsOut
from tidegate.signals.service import FamilyMetrics, SignalService
from tidegate.telemetry import StoredRecords

router = APIRouter(tags=["signals"])
Signals = Annotated[SignalService, provide(SignalService)]
Jobs = Annotated[JobService, provide(JobService)]
Retentions = Annotated[PostgresRetention, provide(PostgresRetention)]
Rollups = Annotated[RollupReader, provide(RollupReader)]
Records = Annotated[StoredRecords, provide(StoredRecords)]

FAMILY_NAMES: Final = {"ai": Family.AI_RUN} | {family.value: family for family in Family}
_DASHBOARDS: Final = {
    "ai-runtime-run-reliability-v1": ("runCount", "failedCount", "cancelledCount", "failureRate"),
    "ai-runtime-policy-safety-v1": (
        "policyBlockedCount",
        "policyBlockRate",
        "validationErrorCount",
        "schemaMismatchRate",
    ),
    "ai-runtime-token-cost-v1": (
        "inputTokens",
        "outputTokens",
        "cachedInputTokens",
        "costUsd",
        "unpricedRunCount",
        "averageCostPerRunUsd",
    ),
}


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"application/openmetrics-text": {"schema": {"type": "string"}}}}},
)
async def prometheus_metrics(request: Request, workspace: CurrentWorkspace, signals: Signals, jobs: Jobs) -> Response:
    """Counters of every family of this workspace, and gauges of its jobs, in the Prometheus text format.

    Tenants are never labels. With `Accept: application/openmetrics-text` in that format, with exemplars.
    """
    families = await signals.retained(workspace)
    waiting = await jobs.count(workspace)
    if "application/openmetrics-text" in request.headers.get("accept", ""):
        exemplars = await signals.exemplars(workspace)
        return Response(openmetrics_of(families, exemplars, waiting), media_type=OPENMETRICS_TYPE)
    return Response(exposition_of(families, waiting), media_type=CONTENT_TYPE)


@router.get("/metrics/{family}")
async def family_metrics(  # noqa: PLR0917 - the query of the route
    family: str,
    workspace: CurrentWorkspace,
    signals: Signals,
    from_: Annotated[str | None, Query(alias="from", description="Start of the window, with offset")] = None,
    to: Annotated[str | None, Query(description="End of the window, with offset")] = None,
    tenant: Annotated[str | None, Query(alias="workspaceId", description="Only this tenant", max_length=512)] = None,
) -> dict[str, Any]:
    """Figures of one family: over all retained rows, and over a window (the last 15 minutes unless asked)."""
    known = FAMILY_NAMES.get(family)
    if known is None:
        raise FamilyNotFoundError(f"There is no family {family!r}. There are {', '.join(sorted(FAMILY_NAMES))}.")
    window = _window_of(from_, to)
    metrics = await signals.metrics(workspace, known, window=window, tenant=tenant)
    body: dict[str, Any] = {
        "family": known.value,
        "totals": dict(metrics.totals),
        "window": {
            "from": format_utc(metrics.window.start),
            "to": format_utc(metrics.window.end),
            **metrics.window_figures,
        },
        **metrics.splits,
    }
    if known is Family.AI_RUN:
        body["dashboards"] = _dashboards_of(metrics)
    return body


@router.get("/api/v1/retention")
async def show_retention(workspace: CurrentWorkspace, settings: Retentions) -> RetentionOut:
    """Return for how many days the workspace keeps what."""
    return RetentionOut(**asdict(await settings.get_retention(workspace)))


@router.put("/api/v1/retention", openapi_extra={"requestBody": {"content": {"application/json": {}}}})
async def set_retention(
    request: Request, workspace: WritableWorkspace, settings: Retentions, by: Writing
) -> RetentionOut:
    """Change for how many days the workspace keeps what; what is older is gone within minutes, for good."""
    wanted = parse_json(RetentionIn, await read_body(request, JSON))
    known = await settings.get_retention(workspace)
    changed = replace(known, **wanted.model_dump(exclude_none=True))
    await settings.set_retention(workspace, changed, by=by)
    return RetentionOut(**asdict(changed))


@router.get("/api/v1/telemetry/stats")
async def telemetry_stats(workspace: CurrentWorkspace, rollups: Rollups, records: Records) -> TelemetryStatsOut:
    """Exact stored counts of the caller's workspace."""
    newest = await rollups.last_span_at(workspace)
    logs, points = await records.count_logs(workspace), await records.count_points(workspace)
    return TelemetryStatsOut(
        spans=await rollups.span_count(workspace),
        last_span_at=datetime.fromtimestamp(newest, UTC) if newest is not None else None,
        logs=logs.count,
        last_log_at=logs.newest_at,
        metric_points=points.count,
        last_metric_point_at=points.newest_at,
    )


def _window_of(start: str | None, end: str | None) -> TimeRange | None:
    if start is None and end is None:
        return None
    if start is None or end is None:
        missing = "from" if start is None else "to"
        raise InvalidInputError("Give both `from` and `to`, or neither.", field=missing)
    return TimeRange(parse_utc(start, field="from"), parse_utc(end, field="to"))


def _dashboards_of(metrics: FamilyMetrics) -> dict[str, Figures]:
    return {
        name: {figure: metrics.window_figures[figure] for figure in figures} for name, figures in _DASHBOARDS.items()
    }
