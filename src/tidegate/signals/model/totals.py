"""Families, windows and the counters that signals are made of. Pure."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from operator import add, attrgetter
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
MICRO = 1_000_000  # amounts are counted in whole millionths, for the same reason


@dataclass(frozen=True, slots=True)
class Totals:
    """Additive counters of one group of events. What a family does not count is 0.

    Events of sampled services are counted with their adjusted count, rounded down, so that no part exceeds its whole.
    """

    count: int = 0
    """Trusted events: requests, runs, calls …"""
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
    distrusted_count: int = 0
    """Events whose times cannot be believed; they are in no other counter."""
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    sampled_count: int = 0
    """Events of senders that sample without saying how much: counted once each, too few."""
    replayed_count: int = 0
    ok_count: int = 0
    timeout_count: int = 0
    denied_count: int = 0
    cross_tenant_denied_count: int = 0
    membership_denied_count: int = 0
    leak_count: int = 0
    lifecycle_count: int = 0
    lifecycle_anomaly_count: int = 0
    retry_count: int = 0
    dead_letter_count: int = 0
    sent_count: int = 0
    empty_count: int = 0
    invalid_signature_count: int = 0
    duplicate_effect_count: int = 0
    drift_count: int = 0
    refused_count: int = 0
    citation_count: int = 0
    """Evaluations of citation coverage; `citation_micro` is the sum of their scores, in millionths."""
    citation_micro: int = 0
    groundedness_count: int = 0
    groundedness_micro: int = 0
    wait_us: int = 0
    amount_count: int = 0
    """Events with an amount; `amount_micro` is its sum."""
    amount_micro: int = 0
    limit_micro: int = 0
    """The highest limit that was said; not additive."""

    def __add__(self, other: Self) -> "Totals":
        mine, others = _VALUES(self), _VALUES(other)
        sums: list[int] = [*map(add, mine[:-1], others[:-1]), max(mine[-1], others[-1])]
        return Totals(*sums)


TOTALS_FIELDS = tuple(field.name for field in fields(Totals))
_VALUES = attrgetter(*TOTALS_FIELDS)


@dataclass(frozen=True, slots=True)
class SignalScope:
    """Which events of a workspace are meant; `None` means all."""

    service: str | None = None
    environment: str | None = None
    release: str | None = None
    tenant: str | None = None
    model: str | None = None
    route: str | None = None
    object: str | None = None
    outcome: str | None = None
    replayed: bool | None = None


@dataclass(frozen=True, slots=True)
class GroupTotals:
    """Totals of one service, and of one of its tenants or all of them."""

    workspace: WorkspaceId
    service: str
    tenant: str | None
    """`None` for the service as a whole, events without a tenant included."""
    totals: Totals


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """Totals of one step of a series, of one key or of all events."""

    start: datetime
    key: str
    totals: Totals


@dataclass(frozen=True, slots=True)
class Durations:
    """How long events took. Quantiles are upper bounds of buckets an eighth of a doubling wide: at most 9 % above."""

    count: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class DurationsPoint:
    """How long the events of one step of a series took, of one key or of all."""

    start: datetime
    key: str
    durations: Durations
