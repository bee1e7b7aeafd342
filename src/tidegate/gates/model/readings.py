"""What the sources read for a check, in words of this slice, before it is judged. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tidegate.gates.model.checks import RunSource
from tidegate.signals import Figures, Totals


class BoundError(Exception):
    """An expression has no answer for these figures."""


class Bound(Protocol):
    """A compiled expression."""

    @property
    def source(self) -> str: ...

    @property
    def figures(self) -> frozenset[str]:
        """The figures it names."""
        ...

    def holds(self, figures: Figures) -> bool:
        """Return whether the figures are within the bound.

        Raises:
            BoundError: it cannot be said.
        """
        ...


@dataclass(frozen=True, slots=True)
class SignalReading:
    """The counters of one service over the window of a check."""

    totals: Totals
    read_at: datetime


@dataclass(frozen=True, slots=True)
class OpenAlert:
    id: str
    code: str
    service: str
    since: datetime


@dataclass(frozen=True, slots=True)
class QuietReading:
    """What the alert evaluator knows about some codes and services."""

    open_alerts: tuple[OpenAlert, ...]
    last_closed_at: datetime | None
    evaluated_at: datetime | None
    """`None` when the evaluator never ran."""
    watched_since: datetime | None
    """Start of the unbroken time that the evaluator has watched."""


@dataclass(frozen=True, slots=True)
class RunReading:
    """One run of a suite, summed up."""

    id: str
    sequence: int
    received_at: datetime
    finished_at: datetime | None
    """What the sender says; `None` when the format does not."""
    digest: str
    uri: str
    passed: int
    failed: int
    """Failures and errors."""
    skipped: int
    failed_ids: tuple[str, ...] = ()
    """The first few."""
    uncovered_operations: tuple[str, ...] = ()
    """Tenant-scoped operations without a cross-tenant negative."""
    hidden_count: int = 0
    """Failures that the report claims and does not hold."""
    is_intact: bool = True

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.skipped


@dataclass(frozen=True, slots=True)
class SubjectReading:
    """A suite of a service at a commit, and the runs of it that can still be read."""

    source: RunSource
    suite: str
    service: str | None
    """`None` when the report was sent for a commit without naming a service."""
    commit: str
    latest_sequence: int
    """Receipt of the newest run. It outlives the run itself: deleted evidence holds."""
    runs: tuple[RunReading, ...]

    def find_latest(self) -> RunReading | None:
        return next((run for run in self.runs if run.sequence == self.latest_sequence), None)


ActivityReading = Mapping[str, int | None]
"""Events a service sent during a window; `None` when that cannot be read."""
