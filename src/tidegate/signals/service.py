"""Figures of a family: all retained rows, one window, and the splits that belong to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from tidegate.kernel import Clock, TimeRange, WorkspaceId
from tidegate.signals.model import Family, Figures, SignalScope, Totals, duration_figures, figures_of, meter_figures
from tidegate.signals.ports import Dimension, SeriesReader, SignalReader, Whole
from tidegate.signals.runtime import Runtime

DEFAULT_WINDOW = timedelta(minutes=15)

_HTTP: tuple[tuple[str, Dimension], ...] = (
    ("byRoute", "route"),
    ("statusCounts", "status"),
    ("errorCodeCounts", "error_code"),
)
SPLITS: Mapping[Family, tuple[tuple[str, Dimension], ...]] = {
    Family.REQUEST: _HTTP,
    Family.AUTH: (*_HTTP, ("byMethod", "object"), ("sourceCounts", "source")),
    Family.TENANT: (*_HTTP, ("denialCounts", "detail"), ("lifecycleCounts", "object")),
    Family.AI_RUN: (
        ("byModel", "model"),
        ("byProvider", "provider"),
        ("outcomeCounts", "outcome"),
        ("errorCodeCounts", "error_code"),
    ),
    Family.TOOL_CALL: (("byTool", "object"), ("outcomeCounts", "outcome"), ("errorCodeCounts", "error_code")),
    Family.INGESTION: (("byQueue", "object"), ("byStage", "detail"), ("outcomeCounts", "outcome")),
    Family.RETRIEVAL: (("byDataSource", "object"), ("outcomeCounts", "outcome")),
    Family.DELIVERY: (("byEndpoint", "object"), ("outcomeCounts", "outcome"), ("signatureCounts", "detail")),
    Family.ACCESS_SYNC: (("bySubject", "object"), ("driftCounts", "detail")),
    Family.USAGE: (("byMeter", "object"),),
    Family.POLICY: (("byPolicy", "object"), ("outcomeCounts", "outcome")),
    Family.RUNTIME: (("byMetric", "object"),),
}
TIMED = frozenset(
    {Family.REQUEST, Family.AI_RUN, Family.TOOL_CALL, Family.INGESTION, Family.RETRIEVAL, Family.DELIVERY}
)


@dataclass(frozen=True, slots=True)
class FamilyMetrics:
    """What `/metrics/{family}` says."""

    family: Family
    totals: Figures
    window: TimeRange
    """What was asked for, widened to what is kept."""
    window_figures: Figures
    splits: dict[str, dict[str, Figures | int]]


@dataclass(frozen=True, slots=True)
class RetainedFamily:
    """What `/metrics` says of one family: counters over all retained rows, which only ever rise."""

    family: Family
    totals: Figures
    counts: Mapping[Dimension, Mapping[str, int]]
    """Events by the values of a dimension; never by tenant, and never by address."""
    buckets: Sequence[tuple[float, int]] = ()
    """Events by the upper bound of how long they took, in milliseconds, ascending; not cumulative."""
    spent_s: float = 0.0


class FiguresReader(SignalReader, SeriesReader, Protocol):
    """What the metrics routes ask."""

    async def every_whole(
        self, workspace: WorkspaceId, splits: Mapping[Family, Sequence[Dimension]]
    ) -> dict[Family, Whole]:
        """Return all that is retained of each family, and the same by the values of dimensions."""
        ...

    async def exemplars(self, workspace: WorkspaceId, window: TimeRange) -> Mapping[str, str]:
        """Return the id of one trace by route."""
        ...


class RuntimeReader(Protocol):
    """Metric points, which are read as they are."""

    async def measure(self, workspace: WorkspaceId, window: TimeRange, *, tenant: str | None) -> Runtime: ...

    async def count(self, workspace: WorkspaceId) -> int: ...


class SignalService:
    """Answers the metrics routes."""

    def __init__(self, *, reader: FiguresReader, clock: Clock, runtime: RuntimeReader | None = None) -> None:
        self._reader = reader
        self._runtime = runtime
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
        if family is Family.RUNTIME and self._runtime is not None:
            return await self._runtime_metrics(self._runtime, workspace, within, tenant=tenant)
        resolution_s = await self._reader.resolution_s(workspace, within)
        if resolution_s > 1:
            within = within.widened(resolution_s)
        splits: dict[str, dict[str, Figures | int]] = {}
        for name, dimension in SPLITS[family]:
            found = await self._reader.totals_by(workspace, family, within, by=dimension, scope=scope)
            splits[name] = {key: _split(name, family, part) for key, part in found.items() if key}
        whole, recent = [await self._figures(workspace, family, one, scope) for one in (None, within)]
        return FamilyMetrics(family, whole, within, recent, splits)

    async def _runtime_metrics(
        self, runtime: RuntimeReader, workspace: WorkspaceId, within: TimeRange, *, tenant: str | None
    ) -> FamilyMetrics:
        found = await runtime.measure(workspace, within, tenant=tenant)
        return FamilyMetrics(
            Family.RUNTIME,
            figures_of(Family.RUNTIME, Totals(count=await runtime.count(workspace))),
            within,
            figures_of(Family.RUNTIME, Totals(count=found.point_count)),
            {"byMetric": dict(found.by_metric)},
        )

    async def _figures(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, scope: SignalScope
    ) -> Figures:
        figures = figures_of(family, await self._reader.totals(workspace, family, window, scope=scope))
        if family not in TIMED:
            return figures
        durations = await self._reader.quantiles(workspace, family, window, scope=scope)
        return {**figures, **duration_figures(durations.get(""))}

    async def retained(self, workspace: WorkspaceId) -> list[RetainedFamily]:
        """Return the counters of all families over all retained rows, also by route, status, model and the like.

        Raises:
            UnavailableError: the telemetry engine does not answer for the moment.
        """
        splits = {family: [one for _, one in SPLITS[family] if one != "source"] for family in Family}
        found = await self._reader.every_whole(workspace, splits)
        if self._runtime is not None:
            points = Totals(count=await self._runtime.count(workspace))
            found[Family.RUNTIME] = replace(found[Family.RUNTIME], totals=points)
        return [
            RetainedFamily(
                family,
                figures_of(family, whole.totals),
                {one: {key: part.count for key, part in parts.items() if key} for one, parts in whole.splits.items()},
                whole.buckets if family in TIMED else (),
                whole.spent_s if family in TIMED else 0.0,
            )
            for family, whole in found.items()
        ]

    async def exemplars(self, workspace: WorkspaceId) -> Mapping[str, str]:
        """Return by route the trace of the newest request that failed in the last minutes, else of the slowest."""
        return await self._reader.exemplars(workspace, self.window_now())


def _split(name: str, family: Family, totals: Totals) -> Figures | int:
    if name == "byMeter":
        return meter_figures(totals)
    return totals.count if name.endswith("Counts") else figures_of(family, totals)
