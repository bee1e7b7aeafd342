"""A trace and the order of its spans. Pure: no I/O, no clock."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tidegate.kernel import Cursor, TimeRange
from tidegate.telemetry.content import is_content
from tidegate.telemetry.families import FAMILY_BITS
from tidegate.telemetry.logs.query import Severity

MAX_TRACE_SPANS: Final = 20_000  # as counting reads of one trace; an id used for ever must not fill our memory
STATUS_ERROR: Final = 2  # OTLP's StatusCode
BAD_OUTCOMES: Final = frozenset({"failed", "timeout", "denied", "dead_letter", "policy_blocked", "validation_error"})
MASK: Final = "[redacted]"  # what intake writes in place of a secret or of what `redact` masks
KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_SPAN_ID: Final = re.compile(r"[0-9a-f]{16}")


def is_trace_id(text: str) -> bool:
    return _TRACE_ID.fullmatch(text) is not None


def is_span_id(text: str) -> bool:
    return _SPAN_ID.fullmatch(text) is not None


class SpanLine(NamedTuple):
    """What one line of a waterfall needs of a span. A tuple: a trace has thousands."""

    span_id: str
    parent_span_id: str
    start_ns: int
    end_ns: int
    name: str
    kind: int
    status: int
    service: str
    distrusted: int
    replayed: int
    families: int
    role: str
    operation: str
    run_outcome: str
    outcome: str
    error_type: str
    provider: str
    model: str
    tool: str
    agent_name: str
    tenant: str
    http_status: int

    @property
    def is_error(self) -> bool:
        return (
            self.status == STATUS_ERROR
            or self.http_status >= 500
            or self.run_outcome in BAD_OUTCOMES
            or self.outcome in BAD_OUTCOMES
        )

    @property
    def kind_name(self) -> str:
        return KINDS[self.kind] if self.kind < len(KINDS) else KINDS[0]

    @property
    def family_names(self) -> tuple[str, ...]:
        return tuple(name for name, bit in FAMILY_BITS.items() if self.families & bit)


class PlacedSpan(NamedTuple):
    """A span and its place: depth first, children by their start."""

    line: SpanLine
    position: int
    depth: int
    child_count: int
    descendant_count: int
    offset_ns: int
    """From the start of the trace; never negative."""
    duration_ns: int
    """0 when the sender's clock says that it ended before it began."""
    is_parent_missing: bool
    """Whether it names a parent that is not stored: it has not come, or it was dropped on the way."""
    is_cyclic: bool
    """Whether its line of parents ends in itself; it then stands on top."""


@dataclass(frozen=True, slots=True)
class Trace:
    """All spans of one id, each once, and what they add up to."""

    trace_id: str
    spans: tuple[PlacedSpan, ...]
    start_ns: int
    end_ns: int
    error_count: int
    services: Mapping[str, int]
    """Spans by service, the most first."""
    missing_parent_ids: frozenset[str]
    cyclic_count: int
    distrusted_count: int
    replayed_count: int
    is_cut: bool
    """Whether there are more spans than are looked at."""

    @property
    def duration_ns(self) -> int:
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened during a span."""

    name: str
    time_ns: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SpanLink:
    """Another span that this one names without being its child."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SpanDetail:
    """Everything that is stored of one span."""

    line: SpanLine
    status_message: str
    trace_state: str
    scope: str
    environment: str
    release: str
    route: str
    http_method: str
    attempt: int
    finish_reason: str
    prompt_version: str
    conversation_id: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    ttfc_ns: int
    object: str
    detail: str
    amount_micro: int | None
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    events: tuple[SpanEvent, ...]
    links: tuple[SpanLink, ...]


@dataclass(frozen=True, slots=True)
class ContentPart:
    """A prompt, an output or a document of the watched service, as it was stored."""

    key: str
    text: str

    @property
    def is_masked(self) -> bool:
        return MASK in self.text


def split_content(attributes: Mapping[str, str]) -> tuple[dict[str, str], tuple[ContentPart, ...]]:
    """Return `attributes` without what people wrote or were told, and that apart: it is shown on demand only."""
    plain = {key: text for key, text in attributes.items() if not is_content(key)}
    return plain, tuple(ContentPart(key, text) for key, text in attributes.items() if key not in plain)


def has_content(detail: SpanDetail) -> bool:
    """Return whether a span holds what people wrote or were told."""
    return any(split_content(each)[1] for each in (detail.attributes, *(event.attributes for event in detail.events)))


