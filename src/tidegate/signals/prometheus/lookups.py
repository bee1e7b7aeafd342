"""Which series, labels and values there are: what clients offer to choose from."""

from collections.abc import Sequence
from typing import Final

from tidegate.kernel import WorkspaceId
from tidegate.promql.expressions import Selector
from tidegate.promql.parsing import parse_expression
from tidegate.promql.series import METRIC_NAME, Labels
from tidegate.signals.model import Family
from tidegate.signals.prometheus.counters import COLUMNS, MOST_SERIES
from tidegate.signals.prometheus.demands import Demand
from tidegate.signals.prometheus.errors import PrometheusQueryInvalidError
from tidegate.signals.prometheus.filters import filter_of
from tidegate.signals.prometheus.model import BUCKET_LABEL, CATALOGUE, RUNTIME_METRIC, ReadingKind
from tidegate.signals.prometheus.ports import CountsReader, PointsReader, Within
from tidegate.signals.prometheus.reading import LONGEST_BY_MINUTES, SeriesReading, window_of
from tidegate.signals.quantiles import upper_bound_ms
from tidegate.signals.sums import STORED

__all__ = ["LookupService"]

_MOST_SELECTORS: Final = 12
_COUNTED: Final = tuple(dict.fromkeys(name for family in Family for name in STORED[family]))
_POINT_LABELS: Final = frozenset({"metric", "unit"})
_CUT: Final = "results truncated due to limit"


class LookupService:
    """Looks into one workspace at a time, over a stretch of time in milliseconds."""

    def __init__(self, reading: SeriesReading, *, counts: CountsReader, points: PointsReader) -> None:
        self._reading = reading
        self._counts = counts
        self._points = points

    @property
    def now_ms(self) -> int:
        return self._reading.now_ms

    async def series(
        self, workspace: WorkspaceId, selectors: Sequence[str], *, start_ms: int, end_ms: int, within: Within
    ) -> list[Labels]:
        """Return the label sets that had events or points, in their order.

        Raises:
            PrometheusQueryInvalidError: a selector is none.
            QueryTooLargeError: there are too many.
        """
        if len(selectors) > _MOST_SELECTORS:
            raise PrometheusQueryInvalidError(f"At most {_MOST_SELECTORS} selectors.", field="match[]")
        demands = {}
        for text in selectors:
            selector = parse_expression(text)
            if not isinstance(selector, Selector):
                raise PrometheusQueryInvalidError(f"{text!r} is no selector of series.", field="match[]")
            length = max(end_ms - start_ms, 1000)
            demands[selector.matchers] = Demand(
                selector.matchers, end_ms - length, end_ms, length, None, has_range=False
            )
        held = await self._reading.read(workspace, demands, within=within)
        return sorted({one.labels for found in held.series.values() for one in found})

    async def label_names(
        self, workspace: WorkspaceId, selectors: Sequence[str], *, start_ms: int, end_ms: int, within: Within
    ) -> list[str]:
        """Return the names of the labels of these series; of all that there can be without a selector."""
        if not selectors:
            return sorted({METRIC_NAME, *(label for metric in CATALOGUE.values() for label in metric.labels)})
        found = await self.series(workspace, selectors, start_ms=start_ms, end_ms=end_ms, within=within)
        return sorted({name for labels in found for name, _ in labels})

    async def label_values(
        self,
        workspace: WorkspaceId,
        label: str,
        selectors: Sequence[str],
        *,
        start_ms: int,
        end_ms: int,
        within: Within,
    ) -> tuple[list[str], list[str]]:
        """Return the values of a label, and what to say of them."""
        if selectors:
            series = await self.series(workspace, selectors, start_ms=start_ms, end_ms=end_ms, within=within)
            found = {value for labels in series for name, value in labels if name == label}
        else:
            found = await self._values(workspace, label, start_ms=start_ms, end_ms=end_ms, within=within)
        values = sorted(found - {""})
        return values[:MOST_SERIES], [_CUT] if len(values) > MOST_SERIES else []

    async def _values(
        self, workspace: WorkspaceId, label: str, *, start_ms: int, end_ms: int, within: Within
    ) -> set[str]:
        window = window_of(start_ms, end_ms)
        if label == METRIC_NAME:
            return await self._metric_names(workspace, start_ms=start_ms, end_ms=end_ms, within=within)
        if label == BUCKET_LABEL:
            names = [f"{family.value}.duration" for family in Family]
            found = await self._distinct(workspace, "bucket", names, start_ms, end_ms, within)
            return {f"{upper_bound_ms(int(one)) / 1000:.9g}" for one in found} | ({"+Inf"} if found else set())
        values: set[str] = set()
        if label in COLUMNS:
            values = await self._distinct(workspace, COLUMNS[label], _COUNTED, start_ms, end_ms, within)
        if label in _POINT_LABELS or (label in COLUMNS and label in CATALOGUE[RUNTIME_METRIC].labels):
            values |= set(await self._points.values(workspace, label, window, within))
        return values

    async def _metric_names(self, workspace: WorkspaceId, *, start_ms: int, end_ms: int, within: Within) -> set[str]:
        """Return the metrics of the families that had events."""
        timed = [f"{family.value}.duration" for family in Family]
        found = await self._distinct(workspace, "counts.family", [*_COUNTED, *timed], start_ms, end_ms, within)
        points = await self._points.values(workspace, "metric", window_of(start_ms, end_ms), within)
        names = set()
        for metric in CATALOGUE.values():
            reading = metric.reading
            if reading.kind is ReadingKind.POINTS:
                is_there = bool(points)
            elif reading.kind is ReadingKind.DURATIONS:
                is_there = f"{reading.family.value}.duration" in found
            else:
                is_there = not found.isdisjoint(STORED[reading.family])
            if is_there:
                names.add(metric.name)
        return names

    async def _distinct(  # noqa: PLR0917 - the parts of a statement
        self, workspace: WorkspaceId, column: str, names: Sequence[str], start_ms: int, end_ms: int, within: Within
    ) -> set[str]:
        window = window_of(start_ms, end_ms)
        # To the minute: what is offered to choose from need not begin at a second.
        bucket_s = 3_600
        if window.length <= LONGEST_BY_MINUTES:
            bucket_s = max(await self._counts.resolution_s(workspace, window, step_s=60), 60)
        where = filter_of((), COLUMNS, within)
        columns = await self._counts.grouped(
            workspace,
            names,
            f"toLowCardinality(toString({column})) AS by_value",
            window.widened(bucket_s),
            more=where.condition,
            tail=f"GROUP BY by_value LIMIT {MOST_SERIES + 1}",
            parameters=where.parameters,
            coarsest_s=bucket_s,
        )
        return {columns.words["by_value"].words[code] for code in columns.words["by_value"].codes.tolist()}
