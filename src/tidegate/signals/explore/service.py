"""What pages, routes and verbs ask of signals: figures, series, splits, and how every family is."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from tidegate.kernel import Clock, Remembered, TimeRange, UnavailableError, WorkspaceId
from tidegate.signals import Durations, DurationsPoint, Family, Figures, SignalScope, Totals, figures_of, meter_figures
from tidegate.signals.explore.catalogue import CATALOGUE, QUANTILES, FamilyEntry, Split
from tidegate.signals.explore.health import Health, health_of
from tidegate.signals.explore.model import Line, Lines, SplitRow
from tidegate.signals.explore.points import MetricLooker
from tidegate.signals.explore.ports import Bound, Burning, Points, Reader, ReleaseMark, ReleaseMarks, Watcher
from tidegate.signals.explore.ranges import Span

__all__ = ["ExploreService", "FamilyHealth", "is_timed", "window_now"]

_RECENT: Final = timedelta(minutes=15)  # the window of the built-in rules
_SPARK_LENGTH: Final = timedelta(days=7)
_SPARK_STEP_S: Final = 3_600
_SPARK_FRESH: Final = timedelta(seconds=60)  # a pixel of it is an hour
_SPARKS_KEPT: Final = 2_000
SparkLine = tuple[float | None, ...]
Found = TypeVar("Found")
EVERYTHING: Final = SignalScope()


@dataclass(frozen=True, slots=True)
class FamilyHealth:
    """One row of the overview."""

    entry: FamilyEntry
    health: Health
    figures: Figures | None
    """Of the last 15 minutes; `None` when they cannot be read."""
    bounds: tuple[Bound, ...]
    burning: Burning | None
    spark: tuple[float | None, ...] | None
    """The first headline figure by the hour, seven days; `None` when it cannot be read."""


def window_now(now: datetime, length: timedelta = _RECENT) -> TimeRange:
    """Return the window of `length` that ends with the running second."""
    end = now.replace(microsecond=0) + timedelta(seconds=1)
    return TimeRange(end - length, end)


class ExploreService:
    """Reads signals of one workspace at a time; writes nothing."""

    def __init__(self, *, reader: Reader, points: Points, watcher: Watcher, marks: ReleaseMarks, clock: Clock) -> None:
        self._reader = reader
        self._metrics = MetricLooker(points)
        self._watcher = watcher
        self._marks = marks
        self._clock = clock
        self._sparks: Remembered[tuple[WorkspaceId, SignalScope], tuple[datetime, Mapping[Family, SparkLine]]] = (
            Remembered(max_weight=_SPARKS_KEPT)
        )

    def now(self) -> datetime:
        return self._clock.now()

    async def bounds(self, workspace: WorkspaceId, family: Family, *, tenant: str | None = None) -> tuple[Bound, ...]:
        """Return the bounds of the rules of a family; none when they cannot be read."""
        try:
            return tuple(await self._watcher.bounds(workspace, family, tenant=tenant))
        except UnavailableError:
            return ()

    async def overview(self, workspace: WorkspaceId, scope: SignalScope = EVERYTHING) -> list[FamilyHealth]:
        """Return how every family is; what cannot be read says so and keeps nothing else from its answer."""
        burning, recent, points, sparks = await asyncio.gather(
            self.burning(workspace, tenant=scope.tenant),
            _or_problem(self._recent(workspace, scope)),
            _or_problem(self._recent_points(workspace, scope)),
            _or_problem(self._every_spark(workspace, scope)),
        )
        rows = []
        for entry in CATALOGUE.values():
            of_family = points if entry.family is Family.RUNTIME else recent
            if isinstance(of_family, UnavailableError):
                figures, problem = None, of_family.message
            else:
                figures, problem = of_family.get(entry.family), ""
            row = await self._row(workspace, entry, scope, burning=burning, figures=figures, problem=problem)
            spark = None if isinstance(sparks, UnavailableError) else sparks.get(entry.family)
            rows.append(replace(row, spark=spark))
        return rows

    async def health(self, workspace: WorkspaceId, entry: FamilyEntry, scope: SignalScope = EVERYTHING) -> FamilyHealth:
        """Return how one family is, without its line."""
        burning, figures = await asyncio.gather(
            self.burning(workspace, family=entry.family, tenant=scope.tenant),
            _or_problem(self.figures(workspace, entry, window_now(self._clock.now()), scope=scope)),
        )
        if isinstance(figures, UnavailableError):
            return await self._row(workspace, entry, scope, burning=burning, figures=None, problem=figures.message)
        return await self._row(workspace, entry, scope, burning=burning, figures=figures)

    async def _recent_points(self, workspace: WorkspaceId, scope: SignalScope) -> Mapping[Family, Figures]:
        window = window_now(self._clock.now())
        return {Family.RUNTIME: await self._metrics.figures(workspace, window, scope=scope)}

    async def _recent(self, workspace: WorkspaceId, scope: SignalScope) -> Mapping[Family, Figures]:
        found = await self._reader.every_total(workspace, window_now(self._clock.now()), scope=scope)
        return {
            entry.family: _figures(entry, *found[entry.family], is_of_one=False)
            for entry in CATALOGUE.values()
            if entry.family in found
        }

    async def figures(
        self, workspace: WorkspaceId, entry: FamilyEntry, window: TimeRange, *, scope: SignalScope
    ) -> Figures:
        """Return every figure of `entry` in `window`, durations included.

        Raises:
            UnavailableError: the telemetry engine does not answer for the moment, or counting is behind.
        """
        if entry.family is Family.RUNTIME:
            return await self._metrics.figures(workspace, window, scope=scope)
        totals, durations = await asyncio.gather(
            self._reader.totals(workspace, entry.family, window, scope=scope),
            self.quantiles(workspace, entry, window, scope=scope),
        )
        return _figures(entry, totals, durations.get(""), is_of_one=scope.object is not None)

    async def quantiles(
        self,
        workspace: WorkspaceId,
        entry: FamilyEntry,
        window: TimeRange,
        *,
        scope: SignalScope,
        by: Split | None = None,
    ) -> Mapping[str, Durations]:
        """Return how long events took; nothing where durations are not kept, which `is_timed` says."""
        if not is_timed(entry, scope=scope, by=by):
            return {}
        dimension = by.dimension if by else None
        return await self._reader.quantiles(workspace, entry.family, window, scope=scope, by=dimension)

    async def split(
        self,
        workspace: WorkspaceId,
        entry: FamilyEntry,
        window: TimeRange,
        *,
        by: Split,
        scope: SignalScope,
        limit: int,
    ) -> list[SplitRow]:
        """Return figures by the values of a dimension, largest first."""
        if entry.family is Family.RUNTIME:
            return await self._metrics.split(workspace, window, by=by, scope=scope, limit=limit)
        totals, durations = await asyncio.gather(
            self._reader.totals_by(workspace, entry.family, window, by=by.dimension, scope=scope, limit=limit),
            self.quantiles(workspace, entry, window, scope=scope, by=by),
        )
        is_of_one = scope.object is not None or by == entry.subject
        return [
            SplitRow(key, _told_apart(_figures(entry, found, durations.get(key), is_of_one=is_of_one)))
            for key, found in totals.items()
        ]

    async def lines(  # noqa: PLR0913 - a question and its parts
        self,
        workspace: WorkspaceId,
        entry: FamilyEntry,
        span: Span,
        *,
        scope: SignalScope,
        by: Split | None = None,
        limit: int = 20,
        with_durations: bool = True,
    ) -> Lines:
        """Return the figures of each bucket of `span`, split into the `limit` largest values of a dimension.

        Raises:
            UnavailableError: the telemetry engine does not answer for the moment, or counting is behind.
        """
        if entry.family is Family.RUNTIME:
            return await self._metrics.lines(workspace, span, scope=scope, by=by, limit=limit)
        finest_s = await self._reader.resolution_s(workspace, span.window, step_s=span.step_s)
        if span.step_s % finest_s:  # minutes are gone: of what is left the buckets are whole hours
            span = Span(span.window.widened(finest_s), finest_s, span.preset)
        asked: Mapping[str, Any] = {
            "step_s": span.step_s, "by": by.dimension if by else None, "scope": scope, "limit": limit,
        }  # fmt: skip
        points, durations = await asyncio.gather(
            self._reader.series(workspace, entry.family, span.window, **asked),
            self._reader.duration_series(workspace, entry.family, span.window, **asked)
            if with_durations and is_timed(entry, scope=scope, by=by)
            else _nothing(),
        )
        starts = span.starts
        places = {start: place for place, start in enumerate(starts)}
        found: dict[str, list[Totals]] = {} if by else {"": [Totals()] * len(starts)}
        for point in points:
            place = places.get(point.start)
            if place is not None:
                found.setdefault(point.key, [Totals()] * len(starts))[place] = point.totals
        timed = {(point.key, point.start): point.durations for point in durations}
        is_of_one = scope.object is not None or (by is not None and by == entry.subject)
        lines = [
            Line(
                key,
                tuple(totals),
                tuple(
                    _told_apart(_figures(entry, each, timed.get((key, start)), is_of_one=is_of_one))
                    for start, each in zip(starts, totals, strict=True)
                ),
            )
            for key, totals in found.items()
        ]
        lines.sort(key=lambda line: -sum(each.count for each in line.totals))
        return Lines(starts, span.step_s, tuple(lines))

    async def marks(self, workspace: WorkspaceId, window: TimeRange) -> Sequence[ReleaseMark]:
        return await self._marks.between(workspace, window)

    async def burning(
        self, workspace: WorkspaceId, *, family: Family | None = None, tenant: str | None = None
    ) -> Burning | None:
        """Return open alerts, `None` when they cannot be read: what surrounds them still can."""
        try:
            return await self._watcher.burning(workspace, family=family, tenant=tenant)
        except UnavailableError:
            return None

    async def _row(
        self,
        workspace: WorkspaceId,
        entry: FamilyEntry,
        scope: SignalScope,
        *,
        burning: Burning | None,
        figures: Figures | None,
        problem: str = "",
    ) -> FamilyHealth:
        bounds = await self.bounds(workspace, entry.family, tenant=scope.tenant)
        if burning is not None and burning.has_more:  # too many for one answer: those of this family may be missing
            burning = await self.burning(workspace, family=entry.family, tenant=scope.tenant)
        own = _of_family(burning, entry.family)
        health = health_of(entry, figures, bounds, own, problem=problem)
        return FamilyHealth(entry, health, figures, bounds, own, None)

    async def _every_spark(self, workspace: WorkspaceId, scope: SignalScope) -> Mapping[Family, SparkLine]:
        """Return the first headline figure of every family by the hour; a week of points takes too long to read."""
        now = self._clock.now()
        kept = self._sparks.find((workspace, scope))
        if kept is not None and abs(now - kept[0]) < _SPARK_FRESH:
            return kept[1]
        end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        span = Span(TimeRange(end - _SPARK_LENGTH, end), _SPARK_STEP_S, None)
        found = await self._reader.every_series(workspace, span.window, step_s=span.step_s, scope=scope)
        sparks = {}
        for family, points in found.items():
            first = CATALOGUE[family].headline[0]
            known = {point.start: figures_of(family, point.totals).get(first) for point in points}
            sparks[family] = tuple(known.get(start) for start in span.starts)
        self._sparks.add((workspace, scope), (now, sparks), weight=len(sparks))
        return sparks


async def _or_problem(asked: Awaitable[Found]) -> Found | UnavailableError:
    try:
        return await asked
    except UnavailableError as error:
        return error


def is_timed(entry: FamilyEntry, *, scope: SignalScope, by: Split | None) -> bool:
    """Return whether durations are kept of what is asked for: by some dimensions, and never by tenant."""
    return entry.has_durations and scope.tenant is None and (by is None or by.dimension in entry.timed_by)


async def _nothing() -> Sequence[DurationsPoint]:
    return ()


def _figures(entry: FamilyEntry, totals: Totals, durations: Durations | None, *, is_of_one: bool) -> Figures:
    """Return every figure of `entry`; amounts only of one meter, because those of several do not add up."""
    figures: Figures = figures_of(entry.family, totals)
    if entry.subject is not None:
        amounts = meter_figures(totals) if is_of_one and totals.count else {}
        figures = {**figures, **{name: amounts.get(name) for name in entry.of_subject}}
    if not entry.has_durations:
        return figures
    known = {name: getattr(durations, field) for name, field in QUANTILES.items()} if durations else {}
    return {**dict.fromkeys(QUANTILES), **figures, **known}


def _told_apart(figures: Figures) -> Figures:
    """Leave out what is known of a window as a whole only: when distrusted rows happened is not to be believed."""
    return {name: value for name, value in figures.items() if name != "distrustedCount"}


def _of_family(burning: Burning | None, family: Family) -> Burning | None:
    if burning is None:
        return None
    return replace(burning, alerts=tuple(alert for alert in burning.alerts if alert.family is family))
