"""Reads what the selectors of an expression need, before it is evaluated: a statement a family, never one a series."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import gcd
from typing import Final

from tidegate.kernel import Clock, TimeRange, WorkspaceId
from tidegate.promql.durations import duration_of
from tidegate.promql.evaluator import Evaluator, Options
from tidegate.promql.series import METRIC_NAME, Matcher, MatchOp, Series
from tidegate.signals.model import Family
from tidegate.signals.prometheus.counters import MOST_SAMPLES, read_counters
from tidegate.signals.prometheus.demands import LOOKBACK_MS, SUBQUERY_STEP_MS, Demand, Grid, grid_of
from tidegate.signals.prometheus.errors import QueryTooLargeError
from tidegate.signals.prometheus.filters import may_be_met
from tidegate.signals.prometheus.model import CATALOGUE, Metric, Reading, ReadingKind
from tidegate.signals.prometheus.ports import CountsReader, PointsReader, Within

__all__ = ["LONGEST_BY_MINUTES", "Held", "SeriesReading", "metrics_of", "window_of"]

_MOST_READINGS: Final = 12  # a statement each, 25 CPU-ms and more
_DISTRUSTED_SHARE: Final = 100  # more than one of so many is said
LONGEST_BY_MINUTES: Final = timedelta(days=62)  # 90,000 minutes; whether all are kept is asked of each
_HOUR_S: Final = 3_600
_MOST_SECONDS: Final = 4_102_444_800  # 2100


@dataclass(slots=True)
class Held:
    """A `SeriesSource` of what was read before: an evaluation asks for nothing else."""

    series: dict[tuple[Matcher, ...], Sequence[Series]] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)
    longest_gap_ms: int = 0
    windows: dict[Family, TimeRange] = field(default_factory=dict)

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Sequence[Series]:
        del start_ms, end_ms  # the evaluation cuts what it needs
        return self.series[tuple(matchers)]

    @property
    def most_series(self) -> int:
        return max(map(len, self.series.values()), default=1)

    @property
    def evaluator(self) -> Evaluator:
        # Where only hours are kept, the newest sample may be an hour old.
        lookback = max(LOOKBACK_MS, self.longest_gap_ms)
        return Evaluator(self, Options(lookback_ms=lookback, subquery_step_ms=SUBQUERY_STEP_MS))

    def note(self, reading: Reading, grid: Grid, demand: Demand) -> None:
        self.longest_gap_ms = max(self.longest_gap_ms, grid.step_ms)
        window, known = grid.window, self.windows.get(reading.family)
        if known is not None:
            window = TimeRange(min(known.start, window.start), max(known.end, window.end))
        self.windows[reading.family] = window
        if demand.gap_ms and grid.step_ms != demand.gap_ms:
            self.warnings[
                f"Counts of this time are read in steps of {duration_of(grid.bucket_s * 1000)}, and the query looks "
                f"every {duration_of(demand.gap_ms)}: what happened within a step is shared out as Prometheus does it."
            ] = None


def metrics_of(matchers: Sequence[Matcher]) -> dict[Reading, list[Metric]]:
    """Return the metrics that `matchers` can mean, by the statement that reads them.

    Raises:
        QueryTooLargeError: they can mean too many.
    """
    exact = [m.value for m in matchers if m.label == METRIC_NAME and m.op is MatchOp.EQUAL]
    candidates = [CATALOGUE[name] for name in exact[:1] if name in CATALOGUE] if exact else CATALOGUE.values()
    found: defaultdict[Reading, list[Metric]] = defaultdict(list)
    for metric in candidates:
        # Points have labels of their own making.
        is_named = all(matcher.matches(metric.name) for matcher in matchers if matcher.label == METRIC_NAME)
        has_own_labels = metric.reading.kind is ReadingKind.POINTS
        if is_named and (has_own_labels or may_be_met(matchers, metric.labels)):
            found[metric.reading].append(metric)
    if len(found) > _MOST_READINGS:
        names = [metric.name for metrics in found.values() for metric in metrics]
        raise QueryTooLargeError(
            f"A selector means {len(names)} metrics, from {names[0]} to {names[-1]}. Name one: "
            f"those of {_MOST_READINGS} kinds of counts are the most."
        )
    return dict(found)


class SeriesReading:
    """Reads series of one workspace at a time."""

    def __init__(self, *, counts: CountsReader, points: PointsReader, clock: Clock) -> None:
        self._counts = counts
        self._points = points
        self._clock = clock

    @property
    def now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    async def read(
        self, workspace: WorkspaceId, demands: Mapping[tuple[Matcher, ...], Demand], *, within: Within
    ) -> Held:
        """Return the series of all `demands`.

        Raises:
            QueryTooLargeError: one of them reads more than one question may.
        """
        held = Held()
        readings = {matchers: metrics_of(matchers) for matchers in demands}
        if sum(map(len, readings.values())) > _MOST_READINGS:
            raise QueryTooLargeError(
                f"The query has {len(demands)} selectors of {sum(map(len, readings.values()))} kinds of counts; "
                f"{_MOST_READINGS} are the most."
            )
        for matchers, demand in demands.items():
            found: list[Series] = []
            for metrics in readings[matchers].values():
                found += await self._series(workspace, metrics, demand, within=within, held=held)
                if sum(one.values.size for own in (*held.series.values(), found) for one in own) > MOST_SAMPLES:
                    raise QueryTooLargeError(
                        f"The query reads more than {MOST_SAMPLES} samples. Name a service, add up by fewer labels "
                        "(`sum by (…) (rate(…))`), or take a longer step."
                    )
            held.series[matchers] = sorted(found, key=lambda series: series.labels)
        return held

    async def _series(
        self, workspace: WorkspaceId, metrics: Sequence[Metric], demand: Demand, *, within: Within, held: Held
    ) -> list[Series]:
        reading = metrics[0].reading
        if reading.kind is ReadingKind.POINTS:
            return await self._points.series(workspace, demand, within)
        grid = await self._grid(workspace, demand)
        if grid is None:
            return []
        held.note(reading, grid, demand)
        return await read_counters(self._counts, workspace, metrics, demand=demand, grid=grid, within=within)

    async def _grid(self, workspace: WorkspaceId, demand: Demand) -> Grid | None:
        now_ms = self.now_ms
        wanted = grid_of(demand, bucket_s=1, now_ms=now_ms)
        if wanted is None:
            return None
        bucket_s = _HOUR_S
        if wanted.window.length <= LONGEST_BY_MINUTES:
            finest = gcd(wanted.step_s, wanted.origin_s)
            bucket_s = await self._counts.resolution_s(workspace, wanted.window, step_s=finest)
        return grid_of(demand, bucket_s=bucket_s, now_ms=now_ms)

    async def warnings(self, workspace: WorkspaceId, held: Held, *, within: Within) -> list[str]:
        """Return what a person should know of what was read: how it was cut, and how much of it is not believed."""
        said = list(held.warnings)
        for family, window in held.windows.items():
            counted = [await self._counts.distrusted(workspace, window, scope=scope) for scope in within.scopes]
            hidden = sum(found.get(family.value, 0) for found in counted)
            if not hidden:
                continue
            totals = [await self._counts.totals(workspace, family, window, scope=scope) for scope in within.scopes]
            believed = sum(one.count for one in totals)
            if hidden * _DISTRUSTED_SHARE > hidden + believed:
                said.append(
                    f"{hidden} events of family {family.value} claim times that cannot be believed and are in no "
                    f"series; {believed} are. They came in during the time of the query."
                )
        return said


def window_of(start_ms: int, end_ms: int) -> TimeRange:
    start = min(max(start_ms // 1000, 0), _MOST_SECONDS)
    return TimeRange(
        datetime.fromtimestamp(start, UTC),
        datetime.fromtimestamp(max(min(-(-end_ms // 1000), _MOST_SECONDS), start + 1), UTC),
    )
