"""What totals say about a family, under the wire names of `/metrics/{family}`. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

from tidegate.signals.model.totals import MICRO, NANO_PER_USD, Durations, Family, Totals

Figures = Mapping[str, int | float | None]
"""Figures under their wire names; a rate without data is `None`, never 0."""


def figures_of(family: Family, totals: Totals) -> Figures:
    """Return what `totals` say about `family`."""
    return {
        **_OF_FAMILY[family](totals),
        "distrustedCount": totals.distrusted_count,
        "sampledCount": totals.sampled_count,
        "replayedCount": totals.replayed_count,
    }


def duration_figures(durations: Durations | None) -> Figures:
    """Return the figures of how long events took; all `None` without data."""
    if durations is None:
        return {"meanMs": None, "p50Ms": None, "p95Ms": None, "p99Ms": None}
    return {
        "meanMs": durations.mean_ms,
        "p50Ms": durations.p50_ms,
        "p95Ms": durations.p95_ms,
        "p99Ms": durations.p99_ms,
    }


def _requests(totals: Totals) -> Figures:
    return {
        "requestCount": totals.count,
        "successCount": totals.success_count,
        "failureCount": totals.failure_count,
        "unauthorizedCount": totals.unauthorized_count,
        "failureRate": _ratio(totals.failure_count, totals.count),
    }


def _tenants(totals: Totals) -> Figures:
    return {
        "requestCount": totals.count,
        "deniedCount": totals.denied_count,
        "crossTenantDeniedCount": totals.cross_tenant_denied_count,
        "leakCount": totals.leak_count,
        "membershipDeniedCount": totals.membership_denied_count,
        "lifecycleCount": totals.lifecycle_count,
        "lifecycleAnomalyCount": totals.lifecycle_anomaly_count,
        "deniedRate": _ratio(totals.denied_count, totals.count),
        "lifecycleAnomalyRate": _ratio(totals.lifecycle_anomaly_count, totals.lifecycle_count),
    }


def _runs(totals: Totals) -> Figures:
    runs = totals.count
    return {
        "runCount": runs,
        "failedCount": totals.failed_count,
        "policyBlockedCount": totals.policy_blocked_count,
        "validationErrorCount": totals.validation_error_count,
        "cancelledCount": totals.cancelled_count,
        "inputTokens": totals.input_tokens,
        "outputTokens": totals.output_tokens,
        "cachedInputTokens": totals.cached_input_tokens,
        "cacheWriteTokens": totals.cache_write_tokens,
        "reasoningTokens": totals.reasoning_tokens,
        "costUsd": totals.cost_nano_usd / NANO_PER_USD,
        "unpricedRunCount": runs - totals.priced_count,
        "averageCostPerRunUsd": _ratio(totals.cost_nano_usd / NANO_PER_USD, totals.priced_count),
        "failureRate": _ratio(totals.failed_count, runs),
        "policyBlockRate": _ratio(totals.policy_blocked_count, runs),
        "schemaMismatchRate": _ratio(totals.validation_error_count, runs),
        "unpricedShare": _ratio(runs - totals.priced_count, runs),
    }


def _tool_calls(totals: Totals) -> Figures:
    return {
        "callCount": totals.count,
        "okCount": totals.ok_count,
        "failedCount": totals.failed_count,
        "timeoutCount": totals.timeout_count,
        "deniedCount": totals.denied_count,
        "failureRate": _ratio(totals.failed_count, totals.count),
        "timeoutRate": _ratio(totals.timeout_count, totals.count),
    }


def _jobs(totals: Totals) -> Figures:
    return {
        "jobCount": totals.count,
        "doneCount": totals.ok_count,
        "retryCount": totals.retry_count,
        "deadLetterCount": totals.dead_letter_count,
        "failedCount": totals.failed_count,
        "sentCount": totals.sent_count,
        "failureRate": _ratio(totals.failed_count + totals.dead_letter_count, totals.count),
        "averageWaitMs": _ratio(totals.wait_us / 1000, totals.count),
    }


def _retrievals(totals: Totals) -> Figures:
    return {
        "queryCount": totals.count,
        "failedCount": totals.failed_count,
        "emptyCount": totals.empty_count,
        "errorRate": _ratio(totals.failed_count, totals.count),
        "emptyRate": _ratio(totals.empty_count, totals.count),
        "evaluatedCount": max(totals.citation_count, totals.groundedness_count),
        "citationCoverage": _ratio(totals.citation_micro / MICRO, totals.citation_count),
        "groundedness": _ratio(totals.groundedness_micro / MICRO, totals.groundedness_count),
    }


def _deliveries(totals: Totals) -> Figures:
    return {
        "attemptCount": totals.count,
        "okCount": totals.ok_count,
        "failedCount": totals.failed_count,
        "deadLetterCount": totals.dead_letter_count,
        "signatureInvalidCount": totals.invalid_signature_count,
        "duplicateEffectCount": totals.duplicate_effect_count,
        "failureRate": _ratio(totals.failed_count + totals.dead_letter_count, totals.count),
    }


def _syncs(totals: Totals) -> Figures:
    return {
        "syncCount": totals.count,
        "driftCount": totals.drift_count,
        "failedCount": totals.failed_count,
        "averageLagS": _ratio(totals.amount_micro / MICRO, totals.amount_count),
        "driftRate": _ratio(totals.drift_count, totals.count),
    }


def _usage(totals: Totals) -> Figures:
    return {"eventCount": totals.count, "refusedCount": totals.refused_count}


def _policies(totals: Totals) -> Figures:
    return {
        "decisionCount": totals.count,
        "deniedCount": totals.denied_count,
        "denialRate": _ratio(totals.denied_count, totals.count),
    }


def _points(totals: Totals) -> Figures:
    return {"pointCount": totals.count}


def meter_figures(totals: Totals) -> Figures:
    """Return what one meter of the family `usage` says: how much was used, of how much."""
    limit = totals.limit_micro / MICRO if totals.limit_micro else None
    return {
        "eventCount": totals.count,
        "refusedCount": totals.refused_count,
        "quantity": totals.amount_micro / MICRO,
        "limit": limit,
        "share": None if limit is None else totals.amount_micro / totals.limit_micro,
    }


def _ratio(part: float, whole: int) -> float | None:
    return part / whole if whole else None


_OF_FAMILY: Final[Mapping[Family, Callable[[Totals], Figures]]] = {
    Family.REQUEST: _requests,
    Family.AUTH: _requests,
    Family.TENANT: _tenants,
    Family.AI_RUN: _runs,
    Family.TOOL_CALL: _tool_calls,
    Family.INGESTION: _jobs,
    Family.RETRIEVAL: _retrievals,
    Family.DELIVERY: _deliveries,
    Family.ACCESS_SYNC: _syncs,
    Family.USAGE: _usage,
    Family.POLICY: _policies,
    Family.RUNTIME: _points,
}
