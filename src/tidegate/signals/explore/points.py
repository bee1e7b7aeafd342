"""The family `runtime` as the other families are looked at: figures, splits and lines of metric points."""

import asyncio
from collections.abc import Sequence

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import Family, Figures, SignalScope, Totals, figures_of
from tidegate.signals.explore.entries import Split
from tidegate.signals.explore.model import Line, Lines, SplitRow
from tidegate.signals.explore.ports import Points
from tidegate.signals.explore.ranges import Span
from tidegate.signals.metric_points import PointsRow

__all__ = ["MetricLooker"]


class MetricLooker:
    """Reads metric points. Values are those of one metric: without one picked only points are counted."""

    def __init__(self, points: Points) -> None:
        self._points = points

    async def figures(self, workspace: WorkspaceId, window: TimeRange, *, scope: SignalScope) -> Figures:
        rows, distrusted = await asyncio.gather(
            self._points.table(workspace, window, scope=scope),
            self._points.distrusted_count(workspace, window, scope=scope),
        )
        figures = _figures(rows[0] if rows else None, is_of_one=scope.object is not None)
        return {**figures, "distrustedCount": distrusted}

    async def split(
        self, workspace: WorkspaceId, window: TimeRange, *, by: Split, scope: SignalScope, limit: int
    ) -> list[SplitRow]:
        rows = await self._points.table(workspace, window, scope=scope, by=by.dimension, limit=limit)
        is_of_one = scope.object is not None or by.dimension == "object"
        return [SplitRow(row.key, _figures(row, is_of_one=is_of_one)) for row in rows]

    async def lines(
        self, workspace: WorkspaceId, span: Span, *, scope: SignalScope, by: Split | None, limit: int
    ) -> Lines:
        rows = await self._points.series(
            workspace, span.window, step_s=span.step_s, scope=scope, by=by.dimension if by else None, limit=limit
        )
        starts = span.starts
        places = {start: place for place, start in enumerate(starts)}
        found: dict[str, list[PointsRow | None]] = {} if by else {"": [None] * len(starts)}
        for row in rows:
            place = places.get(row.start) if row.start is not None else None
            if place is not None:
                found.setdefault(row.key, [None] * len(starts))[place] = row
        is_of_one = scope.object is not None or (by is not None and by.dimension == "object")
        lines = [_line(key, line, is_of_one=is_of_one) for key, line in found.items()]
        lines.sort(key=lambda line: -sum(each.count for each in line.totals))
        units = {row.unit for row in rows} if scope.object is not None else set()
        return Lines(starts, span.step_s, tuple(lines), unit=_unit_words(units.pop()) if len(units) == 1 else "")


def _unit_words(unit: str) -> str:
    """Return a unit as people read it: UCUM writes `1` for none, `By`, and `{request}` for what is counted."""
    return {"1": "", "By": "bytes"}.get(unit, unit.strip("{}"))


def _line(key: str, rows: Sequence[PointsRow | None], *, is_of_one: bool) -> Line:
    totals = tuple(Totals(count=row.count if row else 0) for row in rows)
    return Line(key, totals, tuple(_figures(row, is_of_one=is_of_one) for row in rows))


def _figures(row: PointsRow | None, *, is_of_one: bool) -> Figures:
    counted = figures_of(
        Family.RUNTIME, Totals(count=row.count, replayed_count=row.replayed_count) if row else Totals()
    )
    said = row if is_of_one else None
    return {
        **{name: value for name, value in counted.items() if name != "distrustedCount"},
        "last": said.last if said else None,
        "min": said.low if said else None,
        "max": said.high if said else None,
        "mean": said.mean if said else None,
        "increase": said.increase if said else None,
    }
