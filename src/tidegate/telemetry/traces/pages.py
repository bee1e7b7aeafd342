"""One trace as a waterfall, one span of it in full, and the list that leads there."""

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import Response

from tidegate.audit.doing import Reading
from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.html import Pages, page_router
from tidegate.edge.providers import provide
from tidegate.kernel import DEFAULT_LIMIT, encode_cursor
from tidegate.telemetry.traces.model import Trace, TraceQuery, has_content
from tidegate.telemetry.traces.schemas import moment_of
from tidegate.telemetry.traces.service import TraceService, position_after
from tidegate.telemetry.traces.views import (
    error_positions,
    length_of,
    logs_of,
    open_lists,
    rows_of,
    sentence_of,
    span_view,
)

__all__ = ["router"]

ROWS = 200  # of one answer: 12 kB compressed; the script asks for more as they are scrolled to
_MAX_SERVICES = 8

router = page_router()
Traces = Annotated[TraceService, provide(TraceService)]


class StatusFilter(StrEnum):
    ALL = "all"
    OK = "ok"
    ERROR = "error"


@router.get("/traces")
async def show_traces(  # noqa: PLR0913, PLR0917 - the query of the page
    request: Request,
    workspace: CurrentWorkspace,
    traces: Traces,
    pages: Pages,
    service: Annotated[str, Query(max_length=512)] = "",
    tenant: Annotated[str, Query(max_length=512)] = "",
    status: StatusFilter = StatusFilter.ALL,
    min_ms: Annotated[int, Query(alias="minMs", ge=0, le=10**9)] = 0,
    from_: Annotated[str, Query(alias="from", max_length=64)] = "",
    to: Annotated[str, Query(max_length=64)] = "",
    cursor: Annotated[str, Query(max_length=1_000)] = "",
) -> Response:
    """Show traces by the span with which they began, the newest first."""
    window = traces.window_of(from_ or None, to or None)
    query = TraceQuery(
        window=window,
        service=service or None,
        tenant=tenant or None,
        is_error=None if status is StatusFilter.ALL else status is StatusFilter.ERROR,
        min_duration_ns=min_ms * 1_000_000,
        limit=DEFAULT_LIMIT,
        cursor=cursor or None,
    )
    page = await traces.list_traces(workspace, query)
    given = {"service": service, "tenant": tenant, "from": from_, "to": to, "minMs": str(min_ms) if min_ms else ""}
    given["status"] = "" if status is StatusFilter.ALL else status.value
    kept = {name: text for name, text in given.items() if text}
    return pages.render(
        request,
        "telemetry/traces.html",
        section="traces",
        entries=[
            (entry, moment_of(entry.start_ns), length_of(max(0, entry.end_ns - entry.start_ns))) for entry in page.items
        ],
        window=window,
        given=given,
        is_filtered=bool(kept),
        statuses=tuple(StatusFilter),
        chosen=status,
        next_link=f"/traces?{urlencode({**kept, 'cursor': page.next_cursor})}" if page.next_cursor else None,
    )


@router.get("/traces/{trace_id}")
async def show_trace(  # noqa: PLR0913, PLR0917 - the query of the page
    trace_id: str,
    request: Request,
    workspace: CurrentWorkspace,
    traces: Traces,
    pages: Pages,
    reading: Reading,
    span: Annotated[str, Query(max_length=64)] = "",
    cursor: Annotated[str, Query(max_length=1_000)] = "",
) -> Response:
    """Show a trace; without script as a nested list in pages, each span a link."""
    trace = await traces.get_trace(workspace, trace_id)
    start = position_after(trace, cursor)
    selected = None
    if span:
        detail = await traces.get_span(workspace, trace.trace_id, span.lower())
        if has_content(detail):
            await reading.content("traces:read", f"span/{trace.trace_id}/{detail.line.span_id}")
        selected = span_view(detail, await traces.find_logs(workspace, trace.trace_id, span_id=detail.line.span_id))
    logs = await traces.find_logs(workspace, trace.trace_id)
    return pages.render(
        request,
        "telemetry/trace.html",
        section="traces",
        trace=trace,
        sentence=sentence_of(trace),
        length=length_of(trace.duration_ns),
        started_at=moment_of(trace.start_ns),
        services=list(trace.services.items())[:_MAX_SERVICES],
        more_services=max(0, len(trace.services) - _MAX_SERVICES),
        errors=" ".join(map(str, error_positions(trace))),
        runs=[one for one in trace.spans if one.line.role in {"agent", "inference"}][:1],
        view=selected,
        logs=logs_of(logs),
        base_url=str(request.base_url).rstrip("/"),
        start=start,
        **_rows(trace, start),
    )


@router.get("/traces/{trace_id}/rows")
async def show_rows(  # noqa: PLR0917 - FastAPI passes them by name
    trace_id: str,
    request: Request,
    workspace: CurrentWorkspace,
    traces: Traces,
    pages: Pages,
    from_: Annotated[int, Query(alias="from", ge=0, le=10**6)] = 0,
) -> Response:
    """Show lines of a waterfall by position, for a page that is scrolled there."""
    trace = await traces.get_trace(workspace, trace_id)
    return pages.render(request, "telemetry/rows.html", section="traces", trace=trace, **_rows(trace, from_))


@router.get("/traces/{trace_id}/spans/{span_id}")
async def show_span(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    trace_id: str,
    span_id: str,
    request: Request,
    workspace: CurrentWorkspace,
    traces: Traces,
    pages: Pages,
    reading: Reading,
) -> Response:
    """Show one span in full: attributes, events, links, log records."""
    trace_id = trace_id.lower()
    detail = await traces.get_span(workspace, trace_id, span_id.lower())
    logs = await traces.find_logs(workspace, trace_id, span_id=detail.line.span_id)
    if has_content(detail):
        await reading.content("traces:read", f"span/{trace_id}/{detail.line.span_id}")
    return pages.render(
        request, "telemetry/span.html", section="traces", trace_id=trace_id, view=span_view(detail, logs)
    )


def _rows(trace: Trace, start: int) -> dict[str, Any]:
    rows = rows_of(trace, start, ROWS)
    more = bool(rows) and start + len(rows) < len(trace.spans)
    return {
        "rows": rows,
        "left_open": open_lists(rows),
        "next_cursor": encode_cursor(rows[-1].span.line.span_id) if more else None,
    }
