"""Metric points as gauges: what was sent, when it was sent, by their own attributes."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.promql.series import METRIC_NAME, Labels, Series, labels_of
from tidegate.signals.metric_points import HIDDEN, SelectEngine
from tidegate.signals.prometheus.demands import Demand
from tidegate.signals.prometheus.errors import QueryTooLargeError
from tidegate.signals.prometheus.filters import filter_of, is_met
from tidegate.signals.prometheus.model import RUNTIME_METRIC
from tidegate.signals.prometheus.ports import Within
from tidegate.signals.published import LAST_SECOND, second_of

__all__ = ["EngineGauges"]

_MOST_POINTS: Final = 200_000  # read row by row: 1 s
_COLUMNS: Final[Mapping[str, str]] = {
    name: name for name in ("service", "environment", "release", "tenant", "metric", "unit")
}
_NO_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")
_WHERE: Final = f"""workspace IN {{scope:Array(String)}} AND is_missing = 0 AND NOT {HIDDEN}
    AND (kind = 'gauge' OR (kind = 'sum' AND temporality != 'delta'))
    AND toStartOfInterval(second, INTERVAL 10 SECOND) >= toDateTime({{block:UInt32}}, 'UTC')
    AND second >= toDateTime({{start:UInt32}}, 'UTC') AND second <= toDateTime({{last:UInt32}}, 'UTC')"""
_SERIES: Final = """
    SELECT metric, unit, service, environment, release, tenant, attributes, max(at_ms) AS at,
        argMax(value, at_ms) AS said
    FROM (
        SELECT metric, unit, service, environment, release, tenant, attributes, value,
            toInt64(intDiv(time_ns, 1000000)) AS at_ms
        FROM raw_points WHERE {where}
        ORDER BY precedence DESC LIMIT 1 BY point_id)
    GROUP BY metric, unit, service, environment, release, tenant, attributes, {step}
    ORDER BY at LIMIT {most}
"""
# Of one moment the newest point counts; between two moments nobody looks.
_OF_A_STEP: Final = "intDiv(at_ms - {origin:Int64} + {gap:Int64} - 1, {gap:Int64})"
_VALUES: Final = "SELECT DISTINCT toString({column}) AS found FROM raw_points WHERE {where} LIMIT {most}"


class EngineGauges:
    """Keeps the promises of `PointsReader`."""

    def __init__(self, engine: SelectEngine) -> None:
        self._engine = engine

    async def series(self, workspace: WorkspaceId, demand: Demand, within: Within) -> list[Series]:
        """Return the points that `demand` looks at; of points of one moment and one label set the last.

        Raises:
            QueryTooLargeError: there are more than one question may read.
        """
        matchers = [matcher for matcher in demand.matchers if matcher.label != METRIC_NAME]
        found = filter_of(matchers, _COLUMNS, within)
        parameters = {**found.parameters, **_bounds(demand.first_ms // 1000, demand.last_ms // 1000)}
        step = "at_ms"
        if not demand.has_range and demand.gap_ms:
            step = _OF_A_STEP
            parameters |= {"origin": demand.last_ms % demand.gap_ms, "gap": demand.gap_ms}
        sql = _SERIES.replace("{where}", _WHERE + found.condition).replace("{step}", step)
        rows = await self._engine.select([workspace], sql.replace("{most}", str(_MOST_POINTS + 1)), parameters)
        if len(rows) > _MOST_POINTS:
            raise QueryTooLargeError(
                f"A selector of {RUNTIME_METRIC} reads more than {_MOST_POINTS} points. "
                "Name a metric and a service, or a shorter time."
            )
        series = _series_in(rows)
        return [one for one in series if is_met(found.left, one.labels)]

    async def values(self, workspace: WorkspaceId, column: str, window: TimeRange, within: Within) -> list[str]:
        """Return what `column`, a label of every point, has been in `window`."""
        found = filter_of((), _COLUMNS, within)
        sql = _VALUES.replace("{column}", _COLUMNS[column]).replace("{where}", _WHERE + found.condition)
        parameters = {**found.parameters, **_bounds(second_of(window.start), second_of(window.end))}
        rows = await self._engine.select([workspace], sql.replace("{most}", str(_MOST_POINTS)), parameters)
        return [str(row["found"]) for row in rows]


def _bounds(start_s: int, last_s: int) -> dict[str, object]:
    start = min(max(start_s, 0), LAST_SECOND)
    return {"start": start, "block": start - start % 10, "last": min(max(last_s, 0), LAST_SECOND)}


def _series_in(rows: list[dict[str, Any]]) -> list[Series]:
    found: defaultdict[Labels, dict[int, float]] = defaultdict(dict)
    for row in rows:
        found[_labels_of(row)][int(row["at"])] = float(row["said"])
    return [
        Series(
            labels, np.fromiter(points, np.int64, len(points)), np.fromiter(points.values(), np.float64, len(points))
        )
        for labels, points in found.items()
    ]


def _labels_of(row: Mapping[str, Any]) -> Labels:
    own = {name: str(row[name]) for name in _COLUMNS}
    attributes = {_NO_LABEL.sub("_", str(name)): str(value) for name, value in row["attributes"].items()}
    # What a sender calls like a label of ours does not hide ours.
    renamed = {f"attribute_{name}" if name in own or not name[:1].isalpha() else name: one
               for name, one in attributes.items()}  # fmt: skip
    return labels_of({**renamed, **own, METRIC_NAME: RUNTIME_METRIC})
