"""A run as it was counted, and what its spans say about it. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from tidegate.kernel import Cursor, TimeRange
from tidegate.telemetry.traces import ContentPart, LogLine, PlacedSpan, SpanDetail, SpanLine, Trace, split_content

MAX_STEPS: Final = 500  # what a page can show; the trace has the rest
OUTCOMES: Final = ("ok", "failed", "policy_blocked", "validation_error", "cancelled")
RUN_ROLES: Final = frozenset({"agent", "inference"})
_RESULT: Final = "gen_ai.evaluation.result"
_MICRO: Final = 1_000_000
_WENT_WRONG: Final = frozenset(OUTCOMES) - {"ok"}


@dataclass(frozen=True, slots=True)
class AiRun:
    """One run, as counted: the fields are columns of `ai_runs`."""

    trace_id: str
    span_id: str
    start_ns: int
    end_ns: int
    name: str
    operation: str
    service: str
    environment: str
    release: str
    tenant: str
    provider: str
    model: str
    agent_name: str
    prompt_version: str
    conversation_id: str
    finish_reason: str
    outcome: str
    error_code: str
    input_tokens: int
    """Cached ones included."""
    output_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    is_cache_exclusive: int
    """Whether the sender had left cached tokens out of the input, and they were added."""
    cost_nano_usd: int
    is_priced: int
    cost_source: str
    price_version: str
    ttfc_ns: int
    span_count: int
    is_parent_missing: int
    weight_milli: int
    is_sampled: int
    replayed: int

    @property
    def duration_ns(self) -> int:
        return max(0, self.end_ns - self.start_ns)


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs a list shows; `None` means all."""

    window: TimeRange | None = None
    outcome: str | None = None
    model: str | None = None
    provider: str | None = None
    tenant: str | None = None
    service: str | None = None
    release: str | None = None
    min_cost_nano_usd: int | None = None
    is_unpriced: bool = False
    limit: int = 50
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One span of a run: a model call, a tool, a retrieval, a guardrail, an agent."""

    span: PlacedSpan
    detail: SpanDetail | None
    depth: int
    """Below the run's own span."""
    attempt: int
    """From 1; above that it repeats a step that went wrong."""
    attempt_count: int
    is_made_good: bool
    """Whether it went wrong and a later attempt did not."""

    @property
    def line(self) -> SpanLine:
        return self.span.line

    @property
    def outcome(self) -> str:
        """Say how it ended: a tool call's own word says more than the run's."""
        is_tool = self.line.operation == "execute_tool"
        return (self.line.outcome if is_tool else "") or self.line.run_outcome or "ok"

    @property
    def label(self) -> str:
        """Say what it was: the tool, the model, the agent, else the span's name."""
        line = self.line
        return line.tool or line.model or line.agent_name or line.name


@dataclass(frozen=True, slots=True)
class Document:
    """Something that was retrieved for a run."""

    span_id: str
    document_id: str
    score: str
    source: str


@dataclass(frozen=True, slots=True)
class Score:
    """What an evaluation said about a run or a part of it."""

    name: str
    value: float | None
    label: str
    explanation: str
    span_id: str


@dataclass(frozen=True, slots=True)
class Content:
    """What was said in one step, as it is stored."""

    step: Step
    parts: tuple[ContentPart, ...]


@dataclass(frozen=True, slots=True)
class RunDetail:
    """A run with its steps."""

    run: AiRun
    is_counted: bool
    """Whether it stands in the figures yet; until then its tokens and cost are those of its own span."""
    steps: tuple[Step, ...]
    hidden_step_count: int
    """Steps beyond those that are shown."""
    cause: Step | None
    """The step because of which the run did not end well."""
    documents: tuple[Document, ...]
    scores: tuple[Score, ...]
    contents: tuple[Content, ...]
    is_root_missing: bool
    """Whether a span above the run's own is named and not stored: the run may be a part of a larger one."""

    @property
    def tools(self) -> tuple[Step, ...]:
        return self._of("execute_tool")

    @property
    def guardrails(self) -> tuple[Step, ...]:
        return self._of("guardrail")

    @property
    def retrievals(self) -> tuple[Step, ...]:
        return self._of("retrieval", "rerank")

    @property
    def schema_errors(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.line.run_outcome == "validation_error")

    @property
    def is_masked(self) -> bool:
        return any(part.is_masked for content in self.contents for part in content.parts)

    def _of(self, *operations: str) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.line.operation in operations)


