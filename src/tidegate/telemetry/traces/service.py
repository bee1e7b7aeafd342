"""Looking at traces: one trace as a whole, one span in full, logs beside them, traces that fit a filter."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from tidegate.kernel import Clock, InvalidInputError, Page, TimeRange, WorkspaceId, decode_cursor, parse_utc
from tidegate.telemetry.traces.errors import SpanNotFoundError, TraceNotFoundError
from tidegate.telemetry.traces.model import (
    MAX_TRACE_SPANS,
    LogLine,
    SpanDetail,
    Trace,
    TraceEntry,
    TraceQuery,
    is_span_id,
    is_trace_id,
    lay_out,
)
from tidegate.telemetry.traces.ports import TraceStore

MAX_DETAILS: Final = 1_000  # ids are bound in the engine's URL of 64 kB, in pieces
MAX_LOGS: Final = 200
_DETAILS_A_STATEMENT: Final = 500
_LONGEST_WINDOW: Final = timedelta(days=31)
_DEFAULT_WINDOW: Final = timedelta(hours=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class TraceService:
    """Reads only: everything here is of the moment it is asked."""

    def __init__(self, *, store: TraceStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def window_of(self, start: str | None, end: str | None) -> TimeRange:
        """Return the window that `from` and `to` of a request mean: the last hour unless they say otherwise.

        Raises:
            InvalidInputError: one of them is no moment, or the window is empty.
        """
        last = parse_utc(end, field="to") if end else self._clock.now()
        first = parse_utc(start, field="from") if start else max(last, _EPOCH + _DEFAULT_WINDOW) - _DEFAULT_WINDOW
        return TimeRange(first, last)

    async def get_trace(self, workspace: WorkspaceId, trace_id: str) -> Trace:
        """Return the trace with all its spans in order, without what they carry.

        Raises:
            TraceNotFoundError: none of its spans is stored here.
        """
        trace_id = trace_id.lower()
        if not is_trace_id(trace_id):
            raise TraceNotFoundError(trace_id)
        lines = await self._store.find_lines(workspace, trace_id, limit=MAX_TRACE_SPANS + 1)
        if not lines:
            raise TraceNotFoundError(trace_id)
        return lay_out(trace_id, lines[:MAX_TRACE_SPANS], is_cut=len(lines) > MAX_TRACE_SPANS)

    async def get_span(self, workspace: WorkspaceId, trace_id: str, span_id: str) -> SpanDetail:
        """Return all that is stored of one span.

        Raises:
            SpanNotFoundError: it is not stored here.
        """
        found = await self.find_spans(workspace, trace_id, [span_id])
        if not found:
            raise SpanNotFoundError(span_id)
        return found[0]

    async def find_spans(self, workspace: WorkspaceId, trace_id: str, span_ids: Sequence[str]) -> list[SpanDetail]:
        """Return all that is stored of these spans, in their order, at most 1,000; unknown ones are left out."""
        known = [span_id for span_id in span_ids if is_span_id(span_id)][:MAX_DETAILS]
        if not is_trace_id(trace_id) or not known:
            return []
        found: dict[str, SpanDetail] = {}
        for start in range(0, len(known), _DETAILS_A_STATEMENT):
            piece = known[start : start + _DETAILS_A_STATEMENT]
            details = await self._store.find_details(workspace, trace_id, piece)
            found.update((detail.line.span_id, detail) for detail in details)
        return [found[span_id] for span_id in known if span_id in found]

    async def find_logs(self, workspace: WorkspaceId, trace_id: str, *, span_id: str | None = None) -> list[LogLine]:
        """Return at most 200 log records that name the trace, or one span of it."""
        if not is_trace_id(trace_id):
            return []
        return await self._store.find_logs(workspace, trace_id, span_id=span_id, limit=MAX_LOGS)

    async def list_traces(self, workspace: WorkspaceId, query: TraceQuery) -> Page[TraceEntry]:
        """Return traces by the span with which they began, the newest first.

        Raises:
            InvalidInputError: the window is empty or longer than a month, or the cursor is not one of this list.
        """
        if query.window.length > _LONGEST_WINDOW:
            raise InvalidInputError("Ask for at most 31 days at once.", field="from")
        return await self._store.list_traces(workspace, query)


def position_after(trace: Trace, cursor: str | None) -> int:
    """Return where the page after `cursor` begins; the cursor names the last span of the page before.

    Raises:
        InvalidInputError: the trace has no such span: it was made for another one.
    """
    if not cursor:
        return 0
    span_id = decode_cursor(cursor)
    for span in trace.spans:
        if span.line.span_id == span_id:
            return span.position + 1
    raise InvalidInputError("This cursor is not one of this trace: start again without it.", field="cursor")
