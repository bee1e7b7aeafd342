"""AI runs over HTTP."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from tidegate.audit.doing import Reading
from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.csv import csv_response
from tidegate.edge.providers import provide
from tidegate.signals.ai_runs.filters import Filter
from tidegate.signals.ai_runs.model import AiRun
from tidegate.signals.ai_runs.schemas import RunDetailOut, RunOut, RunPageOut
from tidegate.signals.ai_runs.service import AiRunService

__all__ = ["router"]

router = APIRouter()
Runs = Annotated[AiRunService, provide(AiRunService)]


@router.get("/api/v1/runs", response_model=RunPageOut)
async def list_runs(
    workspace: CurrentWorkspace,
    runs: Runs,
    filters: Filter,
    reading: Reading,
    *,
    format_: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> RunPageOut | Response:
    """List AI runs, the newest first; as CSV with `format=csv`."""
    page = await runs.list_runs(workspace, filters.to_query())
    if format_ != "csv":
        return RunPageOut.of(page)
    await reading.export("runs:read", "runs")
    return _csv_of(page.items)


@router.get("/api/v1/runs/{trace_id}/{span_id}")
async def get_run(  # noqa: PLR0917 - FastAPI passes them by name
    trace_id: str, span_id: str, workspace: CurrentWorkspace, runs: Runs, reading: Reading
) -> RunDetailOut:
    """Show one AI run: its figures, steps, tools, documents, scores, and content as it is stored."""
    detail = await runs.get_run(workspace, trace_id, span_id)
    if detail.contents:
        await reading.content("runs:read", f"run/{trace_id}/{span_id}")
    return RunDetailOut.of(detail)


def _csv_of(runs: Sequence[AiRun]) -> Response:
    rows = [RunOut.of(run).model_dump(mode="json", by_alias=True) for run in runs]
    columns = [field.alias or name for name, field in RunOut.model_fields.items()]
    return csv_response("ai-runs", columns, [[row[column] for column in columns] for row in rows])
