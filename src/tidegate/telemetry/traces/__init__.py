"""Traces as they can be looked at: the spans of one id in their order, what each says, and the logs beside them."""

from tidegate.telemetry.traces.errors import SpanNotFoundError, TraceNotFoundError
from tidegate.telemetry.traces.model import (
    ContentPart,
    LogLine,
    PlacedSpan,
    SpanDetail,
    SpanEvent,
    SpanLine,
    SpanLink,
    Trace,
    TraceEntry,
    TraceQuery,
    is_span_id,
    is_trace_id,
    lay_out,
    split_content,
)
from tidegate.telemetry.traces.schemas import moment_of
from tidegate.telemetry.traces.service import TraceService
from tidegate.telemetry.traces.store import EngineTraceStore

__all__ = [
    "ContentPart",
    "EngineTraceStore",
    "LogLine",
    "PlacedSpan",
    "SpanDetail",
    "SpanEvent",
    "SpanLine",
    "SpanLink",
    "SpanNotFoundError",
    "Trace",
    "TraceEntry",
    "TraceNotFoundError",
    "TraceQuery",
    "TraceService",
    "is_span_id",
    "is_trace_id",
    "lay_out",
    "moment_of",
    "split_content",
]
