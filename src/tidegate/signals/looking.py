"""What pages read beyond totals: quantiles of every step, and all families at once."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.model import Durations, DurationsPoint, Family, SeriesPoint, SignalScope, Totals
from tidegate.signals.ports import Dimension, Whole
from tidegate.signals.published import second_of
from tidegate.signals.quantiles import DURATION_SUMS, durations_by_group, durations_of, upper_bound_ms
from tidegate.signals.reader import RollupReader
from tidegate.signals.sums import STORED, facets_of, sums_of, totals_in
from tidegate.storage.native import Columns

__all__ = ["LookingReader"]

_THREADS: Final = 2
_COUNTED: Final = tuple(family for family in Family if family is not Family.RUNTIME)  # points are no counts
_NAMES: Final = tuple(dict.fromkeys(name for family in _COUNTED for name in STORED[family]))
_STEP: Final = "toUInt32(intDiv(toUInt32(counts.second), {step:UInt32}) * {step:UInt32})"


class LookingReader(RollupReader):
    """Keeps the promises of `LookingAtMore` as well."""

    async def every_total(
        self, workspace: WorkspaceId, window: TimeRange, *, scope: SignalScope
    ) -> dict[Family, tuple[Totals, Durations | None]]:
        columns, hidden, timed = await asyncio.gather(
            self._every_facet(workspace, window, scope=scope),
            self._every_distrusted(workspace, window, scope=scope),
            self._every_duration(workspace, window, scope=scope),
        )
        return {
            family: (
                replace(totals_in(columns, family, ()).get((), Totals()), distrusted_count=hidden.get(family.value, 0)),
                timed.get(family.value),
            )
            for family in _COUNTED
        }

    async def every_series(
        self, workspace: WorkspaceId, window: TimeRange, *, step_s: int, scope: SignalScope
    ) -> dict[Family, list[SeriesPoint]]:
        columns = await self._every_facet(workspace, window, scope=scope, step_s=step_s)
        return {
            family: [
                SeriesPoint(datetime.fromtimestamp(step, UTC), "", totals)
                for (step,), totals in sorted(totals_in(columns, family, ("by_step",)).items())
            ]
            for family in _COUNTED
        }

    async def _every_facet(
        self, workspace: WorkspaceId, window: TimeRange, *, scope: SignalScope, step_s: int | None = None
    ) -> Columns:
        facets, keys = facets_of(_COUNTED)
        step = "" if step_s is None else f"{_STEP} AS by_step, "
        sql, bound = await self._statement(
            workspace,
            _NAMES,
            f"{step}{facets}, {sums_of(_COUNTED)}",
            window,
            scope=scope,
            more="",
            tail=f"GROUP BY {keys.removeprefix(', ')}{', by_step' if step else ''}",
            coarsest_s=3_600 if step_s is None else _coarsest(step_s),
        )
        if step_s is not None:
            bound |= {"step": step_s}
        return await self._answers.to(
            [workspace], sql, bound, lambda: self._engine.columns([workspace], sql, bound, threads=_THREADS)
        )

    async def _every_distrusted(
        self, workspace: WorkspaceId, window: TimeRange | None, *, scope: SignalScope
    ) -> Mapping[str, int]:
        """Return how many came in during the window, whenever they say that they happened."""
        more, parameters = "", dict[str, object]()
        if window is not None:
            more = " AND arrived >= toDateTime({from:UInt32}, 'UTC') AND arrived < toDateTime({to:UInt32}, 'UTC')"
            parameters = {"from": second_of(window.start), "to": second_of(window.end)}
        rows = await self._rows(
            workspace,
            [f"{family.value}.distrusted" for family in _COUNTED],
            "sum(weight_milli) AS found",
            None,
            scope=scope,
            by=("family",),
            more=more,
            parameters=parameters,
        )
        return {str(row["family"]).removesuffix(".distrusted"): int(row["found"]) // 1000 for row in rows}

    async def _every_duration(
        self, workspace: WorkspaceId, window: TimeRange, *, scope: SignalScope
    ) -> Mapping[str, Durations]:
        if scope.tenant is not None:
            return {}
        rows = await self._every_bucket(workspace, window, scope=scope)
        return {name: durations_of(found) for name, found in rows.items()}

    async def _every_bucket(
        self, workspace: WorkspaceId, window: TimeRange | None, *, scope: SignalScope
    ) -> Mapping[str, list[dict[str, Any]]]:
        """Return the buckets of durations of each family, ascending."""
        rows = await self._rows(
            workspace,
            [f"{family.value}.duration" for family in _COUNTED],
            f"bucket, {DURATION_SUMS}",
            window,
            scope=scope,
            by=("family",),
            group=("family", "bucket"),
            tail="ORDER BY family, bucket",
        )
        parts: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            parts[str(row["family"]).removesuffix(".duration")].append(row)
        return parts

    async def grouped(  # noqa: PLR0913 - the parts of a statement
        self,
        workspace: WorkspaceId,
        names: Collection[str],
        columns: str,
        window: TimeRange,
        *,
        more: str,
        tail: str,
        parameters: Mapping[str, object],
        coarsest_s: int,
    ) -> Columns:
        """Return `columns` of the counts under `names` in `window`, from buckets of `coarsest_s` at most."""
        sql, bound = await self._statement(
            workspace, names, columns, window, scope=SignalScope(), more=more, tail=tail, coarsest_s=coarsest_s
        )
        return await self._engine.columns([workspace], sql, {**bound, **parameters}, threads=_THREADS)

    async def distrusted(self, workspace: WorkspaceId, window: TimeRange, *, scope: SignalScope) -> Mapping[str, int]:
        """Return by family how many events that are not believed came in during `window`."""
        return await self._every_distrusted(workspace, window, scope=scope)

    async def every_whole(
        self, workspace: WorkspaceId, splits: Mapping[Family, Sequence[Dimension]]
    ) -> dict[Family, Whole]:
        every = SignalScope()
        stored, hidden, timed = await asyncio.gather(
            self._rows(workspace, _NAMES, "sum(count) AS found", None, scope=every, by=("family",)),
            self._every_distrusted(workspace, None, scope=every),
            self._every_bucket(workspace, None, scope=every),
        )
        names = {str(row["family"]) for row in stored}
        found = {}
        for family, by in splits.items():
            totals, counts = Totals(), {one: dict[str, Totals]() for one in by}
            if not names.isdisjoint(STORED.get(family, ())):  # a statement costs as much where there is nothing
                totals, counts = await self.whole(workspace, family, by=by)
            rows = timed.get(family.value, [])
            found[family] = Whole(
                replace(totals, distrusted_count=hidden.get(family.value, 0)),
                counts,
                [(upper_bound_ms(int(row["bucket"])), int(row["weight"]) // 1000) for row in rows],
                sum(int(row["spent_us"]) for row in rows) / 1_000_000,
            )
        return found

    async def duration_series(  # noqa: PLR0913 - a question and its six parts
        self,
        workspace: WorkspaceId,
        family: Family,
        window: TimeRange,
        *,
        step_s: int,
        by: Dimension | None = None,
        scope: SignalScope,
        limit: int = 20,
    ) -> list[DurationsPoint]:
        if scope.tenant is not None or by == "tenant":
            return []
        finest = await self.resolution_s(workspace, window, step_s=step_s)
        step = max(step_s + -step_s % finest, finest)
        more, parameters = "", dict[str, object]({"step": step})
        key = "toLowCardinality('')"
        if by is not None:
            largest = await self.totals_by(workspace, family, window, by=by, scope=scope, limit=limit)
            key = f"toLowCardinality(toString(counts.{by}))"
            more, parameters["keys"] = f" AND toString(counts.{by}) IN ({{keys:Array(String)}})", list(largest)
        sql, bound = await self._statement(
            workspace,
            (f"{family.value}.duration",),
            f"{_STEP} AS by_step, {key} AS by_key, toInt32(bucket) AS of_bucket, {DURATION_SUMS}",
            window,
            scope=scope,
            more=more,
            tail="GROUP BY by_step, by_key, of_bucket",
            coarsest_s=_coarsest(step),
        )
        bound |= parameters
        columns = await self._answers.to(
            [workspace], sql, bound, lambda: self._engine.columns([workspace], sql, bound, threads=_THREADS)
        )
        steps, keys = columns.numbers["by_step"].astype(np.int64), columns.words["by_key"]
        count = max(len(keys.words), 1)
        numbers = columns.numbers
        found = durations_by_group(
            steps * count + keys.codes, numbers["of_bucket"], numbers["weight"], numbers["spent_us"]
        )
        return [
            DurationsPoint(datetime.fromtimestamp(group // count, UTC), keys.words[group % count], durations)
            for group, durations in sorted(found.items())
        ]


def _coarsest(step_s: int) -> int:
    """Return the coarsest buckets that end where steps end."""
    return next(one for one in (3_600, 60, 1) if step_s % one == 0)
