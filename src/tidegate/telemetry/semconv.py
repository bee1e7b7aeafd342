"""Which attribute means what: the GenAI and HTTP conventions in all the spellings that senders use, as data.

Sources: OpenTelemetry semantic conventions (GenAI, HTTP), OpenInference, OpenLLMetry, OpenLIT, the Vercel AI SDK.
The first key that is present wins.
"""

from collections.abc import Mapping
from typing import Final

TENANT: Final = (
    "tenant.id",
    "workspace.id",
    "tidegate.tenant.id",
    "traceloop.association.properties.tenant_id",
    "langfuse.user.id",
    "enduser.id",
)
SERVICE: Final = ("service.name",)
ENVIRONMENT: Final = ("deployment.environment.name", "deployment.environment")
RELEASE: Final = ("service.version",)

HTTP_METHOD: Final = ("http.request.method", "http.method")
ROUTE: Final = ("http.route",)
HTTP_STATUS: Final = ("http.response.status_code", "http.status_code")
ERROR_CODE: Final = ("error.type", "tidegate.error_code")
REQUEST_ID: Final = ("http.request.header.x-request-id", "tidegate.request_id", "request.id")
CORRELATION_ID: Final = ("tidegate.correlation_id", "correlation.id")

PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "ai.model.provider")
OPERATION: Final = (
    "gen_ai.operation.name",
    "llm.request.type",
    "openinference.span.kind",
    "traceloop.span.kind",
    "ai.operationId",
    "gen_ai.span.kind",
)
MODEL: Final = (  # a price belongs to the model that answered, so the response comes first
    "gen_ai.response.model",
    "llm.response.model_name",
    "gen_ai.request.model",
    "llm.model_name",
    "llm.request.model_name",
    "embedding.model_name",
    "ai.model.id",
)
TOOL: Final = ("gen_ai.tool.name", "tool.name", "ai.toolCall.name")
INPUT_TOKENS: Final = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.usage.prompt_tokens",
    "llm.token_count.prompt",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
)
OUTPUT_TOKENS: Final = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.usage.completion_tokens",
    "llm.token_count.completion",
    "ai.usage.completionTokens",
)
CACHED_TOKENS: Final = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
    "gen_ai.usage.prompt_tokens_details.cached_tokens",
    "ai.usage.cachedInputTokens",
)
COST: Final = ("gen_ai.usage.cost.amount", "operation.cost", "gen_ai.usage.cost", "llm.cost.total")
COST_PARTS: Final = ("llm.cost.prompt", "llm.cost.completion")
COST_CURRENCY: Final = ("gen_ai.usage.cost.currency",)
FINISH_REASONS: Final = (
    "gen_ai.response.finish_reasons",
    "gen_ai.response.finish_reason",
    "gen_ai.response.stop_reason",
    "gen_ai.completion.0.finish_reason",
    "llm.finish_reason",
    "ai.response.finishReason",
)
GUARDRAIL_VERDICT: Final = (
    "gen_ai.security.verdict.type",
    "guardrail.result",
    "guard.verdict",
    "guard.action",
    "guard.denied",
)
VALIDATION_PASSED: Final = ("validation_passed",)

ROLE_AGENT: Final = "agent"
ROLE_INFERENCE: Final = "inference"
ROLE_STEP: Final = "step"
"""A part of a run that is no run of its own: a tool call, a retrieval, a guardrail."""

