"""What looking at signals needs from elsewhere, in its own words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import Dimension, Family, LookingAtMore, SeriesReader, SignalReader, SignalScope
from tidegate.signals.metric_points import PointsRow

__all__ = ["Bound", "Burning", "OpenAlert", "Points", "Reader", "ReleaseMark", "ReleaseMarks", "Watcher"]


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


class Reader(SignalReader, SeriesReader, LookingAtMore, Protocol):
    """Totals, and what lies between them."""


class Points(Protocol):
    """Metric points, which are read as they are."""

    async def table(
        self,
        workspace: WorkspaceId,
        window: TimeRange,
        *,
        scope: SignalScope,
        by: Dimension | None = None,
        limit: int = 1_000,
    ) -> list[PointsRow]:
        """Return one row, or one for each of the `limit` values of a dimension with the most points."""
        ...

    async def series(
        self,
        workspace: WorkspaceId,
        window: TimeRange,
        *,
        step_s: int,
        scope: SignalScope,
        by: Dimension | None = None,
        limit: int = 20,
    ) -> list[PointsRow]:
        """Return a row a step, for each of the `limit` values with the most points; empty steps are left out."""
        ...

    async def distrusted_count(self, workspace: WorkspaceId, window: TimeRange, *, scope: SignalScope) -> int:
        """Return how many points came in during `window` that cannot be believed."""
        ...


class Watcher(Protocol):
    """Knows the rules and what they found."""

    async def bounds(self, workspace: WorkspaceId, family: Family, *, tenant: str | None = None) -> Sequence[Bound]:
        """Return the rules that count in a workspace, with the bounds of `tenant` where it has some of its own.

        Raises:
            UnavailableError: the state store does not answer for the moment.
        """
        ...

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
