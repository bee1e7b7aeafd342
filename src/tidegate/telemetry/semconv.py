"""Which attribute of a span means what: the conventions in all the spellings that senders use, as data.

Sources: OpenTelemetry semantic conventions (GenAI, HTTP, messaging), OpenInference, OpenLLMetry, OpenLIT, the Vercel AI
SDK, Langfuse. The first key that is present and not empty wins.
"""

import re
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

URL_PATH: Final = ("url.path", "http.target")
CLIENT_ADDRESS: Final = (
    "client.address",
    "tidegate.client.address",
    "source.address",
    "http.client_ip",
    "net.sock.peer.addr",
    "net.peer.ip",
    "network.peer.address",
)
AUTH_METHOD: Final = ("tidegate.auth.method", "auth.method")
DENIAL_CLASS: Final = ("tidegate.denial.class", "denial.class")
PRINCIPAL_TENANT: Final = ("tidegate.principal.tenant", "principal.tenant")
TARGET_TENANT: Final = ("tidegate.target.tenant", "target.tenant")
GRANT: Final = ("tidegate.grant",)
LIFECYCLE_ACTION: Final = ("tidegate.lifecycle.action", "lifecycle.action")
LIFECYCLE_OUTCOME: Final = ("tidegate.lifecycle.outcome", "lifecycle.outcome")
OUTCOME: Final = ("tidegate.outcome",)
"""What the sender says of an event itself; it wins over what is derived."""
REPLAYED: Final = ("tidegate.replayed",)
SAMPLED: Final = ("tidegate.sampled",)

MESSAGING_SYSTEM: Final = ("messaging.system",)
QUEUE: Final = ("tidegate.queue", "messaging.destination.name", "messaging.destination", "job.queue", "queue.name")
STAGE: Final = ("tidegate.pipeline.stage", "job.stage", "pipeline.stage", "messaging.operation.name")
ATTEMPT: Final = (
    "tidegate.attempt",
    "job.attempt",
    "delivery.attempt",
    "messaging.delivery.attempt",
    "messaging.message.delivery_attempt",
    "messaging.gcp_pubsub.message.delivery_attempt",
    "messaging.servicebus.message.delivery_count",
)
WAIT_MS: Final = ("tidegate.wait_ms", "job.wait_ms", "messaging.wait_ms")
CONNECTOR: Final = ("tidegate.connector.name",)
ENDPOINT: Final = ("tidegate.endpoint", "delivery.endpoint", "webhook.endpoint")
SIGNATURE: Final = ("tidegate.signature", "delivery.signature", "webhook.signature")
DUPLICATE_EFFECT: Final = ("tidegate.duplicate_effect", "delivery.duplicate_effect")
EVALUATION: Final = ("gen_ai.evaluation.name", "evaluation.name", "eval.name", "gen_ai.eval.name")
LABEL: Final = ("gen_ai.evaluation.score.label", "evaluation.label", "eval.label", "gen_ai.eval.label")
SCORE: Final = ("gen_ai.evaluation.score.value", "evaluation.score", "eval.score", "gen_ai.eval.score")

PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "ai.model.provider")
PROVIDERS: Final[Mapping[str, str]] = {
    # spelling in lower case -> as the conventions have it now; any other stays as it is, in lower case
    "az.ai.openai": "azure.ai.openai",
    "az.ai.inference": "azure.ai.inference",
    "azure": "azure.ai.openai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "google": "gcp.gemini",
    "gemini": "gcp.gemini",
    "xai": "x_ai",
    "mistralai": "mistral_ai",
    "mistral": "mistral_ai",
    "aws": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "openai.chat": "openai",
    "openai.responses": "openai",
    "openai.completion": "openai",
    "openai.embedding": "openai",
    "anthropic.messages": "anthropic",
    "google.generative-ai": "gcp.gemini",
    "google.vertex.chat": "gcp.vertex_ai",
    "amazon-bedrock": "aws.bedrock",
}
OPERATION: Final = (
    "gen_ai.operation.name",
    "llm.request.type",
    "openinference.span.kind",
    "traceloop.span.kind",
    "ai.operationId",
    "gen_ai.span.kind",
)
MCP_METHOD: Final = ("mcp.method.name",)
MODEL: Final = (  # a price belongs to the model that answered, so the response comes first
    "gen_ai.response.model",
    "llm.response.model_name",
    "ai.response.model",
    "gen_ai.request.model",
    "llm.model_name",
    "llm.request.model_name",
    "embedding.model_name",
    "reranker.model_name",
    "ai.model.id",
)
TOOL: Final = ("gen_ai.tool.name", "tool.name", "tool_call.function.name", "ai.toolCall.name")
AGENT: Final = (
    "gen_ai.agent.name",
    "agent.name",
    "gen_ai.workflow.name",
    "traceloop.workflow.name",
    "traceloop.entity.name",
    "graph.node.name",
    "gen_ai.agent.id",
)
PROMPT_VERSION: Final = (
    "gen_ai.prompt.version",
    "langfuse.observation.prompt.version",
    "traceloop.prompt.version",
    "llm.prompt_template.version",
    "gen_ai.prompt.name",
    "langfuse.observation.prompt.name",
    "traceloop.prompt.key",
    "prompt.id",
)
CONVERSATION: Final = ("gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id")
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
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
)
CACHED_TOKENS: Final = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
    "gen_ai.usage.prompt_tokens_details.cached_tokens",
    "ai.usage.cachedInputTokens",
)
CACHE_WRITE_TOKENS: Final = (
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write",
)
REASONING_TOKENS: Final = (
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "llm.token_count.completion_details.reasoning",
    "ai.usage.reasoningTokens",
)
COST: Final = ("gen_ai.usage.cost.amount", "operation.cost", "gen_ai.usage.cost", "llm.cost.total")
COST_OF_INPUT: Final = ("llm.cost.prompt", "gen_ai.token.cost.input")
COST_OF_OUTPUT: Final = ("llm.cost.completion", "gen_ai.token.cost.output")
COST_CURRENCY: Final = ("gen_ai.usage.cost.currency",)
FINISH_REASONS: Final = (
    "gen_ai.response.finish_reasons",
    "gen_ai.response.finish_reason",
    "gen_ai.response.stop_reason",
    "gen_ai.completion.0.finish_reason",
    "llm.finish_reason",
    "ai.response.finishReason",
)
FIRST_CHUNK_S: Final = ("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")
FIRST_CHUNK_MS: Final = ("ai.response.msToFirstChunk",)
GUARDRAIL_VERDICT: Final = (
    "gen_ai.security.verdict.type",
    "gen_ai.security.action.type",
    "gen_ai.guardian.verdict",
    "guardrail.result",
    "guard.verdict",
    "guard.action",
    "guard.denied",
)
VALIDATION_PASSED: Final = ("validation_passed",)
DATA_SOURCE: Final = ("gen_ai.data_source.id", "db.collection.name", "reranker.model")
DOCUMENT_COUNT: Final = (
    "gen_ai.retrieval.document_count",
    "retrieval.document_count",
    "retrieval.hit_count",
    "db.query.result.count",
    "db.response.returned_rows",
)
DOCUMENTS: Final = ("gen_ai.retrieval.documents",)
DOCUMENT_KEY: Final = r"^(retrieval\.documents|reranker\.output_documents)\.[0-9]+\.document\.(id|content)$"

_DOCUMENT: Final = re.compile(DOCUMENT_KEY)


def is_document_key(key: str) -> bool:
    """Return whether `key` names one document among those that were found."""
    return _DOCUMENT.match(key) is not None


