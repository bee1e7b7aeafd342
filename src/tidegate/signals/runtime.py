"""The family `runtime`: what metric points of a window say, read from the points themselves."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.metric_points import HIDDEN, EnginePoints, PointsRow, SelectEngine
from tidegate.signals.model import Figures, SignalScope, Totals
from tidegate.storage.scope import SCOPE

_MOST_METRICS: Final = 1_000
_ALL: Final = f"""
    SELECT countIf(is_hidden = 0) AS found, countIf(is_hidden = 1) AS hidden
    FROM (SELECT {HIDDEN} AS is_hidden FROM raw_points WHERE {SCOPE} LIMIT 1 BY sipHash128(point_id), is_hidden)
"""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Points of a window."""

    point_count: int
    distrusted_count: int
    """Points that came in during the window and are in no figure."""
    by_metric: Mapping[str, Figures]


class EngineRuntime:
    """Reads metric points."""

    def __init__(self, engine: SelectEngine) -> None:
        self._engine = engine
        self._points = EnginePoints(engine)

    async def measure(self, workspace: WorkspaceId, window: TimeRange, *, tenant: str | None) -> Runtime:
        """Return what the points of `window` say, by metric: the 1,000 with the most points."""
        scope = SignalScope(tenant=tenant)
        rows, distrusted = await asyncio.gather(
            self._points.table(workspace, window, scope=scope, by="object", limit=_MOST_METRICS),
            self._points.distrusted_count(workspace, window, scope=scope),
        )
        return Runtime(sum(row.count for row in rows), distrusted, {row.key: _figures_of(row) for row in rows})

    async def totals(self, workspace: WorkspaceId) -> Totals:
        """Return how many points are kept, each once, and how many more cannot be believed."""
        rows = await self._engine.select([workspace], _ALL)
        return Totals(count=int(rows[0]["found"]), distrusted_count=int(rows[0]["hidden"])) if rows else Totals()


def _figures_of(row: PointsRow) -> Figures:
    return {
        "count": row.count,
        "last": row.last,
        "min": row.low,
        "max": row.high,
        "mean": row.mean,
        "increase": row.increase,
    }
