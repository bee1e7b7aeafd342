"""Traces as they can be looked at: the spans of one id in their order, what each says, and the logs beside them."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
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
else:
    __getattr__ = lazily(
        {
            "tidegate.telemetry.traces.errors": (
                "SpanNotFoundError",
                "TraceNotFoundError",
            ),
            "tidegate.telemetry.traces.model": (
                "ContentPart",
                "LogLine",
                "PlacedSpan",
                "SpanDetail",
                "SpanEvent",
                "SpanLine",
                "SpanLink",
                "Trace",
                "TraceEntry",
                "TraceQuery",
                "is_span_id",
                "is_trace_id",
                "lay_out",
                "split_content",
            ),
            "tidegate.telemetry.traces.schemas": ("moment_of",),
            "tidegate.telemetry.traces.service": ("TraceService",),
            "tidegate.telemetry.traces.store": ("EngineTraceStore",),
        }
    )

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
