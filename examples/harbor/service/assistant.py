"""The assistant: a guardrail, then model, tool, model; its answer is checked against its output schema.

Spans follow the GenAI conventions with their current spellings. Prompts and answers stay out of telemetry.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from examples.harbor.faults import Fault
from examples.harbor.service.documents import WORD, Documents
from examples.harbor.service.events import Events
from examples.harbor.service.local_model import (
    PROVIDER,
    FinishReason,
    LocalModel,
    ModelMessage,
    Reply,
    Speaker,
    ToolCall,
)
from examples.harbor.service.retrieval import Hit, Retrieval

AGENT = "harbor-assistant"
POLICY = "harbor-prompt-policy"
SYSTEM_PROMPT = (
    "You answer questions from the documents of one workspace. Call search_documents first. "
    "Answer as JSON with answer, citations and confidence. Cite only documents that the tool returned."
)
REFUSAL = "This question is against the policy of your workspace."
# With the fault on, each run with this number breaks its schema: a share far above the 5 % that a rule allows.
BROKEN_EACH = 3
# With the fault on, every other question is denied: far above the fifth that a rule allows.
BLOCKED_EACH = 2
# With the fault on, each call reads the messages so many times over, at a price of its own: some three dollars a run.
DEEP_MODEL = "harbor-deep-1"
DEEP_CONTEXT_FACTOR = 1_000

# What the guardrail denies before any model sees it: taking over the instructions, and asking for secrets.
DENIED_PROMPTS: Mapping[str, re.Pattern[str]] = {
    "prompt_injection": re.compile(r"\b(ignore|forget|disregard)\b.{0,40}\binstructions\b", re.IGNORECASE),
    "secrets": re.compile(r"\b(password|api key|credit card)s?\b", re.IGNORECASE),
}


class Outcome(StrEnum):
    OK = "ok"
    POLICY_BLOCKED = "policy_blocked"


class Answer(BaseModel):
    """The output schema that the model is asked for."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    answer: str = Field(min_length=1)
    citations: list[str]
    confidence: float = Field(ge=0, le=1)


class OutputSchemaError(Exception):
    """The model's answer is not what its output schema says."""


@dataclass(frozen=True, slots=True)
class RunResult:
    id: str
    outcome: Outcome
    answer: str
    citations: tuple[str, ...]
    confidence: float
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float


