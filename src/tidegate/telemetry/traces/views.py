"""A trace in the words and shapes of its page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tidegate.edge.marks import Mark
from tidegate.telemetry.traces.model import ContentPart, LogLine, PlacedSpan, SpanDetail, SpanLine, Trace, split_content
from tidegate.telemetry.traces.schemas import moment_of

SCALE = 1_000  # units of the bars, whatever their width on the screen
_INDENT_PX = 14
_DEEPEST = 20  # what stands deeper is not indented further: names would have no room
_NARROWEST = 3  # a bar below this cannot be seen
_MAX_TEXT = 2_000  # of a value in the panel; the API has the rest
_KINDS = {
    "execute_tool": "tool",
    "retrieval": "retrieval",
    "rerank": "retrieval",
    "guardrail": "guardrail",
    "evaluate": "evaluation",
}
FAILED = Mark("FAILED", "no-go", "no-go")
FINE = Mark("OK", "unknown", "resolved")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the waterfall, and how it is nested for those without script."""

    span: PlacedSpan
    title: str
    kind: str
    length: str
    indent_px: int
    x: int
    width: int
    warning: str
    opens: bool
    """Whether a list begins before it."""
    closes: int
    """How many lists end before it."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    text: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class LogView:
    at: datetime
    severity: str
    title: str
    body: str
    span_id: str
    service: str


@dataclass(frozen=True, slots=True)
class EventView:
    name: str
    after: str
    fields: tuple[Field, ...]
    content: tuple[ContentPart, ...]


@dataclass(frozen=True, slots=True)
class SpanView:
    """Everything about one span, for the panel."""

    detail: SpanDetail
    mark: Mark
    kind: str
    length: str
    started_at: datetime
    facts: tuple[tuple[str, str], ...]
    attributes: tuple[Field, ...]
    content: tuple[ContentPart, ...]
    resource: tuple[Field, ...]
    events: tuple[EventView, ...]
    logs: tuple[LogView, ...]


def rows_of(trace: Trace, start: int, count: int) -> list[Row]:
    """Return some lines of the waterfall with their nesting, which begins anew on each page."""
    shown = trace.spans[start : start + count]
    lowest = min((span.depth for span in shown), default=0)
    rows: list[Row] = []
    level = -1
    for span in shown:
        wanted = min(span.depth - lowest, _DEEPEST, level + 1)
        rows.append(_row(trace, span, opens=wanted > level, closes=max(0, level - wanted)))
        level = wanted
    return rows


def open_lists(rows: Sequence[Row]) -> int:
    """Return how many lists are still open after `rows`."""
    return sum(row.opens for row in rows) - sum(row.closes for row in rows)


def _row(trace: Trace, span: PlacedSpan, *, opens: bool, closes: int) -> Row:
    whole = max(1, trace.duration_ns)
    width = min(SCALE, max(_NARROWEST, round(span.duration_ns / whole * SCALE)))
    return Row(
        span=span,
        title=span.line.name or "(no name)",
        kind=kind_of(span.line),
        length=length_of(span.duration_ns),
        indent_px=min(span.depth, _DEEPEST) * _INDENT_PX,
        x=min(round(span.offset_ns / whole * SCALE), SCALE - width),
        width=width,
        warning=_warning(span),
        opens=opens,
        closes=closes,
    )


def kind_of(line: SpanLine) -> str:
    """Return what a span is, in one word: its part in an AI run, else its kind."""
    known = _KINDS.get(line.operation)
    if known:
        return known
    if line.role == "agent":
        return "agent"
    if line.role == "inference":
        return "model"
    return line.kind_name if line.kind_name != "unspecified" else ""


def _warning(span: PlacedSpan) -> str:
    if span.is_cyclic:
        return "its parents go round in a circle"
    if span.line.distrusted:
        return "its times cannot be believed"
    return "its parent is not stored" if span.is_parent_missing else ""


def length_of(duration_ns: int) -> str:
    """Write a duration with its unit: `840 µs`, `12.3 ms`, `1.25 s`, `3 min 20 s`."""
    if duration_ns < 1_000_000:
        return f"{duration_ns / 1_000:.0f} µs"
    if duration_ns < 1_000_000_000:
        return f"{duration_ns / 1e6:.3g} ms" if duration_ns < 999_500_000 else "1 s"
    seconds = duration_ns / 1e9
    if seconds < 119.5:
        return f"{seconds:.3g} s" if seconds < 99.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def sentence_of(trace: Trace) -> str:
    """Say in one sentence what the trace adds up to."""
    name = trace.spans[0].line.name or "The trace"
    count = len(trace.spans)
    spans = "1 span" if count == 1 else f"{count:,} spans"
    errors = f", {trace.error_count:,} of them failed" if trace.error_count else ", none of them failed"
    if count == 1:
        errors = ", which failed" if trace.error_count else ""
    return f"{name} took {length_of(trace.duration_ns)} in {spans}{errors}."


def error_positions(trace: Trace, *, limit: int = 500) -> list[int]:
    return [span.position for span in trace.spans if span.line.is_error][:limit]


def logs_of(lines: Sequence[LogLine]) -> tuple[LogView, ...]:
    return tuple(
        LogView(
            at=moment_of(line.time_ns),
            severity=line.severity_word,
            title=line.event_name,
            body=line.body[:_MAX_TEXT],
            span_id=line.span_id,
            service=line.service,
        )
        for line in lines
    )


def span_view(detail: SpanDetail, logs: Sequence[LogLine]) -> SpanView:
    plain, content = split_content(detail.attributes)
    line = detail.line
    return SpanView(
        detail=detail,
        mark=FAILED if line.is_error else FINE,
        kind=kind_of(line),
        length=length_of(max(0, line.end_ns - line.start_ns)),
        started_at=moment_of(line.start_ns).astimezone(UTC),
        facts=tuple((name, text) for name, text in _facts(detail) if text),
        attributes=_fields(plain),
        content=content,
        resource=_fields(detail.resource),
        events=tuple(
            EventView(
                event.name or "(no name)",
                length_of(max(0, event.time_ns - line.start_ns)),
                _fields(split_content(event.attributes)[0]),
                split_content(event.attributes)[1],
            )
            for event in detail.events
        ),
        logs=logs_of(logs),
    )


def _facts(detail: SpanDetail) -> tuple[tuple[str, str], ...]:
    line = detail.line
    return (
        ("Service", line.service),
        ("Kind", line.kind_name),
        ("Families", ", ".join(line.family_names)),
        ("Outcome", line.outcome or line.run_outcome),
        ("Error", line.error_type),
        ("HTTP", f"{detail.http_method} {detail.route} {line.http_status or ''}".strip()),
        ("Model", " ".join(filter(None, (line.provider, line.model)))),
        ("Tool", line.tool),
        ("Agent", line.agent_name),
        ("Tokens", _tokens(detail)),
        ("Tenant", line.tenant),
        ("Release", detail.release),
        ("Environment", detail.environment),
        ("Scope", detail.scope),
        ("Message", detail.status_message[:_MAX_TEXT]),
    )


def _tokens(detail: SpanDetail) -> str:
    if not (detail.input_tokens or detail.output_tokens):
        return ""
    cached = f" ({detail.cached_input_tokens:,} cached)" if detail.cached_input_tokens else ""
    return f"{detail.input_tokens:,} in{cached}, {detail.output_tokens:,} out"


def _fields(attributes: Mapping[str, str]) -> tuple[Field, ...]:
    return tuple(
        Field(name, text[:_MAX_TEXT], is_cut=len(text) > _MAX_TEXT) for name, text in sorted(attributes.items())
    )
