"""What there is to look at: families, their figures, charts and dimensions. Pure data; names are wire names."""

from collections.abc import Mapping
from typing import Final

from tidegate.signals import Dimension, Family
from tidegate.signals.errors import FamilyNotFoundError
from tidegate.signals.explore.entries import Chart, FamilyEntry, Figure, FigureUnit, Split

__all__ = [
    "ALIASES",
    "CATALOGUE",
    "DURATION_FIGURES",
    "QUANTILES",
    "Chart",
    "FamilyEntry",
    "Figure",
    "FigureUnit",
    "Split",
    "family_named",
]


_RATE, _MS, _USD, _TOKENS, _SECONDS, _VALUE = (
    FigureUnit.RATE,
    FigureUnit.MS,
    FigureUnit.USD,
    FigureUnit.TOKENS,
    FigureUnit.SECONDS,
    FigureUnit.VALUE,
)
QUANTILES: Final[Mapping[str, str]] = {"meanMs": "mean_ms", "p50Ms": "p50_ms", "p95Ms": "p95_ms", "p99Ms": "p99_ms"}
"""Figures that come from the quantiles of a window, and their fields in `Durations`."""
DURATION_FIGURES: Final = (
    Figure("meanMs", "Mean duration", _MS),
    Figure("p50Ms", "Median duration", _MS),
    Figure("p95Ms", "p95 duration", _MS),
    Figure("p99Ms", "p99 duration", _MS),
)
_TRUST: Final = (
    Figure("distrustedCount", "Distrusted"),
    Figure("sampledCount", "Sampled, share unknown"),
    Figure("replayedCount", "Replayed"),
)
_COMMON: Final = (
    Split("service", "service", "Service"),
    Split("environment", "environment", "Environment"),
    Split("release", "release", "Release"),
    Split("tenant", "tenant", "Tenant"),
)
_METER: Final = Split("meter", "object", "Meter")
_METRIC: Final = Split("metric", "object", "Metric")
_ERROR: Final = Split("error_code", "error_code", "Error code")
_HTTP: Final = (*_COMMON, Split("route", "route", "Route"), Split("status", "status", "Status"), _ERROR)


_TIMED: Final[frozenset[Dimension]] = frozenset({"service", "environment", "release", "object"})
_DURATION: Final = Chart("duration", "Duration", ("p95Ms", "p50Ms", "p99Ms", "meanMs"))


def _of(*figures: Figure, has_durations: bool = False) -> tuple[Figure, ...]:
    return (*figures, *(DURATION_FIGURES if has_durations else ()), *_TRUST)


_REQUESTS: Final = (
    Figure("requestCount", "Requests"),
    Figure("successCount", "Succeeded"),
    Figure("failureCount", "Failed"),
    Figure("unauthorizedCount", "Unauthorized"),
    Figure("failureRate", "Failure rate", _RATE),
)

