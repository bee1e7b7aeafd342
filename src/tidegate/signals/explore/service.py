"""What pages, routes and verbs ask of signals: figures, series, splits, and how every family is."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from tidegate.kernel import Clock, Remembered, TimeRange, UnavailableError, WorkspaceId
from tidegate.signals import Durations, Family, Figures, SignalScope, Totals, figures_of
from tidegate.signals.explore.catalogue import CATALOGUE, QUANTILES, FamilyEntry, Split
from tidegate.signals.explore.health import Health, health_of
from tidegate.signals.explore.ports import Bound, Burning, Reader, ReleaseMark, ReleaseMarks, Watcher
from tidegate.signals.explore.ranges import Span

__all__ = ["ExploreService", "FamilyHealth", "Line", "Lines", "SplitRow", "window_now"]

_RECENT: Final = timedelta(minutes=15)  # the window of the built-in rules
_SPARK_LENGTH: Final = timedelta(days=7)
_SPARK_STEP_S: Final = 3_600
_SPARK_FRESH: Final = timedelta(seconds=60)  # a pixel of it is an hour
_SPARKS_KEPT: Final = 2_000
EVERYTHING: Final = SignalScope()


@dataclass(frozen=True, slots=True)
class Line:
    """Figures of each bucket for one value of a dimension; `key` is empty when the lines are not split."""

    key: str
    totals: tuple[Totals, ...]
    figures: tuple[Figures, ...]
    """As long as the starts of its `Lines`. A bucket without events counts 0, and its rates are `None`."""


@dataclass(frozen=True, slots=True)
class Lines:
    starts: tuple[datetime, ...]
    step_s: int
    lines: tuple[Line, ...]
    """The largest first."""


@dataclass(frozen=True, slots=True)
class SplitRow:
    key: str
    figures: Figures


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

    def __init__(self, *, reader: Reader, watcher: Watcher, marks: ReleaseMarks, clock: Clock) -> None:
        self._reader = reader
        self._watcher = watcher
        self._marks = marks
        self._clock = clock
        self._sparks: Remembered[tuple[WorkspaceId, Family, SignalScope], tuple[datetime, tuple[float | None, ...]]] = (
            Remembered(max_weight=_SPARKS_KEPT)
        )

    def now(self) -> datetime:
        return self._clock.now()

    def bounds(self, family: Family) -> tuple[Bound, ...]:
        return tuple(self._watcher.bounds(family))

    async def overview(self, workspace: WorkspaceId, scope: SignalScope = EVERYTHING) -> list[FamilyHealth]:
        """Return how every family is; one that cannot be read says so and keeps no other from its answer."""
        burning = await self.burning(workspace, tenant=scope.tenant)
        quiet = await self._quiet(workspace, scope)
        rows = await asyncio.gather(*(
            self._row(workspace, entry, scope, burning, is_quiet=entry.family in quiet) for entry in CATALOGUE.values()
        ))  # fmt: skip
        return list(rows)

    async def _quiet(self, workspace: WorkspaceId, scope: SignalScope) -> frozenset[Family]:
        """Return the families without any event now: the groups that the rules read anyway know them in one statement.

        A statement costs 25 CPU-ms however little it finds, and most installations send three or four families.
        """
        if scope.environment is not None or scope.release is not None:
            return frozenset()
        window = window_now(self._clock.now())
        quiet = set()
        try:
            for family in CATALOGUE:
                groups = await self._reader.groups([workspace], family, window)
                if not any(
                    scope.service in {None, group.service} and scope.tenant in {None, group.tenant} for group in groups
                ):
                    quiet.add(family)
        except UnavailableError:  # each family says so by itself
            return frozenset()
        return frozenset(quiet)

    async def health(self, workspace: WorkspaceId, entry: FamilyEntry, scope: SignalScope = EVERYTHING) -> FamilyHealth:
        burning = await self.burning(workspace, family=entry.family, tenant=scope.tenant)
        return await self._row(workspace, entry, scope, burning)

    async def figures(
        self, workspace: WorkspaceId, entry: FamilyEntry, window: TimeRange, *, scope: SignalScope
    ) -> Figures:
        """Return every figure of `entry` in `window`, durations included.

        Raises:
            UnavailableError: the telemetry engine does not answer for the moment, or counting is behind.
        """
        totals, durations = await asyncio.gather(
            self._reader.totals(workspace, entry.family, window, scope=scope),
            self.quantiles(workspace, entry, window, scope=scope),
        )
        return _with_durations(entry, figures_of(entry.family, totals), durations.get(""))

    async def quantiles(
        self,
        workspace: WorkspaceId,
        entry: FamilyEntry,
        window: TimeRange,
        *,
        scope: SignalScope,
        by: Split | None = None,
    ) -> Mapping[str, Durations]:
        """Return how long events took; nothing for a family whose events take no time.

        Durations are kept without tenant: for one tenant, and by tenant, there are none.
        """
        if not entry.has_durations or scope.tenant is not None or (by and by.dimension == "tenant"):
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
        totals, durations = await asyncio.gather(
            self._reader.totals_by(workspace, entry.family, window, by=by.dimension, scope=scope, limit=limit),
            self.quantiles(workspace, entry, window, scope=scope, by=by),
        )
        return [
            SplitRow(key, _with_durations(entry, figures_of(entry.family, found), durations.get(key)))
            for key, found in totals.items()
        ]

    async def lines(
        self,
        workspace: WorkspaceId,
        family: Family,
        span: Span,
        *,
        scope: SignalScope,
        by: Split | None = None,
        limit: int = 20,
    ) -> Lines:
        """Return the figures of each bucket of `span`, split into the `limit` largest values of a dimension.

        Raises:
            UnavailableError: the telemetry engine does not answer for the moment, or counting is behind.
        """
        finest_s = await self._reader.resolution_s(workspace, span.window, step_s=span.step_s)
        if span.step_s % finest_s:  # minutes are gone: of what is left the buckets are whole hours
            span = Span(span.window.widened(finest_s), finest_s, span.preset)
        points = await self._reader.series(
            workspace,
            family,
            span.window,
            step_s=span.step_s,
            by=by.dimension if by else None,
            scope=scope,
            limit=limit,
        )
        starts = span.starts
        places = {start: place for place, start in enumerate(starts)}
        found: dict[str, list[Totals]] = {} if by else {"": [Totals()] * len(starts)}
        for point in points:
            place = places.get(point.start)
            if place is not None:
                found.setdefault(point.key, [Totals()] * len(starts))[place] = point.totals
        lines = [
            Line(key, tuple(totals), tuple(figures_of(family, each) for each in totals))
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
        burning: Burning | None,
        *,
        is_quiet: bool = False,
    ) -> FamilyHealth:
        window = window_now(self._clock.now())
        bounds = self.bounds(entry.family)
        figures: Figures | None = None
        spark: tuple[float | None, ...] | None = None
        problem = ""
        if burning is not None and burning.has_more:  # too many for one answer: those of this family may be missing
            burning = await self.burning(workspace, family=entry.family, tenant=scope.tenant)
        own = _of_family(burning, entry.family)
        try:
            if is_quiet:
                figures = _with_durations(entry, figures_of(entry.family, Totals()), None)
            else:
                figures = await self.figures(workspace, entry, window, scope=scope)
            if not (is_quiet and scope.tenant is not None):  # nobody draws it
                spark = await self._spark(workspace, entry, scope)
        except UnavailableError as error:
            problem = error.message
        health = health_of(entry, figures, bounds, own, problem=problem)
        return FamilyHealth(entry, health, figures, bounds, own, spark)

    async def _spark(self, workspace: WorkspaceId, entry: FamilyEntry, scope: SignalScope) -> tuple[float | None, ...]:
        now = self._clock.now()
        key = workspace, entry.family, scope
        kept = self._sparks.find(key)
        if kept is not None and abs(now - kept[0]) < _SPARK_FRESH:
            return kept[1]
        end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        span = Span(TimeRange(end - _SPARK_LENGTH, end), _SPARK_STEP_S, None)
        lines = await self.lines(workspace, entry.family, span, scope=scope)
        (line,) = lines.lines
        values = tuple(
            figures.get(entry.headline[0]) if totals.count else None
            for totals, figures in zip(line.totals, line.figures, strict=True)
        )
        self._sparks.add(key, (now, values), weight=1)
        return values


def _with_durations(entry: FamilyEntry, figures: Figures, durations: Durations | None) -> Figures:
    if not entry.has_durations:
        return figures
    known = {name: getattr(durations, field) for name, field in QUANTILES.items()} if durations else {}
    return {**dict.fromkeys(QUANTILES), **figures, **known}


def _of_family(burning: Burning | None, family: Family) -> Burning | None:
    if burning is None:
        return None
    return replace(burning, alerts=tuple(alert for alert in burning.alerts if alert.family is family))