def members_of(trace: Trace, span_id: str) -> tuple[PlacedSpan, list[PlacedSpan]] | None:
    """Return the run's own span and the GenAI spans in and below it; `None` when the trace has no such span."""
    for root in trace.spans:
        if root.line.span_id == span_id:
            below = trace.spans[root.position : root.position + root.descendant_count + 1]
            return root, [span for span in below if span.line.role]
    return None


def describe(
    run: AiRun | None, trace: Trace, details: Mapping[str, SpanDetail], logs: Sequence[LogLine], *, span_id: str
) -> RunDetail | None:
    """Return what a run did, from its spans; `None` when `span_id` is no run, counted or not."""
    found = members_of(trace, span_id)
    if found is None or (run is None and found[0].line.role not in RUN_ROLES):
        return None
    root, members = found
    steps = tuple(_steps_of(root, members, details))
    counted = run or _not_counted(trace, root, details.get(span_id), len(members))
    shown = steps[:MAX_STEPS]
    inside = {step.line.span_id for step in steps}
    contents = ((step, _content_of(step.detail)) for step in shown if step.detail is not None)
    return RunDetail(
        run=counted,
        is_counted=run is not None,
        steps=shown,
        hidden_step_count=len(steps) - len(shown),
        cause=_cause_of(counted, steps),
        documents=tuple(document for step in shown for document in _documents_of(step)),
        scores=tuple(_scores_of([step.detail for step in shown if step.detail], logs, inside)),
        contents=tuple(Content(step, parts) for step, parts in contents if parts),
        is_root_missing=bool(counted.is_parent_missing) or root.is_parent_missing,
    )


def _steps_of(root: PlacedSpan, members: Sequence[PlacedSpan], details: Mapping[str, SpanDetail]) -> Iterable[Step]:
    attempts = _attempts_of([span.line for span in members])
    for span in members:
        number, count, is_made_good = attempts[span.line.span_id]
        yield Step(
            span=span,
            detail=details.get(span.line.span_id),
            depth=span.depth - root.depth,
            attempt=number,
            attempt_count=count,
            is_made_good=is_made_good,
        )


def _attempts_of(lines: Sequence[SpanLine]) -> dict[str, tuple[int, int, bool]]:
    """Return, by span, which attempt of how many it is. A step that follows a good one is a step of its own.

    `signals/runs.py` decides by the same groups what a later attempt makes good.
    """
    groups: defaultdict[tuple[str, str, str], list[SpanLine]] = defaultdict(list)
    for line in lines:
        groups[line.parent_span_id or line.span_id, line.operation, line.tool or line.model].append(line)
    found: dict[str, tuple[int, int, bool]] = {}
    for group in groups.values():
        group.sort(key=lambda line: (line.start_ns, line.end_ns, line.span_id))
        series: list[list[SpanLine]] = [[]]
        for line in group:
            series[-1].append(line)
            if line.run_outcome not in _WENT_WRONG:
                series.append([])
        for one in filter(None, series):
            is_good = one[-1].run_outcome not in _WENT_WRONG
            for number, line in enumerate(one, start=1):
                found[line.span_id] = number, len(one), is_good and number < len(one)
    return found


def _cause_of(run: AiRun, steps: Sequence[Step]) -> Step | None:
    """Return the step that explains the run's outcome: the one with its error, the deepest of equals."""
    if run.outcome == "ok":
        return None
    candidates = [step for step in steps if step.line.run_outcome == run.outcome and not step.is_made_good]
    named = [step for step in candidates if step.line.error_type == run.error_code]
    return max(named or candidates, key=lambda step: (step.depth, -step.line.start_ns), default=None)


