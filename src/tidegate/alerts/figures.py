"""The figures of families that a rule can put a bound on, each with the counters that make it. Pure.

`/metrics/{family}` shows the same figures under the same names; a test computes both and compares.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from tidegate.alerts.model import Measure, Source, Unit
from tidegate.signals import NANO_PER_USD, Family

__all__ = ["MEASURES", "find_measure"]

_MICRO: Final = 1_000_000


def _count(figure: str, part: str, whole: str = "count") -> Measure:
    return Measure(figure, part, whole, Unit.COUNT)


def _rate(figure: str, part: str, whole: str = "count", *, plus: str | None = None, minus: str | None = None,
          base: str | None = None) -> Measure:  # fmt: skip
    return Measure(figure, part, whole, Unit.RATE, plus=plus, minus=minus, base=base)


def _times() -> Iterator[Measure]:
    for name in ("mean", "p50", "p95", "p99"):
        yield Measure(f"{name}Ms", f"{name}_ms", "count", Unit.MS, source=Source.DURATIONS)


_REQUESTS: Final = (
    _count("requestCount", "count"),
    _count("successCount", "success_count"),
    _count("failureCount", "failure_count"),
    _count("unauthorizedCount", "unauthorized_count"),
    _rate("failureRate", "failure_count"),
    _rate("errorRate", "failure_count"),
)
_OF_FAMILY: Final[Mapping[Family, tuple[Measure, ...]]] = {
    Family.REQUEST: (*_REQUESTS, *_times()),
    Family.AUTH: _REQUESTS,
    Family.TENANT: (
        _count("requestCount", "count"),
        _count("deniedCount", "denied_count"),
        _count("crossTenantDeniedCount", "cross_tenant_denied_count"),
        _count("leakCount", "leak_count"),
        _count("membershipDeniedCount", "membership_denied_count"),
        _count("lifecycleCount", "lifecycle_count", "lifecycle_count"),
        _count("lifecycleAnomalyCount", "lifecycle_anomaly_count", "lifecycle_count"),
        _rate("deniedRate", "denied_count"),
        # Its minimum is one of tenant requests, as for every tenant ratio: lifecycle actions are few by nature.
        _rate("lifecycleAnomalyRate", "lifecycle_anomaly_count", "lifecycle_count", base="count"),
    ),
    Family.AI_RUN: (
        _count("runCount", "count"),
        _count("failedCount", "failed_count"),
        _count("policyBlockedCount", "policy_blocked_count"),
        _count("validationErrorCount", "validation_error_count"),
        _count("cancelledCount", "cancelled_count"),
        _count("inputTokens", "input_tokens"),
        _count("outputTokens", "output_tokens"),
        _count("cachedInputTokens", "cached_input_tokens"),
        _count("reasoningTokens", "reasoning_tokens"),
        _rate("failureRate", "failed_count"),
        _rate("policyBlockRate", "policy_blocked_count"),
        _rate("schemaMismatchRate", "validation_error_count"),
        _rate("unpricedShare", "count", minus="priced_count"),
        # Over priced runs: a run without a price is unknown, not free.
        Measure("averageCostPerRunUsd", "cost_nano_usd", "priced_count", Unit.USD, NANO_PER_USD),
        *_times(),
    ),
    Family.TOOL_CALL: (
        _count("callCount", "count"),
        _count("okCount", "ok_count"),
        _count("failedCount", "failed_count"),
        _count("timeoutCount", "timeout_count"),
        _count("deniedCount", "denied_count"),
        _rate("failureRate", "failed_count"),
        _rate("timeoutRate", "timeout_count"),
        *_times(),
    ),
    Family.INGESTION: (
        _count("jobCount", "count"),
        _count("doneCount", "ok_count"),
        _count("retryCount", "retry_count"),
        _count("deadLetterCount", "dead_letter_count"),
        _count("failedCount", "failed_count"),
        _rate("failureRate", "failed_count", plus="dead_letter_count"),
        Measure("averageWaitMs", "wait_us", "count", Unit.MS, 1_000),
        *_times(),
    ),
    Family.RETRIEVAL: (
        _count("queryCount", "count"),
        _count("failedCount", "failed_count"),
        _count("emptyCount", "empty_count"),
        _rate("errorRate", "failed_count"),
        _rate("emptyRate", "empty_count"),
        Measure("citationCoverage", "citation_micro", "citation_count", Unit.SCORE, _MICRO),
        Measure("groundedness", "groundedness_micro", "groundedness_count", Unit.SCORE, _MICRO),
        *_times(),
    ),
    Family.DELIVERY: (
        _count("attemptCount", "count"),
        _count("okCount", "ok_count"),
        _count("failedCount", "failed_count"),
        _count("deadLetterCount", "dead_letter_count"),
        _count("signatureInvalidCount", "invalid_signature_count"),
        _count("duplicateEffectCount", "duplicate_effect_count"),
        _rate("failureRate", "failed_count", plus="dead_letter_count"),
        *_times(),
    ),
    Family.ACCESS_SYNC: (
        _count("syncCount", "count"),
        _count("driftCount", "drift_count"),
        _count("failedCount", "failed_count"),
        _rate("driftRate", "drift_count"),
        Measure("averageLagS", "amount_micro", "amount_count", Unit.SECONDS, _MICRO),
    ),
    Family.USAGE: (
        _count("eventCount", "count"),
        _count("refusedCount", "refused_count"),
        # Of one meter only: amounts of different meters do not add up.
        Measure("share", "amount_micro", "limit_micro", Unit.SHARE, base="count", adds_up=False),
    ),
    Family.POLICY: (
        _count("decisionCount", "count"),
        _count("deniedCount", "denied_count"),
        _rate("denialRate", "denied_count"),
    ),
    Family.RUNTIME: (
        Measure("telemetryCount", "count", "count", Unit.COUNT, source=Source.TELEMETRY),
        Measure("distrustedShare", "distrusted_count", "count", Unit.RATE, source=Source.TELEMETRY),
    ),
}
MEASURES: Final[Mapping[Family, Mapping[str, Measure]]] = {
    family: {measure.figure: measure for measure in measures} for family, measures in _OF_FAMILY.items()
}


def find_measure(family: Family, figure: str) -> Measure | None:
    return MEASURES[family].get(figure)