_ENTRIES: Final = (
    FamilyEntry(
        Family.REQUEST, "Requests", "Do the services answer, and fast enough?",
        "SERVER spans with `http.request.method`, and access logs", "requests", "requestCount",
        headline=("requestCount", "failureRate", "p95Ms", "unauthorizedCount", "failureCount", "p99Ms"),
        figures=_of(*_REQUESTS, has_durations=True),
        charts=(
            Chart("volume", "Requests", ("requestCount", "failureCount")),
            Chart("failures", "Failure rate", ("failureRate",)),
            Chart("unauthorized", "Unauthorized requests", ("unauthorizedCount",)),
            _DURATION,
        ),
        splits=_HTTP,
        timed_by=_TIMED - {"object"} | {"route"},
    ),
    FamilyEntry(
        Family.AUTH, "Sign-in", "Can people get in, and only those who may?",
        "requests on sign-in routes, log records named `auth.*`, and lines of sshd", "auth requests", "requestCount",
        headline=("failureRate", "requestCount", "unauthorizedCount", "failureCount"),
        figures=_of(*_REQUESTS),
        charts=(
            Chart("failures", "Failure rate", ("failureRate",)),
            Chart("unauthorized", "Unauthorized attempts", ("unauthorizedCount",)),
            Chart("volume", "Auth requests", ("requestCount", "failureCount")),
        ),
        splits=(*_HTTP, Split("method", "object", "Method"), Split("source", "source", "Source address")),
    ),
    FamilyEntry(
        Family.TENANT, "Tenant isolation", "Does each tenant reach its own data and nothing else?",
        "requests with a tenant attribute or a tenant in their route, and events `tenant.*`",
        "tenant requests", "requestCount",
        headline=("leakCount", "crossTenantDeniedCount", "deniedRate", "requestCount", "membershipDeniedCount",
                  "lifecycleAnomalyRate"),
        figures=_of(
            Figure("requestCount", "Tenant requests"),
            Figure("deniedCount", "Denied"),
            Figure("crossTenantDeniedCount", "Cross-tenant denials"),
            Figure("leakCount", "Cross-tenant leaks"),
            Figure("membershipDeniedCount", "Membership denials"),
            Figure("lifecycleCount", "Lifecycle actions"),
            Figure("lifecycleAnomalyCount", "Lifecycle anomalies"),
            Figure("deniedRate", "Denial rate", _RATE),
            Figure("lifecycleAnomalyRate", "Lifecycle anomaly rate", _RATE),
        ),
        charts=(
            Chart("isolation", "Cross-tenant access", ("crossTenantDeniedCount", "leakCount")),
            Chart("denials", "Denial rate", ("deniedRate",)),
            Chart("membership", "Membership denials", ("membershipDeniedCount",)),
            Chart("lifecycle", "Lifecycle anomaly rate", ("lifecycleAnomalyRate",)),
            Chart("volume", "Tenant requests", ("requestCount", "deniedCount")),
        ),
        splits=(*_HTTP, Split("action", "object", "Lifecycle action"), Split("denial", "detail", "Denial")),
    ),
    FamilyEntry(
        Family.AI_RUN, "AI runs", "Do runs succeed, stay within policy, and cost what they should?",
        "GenAI spans: agents, workflows, calls of models", "runs", "runCount",
        headline=("failureRate", "policyBlockRate", "averageCostPerRunUsd", "runCount", "schemaMismatchRate",
                  "unpricedShare"),
        figures=_of(
            Figure("runCount", "Runs"),
            Figure("failedCount", "Failed"),
            Figure("policyBlockedCount", "Blocked by policy"),
            Figure("validationErrorCount", "Broke their schema"),
            Figure("cancelledCount", "Cancelled"),
            Figure("inputTokens", "Input tokens", _TOKENS),
            Figure("outputTokens", "Output tokens", _TOKENS),
            Figure("cachedInputTokens", "Cached input tokens", _TOKENS),
            Figure("cacheWriteTokens", "Cache-write tokens", _TOKENS),
            Figure("reasoningTokens", "Reasoning tokens", _TOKENS),
            Figure("costUsd", "Cost", _USD),
            Figure("unpricedRunCount", "Runs without a price"),
            Figure("averageCostPerRunUsd", "Cost per run", _USD),
            Figure("failureRate", "Failure rate", _RATE),
            Figure("policyBlockRate", "Policy block rate", _RATE),
            Figure("schemaMismatchRate", "Schema mismatch rate", _RATE),
            Figure("unpricedShare", "Runs without a price, share", _RATE),
            has_durations=True,
        ),
        charts=(
            Chart("failures", "Failure rate", ("failureRate",)),
            Chart("policy", "Policy block rate", ("policyBlockRate",)),
            Chart("schema", "Schema mismatch rate", ("schemaMismatchRate",)),
            Chart("average-cost", "Cost per run", ("averageCostPerRunUsd",), is_flow=False),
            Chart("cost", "Cost", ("costUsd",)),
            Chart("tokens", "Tokens", ("inputTokens", "outputTokens")),
            Chart("volume", "Runs", ("runCount", "failedCount")),
            _DURATION,
        ),
        splits=(*_COMMON, Split("agent", "object", "Agent"), Split("model", "model", "Model"),
                Split("provider", "provider", "Provider"), Split("outcome", "outcome", "Outcome"), _ERROR),
        timed_by=_TIMED | {"model", "provider", "outcome"},
    ),
    FamilyEntry(
        Family.TOOL_CALL, "Tool calls", "Do the tools that agents use answer?",
        "spans of `execute_tool` and of MCP `tools/call`", "tool calls", "callCount",
        headline=("failureRate", "timeoutRate", "callCount", "p95Ms", "deniedCount"),
        figures=_of(
            Figure("callCount", "Calls"),
            Figure("okCount", "Succeeded"),
            Figure("failedCount", "Failed"),
            Figure("timeoutCount", "Timed out"),
            Figure("deniedCount", "Denied"),
            Figure("failureRate", "Failure rate", _RATE),
            Figure("timeoutRate", "Time-out rate", _RATE),
            has_durations=True,
        ),
        charts=(
            Chart("timeouts", "Time-out rate", ("timeoutRate",)),
            Chart("failures", "Failure rate", ("failureRate",)),
            Chart("volume", "Calls", ("callCount", "failedCount", "timeoutCount", "deniedCount")),
            _DURATION,
        ),
        splits=(*_COMMON, Split("tool", "object", "Tool"), Split("outcome", "outcome", "Outcome"), _ERROR),
        timed_by=_TIMED,
    ),
    FamilyEntry(
        Family.INGESTION, "Ingestion", "Do jobs get done, and soon?",
        "CONSUMER and PRODUCER spans with `messaging.*`, and events `job.*`", "jobs", "jobCount",
        headline=("failureRate", "deadLetterCount", "averageWaitMs", "jobCount", "retryCount"),
        figures=_of(
            Figure("jobCount", "Jobs"),
            Figure("doneCount", "Done"),
            Figure("retryCount", "Retried"),
            Figure("deadLetterCount", "Dead letters"),
            Figure("failedCount", "Failed"),
            Figure("failureRate", "Failure rate", _RATE),
            Figure("sentCount", "Sent"),
            Figure("averageWaitMs", "Average wait", _MS),
            has_durations=True,
        ),
        charts=(
            Chart("failures", "Failure rate", ("failureRate",)),
            Chart("dead-letters", "Dead letters", ("deadLetterCount",)),
            Chart("wait", "Average wait", ("averageWaitMs",)),
            Chart("volume", "Jobs", ("jobCount", "retryCount")),
            _DURATION,
        ),
        splits=(*_COMMON, Split("queue", "object", "Queue"), Split("stage", "detail", "Stage"),
                Split("outcome", "outcome", "Outcome"), _ERROR),
        timed_by=_TIMED,
    ),
    FamilyEntry(
        Family.RETRIEVAL, "Retrieval", "Are questions answered with documents?",
        "spans of retrievers and rerankers, and evaluations", "queries", "queryCount",
        headline=("errorRate", "emptyRate", "p95Ms", "queryCount", "citationCoverage", "groundedness"),
        figures=_of(
            Figure("queryCount", "Queries"),
            Figure("failedCount", "Failed"),
            Figure("emptyCount", "Empty"),
            Figure("errorRate", "Error rate", _RATE),
            Figure("emptyRate", "Empty rate", _RATE),
            Figure("evaluatedCount", "Evaluated"),
            Figure("citationCoverage", "Citation coverage", _RATE),
            Figure("groundedness", "Groundedness", _RATE),
            has_durations=True,
        ),
        charts=(
            Chart("errors", "Error rate", ("errorRate",)),
            Chart("empty", "Empty rate", ("emptyRate",)),
            Chart("volume", "Queries", ("queryCount", "failedCount", "emptyCount")),
            _DURATION,
        ),
        splits=(*_COMMON, Split("data_source", "object", "Data source"), Split("outcome", "outcome", "Outcome"),
                _ERROR),
        timed_by=_TIMED,
    ),
    FamilyEntry(
        Family.DELIVERY, "Deliveries", "Do webhooks and connectors deliver, once and signed?",
        "events `delivery.*`, and CLIENT spans of connectors", "attempts",
        "attemptCount",
        headline=("failureRate", "deadLetterCount", "signatureInvalidCount", "attemptCount", "duplicateEffectCount"),
        figures=_of(
            Figure("attemptCount", "Attempts"),
            Figure("okCount", "Delivered"),
            Figure("failedCount", "Failed"),
            Figure("deadLetterCount", "Dead letters"),
            Figure("signatureInvalidCount", "Invalid signatures"),
            Figure("duplicateEffectCount", "Duplicate effects"),
            Figure("failureRate", "Failure rate", _RATE),
            has_durations=True,
        ),
        charts=(
            Chart("failures", "Failure rate", ("failureRate",)),
            Chart("dead-letters", "Dead letters", ("deadLetterCount",)),
            Chart("trust", "Invalid signatures and duplicate effects",
                  ("signatureInvalidCount", "duplicateEffectCount")),
            Chart("volume", "Attempts", ("attemptCount", "failedCount")),
            _DURATION,
        ),
        splits=(*_COMMON, Split("endpoint", "object", "Endpoint"), Split("signature", "detail", "Signature"),
                Split("outcome", "outcome", "Outcome"), _ERROR),
        timed_by=_TIMED,
    ),
    FamilyEntry(
        Family.ACCESS_SYNC, "Access sync", "Does access follow what was bought and granted?",
        "events `access_sync.*`", "syncs", "syncCount",
        headline=("driftCount", "driftRate", "averageLagS", "syncCount", "failedCount"),
        figures=_of(
            Figure("syncCount", "Syncs"),
            Figure("driftCount", "Drifted"),
            Figure("failedCount", "Failed"),
            Figure("averageLagS", "Average lag", _SECONDS),
            Figure("driftRate", "Drift rate", _RATE),
        ),
        charts=(
            Chart("drift", "Drifted subjects", ("driftCount",)),
            Chart("drift-rate", "Drift rate", ("driftRate",)),
            Chart("lag", "Average lag", ("averageLagS",)),
            Chart("volume", "Syncs", ("syncCount", "failedCount")),
        ),
        splits=(*_COMMON, Split("subject", "object", "Subject"), Split("drift", "detail", "Drift"),
                Split("outcome", "outcome", "Outcome")),
    ),
    FamilyEntry(
        Family.USAGE, "Usage", "Who uses how much, and is anybody refused?",
        "events `usage.*`", "usage events", "eventCount",
        headline=("refusedCount", "eventCount"),
        figures=_of(
            Figure("eventCount", "Events"),
            Figure("refusedCount", "Refused"),
            Figure("quantity", "Used", _VALUE),
            Figure("limit", "Limit", _VALUE),
            Figure("share", "Share of the limit", _RATE),
        ),
        charts=(
            Chart("quantity", "Used", ("quantity",)),
            Chart("volume", "Usage events", ("eventCount",)),
            Chart("refused", "Refused", ("refusedCount",)),
        ),
        splits=(*_COMMON, _METER, Split("outcome", "outcome", "Outcome")),
        subject=_METER,
        of_subject=("quantity", "limit", "share"),
    ),
    FamilyEntry(
        Family.POLICY, "Policy", "What do policies decide?",
        "events `policy.decision`", "decisions", "decisionCount",
        headline=("denialRate", "deniedCount", "decisionCount"),
        figures=_of(
            Figure("decisionCount", "Decisions"),
            Figure("deniedCount", "Denied"),
            Figure("denialRate", "Denial rate", _RATE),
        ),
        charts=(
            Chart("denials", "Denial rate", ("denialRate",)),
            Chart("volume", "Decisions", ("decisionCount", "deniedCount")),
        ),
        splits=(*_COMMON, Split("policy", "object", "Policy"), Split("outcome", "outcome", "Outcome")),
    ),
    FamilyEntry(
        Family.RUNTIME, "Runtime", "Do processes, machines and pools report?",
        "OTLP metrics, such as `process.*`, `system.*` and `db.client.*`", "metric points", "pointCount",
        headline=("pointCount",),
        figures=_of(
            Figure("pointCount", "Metric points"),
            Figure("last", "Last", _VALUE),
            Figure("min", "Lowest", _VALUE),
            Figure("max", "Highest", _VALUE),
            Figure("mean", "Mean", _VALUE),
            Figure("increase", "Rise", _VALUE),
        ),
        charts=(
            Chart("increase", "Rise", ("increase",)),
            Chart("value", "Value", ("mean", "min", "max"), is_flow=False),
            Chart("volume", "Metric points", ("pointCount",)),
        ),
        splits=(*_COMMON, _METRIC),
        subject=_METRIC,
        of_subject=("last", "min", "max", "mean", "increase"),
    ),
)  # fmt: skip

CATALOGUE: Final[Mapping[Family, FamilyEntry]] = {entry.family: entry for entry in _ENTRIES}
"""In the order of the overview."""
ALIASES: Final[Mapping[str, Family]] = {**{family.value: family for family in CATALOGUE}, "ai": Family.AI_RUN}
"""Families by the names that addresses have for them."""


def family_named(name: str) -> Family:
    """Return the family of an address.

    Raises:
        FamilyNotFoundError: there is none.
    """
    family = ALIASES.get(name)
    if family is None:
        raise FamilyNotFoundError(f"There is no family {name[:80]!r}. There are {', '.join(sorted(ALIASES))}.")
    return family
