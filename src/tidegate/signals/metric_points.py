"""Metric points over time and by what they tell apart: of one metric its values, of all together how many there are."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.model import SignalScope
from tidegate.signals.ports import Dimension
from tidegate.signals.published import LAST_SECOND, second_of

__all__ = ["HIDDEN", "EnginePoints", "PointsRow"]

_COLUMNS: Final[Mapping[str, str]] = {
    "service": "service",
    "environment": "environment",
    "release": "release",
    "tenant": "tenant",
    "object": "metric",
}
_SAID: Final = "if(kind IN ('gauge', 'sum'), value, sum)"
# Nobody adds up, draws or compares what is not a number or has no end: such a point stands beside those whose times or
# buckets cannot be believed.
HIDDEN: Final = f"(distrusted = 1 OR (is_missing = 0 AND NOT isFinite({_SAID})))"
# What a point of a sum rose by since the one before of its series. A cumulative one that falls began anew, and its
# value is what it rose since. So is that of the first when it says that its series began in the window; else it is not
# known. Who does not know when the series began repeats the time of the point as its start.
_BEGAN: Final = "start_ns >= {start:UInt64} * 1000000000 AND start_ns < time_ns"
# A histogram began anew when its count fell: its sum falls with every negative observation.
_ROSE: Final = f"""multiIf(temporality = 'delta', said, place = 1, if({_BEGAN}, said, 0), held < held_before, said,
            said - before)"""
_OBSERVED: Final = f"""multiIf(temporality = 'delta', held, place = 1, if({_BEGAN}, held, 0), held < held_before, held,
            held - held_before)"""
_POINTS: Final = """
    SELECT by_step, by_key, count() AS found, sum(replayed) AS replayed_count, argMax(said, time_ns) AS last,
        min(said) AS low, max(said) AS high, avg(said) AS mean,
        if(max(is_monotonic) = 1, toNullable(sum({rose})), NULL) AS increase, any(unit) AS unit_said,
        if(max(is_summed) = 1, toNullable(sum({observed})), NULL) AS observations,
        uniqExact(metric) AS metrics
    FROM (
        SELECT *, lagInFrame(said) OVER series AS before, lagInFrame(held) OVER series AS held_before,
            row_number() OVER series AS place
        FROM (
            SELECT {step} AS by_step, {key} AS by_key, metric, unit, series_id, time_ns, start_ns, replayed,
                temporality, is_monotonic, {said} AS said, kind NOT IN ('gauge', 'sum') AS is_summed,
                if(is_summed, toFloat64(count), value) AS held
            FROM raw_points
            WHERE workspace IN {scope:Array(String)} AND is_missing = 0 AND NOT {hidden}
                AND toStartOfInterval(second, INTERVAL 10 SECOND) >= toDateTime({block:UInt32}, 'UTC')
                AND second >= toDateTime({start:UInt32}, 'UTC') AND second <= toDateTime({last:UInt32}, 'UTC')
                {scoped}
            ORDER BY precedence DESC LIMIT 1 BY point_id)
        WINDOW series AS (PARTITION BY metric, series_id ORDER BY time_ns ROWS BETWEEN 1 PRECEDING AND CURRENT ROW))
    GROUP BY by_step, by_key ORDER BY {order} LIMIT {most}
"""
_HIDDEN: Final = """
    SELECT uniqExact(point_id) AS found FROM raw_points
    WHERE workspace IN {scope:Array(String)} AND {hidden} AND received_ns >= {start:UInt64} * 1000000000
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
    observation_count: float | None = None
    """Observations of histograms and summaries between points of the window, whose values above are those of their sum;
    `None` of other metrics."""

    @property
    def observation_mean(self) -> float | None:
        if self.increase is None or not self.observation_count:
            return None
        return self.increase / self.observation_count


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
        """Return how many points came in during `window` whose time, buckets or value cannot be believed."""
        filters, parameters = _filters(scope, window)
        sql = _HIDDEN.replace("{hidden}", HIDDEN).replace("{scoped}", filters)
        rows = await self._engine.select([workspace], sql, parameters)
        return int(rows[0]["found"]) if rows else 0


def _statement(*, step: str, key: str, filters: str, order: str, most: int) -> str:
    parts = {
        "{rose}": _ROSE, "{observed}": _OBSERVED, "{said}": _SAID, "{hidden}": HIDDEN, "{step}": step, "{key}": key,
        "{scoped}": filters, "{order}": order, "{most}": str(most),
    }  # fmt: skip
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
    said = {name: _finite(row[name]) if is_one else None for name in ("last", "low", "high", "mean", "increase")}
    return PointsRow(
        start=None if step_s is None else datetime.fromtimestamp(int(row["by_step"]), UTC),
        key=str(row["by_key"]),
        count=int(row["found"]),
        replayed_count=int(row["replayed_count"]),
        unit=str(row["unit_said"]) if is_one else "",
        observation_count=_finite(row["observations"]) if is_one else None,
        **said,
    )


def _finite(value: object) -> float | None:
    """Return a number; of points that are each finite the sum may still be beyond what a float holds."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
