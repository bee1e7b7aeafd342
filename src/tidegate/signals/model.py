"""Families, windows and what their counters mean. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Self

from tidegate.kernel import WorkspaceId


class Family(StrEnum):
    """A kind of event that telemetry is turned into."""

    REQUEST = "request"
    AUTH = "auth"
    TENANT = "tenant"
    AI_RUN = "ai_run"
    TOOL_CALL = "tool_call"
    INGESTION = "ingestion"
    RETRIEVAL = "retrieval"
    DELIVERY = "delivery"
    ACCESS_SYNC = "access_sync"
    USAGE = "usage"
    POLICY = "policy"
    RUNTIME = "runtime"


NANO_PER_USD = 1_000_000_000  # money is counted in whole nano-dollars: sums are exact in any order

Figures = Mapping[str, int | float | None]
"""Figures under their wire names; a rate without data is `None`, never 0."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Additive counters of one group of events. What a family does not count is 0."""

    count: int = 0
    """Trusted events: requests or runs."""
    success_count: int = 0
    failure_count: int = 0
    unauthorized_count: int = 0
    failed_count: int = 0
    policy_blocked_count: int = 0
    validation_error_count: int = 0
    cancelled_count: int = 0
    priced_count: int = 0
    cost_nano_usd: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    ok_count: int = 0
    denied_count: int = 0
    cross_tenant_denied_count: int = 0
    leak_count: int = 0
    membership_denied_count: int = 0
    lifecycle_count: int = 0
    lifecycle_anomaly_count: int = 0
    timeout_count: int = 0
    retry_count: int = 0
    dead_letter_count: int = 0
    empty_count: int = 0
    invalid_signature_count: int = 0
    duplicate_effect_count: int = 0
    drift_count: int = 0
    refused_count: int = 0
    distrusted_count: int = 0
    """Events whose times cannot be believed; they are in no other counter."""

    def __add__(self, other: Self) -> "Totals":
        return Totals(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


@dataclass(frozen=True, slots=True)
class SignalScope:
    """Which events of a workspace are meant; `None` means all."""

    service: str | None = None
    environment: str | None = None
    release: str | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """Totals of one bucket of a series, of one value of the dimension that it is split by."""

    start: datetime
    key: str
    """Empty when the series is not split."""
    totals: Totals


@dataclass(frozen=True, slots=True)
class Durations:
    """How long events took; quantiles are exact to one bucket, which is 2^(1/8) wide."""

    count: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class GroupTotals:
    """Totals of one service, and of one of its tenants or all of them."""

    workspace: WorkspaceId
    service: str
    tenant: str | None
    """`None` for the service as a whole, events without a tenant included."""
    totals: Totals


_COUNTS: Mapping[Family, Mapping[str, str]] = {
    Family.TENANT: {
        "requestCount": "count",
        "deniedCount": "denied_count",
        "crossTenantDeniedCount": "cross_tenant_denied_count",
        "leakCount": "leak_count",
        "membershipDeniedCount": "membership_denied_count",
        "lifecycleCount": "lifecycle_count",
        "lifecycleAnomalyCount": "lifecycle_anomaly_count",
    },
    Family.TOOL_CALL: {
        "callCount": "count",
        "okCount": "ok_count",
        "failedCount": "failed_count",
        "timeoutCount": "timeout_count",
        "deniedCount": "denied_count",
    },
    Family.INGESTION: {
        "jobCount": "count",
        "doneCount": "ok_count",
        "retryCount": "retry_count",
        "deadLetterCount": "dead_letter_count",
        "failedCount": "failed_count",
    },
    Family.RETRIEVAL: {"queryCount": "count", "failedCount": "failed_count", "emptyCount": "empty_count"},
    Family.DELIVERY: {
        "attemptCount": "count",
        "okCount": "ok_count",
        "failedCount": "failed_count",
        "deadLetterCount": "dead_letter_count",
        "signatureInvalidCount": "invalid_signature_count",
        "duplicateEffectCount": "duplicate_effect_count",
    },
    Family.ACCESS_SYNC: {"syncCount": "count", "driftCount": "drift_count", "failedCount": "failed_count"},
    Family.USAGE: {"eventCount": "count", "refusedCount": "refused_count"},
    Family.POLICY: {"decisionCount": "count", "deniedCount": "denied_count"},
    Family.RUNTIME: {"pointCount": "count"},
}
_RATES: Mapping[Family, Mapping[str, tuple[str, ...]]] = {
    Family.TENANT: {
        "deniedRate": ("denied_count", "count"),
        "lifecycleAnomalyRate": ("lifecycle_anomaly_count", "lifecycle_count"),
    },
    Family.TOOL_CALL: {"failureRate": ("failed_count", "count"), "timeoutRate": ("timeout_count", "count")},
    Family.INGESTION: {"failureRate": ("failed_count", "dead_letter_count", "count")},
    Family.RETRIEVAL: {"errorRate": ("failed_count", "count"), "emptyRate": ("empty_count", "count")},
    Family.DELIVERY: {"failureRate": ("failed_count", "dead_letter_count", "count")},
    Family.ACCESS_SYNC: {"driftRate": ("drift_count", "count")},
    Family.POLICY: {"denialRate": ("denied_count", "count")},
}


def figures_of(family: Family, totals: Totals) -> Figures:
    """Return what `totals` say about `family`, under the wire names of `/metrics/{family}`."""
    if family is Family.AI_RUN:
        return _run_figures(totals)
    if family in _COUNTS:
        return {
            **{name: getattr(totals, field) for name, field in _COUNTS[family].items()},
            **{
                name: _ratio(sum(getattr(totals, part) for part in parts), getattr(totals, whole))
                for name, (*parts, whole) in _RATES.get(family, {}).items()
            },
            "distrustedCount": totals.distrusted_count,
        }
    return {
        "requestCount": totals.count,
        "successCount": totals.success_count,
        "failureCount": totals.failure_count,
        "unauthorizedCount": totals.unauthorized_count,
        "failureRate": _ratio(totals.failure_count, totals.count),
        "distrustedCount": totals.distrusted_count,
    }


def _run_figures(totals: Totals) -> Figures:
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
        "costUsd": totals.cost_nano_usd / NANO_PER_USD,
        "unpricedRunCount": runs - totals.priced_count,
        "averageCostPerRunUsd": _ratio(totals.cost_nano_usd / NANO_PER_USD, totals.priced_count),
        "failureRate": _ratio(totals.failed_count, runs),
        "policyBlockRate": _ratio(totals.policy_blocked_count, runs),
        "schemaMismatchRate": _ratio(totals.validation_error_count, runs),
        "unpricedShare": _ratio(runs - totals.priced_count, runs),
        "distrustedCount": totals.distrusted_count,
    }


def _ratio(part: float, whole: int) -> float | None:
    return part / whole if whole else None
