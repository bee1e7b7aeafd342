"""Counts of many workspaces step by step as columns, and which minutes changed: for who keeps them in memory.

Contract. A version is published once, by the watermark rising to it, and never changes. So whoever has read all counts
up to a watermark knows everything again by reading the minutes that have a marker above it: late rows, recounts and
erasures give their seconds a newer version, whatever their age. What retention drops has no marker.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.looking import LookingReader
from tidegate.signals.model import DurationsPoint, Family, SignalScope
from tidegate.signals.published import cover
from tidegate.signals.reader import Watermark
from tidegate.signals.steps import StepSums
from tidegate.signals.store import RowsEngine
from tidegate.signals.sums import STORED, facets_of, sums_in, sums_of
from tidegate.storage.native import Words
from tidegate.storage.scope import SCOPE

__all__ = ["SteppedReader"]

_THREADS: Final = 2
_CHANGED: Final = f"""
    SELECT toLowCardinality(workspace) AS workspace_, toUInt32(intDiv(toUInt32(second), 60) * 60) AS minute
    FROM counts
    WHERE {SCOPE} AND family IN ('published', 'published.ai_run') AND resolution = 1
        AND version > {{since:UInt64}} AND version <= {{watermark:UInt64}}
    GROUP BY workspace_, minute
"""


class SteppedReader:
    """Keeps the promises of `StepCounts`: reads what is published up to a watermark that the caller has taken."""

    def __init__(self, engine: RowsEngine, *, watermark: Watermark, reader: LookingReader) -> None:
        self._engine = engine
        self._watermark = watermark
        self._reader = reader

    async def watermark(self, workspaces: Collection[WorkspaceId]) -> int:
        """Return up to which version counts may be read.

        Raises:
            UnavailableError: telemetry waits too long to be counted.
        """
        return await self._watermark(workspaces)

    async def changed(
        self, workspaces: Collection[WorkspaceId], *, since: int, watermark: int
    ) -> dict[WorkspaceId, set[int]]:
        """Return the minutes, as Unix seconds, of which something was published above `since`."""
        if since >= watermark or not workspaces:
            return {}
        columns = await self._engine.columns(
            sorted(workspaces), _CHANGED, {"since": since, "watermark": watermark}, threads=_THREADS
        )
        found: dict[WorkspaceId, set[int]] = {}
        if columns.row_count:
            names = columns.words["workspace_"]
            for code, minute in zip(names.codes.tolist(), columns.numbers["minute"].tolist(), strict=True):
                found.setdefault(WorkspaceId(names.words[code]), set()).add(minute)
        return found

    async def sums(  # noqa: PLR0913 - a question and its parts
        self,
        workspaces: Collection[WorkspaceId],
        family: Family,
        window: TimeRange,
        *,
        step_s: int,
        watermark: int,
        services: Collection[str],
        steps: Sequence[int] | None = None,
        by_tenant: bool = True,
    ) -> StepSums:
        """Return the sums of `family` in `window`, or in some `steps` of it; replayed rows are left out.

        One statement for all workspaces. Steps are whole minutes that divide an hour. Not `by_tenant`, all tenants
        stand under the empty name.
        """
        names = STORED[family]
        picked = cover(
            window, 60, names, coarsest_s=3_600 if step_s % 3_600 == 0 else 60, is_of_many=len(workspaces) > 1
        )
        facets, keys = facets_of([family], with_replayed=False)
        step = "toUInt32(intDiv(toUInt32(counts.second), {step:UInt32}) * {step:UInt32})"
        tenant = "counts.tenant" if by_tenant else "''"
        some = "" if steps is None else f" AND {step} IN ({{steps:Array(UInt32)}})"
        sql = f"""
            SELECT toLowCardinality(counts.workspace) AS workspace_, service, environment,
                toLowCardinality({tenant}) AS tenant_, {step} AS by_step, {facets}, {sums_of([family])}
            FROM counts
            WHERE {SCOPE} AND counts.family IN ({{families:Array(String)}}) AND counts.replayed = 0
                AND service IN ({{services:Array(String)}}) AND {picked.condition}{some}
            GROUP BY workspace_, service, environment, tenant_, by_step{keys}
        """
        parameters: dict[str, Any] = {
            **picked.parameters,
            "families": list(names),
            "services": sorted(services),
            "step": step_s,
            "watermark": watermark,
        }
        if steps is not None:
            parameters["steps"] = list(steps)
        columns = await self._engine.columns(sorted(workspaces), sql, parameters, threads=_THREADS)
        own = ("workspace_", "service", "environment", "tenant_")
        first, fields = sums_in(columns, family, (*own, "by_step")) if columns.row_count else (np.zeros(0, int), {})
        if not len(first):
            return StepSums(np.zeros(0, np.int64), {name.rstrip("_"): Words((), np.zeros(0, int)) for name in own}, {})
        return StepSums(
            columns.numbers["by_step"][first].astype(np.int64),
            {name.rstrip("_"): Words(columns.words[name].words, columns.words[name].codes[first]) for name in own},
            fields,
        )

    async def duration_series(
        self, workspace: WorkspaceId, family: Family, window: TimeRange, *, step_s: int, scope: SignalScope
    ) -> list[DurationsPoint]:
        """Return how long events took in each step that has some."""
        return await self._reader.duration_series(workspace, family, window, step_s=step_s, scope=scope)
