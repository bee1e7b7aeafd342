"""Wire shapes of traces."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Self

from tidegate.edge.wire import Utc, WireModel
from tidegate.kernel import Page
from tidegate.telemetry.traces.model import LogLine, PlacedSpan, SpanDetail, SpanLine, Trace, TraceEntry

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = 253_402_300_799_000_000  # the last moment that a datetime can say; a sender's clock may say more


def moment_of(ns: int) -> datetime:
    """Return the moment of a sender's clock, to the microsecond; what lies beyond the year 9999 is cut there."""
    return _EPOCH + timedelta(microseconds=min(ns // 1_000, _LAST_US))


class MeaningOut(WireModel):
    """What a span was understood as; what does not apply is left empty."""

    families: list[str]
    role: str
    """`agent`, `inference`, `step`, or empty for a span without AI."""
    operation: str
    run_outcome: str
    outcome: str
    error_type: str
    provider: str
    model: str
    tool: str
    agent_name: str
    tenant: str
    http_status: int | None

    @classmethod
    def of(cls, line: SpanLine) -> Self:
        return cls(
            families=list(line.family_names),
            role=line.role,
            operation=line.operation,
            run_outcome=line.run_outcome,
            outcome=line.outcome,
            error_type=line.error_type,
            provider=line.provider,
            model=line.model,
            tool=line.tool,
            agent_name=line.agent_name,
            tenant=line.tenant,
            http_status=line.http_status or None,
        )


class OutlineOut(WireModel):
    """One line of the waterfall: a span and its place."""

    position: int
    """From 0, depth first, children by their start."""
    depth: int
    span_id: str
    parent_span_id: str
    name: str
    service: str
    kind: str
    offset_ns: int
    """From the start of the trace."""
    duration_ns: int
    child_count: int
    descendant_count: int
    """How many spans stand below; they follow directly."""
    is_error: bool
    is_parent_missing: bool
    is_cyclic: bool
    is_distrusted: bool
    is_replayed: bool
    meaning: MeaningOut


def _place_of(span: PlacedSpan) -> dict[str, object]:
    line = span.line
    return {
        "position": span.position,
        "depth": span.depth,
        "span_id": line.span_id,
        "parent_span_id": line.parent_span_id,
        "name": line.name,
        "service": line.service,
        "kind": line.kind_name,
        "offset_ns": span.offset_ns,
        "duration_ns": span.duration_ns,
        "child_count": span.child_count,
        "descendant_count": span.descendant_count,
        "is_error": line.is_error,
        "is_parent_missing": span.is_parent_missing,
        "is_cyclic": span.is_cyclic,
        "is_distrusted": bool(line.distrusted),
        "is_replayed": bool(line.replayed),
        "meaning": MeaningOut.of(line),
    }


class SpanEventOut(WireModel):
    """Something that happened during a span."""

    name: str
    at: Utc
    attributes: Mapping[str, str]


class SpanLinkOut(WireModel):
    """Another span that this one names without being its child."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, str]


class SpanContentsOut(WireModel):
    """What a span carries."""

    started_at: Utc
    ended_at: Utc
    status_message: str
    scope: str
    environment: str
    release: str
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    events: list[SpanEventOut]
    links: list[SpanLinkOut]

    @classmethod
    def of(cls, detail: SpanDetail) -> Self:
        return cls(
            started_at=moment_of(detail.line.start_ns),
            ended_at=moment_of(detail.line.end_ns),
            status_message=detail.status_message,
            scope=detail.scope,
            environment=detail.environment,
            release=detail.release,
            attributes=detail.attributes,
            resource=detail.resource,
            events=[
                SpanEventOut(name=event.name, at=moment_of(event.time_ns), attributes=event.attributes)
                for event in detail.events
            ],
            links=[
                SpanLinkOut(trace_id=link.trace_id, span_id=link.span_id, attributes=link.attributes)
                for link in detail.links
            ],
        )


class TraceSpanOut(OutlineOut):
    """A span, its place, and what it carries."""

    contents: SpanContentsOut | None
    """`null` when the span was erased while it was read."""

    @classmethod
    def with_contents(cls, span: PlacedSpan, detail: SpanDetail | None) -> Self:
        return cls(**_place_of(span), contents=SpanContentsOut.of(detail) if detail else None)


class TraceSummaryOut(WireModel):
    """What the spans of a trace add up to."""

    trace_id: str
    started_at: Utc
    duration_ns: int
    span_count: int
    error_count: int
    services: Mapping[str, int]
    """Spans by service, the most first."""
    missing_parent_count: int
    """How many spans are named as parents and are not stored."""
    cyclic_count: int
    """How many lines of parents end in themselves."""
    distrusted_count: int
    replayed_count: int
    is_cut: bool
    """Whether the trace has more than the 20,000 spans that are looked at."""

    @classmethod
    def of(cls, trace: Trace) -> Self:
        return cls(
            trace_id=trace.trace_id,
            started_at=moment_of(trace.start_ns),
            duration_ns=trace.duration_ns,
            span_count=len(trace.spans),
            error_count=trace.error_count,
            services=trace.services,
            missing_parent_count=len(trace.missing_parent_ids),
            cyclic_count=trace.cyclic_count,
            distrusted_count=trace.distrusted_count,
            replayed_count=trace.replayed_count,
            is_cut=trace.is_cut,
        )


class TraceOut(WireModel):
    """A trace: what it adds up to, and one page of its spans in their order."""

    summary: TraceSummaryOut
    spans: list[TraceSpanOut]
    next_cursor: str | None


class TraceEntryOut(WireModel):
    """A trace in a list, by the span with which it began or entered a service."""

    trace_id: str
    span_id: str
    name: str
    service: str
    tenant: str
    started_at: Utc
    duration_ns: int
    """Of that span: what went on after it is on the trace itself."""
    is_error: bool

    @classmethod
    def of(cls, entry: TraceEntry) -> Self:
        return cls(
            trace_id=entry.trace_id,
            span_id=entry.span_id,
            name=entry.name,
            service=entry.service,
            tenant=entry.tenant,
            started_at=moment_of(entry.start_ns),
            duration_ns=max(0, entry.end_ns - entry.start_ns),
            is_error=entry.is_error,
        )


class TracePageOut(WireModel):
    """Traces, the newest first."""

    items: list[TraceEntryOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[TraceEntry]) -> Self:
        return cls(items=[TraceEntryOut.of(entry) for entry in page.items], next_cursor=page.next_cursor)


class LogLineOut(WireModel):
    """A log record that names the trace."""

    log_id: str
    at: Utc
    span_id: str
    severity: str
    event_name: str
    body: str
    service: str
    attributes: Mapping[str, str]

    @classmethod
    def of(cls, line: LogLine) -> Self:
        return cls(
            log_id=line.log_id,
            at=moment_of(line.time_ns),
            span_id=line.span_id,
            severity=line.severity_word,
            event_name=line.event_name,
            body=line.body,
            service=line.service,
            attributes=line.attributes,
        )


class SpanOut(WireModel):
    """One span in full, and the log records that name it."""

    trace_id: str
    span_id: str
    name: str
    service: str
    kind: str
    is_error: bool
    meaning: MeaningOut
    contents: SpanContentsOut
    logs: list[LogLineOut]

    @classmethod
    def of(cls, trace_id: str, detail: SpanDetail, logs: list[LogLine]) -> Self:
        line = detail.line
        return cls(
            trace_id=trace_id,
            span_id=line.span_id,
            name=line.name,
            service=line.service,
            kind=line.kind_name,
            is_error=line.is_error,
            meaning=MeaningOut.of(line),
            contents=SpanContentsOut.of(detail),
            logs=[LogLineOut.of(log) for log in logs],
        )