SPAN_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "tenant": TENANT,
    "http_method": HTTP_METHOD,
    "route": ROUTE,
    "url_path": URL_PATH,
    "http_status": HTTP_STATUS,
    "error_type": ERROR_CODE,
    "request_id": REQUEST_ID,
    "correlation_id": CORRELATION_ID,
    "client_address": CLIENT_ADDRESS,
    "auth_method": AUTH_METHOD,
    "denial_class": DENIAL_CLASS,
    "principal_tenant": PRINCIPAL_TENANT,
    "target_tenant": TARGET_TENANT,
    "grant": GRANT,
    "lifecycle_action": LIFECYCLE_ACTION,
    "lifecycle_outcome": LIFECYCLE_OUTCOME,
    "outcome": OUTCOME,
    "sampled": SAMPLED,
    "queue": QUEUE,
    "messaging_system": MESSAGING_SYSTEM,
    "stage": STAGE,
    "attempt": ATTEMPT,
    "wait_ms": WAIT_MS,
    "endpoint": ENDPOINT + CONNECTOR,
    "signature": SIGNATURE,
    "duplicate_effect": DUPLICATE_EFFECT,
    "evaluation": EVALUATION,
    "label": LABEL,
    "score": SCORE,
    "provider": PROVIDER,
    "operation": OPERATION,
    "mcp_method": MCP_METHOD,
    "model": MODEL,
    "tool": TOOL,
    "agent": AGENT,
    "prompt_version": PROMPT_VERSION,
    "conversation": CONVERSATION,
    "input_tokens": INPUT_TOKENS,
    "output_tokens": OUTPUT_TOKENS,
    "cached_tokens": CACHED_TOKENS,
    "cache_write_tokens": CACHE_WRITE_TOKENS,
    "reasoning_tokens": REASONING_TOKENS,
    "cost": COST,
    "cost_of_input": COST_OF_INPUT,
    "cost_of_output": COST_OF_OUTPUT,
    "currency": COST_CURRENCY,
    "finish_reasons": FINISH_REASONS,
    "first_chunk_s": FIRST_CHUNK_S,
    "first_chunk_ms": FIRST_CHUNK_MS,
    "verdict": GUARDRAIL_VERDICT,
    "validation_passed": VALIDATION_PASSED,
    "data_source": DATA_SOURCE,
    "document_count": DOCUMENT_COUNT,
    "documents": DOCUMENTS,
}
"""Every field of a span; a spelling belongs to one field. The order is free: numbers of fields are not stored."""

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
    "memory": ("memory", ROLE_STEP),
    "create_agent": ("create_agent", ROLE_STEP),
    "prompt": ("prompt", ROLE_STEP),
}

POLICY_ERRORS: Final = frozenset({"content_filter", "policy_blocked"})
VALIDATION_ERRORS: Final = frozenset({"validation_error", "schema_mismatch"})
CANCELLED_ERRORS: Final = frozenset({"cancelled", "canceled", "cancellederror", "asyncio.cancellederror"})
TIMEOUT_ERRORS: Final = frozenset(
    {"timeout", "timed_out", "timeouterror", "asyncio.timeouterror", "deadline_exceeded", "deadlineexceeded"}
    | {"readtimeout", "connecttimeout", "httpx.readtimeout", "httpx.connecttimeout", "etimedout", "gateway_timeout"}
    | {"java.net.sockettimeoutexception", "requesttimeout", "apitimeouterror", "openai.apitimeouterror", "504", "408"}
)
DENIED_ERRORS: Final = frozenset(
    {"permission_denied", "permissiondenied", "permissionerror", "access_denied", "denied", "forbidden", "unauthorized"}
    | {"authorization_error", "policy_denied", "401", "403"}
)
BLOCKING_VERDICTS: Final = frozenset({"block", "blocked", "deny", "denied", "true"})
NO_WORDS: Final = frozenset({"", "false", "0", "no", "none"})
LIFECYCLE_OUTCOMES: Final[Mapping[str, str]] = {
    "success": "ok", "succeeded": "ok", "done": "ok", "completed": "ok",
    "failure": "failed", "fail": "failed", "error": "failed", "out-of-order": "out_of_order",
}  # fmt: skip
SIGNATURES: Final = frozenset({"valid", "invalid", "missing"})

AUTH_ROUTES: Final = ("/auth/*", "/login", "/logout", "/oauth/*", "/session*", "/token")
