"""Traces over HTTP."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from tidegate.audit.doing import Reading
from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.providers import provide
from tidegate.kernel import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    encode_cursor,
)
from tidegate.telemetry.traces.model import TraceQuery, has_content
from tidegate.telemetry.traces.schemas import (
    SpanOut,
    TraceOut,
    TracePageOut,
    TraceSpanOut,
    TraceSummaryOut,
)
from tidegate.telemetry.traces.service import TraceService, position_after

__all__ = ["router"]

router = APIRouter()
Traces = Annotated[TraceService, provide(TraceService)]


@router.get("/api/v1/traces")
async def list_traces(  # noqa: PLR0913 - the query of the route
    workspace: CurrentWorkspace,
    traces: Traces,
    *,
    service: Annotated[str | None, Query(max_length=512, description="Only traces that began in this service")] = None,
    tenant: Annotated[str | None, Query(max_length=512, description="Only traces of this tenant")] = None,
    status: Annotated[Literal["ok", "error"] | None, Query(description="How the first span ended")] = None,
    min_ms: Annotated[int, Query(alias="minMs", ge=0, le=10**9, description="At least this long")] = 0,
    from_: Annotated[str | None, Query(alias="from", description="Start of the window, with offset")] = None,
    to: Annotated[str | None, Query(description="End of the window, with offset; the last hour unless given")] = None,
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> TracePageOut:
    """List traces by the span with which they began, the newest first."""
    window = traces.window_of(from_, to)
    query = TraceQuery(
        window=window,
        service=service,
        tenant=tenant,
        is_error=None if status is None else status == "error",
        min_duration_ns=min_ms * 1_000_000,
        limit=limit,
        cursor=cursor,
    )
    return TracePageOut.of(await traces.list_traces(workspace, query))


@router.get("/api/v1/traces/{trace_id}")
async def get_trace(
    trace_id: str,
    workspace: CurrentWorkspace,
    traces: Traces,
    *,
    reading: Reading,
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = MAX_LIMIT,
) -> TraceOut:
    """Show one trace: what it adds up to, and a page of its spans, depth first, with all they carry."""
    trace = await traces.get_trace(workspace, trace_id)
    start = position_after(trace, cursor)
    shown = trace.spans[start : start + limit]
    details = await traces.find_spans(workspace, trace.trace_id, [span.line.span_id for span in shown])
    if any(map(has_content, details)):
        await reading.content("traces:read", f"trace/{trace.trace_id}")
    by_id = {detail.line.span_id: detail for detail in details}
    more = start + limit < len(trace.spans)
    return TraceOut(
        summary=TraceSummaryOut.of(trace),
        spans=[TraceSpanOut.with_contents(span, by_id.get(span.line.span_id)) for span in shown],
        next_cursor=encode_cursor(shown[-1].line.span_id) if more else None,
    )


@router.get("/api/v1/traces/{trace_id}/spans/{span_id}")
async def get_span(  # noqa: PLR0917 - FastAPI passes them by name
    trace_id: str, span_id: str, workspace: CurrentWorkspace, traces: Traces, reading: Reading
) -> SpanOut:
    """Show one span in full, and the log records that name it."""
    detail = await traces.get_span(workspace, trace_id.lower(), span_id.lower())
    logs = await traces.find_logs(workspace, trace_id.lower(), span_id=detail.line.span_id)
    if has_content(detail):
        await reading.content("traces:read", f"span/{trace_id.lower()}/{detail.line.span_id}")
    return SpanOut.of(trace_id.lower(), detail, logs)