class Assistant:
    def __init__(self, *, tracer: Tracer, documents: Documents, events: Events, is_on: Callable[[Fault], bool]) -> None:
        self._tracer = tracer
        self._retrieval = Retrieval(tracer, documents)
        self._events = events
        self._is_on = is_on
        self._numbers = count(1)
        self._questions = count(1)

    def run(self, workspace_id: str, question: str, *, model: LocalModel, attributes: Mapping[str, str]) -> RunResult:
        """Answer one question from the documents of one workspace.

        `attributes` (tenant, request ids) go on every span of the run: each is read on its own.

        Raises:
            OutputSchemaError: the model answered outside the schema; nothing of its answer is shown.
        """
        follows_schema = not (self._is_on(Fault.BROKEN_OUTPUT_SCHEMA) and next(self._numbers) % BROKEN_EACH == 0)
        if self._is_on(Fault.EXPENSIVE_RUNS):
            model = LocalModel(DEEP_MODEL, context_factor=DEEP_CONTEXT_FACTOR)
        is_overzealous = self._is_on(Fault.POLICY_BLOCKS) and next(self._questions) % BLOCKED_EACH == 0
        parts = _Parts(self._tracer, self._retrieval, self._events, model)
        run = _Run(parts, workspace_id, attributes=attributes, is_overzealous=is_overzealous)
        return run.answer(question, follows_schema=follows_schema)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a run works with."""

    tracer: Tracer
    retrieval: Retrieval
    events: Events
    model: LocalModel


class _Run:
    """One run: its id, what it has used so far, and its spans."""

    def __init__(
        self, parts: _Parts, workspace_id: str, *, attributes: Mapping[str, str], is_overzealous: bool
    ) -> None:
        self._tracer = parts.tracer
        self._retrieval = parts.retrieval
        self._events = parts.events
        self._model = parts.model
        self._workspace_id = workspace_id
        self._is_overzealous = is_overzealous
        self._id = f"run_{secrets.token_hex(12)}"
        self._attributes = {**attributes, "gen_ai.conversation.id": self._id}
        self._replies: list[Reply] = []
        self._tool_calls = 0

    def answer(self, question: str, *, follows_schema: bool) -> RunResult:
        with self._tracer.start_as_current_span(
            f"invoke_agent {AGENT}",
            kind=SpanKind.INTERNAL,
            attributes=self._named("invoke_agent", **{"gen_ai.agent.name": AGENT}),
            set_status_on_exception=False,
            record_exception=False,
        ) as span:
            if self._is_denied(question):
                # No model was asked, so nothing was spent: said in figures, because silence would be "unpriced".
                span.set_attribute("gen_ai.usage.input_tokens", 0)
                span.set_attribute("gen_ai.usage.output_tokens", 0)
                span.set_attribute("gen_ai.usage.cost", 0.0)
                return self._blocked(span)
            messages = [ModelMessage(Speaker.SYSTEM, SYSTEM_PROMPT), ModelMessage(Speaker.USER, question)]
            plan = self._chat(messages, follows_schema=True)
            if plan.tool_call is None:
                return self._blocked(span)
            hits = self._call_tool(plan.tool_call)
            messages.append(ModelMessage(Speaker.TOOL, json.dumps([hit.as_tool_result() for hit in hits])))
            return self._checked(span, self._chat(messages, follows_schema=follows_schema), hits)

    def _is_denied(self, question: str) -> bool:
        with self._tracer.start_as_current_span(
            f"run_guardrail {POLICY}",
            kind=SpanKind.INTERNAL,
            attributes=self._named(
                "run_guardrail",
                **{
                    "gen_ai.security.guardrail.name": POLICY,
                    "gen_ai.security.policy.id": POLICY,
                    "gen_ai.security.target.type": "input",
                },
            ),
        ) as span:
            rule = next((name for name, pattern in DENIED_PROMPTS.items() if pattern.search(question)), None)
            if rule is None and self._is_overzealous:
                rule = "anything_unusual"
            span.set_attribute("gen_ai.security.verdict.type", "deny" if rule else "allow")
            if rule:
                span.set_attribute("gen_ai.security.policy.rule.id", rule)
                span.set_attribute("gen_ai.security.action.type", "block")
            self._events.record_decision(POLICY, is_allowed=rule is None, attributes=self._attributes)
            return rule is not None

    def _chat(self, messages: Sequence[ModelMessage], *, follows_schema: bool) -> Reply:
        with self._tracer.start_as_current_span(
            f"chat {self._model.name}",
            kind=SpanKind.CLIENT,
            attributes=self._named(
                "chat",
                **{
                    "gen_ai.provider.name": PROVIDER,
                    "gen_ai.request.model": self._model.name,
                    "gen_ai.prompt.name": AGENT,
                },
            ),
        ) as span:
            reply = self._model.chat(messages, follows_schema=follows_schema)
            span.set_attribute("gen_ai.response.model", self._model.name)
            span.set_attribute("gen_ai.response.finish_reasons", [reply.finish_reason.value])
            span.set_attribute("gen_ai.usage.input_tokens", reply.input_tokens)
            span.set_attribute("gen_ai.usage.output_tokens", reply.output_tokens)
            span.set_attribute("gen_ai.usage.cost", reply.cost_usd)
        self._replies.append(reply)
        return reply

    def _call_tool(self, call: ToolCall) -> list[Hit]:
        with self._tracer.start_as_current_span(
            f"execute_tool {call.name}",
            kind=SpanKind.INTERNAL,
            attributes=self._named(
                "execute_tool",
                **{
                    "gen_ai.tool.name": call.name,
                    "gen_ai.tool.call.id": call.id,
                    "gen_ai.tool.type": "function",
                },
            ),
        ):
            self._tool_calls += 1
            return self._retrieval.find(self._workspace_id, call.arguments["query"], attributes=self._attributes)

    def _checked(self, span: Span, reply: Reply, hits: Sequence[Hit]) -> RunResult:
        try:
            answer = Answer.model_validate_json(reply.text)
        except ValidationError as error:
            span.set_attribute("error.type", "validation_error")
            span.set_status(Status(StatusCode.ERROR, "the answer is outside the output schema"))
            raise OutputSchemaError(self._id) from error
        if hits:
            self._evaluate(answer, hits)
        return self._result(Outcome.OK, answer)

    def _evaluate(self, answer: Answer, hits: Sequence[Hit]) -> None:
        """Score the answer against what it cites: is every citation one that was found, is every word in one?"""
        cited = [hit for hit in hits if hit.document.id in answer.citations]
        words = set(WORD.findall(answer.answer.lower()))
        known = set(WORD.findall(" ".join(hit.document.body for hit in cited).lower()))
        coverage = len(cited) / len(answer.citations) if answer.citations else 0.0
        groundedness = len(words & known) / len(words) if words else 0.0
        for name, score in (("citation_coverage", coverage), ("groundedness", groundedness)):
            self._events.record_evaluation(name, score, attributes=self._attributes)

    def _blocked(self, span: Span) -> RunResult:
        span.set_attribute("gen_ai.response.finish_reasons", [FinishReason.CONTENT_FILTER.value])
        return self._result(Outcome.POLICY_BLOCKED, Answer(answer=REFUSAL, citations=[], confidence=0.0))

    def _result(self, outcome: Outcome, answer: Answer) -> RunResult:
        return RunResult(
            id=self._id,
            outcome=outcome,
            answer=answer.answer,
            citations=tuple(answer.citations),
            confidence=answer.confidence,
            tool_calls=self._tool_calls,
            input_tokens=sum(reply.input_tokens for reply in self._replies),
            output_tokens=sum(reply.output_tokens for reply in self._replies),
            cost_usd=round(sum(reply.cost_usd for reply in self._replies), 9),
        )

    def _named(self, operation: str, **more: str) -> dict[str, str]:
        return {"gen_ai.operation.name": operation, **self._attributes, **more}