OPERATIONS: Final[Mapping[str, tuple[str, str]]] = {
    # spelling in lower case -> (canonical operation, role)
    "chat": ("chat", ROLE_INFERENCE),
    "completion": ("text_completion", ROLE_INFERENCE),
    "text_completion": ("text_completion", ROLE_INFERENCE),
    "generate_content": ("generate_content", ROLE_INFERENCE),
    "llm": ("chat", ROLE_INFERENCE),
    "embeddings": ("embeddings", ROLE_INFERENCE),
    "embedding": ("embeddings", ROLE_INFERENCE),
    "ai.generatetext.dogenerate": ("chat", ROLE_INFERENCE),
    "ai.streamtext.dostream": ("chat", ROLE_INFERENCE),
    "ai.generateobject.dogenerate": ("chat", ROLE_INFERENCE),
    "ai.streamobject.dostream": ("chat", ROLE_INFERENCE),
    "invoke_agent": ("invoke_agent", ROLE_AGENT),
    "agent": ("invoke_agent", ROLE_AGENT),
    "invoke_workflow": ("invoke_workflow", ROLE_AGENT),
    "workflow": ("invoke_workflow", ROLE_AGENT),
    "chain": ("invoke_workflow", ROLE_AGENT),
    "ai.generatetext": ("invoke_agent", ROLE_AGENT),
    "ai.streamtext": ("invoke_agent", ROLE_AGENT),
    "ai.generateobject": ("invoke_agent", ROLE_AGENT),
    "ai.streamobject": ("invoke_agent", ROLE_AGENT),
    "execute_tool": ("execute_tool", ROLE_STEP),
    "tool": ("execute_tool", ROLE_STEP),
    "ai.toolcall": ("execute_tool", ROLE_STEP),
    "retrieval": ("retrieval", ROLE_STEP),
    "retriever": ("retrieval", ROLE_STEP),
    "reranker": ("rerank", ROLE_STEP),
    "guardrail": ("guardrail", ROLE_STEP),
    "run_guardrail": ("guardrail", ROLE_STEP),
    "apply_guardrail": ("guardrail", ROLE_STEP),
    "evaluator": ("evaluate", ROLE_STEP),
    "task": ("task", ROLE_STEP),
    "plan": ("plan", ROLE_STEP),
    "create_agent": ("create_agent", ROLE_STEP),
    "prompt": ("prompt", ROLE_STEP),
}

POLICY_ERRORS: Final = frozenset({"content_filter", "policy_blocked"})
VALIDATION_ERRORS: Final = frozenset({"validation_error", "schema_mismatch"})
CANCELLED_ERRORS: Final = frozenset({"cancelled", "canceled", "cancellederror", "asyncio.cancellederror"})
BLOCKING_VERDICTS: Final = frozenset({"block", "blocked", "deny", "denied", "true"})

# Prompts and outputs. Kept or redacted by a later setting; for now they are dropped before anything is stored.
CONTENT_KEYS: Final = frozenset(
    {
        "gen_ai.system_instructions",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.tool.definitions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.retrieval.query.text",
        "gen_ai.retrieval.documents",
        "gen_ai.evaluation.explanation",
        "input.value",
        "output.value",
        "traceloop.entity.input",
        "traceloop.entity.output",
        "tool.parameters",
        "tool_call.function.arguments",
        "ai.toolCall.args",
        "ai.toolCall.result",
        "ai.response.text",
        "ai.response.object",
        "ai.response.toolCalls",
        "llm.prompts",
        "llm.completions",
        "llm.prompt_template.variables",
    }
)
CONTENT_PREFIXES: Final = (
    "gen_ai.prompt.",
    "gen_ai.completion.",
    "llm.input_messages.",
    "llm.output_messages.",
    "retrieval.documents.",
    "reranker.input_documents.",
    "reranker.output_documents.",
    "ai.prompt",
)
CONTENT_EXCEPTIONS: Final = frozenset({"gen_ai.prompt.name", "gen_ai.prompt.version"})

AUTH_ROUTES: Final = ("/auth/*", "/login", "/logout", "/oauth/*", "/session*", "/token")


def is_content(key: str) -> bool:
    """Return whether `key` carries a prompt, an output or a document of the watched service."""
    if key in CONTENT_EXCEPTIONS or key.endswith((".finish_reason", ".role")):
        return False
    return key in CONTENT_KEYS or key.startswith(CONTENT_PREFIXES) or key in {"gen_ai.prompt", "gen_ai.completion"}
