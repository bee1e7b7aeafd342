"""Wire shapes of AI runs."""

from typing import Self

from tidegate.edge.wire import Utc, WireModel
from tidegate.kernel import Page
from tidegate.signals.ai_runs.model import AiRun, Content, Document, RunDetail, Score, Step
from tidegate.signals.model import NANO_PER_USD
from tidegate.telemetry.traces import moment_of

_MS = 1_000_000


class RunOut(WireModel):
    """One AI run, as it was counted."""

    trace_id: str
    span_id: str
    name: str
    operation: str
    started_at: Utc
    ended_at: Utc
    duration_ms: float
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
    """`ok`, `failed`, `policy_blocked`, `validation_error` or `cancelled`."""
    error_code: str
    input_tokens: int
    """Cached ones included."""
    output_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    is_cache_exclusive: bool
    """Whether the sender had left cached tokens out of the input, and they were added."""
    cost_usd: float | None
    """`null`: unpriced, which is not the same as free."""
    cost_source: str
    """`sender`, `table`, `mixed` or `unpriced`."""
    price_version: str
    time_to_first_chunk_ms: float | None
    span_count: int
    is_parent_missing: bool
    """Whether a span above the run is named and not stored."""
    is_sampled: bool
    is_replayed: bool

    @classmethod
    def of(cls, run: AiRun) -> Self:
        return cls(
            trace_id=run.trace_id,
            span_id=run.span_id,
            name=run.name,
            operation=run.operation,
            started_at=moment_of(run.start_ns),
            ended_at=moment_of(run.end_ns),
            duration_ms=run.duration_ns / _MS,
            service=run.service,
            environment=run.environment,
            release=run.release,
            tenant=run.tenant,
            provider=run.provider,
            model=run.model,
            agent_name=run.agent_name,
            prompt_version=run.prompt_version,
            conversation_id=run.conversation_id,
            finish_reason=run.finish_reason,
            outcome=run.outcome,
            error_code=run.error_code,
            input_tokens=run.input_tokens,
            output_tokens=run.output_tokens,
            cached_input_tokens=run.cached_input_tokens,
            cache_write_tokens=run.cache_write_tokens,
            reasoning_tokens=run.reasoning_tokens,
            is_cache_exclusive=bool(run.is_cache_exclusive),
            cost_usd=run.cost_nano_usd / NANO_PER_USD if run.is_priced else None,
            cost_source=run.cost_source or ("" if run.is_priced else "unpriced"),
            price_version=run.price_version,
            time_to_first_chunk_ms=run.ttfc_ns / _MS if run.ttfc_ns else None,
            span_count=run.span_count,
            is_parent_missing=bool(run.is_parent_missing),
            is_sampled=bool(run.is_sampled),
            is_replayed=bool(run.replayed),
        )


class RunPageOut(WireModel):
    """AI runs, the newest first."""

    items: list[RunOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[AiRun]) -> Self:
        return cls(items=[RunOut.of(run) for run in page.items], next_cursor=page.next_cursor)


class StepOut(WireModel):
    """One span of a run."""

    span_id: str
    depth: int
    """Below the run's own span."""
    operation: str
    label: str
    outcome: str
    error_type: str
    message: str
    duration_ms: float
    attempt: int
    """From 1; above that it repeats a step that went wrong."""
    attempt_count: int
    is_made_good: bool
    """Whether it went wrong and a later attempt did not."""
    input_tokens: int
    output_tokens: int

    @classmethod
    def of(cls, step: Step) -> Self:
        return cls(
            span_id=step.line.span_id,
            depth=step.depth,
            operation=step.line.operation,
            label=step.label,
            outcome=step.outcome,
            error_type=step.line.error_type,
            message=step.detail.status_message if step.detail else "",
            duration_ms=step.span.duration_ns / _MS,
            attempt=step.attempt,
            attempt_count=step.attempt_count,
            is_made_good=step.is_made_good,
            input_tokens=step.detail.input_tokens if step.detail else 0,
            output_tokens=step.detail.output_tokens if step.detail else 0,
        )


class DocumentOut(WireModel):
    """Something that was retrieved for a run."""

    span_id: str
    document_id: str
    score: str
    source: str

    @classmethod
    def of(cls, document: Document) -> Self:
        return cls(
            span_id=document.span_id, document_id=document.document_id, score=document.score, source=document.source
        )


class ScoreOut(WireModel):
    """What an evaluation said."""

    name: str
    value: float | None
    label: str
    explanation: str
    span_id: str

    @classmethod
    def of(cls, score: Score) -> Self:
        return cls(
            name=score.name,
            value=score.value,
            label=score.label,
            explanation=score.explanation,
            span_id=score.span_id,
        )


class ContentPartOut(WireModel):
    """A prompt, an output or a document, as it was stored."""

    span_id: str
    key: str
    text: str

    @classmethod
    def all_of(cls, content: Content) -> list[Self]:
        return [cls(span_id=content.step.line.span_id, key=part.key, text=part.text) for part in content.parts]


class RunDetailOut(WireModel):
    """One AI run with its steps."""

    run: RunOut
    is_counted: bool
    """Whether it stands in the figures yet."""
    cause: StepOut | None
    """The step because of which it did not end well."""
    steps: list[StepOut]
    hidden_step_count: int
    documents: list[DocumentOut]
    scores: list[ScoreOut]
    contents: list[ContentPartOut]

    @classmethod
    def of(cls, detail: RunDetail) -> Self:
        return cls(
            run=RunOut.of(detail.run),
            is_counted=detail.is_counted,
            cause=StepOut.of(detail.cause) if detail.cause else None,
            steps=[StepOut.of(step) for step in detail.steps],
            hidden_step_count=detail.hidden_step_count,
            documents=[DocumentOut.of(document) for document in detail.documents],
            scores=[ScoreOut.of(score) for score in detail.scores],
            contents=[part for content in detail.contents for part in ContentPartOut.all_of(content)],
        )
