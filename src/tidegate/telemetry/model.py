"""A span as it is stored: identity, times, and the meaning of its attributes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from tidegate.kernel import WorkspaceId

NANO = 1_000_000_000
NANO_PER_USD = 1_000_000_000
DISTRUST_AFTER_NS = 86_400 * NANO  # a clock more than a day off says nothing about when something happened
_LAST_SECOND = 2**32 - 1  # the column is unsigned and 32 bits wide: 2106
MAX_COST_USD = 1_000_000.0  # one span that claims more is a broken sender, and would overflow sums


class RunOutcome(StrEnum):
    """How a GenAI span or run ended; the worst comes first."""

    POLICY_BLOCKED = "policy_blocked"
    VALIDATION_ERROR = "validation_error"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OK = "ok"


class Signal(StrEnum):
    """The three kinds of telemetry; the values are the last part of their OTLP paths, but for points."""

    TRACES = "traces"
    LOGS = "logs"
    POINTS = "points"


@dataclass(frozen=True, slots=True)
class Batch:
    """What one call of a sender holds, ready for the engine."""

    signal: Signal
    payload: bytes
    """Traces: length-delimited protobuf `Body` messages; logs and points: JSON lines of the table's columns."""
    row_count: int
    seconds: frozenset[int]
    """Unix seconds that it touches."""


class SpanRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table `raw_spans`; the fields are its columns, in its order."""

    workspace: WorkspaceId
    trace_id: str
    span_id: str
    parent_span_id: str
    second: int
    """Unix second in which the span ended: the bucket that counts it."""
    start_ns: int
    end_ns: int
    received_ns: int
    precedence: int
    name: str
    kind: int
    status: int
    status_message: str
    trace_state: str
    flags: int
    scope: str
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    events: str
    links: str
    request_id: str
    correlation_id: str
    families: int
    distrusted: int
    replayed: int
    is_sampled: int
    weight_milli: int
    """A thousand times how many spans it stands for."""
    service: str
    environment: str
    release: str
    tenant: str
    route: str
    http_method: str
    http_status: int
    error_type: str
    client_address: str
    auth_method: str
    denial_class: str
    principal_tenant: str
    target_tenant: str
    is_granted: int
    lifecycle_action: str
    lifecycle_outcome: str
    object: str
    detail: str
    outcome: str
    attempt: int
    wait_ns: int
    amount_micro: int | None
    limit_micro: int | None
    duration_ns: int
    role: str
    operation: str
    run_outcome: str
    provider: str
    model: str
    tool: str
    agent_name: str
    prompt_version: str
    finish_reason: str
    conversation_id: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    is_cache_exclusive: int
    cost_nano_usd: int | None
    ttfc_ns: int


SPAN_COLUMNS = SpanRow.__struct_fields__


def second_of(end_ns: int) -> int:
    return min(end_ns // NANO, _LAST_SECOND)


def is_distrusted(start_ns: int, end_ns: int, received_ns: int) -> bool:
    """Return whether the times cannot be believed: a negative duration, or more than a day from when it came."""
    return end_ns < start_ns or abs(received_ns - end_ns) > DISTRUST_AFTER_NS


def precedence_of(*, distrusted: bool, received_ns: int) -> int:
    """Return the rank of a row among rows of the same span: believable first, then the first received."""
    return (0 if distrusted else 1 << 63) | ((1 << 63) - 1 - min(received_ns, (1 << 63) - 1))
