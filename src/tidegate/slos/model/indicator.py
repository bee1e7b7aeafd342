"""What an objective counts: bad of all events, or bad of all slices of time that have data. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from tidegate.signals import MICRO, NANO_PER_USD, Family

__all__ = [
    "COUNTED",
    "DURATIONS",
    "MEASURED",
    "MILLI",
    "Events",
    "Indicator",
    "Measured",
    "Operator",
    "Slices",
    "is_bad_slice",
]

MILLI: Final = 1_000  # counts of events are summed in thousandths: a sampled event stands for more than one, or a part


class Operator(StrEnum):
    """How a good slice's figure relates to the bound."""

    AT_MOST = "atMost"
    AT_LEAST = "atLeast"


@dataclass(frozen=True, slots=True)
class Events:
    """Each event is good or bad."""

    bad: str | None
    """Figure of the bad events, as `/metrics/{family}` calls it."""
    good: str | None
    """Figure of the good ones, where bad ones are what is left of `total`."""
    total: str


@dataclass(frozen=True, slots=True)
class Slices:
    """Each slice of time is good or bad; one without data is neither."""

    figure: str
    length: timedelta
    operator: Operator
    bound: Decimal


Indicator = Events | Slices


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure as a ratio of two sums: `part / whole`, or a sum alone."""

    part: str
    """Field of `Totals`."""
    whole: str | None = None
    """`None`: the part alone, whose data are those of `base`."""
    plus: str | None = None
    minus: str | None = None
    unit: int = 1
    """What one of the figure is in parts: a billion nano-dollars are a dollar."""
    base: str = "count"
    """Field that says whether there are data."""

    @property
    def fields(self) -> tuple[str, ...]:
        named = (self.part, self.plus, self.minus, self.whole, self.base)
        return tuple(dict.fromkeys(name for name in named if name is not None))


_HTTP: Final = {
    "requestCount": "count",
    "successCount": "success_count",
    "failureCount": "failure_count",
    "unauthorizedCount": "unauthorized_count",
}
COUNTED: Final[Mapping[Family, Mapping[str, str]]] = {
    Family.REQUEST: _HTTP,
    Family.AUTH: _HTTP,
    Family.TENANT: {
        "requestCount": "count",
        "deniedCount": "denied_count",
        "crossTenantDeniedCount": "cross_tenant_denied_count",
        "leakCount": "leak_count",
        "membershipDeniedCount": "membership_denied_count",
        "lifecycleCount": "lifecycle_count",
        "lifecycleAnomalyCount": "lifecycle_anomaly_count",
    },
    Family.AI_RUN: {
        "runCount": "count",
        "failedCount": "failed_count",
        "policyBlockedCount": "policy_blocked_count",
        "validationErrorCount": "validation_error_count",
        "cancelledCount": "cancelled_count",
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
}
"""Figures that count events, and the field of `Totals` that each is; a test pins them to the figures of signals."""

_RATES: Final[Mapping[Family, Mapping[str, Measured]]] = {
    Family.REQUEST: {"failureRate": Measured("failure_count", "count")},
    Family.AUTH: {"failureRate": Measured("failure_count", "count")},
    Family.TENANT: {
        "deniedRate": Measured("denied_count", "count"),
        "lifecycleAnomalyRate": Measured("lifecycle_anomaly_count", "lifecycle_count", base="lifecycle_count"),
    },
    Family.AI_RUN: {
        "failureRate": Measured("failed_count", "count"),
        "policyBlockRate": Measured("policy_blocked_count", "count"),
        "schemaMismatchRate": Measured("validation_error_count", "count"),
        "unpricedShare": Measured("count", "count", minus="priced_count"),
        "costUsd": Measured("cost_nano_usd", unit=NANO_PER_USD, base="priced_count"),
        "averageCostPerRunUsd": Measured("cost_nano_usd", "priced_count", unit=NANO_PER_USD, base="priced_count"),
        "inputTokens": Measured("input_tokens"),
        "outputTokens": Measured("output_tokens"),
    },
    Family.TOOL_CALL: {
        "failureRate": Measured("failed_count", "count"),
        "timeoutRate": Measured("timeout_count", "count"),
    },
    Family.INGESTION: {
        "failureRate": Measured("failed_count", "count", plus="dead_letter_count"),
        "averageWaitMs": Measured("wait_us", "count", unit=1_000),
    },
    Family.RETRIEVAL: {
        "errorRate": Measured("failed_count", "count"),
        "emptyRate": Measured("empty_count", "count"),
        "citationCoverage": Measured("citation_micro", "citation_count", unit=MICRO, base="citation_count"),
        "groundedness": Measured("groundedness_micro", "groundedness_count", unit=MICRO, base="groundedness_count"),
    },
    Family.DELIVERY: {"failureRate": Measured("failed_count", "count", plus="dead_letter_count")},
    Family.ACCESS_SYNC: {
        "driftRate": Measured("drift_count", "count"),
        "averageLagS": Measured("amount_micro", "amount_count", unit=MICRO, base="amount_count"),
    },
    Family.POLICY: {"denialRate": Measured("denied_count", "count")},
}
MEASURED: Final[Mapping[Family, Mapping[str, Measured]]] = {
    family: {name: Measured(field) for name, field in counted.items()} | dict(_RATES.get(family, {}))
    for family, counted in COUNTED.items()
}
"""Figures that a slice of time can be held against, and what they are made of."""
_TIMED: Final = (
    Family.REQUEST, Family.AI_RUN, Family.TOOL_CALL, Family.INGESTION, Family.RETRIEVAL, Family.DELIVERY,
)  # fmt: skip
DURATIONS: Final[Mapping[Family, tuple[str, ...]]] = dict.fromkeys(_TIMED, ("meanMs", "p50Ms", "p95Ms", "p99Ms"))
"""Figures of how long events took; they are kept for services, not for tenants."""


def is_bad_slice(indicator: Slices, value: Decimal) -> bool:
    """Return whether a slice with this figure is bad; a figure at the bound is good."""
    if indicator.operator is Operator.AT_MOST:
        return value > indicator.bound
    return value < indicator.bound
