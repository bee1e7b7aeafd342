"""Figures of a family: all retained rows, one window, and the splits that belong to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from tidegate.kernel import Clock, TimeRange, WorkspaceId
from tidegate.signals.model import Family, Figures, SignalScope, figures_of
from tidegate.signals.ports import Dimension, SignalReader

DEFAULT_WINDOW = timedelta(minutes=15)

SPLITS: dict[Family, tuple[tuple[str, Dimension], ...]] = {
    Family.REQUEST: (("byRoute", "route"), ("statusCounts", "status"), ("errorCodeCounts", "error_code")),
    Family.AUTH: (("byRoute", "route"), ("statusCounts", "status"), ("errorCodeCounts", "error_code")),
    Family.AI_RUN: (("byModel", "model"), ("outcomeCounts", "outcome"), ("errorCodeCounts", "error_code")),
}


@dataclass(frozen=True, slots=True)
class FamilyMetrics:
    """What `/metrics/{family}` says."""

    family: Family
    totals: Figures
    window: TimeRange
    window_figures: Figures
    splits: dict[str, dict[str, Figures | int]]


@dataclass(frozen=True, slots=True)
class RetainedFamily:
    """What `/metrics` says of one family: counters over all retained rows, which only ever rise."""

    family: Family
    totals: Figures
    counts: Mapping[Dimension, Mapping[str, int]]
    """Events by the values of a dimension; never by tenant."""


class SignalService:
    """Answers the metrics routes."""

    def __init__(self, *, reader: SignalReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    def window_now(self, length: timedelta = DEFAULT_WINDOW) -> TimeRange:
        """Return the window of `length` that ends with the present second, which belongs to it."""
        end = self._clock.now().replace(microsecond=0) + timedelta(seconds=1)
        return TimeRange(end - length, end)

    async def metrics(
        self, workspace: WorkspaceId, family: Family, *, window: TimeRange | None = None, tenant: str | None = None
    ) -> FamilyMetrics:
        """Return the figures of `family`, of `tenant` alone when one is named.

        Raises:
            UnavailableError: the telemetry engine does not answer for the moment.
        """
        scope = SignalScope(tenant=tenant)
        within = window or self.window_now()
        totals = await self._reader.totals(workspace, family, None, scope=scope)
        recent = await self._reader.totals(workspace, family, within, scope=scope)
        splits: dict[str, dict[str, Figures | int]] = {}
        for name, dimension in SPLITS.get(family, ()):
            found = await self._reader.totals_by(workspace, family, within, by=dimension, scope=scope)
            splits[name] = {
                key: part.count if name.endswith("Counts") else figures_of(family, part)
                for key, part in found.items()
                if key
            }
        return FamilyMetrics(family, figures_of(family, totals), within, figures_of(family, recent), splits)

    async def retained(self, workspace: WorkspaceId, family: Family) -> RetainedFamily:
        """Return the counters of `family` over all retained rows, also by route, status, error code, model, outcome.

        Raises:
            UnavailableError: the telemetry engine does not answer for the moment.
        """
        whole = SignalScope()
        totals = await self._reader.totals(workspace, family, None, scope=whole)
        counts: dict[Dimension, Mapping[str, int]] = {}
        for _, dimension in SPLITS.get(family, ()):
            found = await self._reader.totals_by(workspace, family, None, by=dimension, scope=whole)
            counts[dimension] = {key: part.count for key, part in found.items() if key}
        return RetainedFamily(family, figures_of(family, totals), counts)