def _not_counted(trace: Trace, root: PlacedSpan, detail: SpanDetail | None, count: int) -> AiRun:
    line = root.line
    return AiRun(
        trace_id=trace.trace_id,
        span_id=line.span_id,
        start_ns=line.start_ns,
        end_ns=line.end_ns,
        name=line.name,
        operation=line.operation,
        service=line.service,
        environment=detail.environment if detail else "",
        release=detail.release if detail else "",
        tenant=line.tenant,
        provider=line.provider,
        model=line.model,
        agent_name=line.agent_name,
        prompt_version=detail.prompt_version if detail else "",
        conversation_id=detail.conversation_id if detail else "",
        finish_reason=detail.finish_reason if detail else "",
        outcome=line.run_outcome,
        error_code=line.error_type,
        input_tokens=detail.input_tokens if detail else 0,
        output_tokens=detail.output_tokens if detail else 0,
        cached_input_tokens=detail.cached_input_tokens if detail else 0,
        cache_write_tokens=detail.cache_write_tokens if detail else 0,
        reasoning_tokens=detail.reasoning_tokens if detail else 0,
        is_cache_exclusive=0,
        cost_nano_usd=0,
        is_priced=0,
        cost_source="",
        price_version="",
        ttfc_ns=detail.ttfc_ns if detail else 0,
        span_count=count,
        is_parent_missing=int(root.is_parent_missing),
        weight_milli=1_000,
        is_sampled=0,
        replayed=line.replayed,
    )


def _content_of(detail: SpanDetail) -> tuple[ContentPart, ...]:
    parts = list(split_content(detail.attributes)[1])
    for event in detail.events:
        parts += [ContentPart(f"{event.name}: {part.key}", part.text) for part in split_content(event.attributes)[1]]
    return tuple(parts)


def _documents_of(step: Step) -> Iterable[Document]:
    if step.detail is None:
        return
    attributes, span_id, source = step.detail.attributes, step.line.span_id, step.detail.object
    for one in _objects_in(attributes.get("gen_ai.retrieval.documents", "")):
        name = str(one.get("id") or one.get("document_id") or "")
        yield Document(span_id, name, str(one.get("score", "")), str(one.get("source") or source))
    for prefix in ("retrieval.documents", "reranker.output_documents"):
        for number in range(MAX_STEPS):
            place = f"{prefix}.{number}.document"
            if not any(f"{place}.{field}" in attributes for field in ("id", "score", "content")):
                break
            score = attributes.get(f"{place}.score", "")
            yield Document(span_id, attributes.get(f"{place}.id", ""), score, source)


def _objects_in(text: str) -> list[dict[str, object]]:
    try:
        found = msgspec.json.decode(text) if text else []
    except (msgspec.DecodeError, UnicodeDecodeError):  # long values are cut where they are stored
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _scores_of(details: Iterable[SpanDetail], logs: Iterable[LogLine], inside: set[str]) -> Iterable[Score]:
    """Yield what evaluations said: of events on spans, of spans that are evaluations, of log records."""
    for detail in details:
        span_id = detail.line.span_id
        said = [_score_in(event.attributes, span_id) for event in detail.events if event.name == _RESULT]
        yield from said
        if not said and "evaluation" in detail.line.family_names and detail.object:
            value = None if detail.amount_micro is None else detail.amount_micro / _MICRO
            yield Score(detail.object, value, detail.detail, "", span_id)
    for log in logs:
        if log.event_name == _RESULT and (not log.span_id or log.span_id in inside):
            said_here = _score_in(log.attributes, log.span_id)
            value = said_here.value if log.amount_micro is None else log.amount_micro / _MICRO
            yield Score(
                log.object or said_here.name, value, log.detail or said_here.label, said_here.explanation, log.span_id
            )


def _score_in(attributes: Mapping[str, str], span_id: str) -> Score:
    return Score(
        name=attributes.get("gen_ai.evaluation.name", "") or "evaluation",
        value=_number(attributes.get("gen_ai.evaluation.score.value", "")),
        label=attributes.get("gen_ai.evaluation.score.label", ""),
        explanation=attributes.get("gen_ai.evaluation.explanation", ""),
        span_id=span_id,
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None  # what is no finite score is none
