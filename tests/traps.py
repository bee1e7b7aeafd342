"""Cost and naming traps: what senders really write, and what it costs, worked out by hand.

Prices are those of the pinned list, in dollars a million tokens:
gpt-4o 2.50 in, 1.25 cached, 10 out · gpt-4o-mini 0.15 in, 0.60 out · gpt-5 1.25 in, 10 out ·
claude-sonnet-4-5 3 in, 0.30 read, 3.75 written, 15 out; at Bedrock, regional, a tenth more ·
gemini-2.5-pro 1.25 in, 10 out; above 200,000 input tokens 2.50 and 15 · text-embedding-3-small 0.02 in.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Value = str | int | float | bool | Sequence[str]
_MS: Final = 1_000_000
_CLIENT, _INTERNAL = 3, 1


@dataclass(frozen=True)
class TrapSpan:
    attributes: Mapping[str, Value]
    key: str = "call"
    parent: str | None = None
    is_error: bool = False
    name: str = "span"
    kind: int = _CLIENT


@dataclass(frozen=True)
class Trap:
    name: str
    why: str
    spans: tuple[TrapSpan, ...]
    input_tokens: int
    output_tokens: int
    nano_usd: int | None
    """`None`: unpriced."""
    cached: int = 0
    model: str = "gpt-4o"
    outcome: str = "ok"
    runs: int = 1
    sent: int = 1
    """How often the batch is delivered."""

    def trace_id(self) -> bytes:
        return hashlib.sha256(self.name.encode()).digest()[:16]


def call(
    *,
    provider: str = "openai",
    model: str = "gpt-4o",
    tokens: tuple[int, int] | None = (1_000, 500),
    operation: str = "chat",
    **more: Value,
) -> dict[str, Value]:
    """Return an inference span as the current conventions write it; `__` in a name is a dot."""
    usage: dict[str, Value] = {}
    if tokens is not None:
        usage = {"gen_ai.usage.input_tokens": tokens[0], "gen_ai.usage.output_tokens": tokens[1]}
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        **usage,
        **{key.replace("__", "."): value for key, value in more.items()},
    }


def one(attributes: Mapping[str, Value], **more: Any) -> tuple[TrapSpan, ...]:
    return (TrapSpan(attributes, **more),)


def agent(name: str = "support", **more: Value) -> dict[str, Value]:
    attributes = {key.replace("__", "."): value for key, value in more.items()}
    return {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name, **attributes}


PLAIN = 7_500_000  # 1,000 at 2.50 and 500 at 10
USED: dict[str, Value] = {"gen_ai__usage__input_tokens": 1_000, "gen_ai__usage__output_tokens": 500}
SONNET = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
OLD = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.prompt_tokens": 1_000,
    "gen_ai.usage.completion_tokens": 500,
}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.provider": "openai",
    "llm.model_name": "gpt-4o",
    "llm.token_count.prompt": 1_000,
    "llm.token_count.completion": 500,
    "llm.token_count.total": 1_500,
}
VERCEL = {
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.provider": "openai.chat",
    "ai.model.id": "gpt-4o",
    "ai.usage.promptTokens": 1_000,
    "ai.usage.completionTokens": 500,
}
READ, WRITE = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"


def trap(name: str, why: str, spans: tuple[TrapSpan, ...], cost: int | None = PLAIN, **more: Any) -> Trap:
    tokens = more.pop("tokens", (1_000, 500))
    return Trap(name, why, spans, input_tokens=tokens[0], output_tokens=tokens[1], nano_usd=cost, **more)


TRAPS: Final = (
    trap("plain", "the conventions as they are", one(call())),
    trap("old-names", "prompt_tokens and gen_ai.system, before 1.27", one(OLD)),
    trap("capital-system", "gen_ai.system with a capital", one({**OLD, "gen_ai.system": "OpenAI"})),
    trap("azure-old", "az.ai.openai is Azure with its own list", one({**OLD, "gen_ai.system": "az.ai.openai"})),
    trap("dated-model", "a model with its date", one(call(model="gpt-4o-2024-08-06")), model="gpt-4o-2024-08-06"),
    trap("compact-date", "the date without dashes", one(call(model="gpt-4o-20240806")), model="gpt-4o-20240806"),
    trap(
        "response-model", "who answered is paid, not who was asked",
        one(call() | {"gen_ai.response.model": "gpt-4o-mini-2024-07-18"}), 450_000, model="gpt-4o-mini-2024-07-18",
    ),
    trap(
        "cached", "cached tokens are part of the input, at half the price",
        one(call(tokens=(1_000, 100)) | {READ: 400}), 3_000_000, tokens=(1_000, 100), cached=400,
    ),
    trap(
        "anthropic-exclusive", "Anthropic's own figure leaves cached tokens out",
        one(call(**SONNET, tokens=(100, 50)) | {READ: 1_000}), 1_350_000,
        tokens=(1_100, 50), cached=1_000, model="claude-sonnet-4-5",
    ),
    trap(
        "bedrock-exclusive", "Bedrock leaves out what is read and what is written",
        one(
            call(provider="aws.bedrock", model="us.anthropic.claude-sonnet-4-5-20250929-v1:0", tokens=(10, 20))
            | {READ: 500, WRITE: 200}
        ),
        1_353_000, tokens=(710, 20), cached=500, model="us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    trap(
        "cache-write", "writing a cache costs more than input",
        one(call(**SONNET, tokens=(1_000, 10)) | {READ: 100, WRITE: 200}), 3_030_000,
        tokens=(1_000, 10), cached=100, model="claude-sonnet-4-5",
    ),
    trap(
        "cache-write-1.40", "the name that it had in 1.40",
        one(call(**SONNET, tokens=(1_000, 10)) | {READ: 100, "gen_ai.usage.cache_creation.input_tokens": 200}),
        3_030_000, tokens=(1_000, 10), cached=100, model="claude-sonnet-4-5",
    ),
    trap(
        "openllmetry", "Traceloop's names for all of it",
        one({
            "llm.request.type": "chat", "gen_ai.system": "Anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.prompt_tokens": 1_000, "gen_ai.usage.completion_tokens": 10, "llm.usage.total_tokens": 1_010,
            "gen_ai.usage.cache_read_input_tokens": 100, "gen_ai.usage.cache_creation_input_tokens": 200,
        }),
        3_030_000, tokens=(1_000, 10), cached=100, model="claude-sonnet-4-5",
    ),
    trap(
        "reasoning", "reasoning is a part of the output",
        one(call(model="gpt-5", tokens=(100, 1_000), gen_ai__usage__reasoning__output_tokens=800)), 10_125_000,
        tokens=(100, 1_000), model="gpt-5",
    ),
    trap(
        "total-tokens", "a total is no further usage",
        one(call(llm__usage__total_tokens=1_500, gen_ai__usage__total_tokens=1_500)),
    ),
    trap(
        "long-context", "one token above the bound makes all tokens dearer",
        one(call(provider="gcp.gemini", model="gemini-2.5-pro", tokens=(200_001, 1_000))), 515_002_500,
        tokens=(200_001, 1_000), model="gemini-2.5-pro",
    ),
    trap(
        "not-so-long", "at the bound the lower price counts",
        one(call(provider="gcp.gemini", model="gemini-2.5-pro", tokens=(200_000, 1_000))), 260_000_000,
        tokens=(200_000, 1_000), model="gemini-2.5-pro",
    ),
    trap(
        "models-folder", "Google's name of a model with its folder",
        one(call(provider="vertex_ai", model="models/gemini-2.5-pro", tokens=(1_000, 100))), 2_250_000,
        tokens=(1_000, 100), model="models/gemini-2.5-pro",
    ),
    trap(
        "pydantic-ai", "the agent repeats what its calls used",
        (
            TrapSpan(
                agent(gen_ai__aggregated_usage__input_tokens=2_000, gen_ai__aggregated_usage__output_tokens=1_000,
                      gen_ai__usage__input_tokens=2_000, gen_ai__usage__output_tokens=1_000, model_name="gpt-4o"),
                "agent", kind=_INTERNAL,
            ),
            TrapSpan(call(), "first", "agent"),
            TrapSpan(call(), "second", "agent"),
        ),
        2 * PLAIN, tokens=(2_000, 1_000),
    ),
    trap(
        "agent-alone", "an agent without a call below says what was used",
        one(agent(gen_ai__provider__name="openai", gen_ai__request__model="gpt-4o",
                  gen_ai__usage__input_tokens=1_000, gen_ai__usage__output_tokens=500), kind=_INTERNAL),
    ),
    trap(
        "nested-agents", "three levels say the same usage",
        (
            TrapSpan(agent("outer", **USED), "outer", kind=_INTERNAL),
            TrapSpan(agent("inner", **USED), "inner", "outer", kind=_INTERNAL),
            TrapSpan(call(), "call", "inner"),
        ),
    ),
    trap(
        "gateway-above", "a gateway's call holds the provider's call",
        (TrapSpan(call(), "gateway"), TrapSpan(call(), "provider", "gateway")),
    ),
    trap(
        "tool-with-usage", "a tool is no call of a model",
        (
            TrapSpan(agent(), "agent", kind=_INTERNAL),
            TrapSpan({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search",
                      "gen_ai.usage.input_tokens": 900, "gen_ai.usage.output_tokens": 90},
                     "tool", "agent", kind=_INTERNAL),
            TrapSpan(call(), "call", "agent"),
        ),
    ),
    trap("openinference", "OpenInference's names", one(OPENINFERENCE, kind=_INTERNAL)),
    trap(
        "openinference-chain", "a chain with the sum of its calls",
        (
            TrapSpan({"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 2_000,
                      "llm.token_count.completion": 1_000}, "chain", kind=_INTERNAL),
            TrapSpan(OPENINFERENCE, "first", "chain", kind=_INTERNAL),
            TrapSpan(OPENINFERENCE, "second", "chain", kind=_INTERNAL),
        ),
        2 * PLAIN, tokens=(2_000, 1_000),
    ),
    trap(
        "openinference-cached", "OpenInference's detail of cached tokens",
        one({**OPENINFERENCE, "llm.token_count.prompt_details.cache_read": 400}, kind=_INTERNAL), 7_000_000, cached=400,
    ),
    trap("vercel", "the Vercel AI SDK's names", one(VERCEL, kind=_INTERNAL)),
    trap(
        "vercel-nested", "its outer span repeats the usage of the inner",
        (
            TrapSpan({**VERCEL, "ai.operationId": "ai.generateText"}, "outer", kind=_INTERNAL),
            TrapSpan({**VERCEL, "gen_ai.system": "openai.chat", "gen_ai.request.model": "gpt-4o",
                      "gen_ai.usage.input_tokens": 1_000, "gen_ai.usage.output_tokens": 500},
                     "inner", "outer", kind=_INTERNAL),
        ),
    ),
    trap(
        "vercel-ms", "its first chunk is in milliseconds",
        one({**VERCEL, "ai.response.msToFirstChunk": 250.0}, kind=_INTERNAL),
    ),
    trap("langchain", "a framework where the provider belongs", one({**OLD, "gen_ai.system": "Langchain"})),
    trap(
        "litellm", "a gateway where the provider belongs, the provider in the model",
        one(call(provider="litellm", model="anthropic/claude-sonnet-4-5", tokens=(1_000, 100))), 4_500_000,
        tokens=(1_000, 100), model="anthropic/claude-sonnet-4-5",
    ),
    trap(
        "embeddings", "embeddings have input alone",
        one({"gen_ai.operation.name": "embeddings", "gen_ai.provider.name": "openai",
             "gen_ai.request.model": "text-embedding-3-small", "gen_ai.usage.input_tokens": 1_000_000}), 20_000_000,
        tokens=(1_000_000, 0), model="text-embedding-3-small",
    ),
    trap("sender-cost", "the sender knows what it paid", one(call(operation__cost=0.0123)), 12_300_000),
    trap("sender-cost-openlit", "the same under another name", one(call(gen_ai__usage__cost=0.0123)), 12_300_000),
    trap(
        "sender-cost-parts", "the same in two parts",
        one({**OPENINFERENCE, "llm.cost.prompt": 0.001, "llm.cost.completion": 0.002}, kind=_INTERNAL), 3_000_000,
    ),
    trap(
        "sender-cost-zero", "a call that the sender says was free is free", one(call(gen_ai__usage__cost=0.0)), 0,
    ),
    trap(
        "cost-in-euro", "euros are no dollars: the list counts",
        one(call(gen_ai__usage__cost__amount=5.0, gen_ai__usage__cost__currency="EUR")),
    ),
    trap("cost-negative", "a negative cost is none: the list counts", one(call(gen_ai__usage__cost=-1.0))),
    trap("cost-nan", "NaN is no cost: the list counts", one(call(operation__cost=float("nan")))),
    trap("unknown-model", "unpriced, not free", one(call(model="acme-9000")), None, model="acme-9000"),
    trap("unknown-provider", "who serves it decides what it costs", one(call(provider="our-own-gpus")), None),
    trap("no-usage", "a call that says no tokens is unpriced, not free", one(call(tokens=None)), None, tokens=(0, 0)),
    trap(
        "text-tokens", "token counts as texts",
        one(call(tokens=None) | {"gen_ai.usage.input_tokens": "1000", "gen_ai.usage.output_tokens": "500"}),
    ),
    trap(
        "negative-tokens", "a negative count is none",
        one(call(tokens=(-5, 500))), 5_000_000, tokens=(0, 500),
    ),
    trap(
        "retry", "the first attempt was refused and used nothing",
        (
            TrapSpan(agent(), "agent", kind=_INTERNAL),
            TrapSpan(call(tokens=None, error__type="429"), "first", "agent", is_error=True),
            TrapSpan(call(), "second", "agent"),
        ),
    ),
    trap(
        "stream-cut-off", "what was streamed until the caller left is paid",
        one(call(tokens=(1_000, 100), error__type="cancelled"), is_error=True), 3_500_000,
        tokens=(1_000, 100), outcome="cancelled",
    ),
    trap(
        "content-filter", "a blocked answer is paid all the same",
        one(call(tokens=(1_000, 100), gen_ai__response__finish_reasons=["content_filter"])), 3_500_000,
        tokens=(1_000, 100), outcome="policy_blocked",
    ),
    trap("delivered-twice", "the same batch twice is one call", one(call()), sent=2),
)  # fmt: skip


def spans_of(trap: Trap, *, end_ns: int, marks: Mapping[str, Value]) -> Iterator[Span]:
    """Return the trap's spans; each carries `marks`, children lie within their parents."""
    count = len(trap.spans)
    ids = {own.key: hashlib.sha256(f"{trap.name}/{own.key}".encode()).digest()[:8] for own in trap.spans}
    for place, own in enumerate(trap.spans):
        span = Span(
            trace_id=trap.trace_id(),
            span_id=ids[own.key],
            parent_span_id=ids[own.parent] if own.parent else b"",
            name=own.name,
            kind=own.kind,  # type: ignore[arg-type]  # an enum of numbers
            start_time_unix_nano=end_ns - (count - place + 1) * 10 * _MS,
            end_time_unix_nano=end_ns - (place * 2 * _MS if own.parent is None or count < 3 else (count - place) * _MS),
            attributes=[KeyValue(key=key, value=_any(value)) for key, value in {**own.attributes, **marks}.items()],
        )
        span.status.code = 2 if own.is_error else 0  # type: ignore[assignment]  # an enum of numbers
        yield span


def request_of(traps: Sequence[Trap], *, end_ns: int, service: str) -> ExportTraceServiceRequest:
    """Return one export of all traps, each as a tenant of its own."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(KeyValue(key="service.name", value=_any(service)))
    scope = resource.scope_spans.add()
    for own in traps:
        scope.spans.extend(spans_of(own, end_ns=end_ns, marks={"tenant.id": own.name}))
    return request


def _any(value: Value) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(array_value=ArrayValue(values=[_any(each) for each in value]))
