"""A span as it is stored: identity, times, and the meaning of its attributes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

NANO = 1_000_000_000
NANO_PER_USD = 1_000_000_000
DISTRUST_AFTER_NS = 86_400 * NANO  # a clock more than a day off says nothing about when something happened
LAST_SECOND = 2**32 - 1  # the column is unsigned and 32 bits wide: 2106
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
    """What one body of a sender holds, ready to be stored."""

    signal: Signal
    payload: Any
    """Traces: `BodySpans`; logs and points: JSON lines of the table's columns, as bytes."""
    row_count: int
    seconds: Mapping[int, int]
    """Unix seconds that it touches, each with how many of its rows."""
    received_ns: int
    size_bytes: int
    """What it takes in memory until it is stored, about."""


def second_of(end_ns: int) -> int:
    return min(end_ns // NANO, LAST_SECOND)


def is_distrusted(start_ns: int, end_ns: int, received_ns: int) -> bool:
    """Return whether the times cannot be believed: a negative duration, or more than a day from when it came."""
    return end_ns < start_ns or abs(received_ns - end_ns) > DISTRUST_AFTER_NS


def precedence_of(*, distrusted: bool, received_ns: int) -> int:
    """Return the rank of a row among rows of the same span: believable first, then the first received."""
    return (0 if distrusted else 1 << 63) | ((1 << 63) - 1 - min(received_ns, (1 << 63) - 1))
