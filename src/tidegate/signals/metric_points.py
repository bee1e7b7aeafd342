"""Metric points over time and by what they tell apart: of one metric its values, of all together how many there are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.model import SignalScope
from tidegate.signals.ports import Dimension
from tidegate.signals.published import LAST_SECOND, second_of

__all__ = ["EnginePoints", "PointsRow"]

_COLUMNS: Final[Mapping[str, str]] = {
    "service": "service",
    "environment": "environment",
    "release": "release",
    "tenant": "tenant",
    "object": "metric",
}
# What a point of a sum rose by since the one before of its series. A cumulative one that falls began anew, and its
# value is what it rose since; of the first in the window it is not known.
_ROSE: Final = "multiIf(temporality = 'delta', said, place = 1, 0, said < before, said, said - before)"
_POINTS: Final = """
    SELECT by_step, by_key, count() AS found, sum(replayed) AS replayed_count, argMax(said, time_ns) AS last,
        min(said) AS low, max(said) AS high, avg(said) AS mean,
        if(max(is_monotonic) = 1, toNullable(sum({rose})), NULL) AS increase, any(unit) AS unit_said,
        uniqExact(metric) AS metrics
    FROM (
        SELECT *, lagInFrame(said) OVER series AS before, row_number() OVER series AS place
        FROM (
            SELECT {step} AS by_step, {key} AS by_key, metric, unit, series_id, time_ns, replayed, temporality,
                is_monotonic, if(kind IN ('gauge', 'sum'), value, sum) AS said
            FROM raw_points
            WHERE distrusted = 0 AND is_missing = 0
                AND toStartOfInterval(second, INTERVAL 10 SECOND) >= toDateTime({block:UInt32}, 'UTC')
                AND second >= toDateTime({start:UInt32}, 'UTC') AND second <= toDateTime({last:UInt32}, 'UTC')
                {scoped}
            ORDER BY precedence DESC LIMIT 1 BY point_id)
        WINDOW series AS (PARTITION BY metric, series_id ORDER BY time_ns ROWS BETWEEN 1 PRECEDING AND CURRENT ROW))
    GROUP BY by_step, by_key ORDER BY {order} LIMIT {most}
"""
_HIDDEN: Final = """
    SELECT uniqExact(point_id) AS found FROM raw_points
    WHERE distrusted = 1 AND received_ns >= {start:UInt64} * 1000000000
        AND received_ns < ({last:UInt64} + 1) * 1000000000 {scoped}
"""
_MOST_ROWS: Final = 20_000  # 1,000 steps of 20 lines


@dataclass(frozen=True, slots=True)
class PointsRow:
    """The points of one step or of the window, of one value of a dimension or of all."""

    start: datetime | None
    key: str
    count: int
    replayed_count: int
    last: float | None
    """This and what follows is `None` when the points are of several metrics: they do not add up."""
    low: float | None
    high: float | None
    mean: float | None
    increase: float | None
    """How far sums that only rise rose, between points of the window; `None` of other metrics."""
    unit: str


class SelectEngine(Protocol):
    """The part of the telemetry engine that reads."""

    async def select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]: ...


class EnginePoints:
    """Reads metric points, each once, believable ones that say a value."""

    def __init__(self, engine: SelectEngine) -> None:
        self._engine = engine

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
        key = _COLUMNS.get(by, "''") if by else "''"
        filters, parameters = _filters(scope, window)
        sql = _statement(step="0", key=key, filters=filters, order="found DESC, by_key", most=limit)
        return [_row_of(row, step_s=None) for row in await self._engine.select([workspace], sql, parameters)]

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
        filters, parameters = _filters(scope, window)
        key = "''"
        if by is not None:
            key = _COLUMNS.get(by, "''")
            largest = await self.table(workspace, window, scope=scope, by=by, limit=limit)
            filters += f" AND {key} IN ({{keys:Array(String)}})"
            parameters["keys"] = [row.key for row in largest]
        step = f"intDiv(toUInt32(second), {step_s}) * {step_s}"
        sql = _statement(step=step, key=key, filters=filters, order="by_step, by_key", most=_MOST_ROWS)
        return [_row_of(row, step_s=step_s) for row in await self._engine.select([workspace], sql, parameters)]

    async def distrusted_count(self, workspace: WorkspaceId, window: TimeRange, *, scope: SignalScope) -> int:
        """Return how many points came in during `window` whose times cannot be believed."""
        filters, parameters = _filters(scope, window)
        rows = await self._engine.select([workspace], _HIDDEN.replace("{scoped}", filters), parameters)
        return int(rows[0]["found"]) if rows else 0


def _statement(*, step: str, key: str, filters: str, order: str, most: int) -> str:
    parts = {"{rose}": _ROSE, "{step}": step, "{key}": key, "{scoped}": filters, "{order}": order, "{most}": str(most)}
    sql = _POINTS
    for name, part in parts.items():
        sql = sql.replace(name, part)
    return sql


def _filters(scope: SignalScope, window: TimeRange) -> tuple[str, dict[str, object]]:
    start = second_of(window.start)
    parameters: dict[str, object] = {
        "start": start,
        "block": start - start % 10,
        "last": min(max(second_of(window.end) - 1, 0), LAST_SECOND),
    }
    wanted = {name: value for name in _COLUMNS if (value := getattr(scope, name)) is not None}
    filters = "".join(f" AND {_COLUMNS[name]} = {{{name}:String}}" for name in wanted)
    return filters, parameters | wanted


def _row_of(row: Mapping[str, Any], *, step_s: int | None) -> PointsRow:
    is_one = int(row["metrics"]) == 1
    said = {name: row[name] if is_one else None for name in ("last", "low", "high", "mean", "increase")}
    return PointsRow(
        start=None if step_s is None else datetime.fromtimestamp(int(row["by_step"]), UTC),
        key=str(row["by_key"]),
        count=int(row["found"]),
        replayed_count=int(row["replayed_count"]),
        unit=str(row["unit_said"]) if is_one else "",
        **said,
    )
