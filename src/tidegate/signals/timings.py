"""How long events took, over time: quantiles of every step, out of the buckets that are kept."""

from datetime import UTC, datetime

import numpy as np

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.model import DurationsPoint, Family, SignalScope
from tidegate.signals.ports import Dimension
from tidegate.signals.quantiles import DURATION_SUMS, durations_by_group
from tidegate.signals.reader import RollupReader

__all__ = ["TimedReader"]

_THREADS = 2


class TimedReader(RollupReader):
    """Keeps the promises of `TimingReader` as well."""

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
            f"toUInt32(intDiv(toUInt32(counts.second), {{step:UInt32}}) * {{step:UInt32}}) AS by_step, {key} AS by_key,"
            f" toInt32(bucket) AS of_bucket, {DURATION_SUMS}",
            window,
            scope=scope,
            more=more,
            tail="GROUP BY by_step, by_key, of_bucket",
            coarsest_s=next(one for one in (3_600, 60, 1) if step % one == 0),
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
