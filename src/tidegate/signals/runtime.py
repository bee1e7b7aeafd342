"""The family `runtime`: what metric points of a window say, read from the points themselves."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.model import Figures
from tidegate.signals.published import LAST_SECOND, second_of

_MOST_METRICS: Final = 1_000
# One row a series: what a sum rose by. A cumulative one that falls began anew, and its value is what it rose since.
_SERIES: Final = """
    SELECT metric, series_id, count() AS points, min(said) AS lowest, max(said) AS highest, sum(said) AS total,
        argMax(said, time_ns) AS newest, max(time_ns) AS newest_ns,
        arrayMap(pair -> pair.2, arraySort(groupArray((time_ns, said)))) AS all_said,
        if(any(temporality) = 'delta', total, arraySum((here, before) -> if(here < before, here, here - before),
            arrayPopFront(all_said), arrayPopBack(all_said))) AS rise, any(is_monotonic) AS is_rising
    FROM (
        SELECT metric, series_id, time_ns, if(kind IN ('gauge', 'sum'), value, sum) AS said, temporality, is_monotonic
        FROM raw_points
        WHERE distrusted = 0 AND is_missing = 0
            AND toStartOfInterval(second, INTERVAL 10 SECOND) >= toDateTime({block:UInt32}, 'UTC')
            AND second >= toDateTime({start:UInt32}, 'UTC') AND second <= toDateTime({last:UInt32}, 'UTC')
            {scoped}
        ORDER BY precedence DESC LIMIT 1 BY point_id)
    GROUP BY metric, series_id
"""
_METRICS: Final = """
    SELECT metric, sum(points) AS found, argMax(newest, newest_ns) AS last, min(lowest) AS low, max(highest) AS high,
        sum(total) / sum(points) AS mean, if(max(is_rising) = 1, toNullable(sum(rise)), NULL) AS increase
    FROM ({series}) GROUP BY metric ORDER BY found DESC, metric LIMIT {most}
"""
_ALL: Final = """
    SELECT count() AS found FROM (SELECT 1 FROM raw_points WHERE distrusted = 0 LIMIT 1 BY sipHash128(point_id))
"""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Points of a window."""

    point_count: int
    by_metric: Mapping[str, Figures]


class SelectEngine(Protocol):
    """The part of the telemetry engine that reads."""

    async def select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]: ...


class EngineRuntime:
    """Reads metric points."""

    def __init__(self, engine: SelectEngine) -> None:
        self._engine = engine

    async def measure(self, workspace: WorkspaceId, window: TimeRange, *, tenant: str | None) -> Runtime:
        """Return what the points of `window` say, by metric: the 1,000 with the most points."""
        start = second_of(window.start)
        parameters: dict[str, object] = {
            "start": start,
            "block": start - start % 10,
            "last": min(max(second_of(window.end) - 1, 0), LAST_SECOND),
        }
        if tenant is not None:
            parameters["tenant"] = tenant
        series = _SERIES.replace("{scoped}", "" if tenant is None else "AND tenant = {tenant:String}")
        sql = _METRICS.replace("{series}", series).replace("{most}", str(_MOST_METRICS))
        rows = await self._engine.select([workspace], sql, parameters)
        return Runtime(sum(int(row["found"]) for row in rows), {row["metric"]: _figures_of(row) for row in rows})

    async def count(self, workspace: WorkspaceId) -> int:
        """Return how many points are kept, each once, distrusted ones left out."""
        rows = await self._engine.select([workspace], _ALL)
        return int(rows[0]["found"]) if rows else 0


def _figures_of(row: Mapping[str, Any]) -> Figures:
    return {
        "count": int(row["found"]),
        "last": row["last"],
        "min": row["low"],
        "max": row["high"],
        "mean": row["mean"],
        "increase": row["increase"],
    }
