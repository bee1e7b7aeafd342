"""AI runs as pages: the list with its filters, one run, two side by side."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import Response

from tidegate.audit.doing import Reading
from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.html import Pages, page_router
from tidegate.edge.providers import provide
from tidegate.kernel import InvalidInputError
from tidegate.signals.ai_runs.filters import SAVED_FILTERS, Filter
from tidegate.signals.ai_runs.model import OUTCOMES
from tidegate.signals.ai_runs.service import AiRunService
from tidegate.signals.ai_runs.views import comparison_of, mark_of, policy_of, run_view, sentence_of, step_view
from tidegate.telemetry.traces.views import length_of

__all__ = ["router"]

router = page_router()
Runs = Annotated[AiRunService, provide(AiRunService)]


@router.get("/ai-runs")
async def show_runs(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request, workspace: CurrentWorkspace, runs: Runs, pages: Pages, filters: Filter
) -> Response:
    """Show runs, the newest first; the filters stand in the address."""
    page = await runs.list_runs(workspace, filters.to_query())
    kept = filters.kept()
    return pages.render(
        request,
        "signals/ai_runs.html",
        section="ai-runs",
        found=[run_view(run) for run in page.items],
        filters=filters,
        kept=kept,
        outcomes=[(outcome, mark_of(outcome)) for outcome in OUTCOMES],
        saved=[
            (one.name, f"/ai-runs?{urlencode(one.query)}" if one.query else "/ai-runs", one.query == kept)
            for one in SAVED_FILTERS
        ],
        csv_link=f"/api/v1/runs?{urlencode({**kept, 'limit': '200', 'format': 'csv'})}",
        next_link=f"/ai-runs?{urlencode({**kept, 'cursor': page.next_cursor})}" if page.next_cursor else None,
    )


@router.get("/ai-runs/compare")
async def compare_runs(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request,
    workspace: CurrentWorkspace,
    runs: Runs,
    pages: Pages,
    a: Annotated[str, Query(max_length=100)] = "",
    b: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Show two runs side by side; each is named as `trace/span`."""
    first = await runs.get_run(workspace, *_name_of(a, "a"))
    second = await runs.get_run(workspace, *_name_of(b, "b"))
    return pages.render(
        request,
        "signals/ai_runs_compare.html",
        section="ai-runs",
        first=run_view(first.run),
        second=run_view(second.run),
        figures=comparison_of(first, second),
        first_steps=[step_view(step) for step in first.steps],
        second_steps=[step_view(step) for step in second.steps],
    )


@router.get("/ai-runs/{trace_id}/{span_id}")
async def show_run(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    trace_id: str,
    span_id: str,
    request: Request,
    workspace: CurrentWorkspace,
    runs: Runs,
    pages: Pages,
    reading: Reading,
) -> Response:
    """Show one run: how it ended and why, what it used and cost, every step."""
    detail = await runs.get_run(workspace, trace_id, span_id)
    if detail.contents:
        await reading.content("runs:read", f"run/{trace_id}/{span_id}")
    return pages.render(
        request,
        "signals/ai_run.html",
        section="ai-runs",
        detail=detail,
        view=run_view(detail.run),
        sentence=sentence_of(detail),
        policy=policy_of(detail),
        first_chunk=length_of(detail.run.ttfc_ns) if detail.run.ttfc_ns else "not said",
        steps=[step_view(step) for step in detail.steps],
        tools=[step_view(step) for step in detail.tools],
        base_url=str(request.base_url).rstrip("/"),
    )


def _name_of(text: str, field: str) -> tuple[str, str]:
    trace_id, slash, span_id = text.partition("/")
    if not slash or not trace_id or not span_id:
        raise InvalidInputError(f"Name the run as `{field}=trace/span`, as its own address does.", field=field)
    return trace_id, span_id
