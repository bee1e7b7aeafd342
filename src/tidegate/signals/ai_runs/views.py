"""A run in the words and shapes of its pages."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tidegate.edge.marks import Mark
from tidegate.signals.ai_runs.model import AiRun, RunDetail, Step
from tidegate.signals.model import NANO_PER_USD
from tidegate.telemetry.traces import moment_of
from tidegate.telemetry.traces.views import kind_of, length_of

_MARKS = {
    "ok": Mark("OK", "go", "go"),
    "failed": Mark("FAILED", "no-go", "no-go"),
    "timeout": Mark("TIMEOUT", "no-go", "no-go"),
    "denied": Mark("DENIED", "hold", "hold"),
    "policy_blocked": Mark("BLOCKED", "hold", "hold"),
    "validation_error": Mark("SCHEMA ERROR", "no-go", "warned"),
    "cancelled": Mark("CANCELLED", "unknown", "unknown"),
}
_UNKNOWN = Mark("UNKNOWN", "unknown", "unknown")
_SOURCES = {
    "sender": "as the sender says",
    "table": "by the price table",
    "mixed": "partly as the sender says, partly by the price table",
}


@dataclass(frozen=True, slots=True)
class RunView:
    """A run in a list, or the head of its page."""

    run: AiRun
    mark: Mark
    title: str
    length: str
    cost: str
    cost_note: str
    ended_at: datetime

    @property
    def path(self) -> str:
        return f"/ai-runs/{self.run.trace_id}/{self.run.span_id}"


@dataclass(frozen=True, slots=True)
class StepView:
    step: Step
    mark: Mark
    kind: str
    length: str
    indent_px: int
    attempt: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of two runs."""

    name: str
    first: str
    second: str

    @property
    def differs(self) -> bool:
        return self.first != self.second


def mark_of(outcome: str) -> Mark:
    return _MARKS.get(outcome, _UNKNOWN)


def run_view(run: AiRun) -> RunView:
    return RunView(
        run=run,
        mark=mark_of(run.outcome),
        title=run.agent_name or run.name or run.operation or "(no name)",
        length=length_of(run.duration_ns),
        cost=cost_of(run),
        cost_note=_cost_note(run),
        ended_at=moment_of(run.end_ns),
    )


def cost_of(run: AiRun) -> str:
    """Write what a run cost, to the last digit that is known; no price is no zero."""
    if not run.is_priced:
        return "unpriced"
    usd = Decimal(run.cost_nano_usd) / NANO_PER_USD
    text = f"{usd:,.9f}".rstrip("0")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction:0<2} USD"


def _cost_note(run: AiRun) -> str:
    if not run.is_priced:
        return "no price is known for this model and moment"
    note = _SOURCES.get(run.cost_source, run.cost_source)
    return f"{note}, prices {run.price_version}" if run.price_version else note


def step_view(step: Step) -> StepView:
    attempt = f"attempt {step.attempt} of {step.attempt_count}" if step.attempt_count > 1 else ""
    if step.is_made_good:
        attempt += ", made good later"
    return StepView(
        step=step,
        mark=mark_of(step.outcome),
        kind=kind_of(step.line),
        length=length_of(step.span.duration_ns),
        indent_px=min(step.depth, 20) * 16,
        attempt=attempt,
    )


def sentence_of(detail: RunDetail) -> str:
    """Say in one sentence how the run ended, and why."""
    run, cause = detail.run, detail.cause
    who = run.agent_name or run.name or "The run"
    endings = {
        "ok": "ended well",
        "failed": "failed",
        "policy_blocked": "was blocked by a policy",
        "validation_error": "broke its schema",
        "cancelled": "was cancelled",
    }
    sentence = f"{who} {endings.get(run.outcome, 'ended without saying how')} after {length_of(run.duration_ns)}"
    code = run.error_code or (cause.line.error_type if cause else "")
    if cause is not None and cause.depth > 0:
        why = f": {code}" if code else ""
        again = f", attempt {cause.attempt} of {cause.attempt_count}" if cause.attempt_count > 1 else ""
        return f"{sentence}{why} in {kind_of(cause.line) or 'step'} {cause.label}{again}."
    return f"{sentence}: {code}." if code else f"{sentence}."


def policy_of(detail: RunDetail) -> str:
    """Say what policies and guardrails did."""
    blocking = [step for step in detail.steps if step.line.run_outcome == "policy_blocked"]
    if blocking:
        return f"Blocked by {blocking[-1].label}"
    if detail.run.outcome == "policy_blocked":
        return "Blocked"
    count = len(detail.guardrails)
    if not count:
        return "No guardrail ran"
    return "1 guardrail let it pass" if count == 1 else f"{count} guardrails let it pass"


def comparison_of(first: RunDetail, second: RunDetail) -> list[Compared]:
    """Return the figures of two runs side by side."""
    left, right = _figures(first), _figures(second)
    return [Compared(name, left[name], right[name]) for name in left]


def _figures(detail: RunDetail) -> dict[str, str]:
    run = detail.run
    return {
        "Outcome": mark_of(run.outcome).word,
        "Error": run.error_code or "none",
        "Policy": policy_of(detail),
        "Model": run.model,
        "Provider": run.provider,
        "Release": run.release,
        "Service": run.service,
        "Tenant": run.tenant,
        "Prompt version": run.prompt_version,
        "Duration": length_of(run.duration_ns),
        "First chunk": length_of(run.ttfc_ns) if run.ttfc_ns else "not said",
        "Input tokens": f"{run.input_tokens:,}",
        "Cached input tokens": f"{run.cached_input_tokens:,}",
        "Output tokens": f"{run.output_tokens:,}",
        "Reasoning tokens": f"{run.reasoning_tokens:,}",
        "Cost": cost_of(run),
        "Steps": f"{len(detail.steps) + detail.hidden_step_count:,}",
        "Tool calls": f"{len(detail.tools):,}",
        "Documents": f"{len(detail.documents):,}",
        "Scores": ", ".join(f"{score.name} {score.value:g}" for score in detail.scores if score.value is not None)
        or "none",
    }