@dataclass(frozen=True, slots=True)
class LogLine:
    """A log record that names the trace."""

    log_id: str
    time_ns: int
    span_id: str
    severity: int
    severity_text: str
    event_name: str
    body: str
    service: str
    families: int
    object: str
    detail: str
    outcome: str
    amount_micro: int | None
    attributes: Mapping[str, str]

    @property
    def severity_word(self) -> str:
        """What the sender calls its level, else the name of its number; empty when it has none."""
        level = Severity.of(self.severity)
        return self.severity_text or (level.name if level is not None else "")


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """Which traces a list shows; `None` means all."""

    window: TimeRange
    service: str | None = None
    tenant: str | None = None
    is_error: bool | None = None
    min_duration_ns: int = 0
    limit: int = 50
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """A trace in a list: the span by which it begins, or by which it entered a service."""

    trace_id: str
    span_id: str
    name: str
    service: str
    tenant: str
    start_ns: int
    end_ns: int
    is_error: bool


def lay_out(trace_id: str, lines: Sequence[SpanLine], *, is_cut: bool = False) -> Trace:
    """Return `lines`, each span once, as a trace. Linear: a chain of 20,000 is as easily sent as as many siblings."""
    by_id = {line.span_id: line for line in lines}
    children: defaultdict[str, list[SpanLine]] = defaultdict(list)
    tops: list[SpanLine] = []
    for line in sorted(by_id.values(), key=_by_start):
        if line.parent_span_id in by_id and line.parent_span_id != line.span_id:
            children[line.parent_span_id].append(line)
        else:
            tops.append(line)
    # Lines that no top reaches go round in circles; the first of each circle stands on top.
    order = _depth_first(tops, children, set())
    seen = {line.span_id for line, _ in order}
    cyclic = {line.span_id for line in tops if line.parent_span_id == line.span_id}
    for line in sorted(by_id.values(), key=_by_start):
        if line.span_id not in seen:
            cyclic.add(line.span_id)
            found = _depth_first([line], children, seen)
            order += found
            seen |= {one.span_id for one, _ in found}
    start_ns, end_ns = _extent(by_id.values())
    missing = {line.parent_span_id for line in tops if line.parent_span_id} - by_id.keys()
    return Trace(
        trace_id=trace_id,
        spans=_placed(order, children, missing=missing, cyclic=cyclic, extent=(start_ns, end_ns)),
        start_ns=start_ns,
        end_ns=end_ns,
        error_count=sum(line.is_error for line in by_id.values()),
        services=dict(Counter(line.service for line in by_id.values()).most_common()),
        missing_parent_ids=frozenset(missing),
        cyclic_count=len(cyclic),
        distrusted_count=sum(line.distrusted for line in by_id.values()),
        replayed_count=sum(line.replayed for line in by_id.values()),
        is_cut=is_cut,
    )


def _by_start(line: SpanLine) -> tuple[int, str]:
    return line.start_ns, line.span_id


def _depth_first(
    tops: Iterable[SpanLine], children: Mapping[str, Sequence[SpanLine]], known: set[str]
) -> list[tuple[SpanLine, int]]:
    order: list[tuple[SpanLine, int]] = []
    seen = set(known)
    stack = [(top, 0) for top in reversed(list(tops))]
    while stack:
        line, depth = stack.pop()
        if line.span_id in seen:
            continue
        seen.add(line.span_id)
        order.append((line, depth))
        stack += [(child, depth + 1) for child in reversed(children.get(line.span_id, ()))]
    return order


def _extent(lines: Iterable[SpanLine]) -> tuple[int, int]:
    """Return when the trace began and ended, by the spans whose times can be believed, if there are any."""
    found = list(lines)
    believed = [line for line in found if not line.distrusted] or found
    start_ns = min((line.start_ns for line in believed), default=0)
    return start_ns, max((line.end_ns for line in believed), default=start_ns) if found else 0


def _placed(
    order: Sequence[tuple[SpanLine, int]],
    children: Mapping[str, Sequence[SpanLine]],
    *,
    missing: set[str],
    cyclic: set[str],
    extent: tuple[int, int],
) -> tuple[PlacedSpan, ...]:
    below = _descendants(order)
    start_ns, end_ns = extent
    return tuple(
        PlacedSpan(
            line=line,
            position=position,
            depth=depth,
            child_count=_children_shown(line, children, cyclic),
            descendant_count=below[position],
            offset_ns=min(max(0, line.start_ns - start_ns), max(0, end_ns - start_ns)),
            duration_ns=max(0, line.end_ns - line.start_ns),
            is_parent_missing=line.parent_span_id in missing,
            is_cyclic=line.span_id in cyclic,
        )
        for position, (line, depth) in enumerate(order)
    )


def _children_shown(line: SpanLine, children: Mapping[str, Sequence[SpanLine]], cyclic: set[str]) -> int:
    return sum(child.span_id not in cyclic for child in children.get(line.span_id, ()))


def _descendants(order: Sequence[tuple[SpanLine, int]]) -> list[int]:
    """Return how many lines stand below each; they follow it directly and are deeper."""
    counts = [0] * len(order)
    open_: list[int] = []
    for position, (_, depth) in enumerate(order):
        while open_ and order[open_[-1]][1] >= depth:
            counts[open_.pop()] += position
        open_.append(position)
        counts[position] = -position - 1
    for position in open_:
        counts[position] += len(order)
    return counts
