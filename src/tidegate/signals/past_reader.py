"""Counts by subject and step, out of seconds, minutes and hours: one statement answers for a whole grouping."""

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from typing import Final, Self

import numpy as np

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.grouped import (
    AS_WORD,
    CountedRows,
    GroupedReader,
    groups_in,
    places_in,
    words_in,
)
from tidegate.signals.model import Family
from tidegate.signals.past import MAX_STEP_ROWS, NO_STEPS, Stepped, StepRows
from tidegate.signals.ports import Dimension
from tidegate.signals.published import cover, second_of
from tidegate.signals.quantiles import DURATION_SUMS
from tidegate.signals.steps import is_milli
from tidegate.signals.subjects import Where
from tidegate.signals.sums import STORED, facets_of, sums_of
from tidegate.storage.native import Columns, Numbers
from tidegate.storage.scope import SCOPE

__all__ = ["CountedSteps", "PastReader"]

_THREADS: Final = 2
_HOUR_S: Final = 3_600


class _Rows:
    """Rows of one statement with the step of each."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    @property
    def row_count(self) -> int:
        return self._columns.row_count

    def _picked(self, rows: Numbers, where: Where) -> Numbers:
        for dimension, is_meant in where:
            words = words_in(self._columns, dimension)
            rows = rows[np.array([is_meant(word) for word in words.words], bool)[words.codes[rows]]]
        return rows

    def _places(
        self, rows: Numbers, group_by: Sequence[Dimension]
    ) -> tuple[list[tuple[WorkspaceId, tuple[str, ...]]], Numbers]:
        """Return the places of `rows`, and which of them each is at."""
        by = [words_in(self._columns, name) for name in group_by if name != "tenant"]
        owner = self._columns.words["workspace"]
        first, place = groups_in([owner.codes[rows], *(one.codes[rows] for one in by)])
        return places_in(owner, by, rows[first]), place

    def _step(self, rows: Numbers) -> Numbers:
        return self._columns.numbers["by_step"][rows].astype(np.int64)


class CountedSteps(_Rows):
    def of(self, family: Family, group_by: Sequence[Dimension], where: Where, fields: Collection[str]) -> Stepped:
        counted = CountedRows(self._columns)
        rows = self._picked(counted.rows_of(family), where)
        if not len(rows):
            return NO_STEPS
        places, place = self._places(rows, group_by)
        own = np.zeros(0, np.int64)
        tenants: Sequence[str] = ()
        subject_place, subject_tenant = np.arange(len(places)), np.full(len(places), -1, np.int64)
        of_tenant = own
        if "tenant" in group_by:
            words = words_in(self._columns, "tenant")
            tenants = words.words
            is_named = np.array([bool(word) for word in tenants], bool)
            own = np.flatnonzero(is_named[words.codes[rows]])
            first, of_tenant = groups_in([place[own], words.codes[rows[own]]]) if len(own) else (own, own)
            subject_place = np.concatenate([subject_place, place[own][first]])
            subject_tenant = np.concatenate([subject_tenant, words.codes[rows[own][first]].astype(np.int64)])
        all_rows = np.concatenate([rows, rows[own]])
        subject = np.concatenate([place, of_tenant + len(places)])
        step = self._step(all_rows)
        first, pair = groups_in([subject, step])
        sums = counted.raw_sums(all_rows, pair, len(first), fields)
        return Stepped(places, subject_place, tenants, subject_tenant, subject[first], step[first], sums,
                       frozenset(name for name in sums if is_milli(name)))  # fmt: skip


class _TimedSteps(_Rows):
    def of(self, family: Family, group_by: Sequence[Dimension], where: Where, fields: Collection[str]) -> Stepped:
        del fields
        stored = self._columns.words["family"]
        wanted = np.array([word == f"{family.value}.duration" for word in stored.words], bool)
        rows = np.flatnonzero(wanted[stored.codes]) if len(stored.codes) else np.zeros(0, np.int64)
        rows = self._picked(rows, where)
        if not len(rows):
            return NO_STEPS
        places, place = self._places(rows, group_by)
        numbers = self._columns.numbers
        sums = {name: numbers[name][rows].astype(np.int64) for name in ("weight", "spent_us")}
        return Stepped(places, np.arange(len(places)), (), np.full(len(places), -1, np.int64), place, self._step(rows),
                       sums, bucket=numbers["bucket"][rows].astype(np.int64))  # fmt: skip


class _TelemetrySteps(_Rows):
    """Spans and log records, those that are hidden by when they came in."""

    def __init__(self, seen: Columns, hidden: Columns) -> None:
        super().__init__(seen)
        self._hidden = hidden

    @property
    def row_count(self) -> int:
        return self._columns.row_count + self._hidden.row_count

    def of(self, family: Family, group_by: Sequence[Dimension], where: Where, fields: Collection[str]) -> Stepped:
        del family, group_by, where, fields
        places: dict[tuple[WorkspaceId, tuple[str, ...]], int] = {}
        parts = []
        for columns in (self._columns, self._hidden):
            owner, service = columns.words["workspace"], words_in(columns, "service")
            named = places_in(owner, [service], np.arange(columns.row_count))
            parts.append(np.array([places.setdefault(one, len(places)) for one in named], np.int64))
        subject = np.concatenate(parts)
        if not len(subject):
            return NO_STEPS
        step = np.concatenate([one.numbers["by_step"].astype(np.int64) for one in (self._columns, self._hidden)])
        weight = [one.numbers["weight"].astype(np.int64) for one in (self._columns, self._hidden)]
        first, pair = groups_in([subject, step])
        sums = {name: np.zeros(len(first), np.int64) for name in ("count", "distrusted_count")}
        np.add.at(sums["count"], pair, np.concatenate(weight))
        np.add.at(sums["distrusted_count"], pair, np.concatenate([np.zeros_like(weight[0]), weight[1]]))
        return Stepped(list(places), np.arange(len(places)), (), np.full(len(places), -1, np.int64), subject[first],
                       step[first], sums, frozenset(sums))  # fmt: skip


class PastReader(GroupedReader):
    """Keeps the promises of `StepReader` as well."""

    counts_replayed = False

    def with_replayed(self) -> Self:
        found = copy(self)
        found.counts_replayed = True
        return found

    async def finest_step_s(self, workspace: WorkspaceId, window: TimeRange) -> int:
        return await self.resolution_s(workspace, window, step_s=1)

    async def counted_steps(
        self, workspace: WorkspaceId, families: Collection[Family], window: TimeRange, dimensions: Sequence[Dimension],
        *, step_s: int,
    ) -> StepRows:  # fmt: skip
        asked = sorted(families)
        facets, keys = facets_of(asked, with_replayed=False)
        names = [name for family in asked for name in STORED[family]]
        return CountedSteps(
            await self._by_step(
                workspace, window, names, f"{facets}, {sums_of(asked)}", dimensions, keys, step_s=step_s
            )
        )

    async def timed_steps(
        self, workspace: WorkspaceId, families: Collection[Family], window: TimeRange, dimensions: Sequence[Dimension],
        *, step_s: int,
    ) -> StepRows:  # fmt: skip
        names = [f"{family.value}.duration" for family in sorted(families)]
        sums = f"counts.family AS family, bucket, {DURATION_SUMS}"
        return _TimedSteps(
            await self._by_step(workspace, window, names, sums, dimensions, ", family, bucket", step_s=step_s)
        )

    async def telemetry_steps(self, workspace: WorkspaceId, window: TimeRange, *, step_s: int) -> StepRows:
        weight = "sum(weight_milli) AS weight"
        seen = await self._by_step(workspace, window, ["span", "log"], weight, ("service",), "", step_s=step_s)
        names = ["span.distrusted", "log.distrusted"]
        hidden = await self._by_step(
            workspace, window, names, weight, ("service",), "", step_s=step_s, moment="counts.arrived"
        )
        return _TelemetrySteps(seen, hidden)

    async def _by_step(  # noqa: PLR0913, PLR0917 - the parts of a statement
        self,
        workspace: WorkspaceId,
        window: TimeRange,
        names: Sequence[str],
        sums: str,
        dimensions: Sequence[Dimension],
        keys: str,
        *,
        step_s: int,
        moment: str = "counts.second",
    ) -> Columns:
        coarsest_s = next(one for one in (_HOUR_S, 60, 1) if step_s % one == 0)
        watermark = await self._watermark([workspace])
        start, end = second_of(window.start), second_of(window.end)
        parameters: Mapping[str, object] = {"origin": start, "until": end, "step": step_s}
        if moment == "counts.second":
            resolution_s = await self._resolution(workspace, window, step_s=coarsest_s, watermark=watermark)
            picked = cover(window, resolution_s, names, coarsest_s=coarsest_s)
        else:  # by when it came, whenever it says that it was
            picked = cover(None, 1, names)
        step = f"toUInt32(intDiv(toInt64(toUInt32({moment})) - {{origin:UInt32}}, {{step:UInt32}}))"
        by = "".join(f"{AS_WORD[name]} AS by_{name}, " for name in dimensions)
        by_keys = "".join(f", by_{name}" for name in dimensions)
        left_out = "" if self.counts_replayed else " AND counts.replayed = 0"
        sql = f"""
            SELECT * EXCEPT (owner), toLowCardinality(owner) AS workspace FROM (
                SELECT any(counts.workspace) AS owner, {step} AS by_step, {by} {sums}
                FROM counts
                WHERE {SCOPE} AND counts.family IN ({{families:Array(String)}}){left_out}
                    AND {picked.condition}
                    AND {moment} >= toDateTime({{origin:UInt32}}, 'UTC')
                    AND {moment} < toDateTime({{until:UInt32}}, 'UTC')
                GROUP BY by_step{by_keys}{keys}
                LIMIT {MAX_STEP_ROWS + 1})
        """
        bound = {**picked.parameters, **parameters, "families": list(names), "watermark": watermark}
        return await self._engine.columns([workspace], sql, bound, threads=_THREADS)
