"""What looking at signals needs from elsewhere, in its own words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import Family, SeriesReader, SignalReader, TimingReader

__all__ = ["Bound", "Burning", "OpenAlert", "Reader", "ReleaseMark", "ReleaseMarks", "Watcher"]


@dataclass(frozen=True, slots=True)
class Bound:
    """A rule, as a figure and the value at which it fires."""

    code: str
    family: Family
    figure: str
    threshold: float
    severity: str
    min_count: int
    window: timedelta
    runbook: str
    """Path of its page."""
    is_below: bool = False
    """Whether it fires at and below the value instead of at and above."""


@dataclass(frozen=True, slots=True)
class OpenAlert:
    id: str
    code: str
    family: Family
    severity: str
    service: str
    tenant: str | None
    state: str
    """`pending` or `firing`."""
    sentence: str
    since: datetime
    is_held: bool
    """Whether there is no answer for the moment."""


@dataclass(frozen=True, slots=True)
class Burning:
    """Open alerts, and whether anybody watched when there are none."""

    alerts: tuple[OpenAlert, ...]
    has_more: bool
    is_watched: bool


class Reader(SignalReader, SeriesReader, TimingReader, Protocol):
    """Totals, and what lies between them."""


class Watcher(Protocol):
    """Knows the rules and what they found."""

    def bounds(self, family: Family) -> Sequence[Bound]: ...

    async def burning(
        self, workspace: WorkspaceId, *, family: Family | None = None, tenant: str | None = None
    ) -> Burning:
        """Return open alerts, the newest first.

        Raises:
            UnavailableError: the state store does not answer for the moment.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReleaseMark:
    """A release that was announced while one looks."""

    name: str
    environment: str
    at: datetime


class ReleaseMarks(Protocol):
    async def between(self, workspace: WorkspaceId, window: TimeRange) -> Sequence[ReleaseMark]:
        """Return the releases that were created in `window`, oldest first; at most 50."""
        ...
