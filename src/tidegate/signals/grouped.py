"""Subjects of rules as columns: services, tenants, routes … of a window with their sums, for thousands of rules.

A statement answers for all families and all rules of one window and one set of dimensions; what single rules leave out
or put together is done here in numpy, because the engine plans a statement for longer than it runs it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import numpy as np

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.looking import LookingReader
from tidegate.signals.model import Family
from tidegate.signals.ports import Dimension
from tidegate.signals.published import cover, second_of
from tidegate.signals.quantiles import DURATION_SUMS, durations_by_group
from tidegate.signals.steps import is_milli
from tidegate.signals.subjects import NO_SUBJECTS, Grouped, SubjectRows, Where
from tidegate.signals.sums import _FLAGS, _WORDS, STORED, Facet, facets_of, fields_of, sums_of
from tidegate.storage.native import Columns, Numbers, Words
from tidegate.storage.scope import SCOPE

__all__ = ["CountedRows", "GroupedReader"]

_THREADS: Final = 2
_WORKSPACES_A_STATEMENT: Final = 500  # a claim names at most 1,000, and stands in a header
_DENSE: Final = 1 << 22  # keys up to here are grouped by a table of 4 MB instead of by sorting
_TIMES: Final = ("mean_ms", "p50_ms", "p95_ms", "p99_ms")


class CountedRows:
    """Rows of facets, put together as rules ask for them."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self._families: dict[Family, Numbers] = {}

    def of(self, family: Family, group_by: Sequence[Dimension], where: Where, fields: Collection[str]) -> Grouped:
        rows = self.rows_of(family)
        for dimension, is_meant in where:
            words = words_in(self.columns, dimension)
            rows = rows[np.array([is_meant(word) for word in words.words], bool)[words.codes[rows]]]
        if not len(rows):
            return NO_SUBJECTS
        by = [words_in(self.columns, name) for name in group_by if name != "tenant"]
        owner = self.columns.words["workspace"]
        first, place = groups_in([owner.codes[rows], *(one.codes[rows] for one in by)])
        places = places_in(owner, by, rows[first])
        sums = self._sums(rows, place, len(first), fields)
        whole = np.arange(len(first), dtype=np.int64)
        if "tenant" not in group_by:
            return _alive(Grouped(places, whole, (), np.full(len(first), -1, np.int64), sums))
        tenants = words_in(self.columns, "tenant")
        empty = [code for code, word in enumerate(tenants.words) if not word]
        own = np.flatnonzero(~np.isin(tenants.codes[rows], empty)) if empty else np.arange(len(rows))
        tenant_first, subject = groups_in([place[own], tenants.codes[rows[own]]])
        more = self._sums(rows[own], subject, len(tenant_first), fields)
        return _alive(
            Grouped(
                places,
                np.concatenate([whole, place[own][tenant_first]]),
                tenants.words,
                np.concatenate([np.full(len(first), -1, np.int64), tenants.codes[rows[own][tenant_first]]]),
                {name: np.concatenate([sums[name], more[name]]) for name in sums},
            )
        )

    def rows_of(self, family: Family) -> Numbers:
        """Return the rows that are about `family`."""
        found = self._families.get(family)
        if found is None:
            stored = self.columns.words["family"]
            wanted = np.array([word in STORED[family] for word in stored.words], bool)
            found = np.flatnonzero(wanted[stored.codes]) if len(stored.codes) else np.zeros(0, np.int64)
            self._families[family] = found
        return found

    def _sums(self, rows: Numbers, group: Numbers, count: int, fields: Collection[str]) -> dict[str, Numbers]:
        sums = self.raw_sums(rows, group, count, fields)
        return {name: found // 1000 if is_milli(name) else found for name, found in sums.items()}

    def raw_sums(self, rows: Numbers, group: Numbers, count: int, fields: Collection[str]) -> dict[str, Numbers]:
        """Return sums of `rows` by `group`, adjusted counts in thousandths."""
        sums: dict[str, Numbers] = {name: np.zeros(count, np.int64) for name in fields}
        if not len(rows):
            return sums
        words = [self.columns.words[name] for name in _WORDS]
        flags = [self.columns.numbers[name] for name in _FLAGS]
        first, facet = groups_in([*(one.codes[rows] for one in words), *(one[rows] for one in flags)])
        masks: dict[tuple[str, str], list[int]] = {}
        for position, row in enumerate(rows[first].tolist()):
            of_row = Facet(
                *(column.words[column.codes[row]] for column in words), *(int(column[row]) for column in flags)
            )
            for name, source in fields_of(of_row).items():
                if name in sums:
                    masks.setdefault((name, source), []).append(position)
        for (name, source), positions in masks.items():
            values = self.columns.numbers[f"{source}_sum"]
            if len(positions) == len(first):
                _add(sums, name, group, values[rows])
            else:
                own = np.flatnonzero(np.isin(facet, positions))
                _add(sums, name, group[own], values[rows[own]])
        return sums


class TimedRows:
    """Buckets of durations, put together as rules ask for them."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def of(self, family: Family, group_by: Sequence[Dimension], where: Where, fields: Collection[str]) -> Grouped:
        del fields
        stored = self._columns.words["family"]
        wanted = np.array([word == f"{family.value}.duration" for word in stored.words], bool)
        rows = np.flatnonzero(wanted[stored.codes]) if len(stored.codes) else np.zeros(0, np.int64)
        for dimension, is_meant in where:
            words = words_in(self._columns, dimension)
            rows = rows[np.array([is_meant(word) for word in words.words], bool)[words.codes[rows]]]
        if not len(rows):
            return NO_SUBJECTS
        by = [words_in(self._columns, name) for name in group_by if name != "tenant"]
        owner = self._columns.words["workspace"]
        first, place = groups_in([owner.codes[rows], *(one.codes[rows] for one in by)])
        numbers = self._columns.numbers
        found = durations_by_group(place, numbers["bucket"][rows], numbers["weight"][rows], numbers["spent_us"][rows])
        known = np.array(sorted(found), np.int64)
        times = [found[one] for one in known.tolist()]
        sums: dict[str, Numbers] = {name: np.array([getattr(one, name) for one in times], float) for name in _TIMES}
        sums["count"] = np.array([one.count for one in times], np.int64)
        return Grouped(places_in(owner, by, rows[first]), known, (), np.full(len(known), -1, np.int64), sums)


class _TelemetryRows:
    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def of(self, family: Family, group_by: Sequence[Dimension], where: Where, fields: Collection[str]) -> Grouped:
        del family, where, fields
        rows = np.arange(self._columns.row_count)
        if not len(rows):
            return NO_SUBJECTS
        by = [words_in(self._columns, name) for name in group_by if name != "tenant"]
        owner = self._columns.words["workspace"]
        first, place = groups_in([owner.codes[rows], *(one.codes[rows] for one in by)])
        sums: dict[str, Numbers] = {name: np.zeros(len(first), np.int64) for name in ("count", "distrusted_count")}
        hidden = self._columns.numbers["hidden"].astype(np.int64)
        _add(sums, "count", place, self._columns.numbers["seen"].astype(np.int64) + hidden)
        _add(sums, "distrusted_count", place, hidden)
        whole = np.arange(len(first), dtype=np.int64)
        sums = {name: found // 1000 for name, found in sums.items()}
        return _alive(Grouped(places_in(owner, by, rows[first]), whole, (), np.full(len(first), -1, np.int64), sums))


class GroupedReader(LookingReader):
    """Keeps the promises of `SubjectReader` as well."""

    async def counted_rows(
        self,
        workspaces: Collection[WorkspaceId],
        families: Collection[Family],
        window: TimeRange,
        dimensions: Sequence[Dimension],
    ) -> Sequence[SubjectRows]:
        asked = sorted(families)
        names = [name for family in asked for name in STORED[family]]
        facets, keys = facets_of(asked, with_replayed=False)
        found = await self._read(workspaces, window, names, f"{facets}, {sums_of(asked)}", dimensions, keys)
        return [CountedRows(columns) for columns in found]

    async def timed_rows(
        self,
        workspaces: Collection[WorkspaceId],
        families: Collection[Family],
        window: TimeRange,
        dimensions: Sequence[Dimension],
    ) -> Sequence[SubjectRows]:
        names = [f"{family.value}.duration" for family in sorted(families)]
        sums = f"counts.family AS family, bucket, {DURATION_SUMS}"
        found = await self._read(workspaces, window, names, sums, dimensions, ", family, bucket")
        return [TimedRows(columns) for columns in found]

    async def telemetry_rows(self, workspaces: Collection[WorkspaceId], window: TimeRange) -> Sequence[SubjectRows]:
        seen = await self._read(workspaces, window, ["span", "log"], SEEN, ("service",), "")
        hidden = await self._read(
            workspaces,
            None,
            ["span.distrusted", "log.distrusted"],
            HIDDEN,
            ("service",),
            "",
            more=" AND arrived >= toDateTime({from:UInt32}, 'UTC') AND arrived < toDateTime({to:UInt32}, 'UTC')",
            parameters={"from": second_of(window.start), "to": second_of(window.end)},
        )
        return [_TelemetryRows(joined_rows([*seen, *hidden]))] if seen or hidden else []

    async def _read(  # noqa: PLR0913, PLR0917 - the parts of a statement
        self,
        workspaces: Collection[WorkspaceId],
        window: TimeRange | None,
        names: Sequence[str],
        sums: str,
        dimensions: Sequence[Dimension],
        keys: str,
        *,
        more: str = "",
        parameters: Mapping[str, object] | None = None,
    ) -> list[Columns]:
        ordered = sorted(workspaces)
        watermark = await self._watermark(ordered)
        found: list[Columns] = []
        for start in range(0, len(ordered), _WORKSPACES_A_STATEMENT):
            some = ordered[start : start + _WORKSPACES_A_STATEMENT]
            parts: Sequence[tuple[int, Sequence[WorkspaceId]]] = [(1, some)]
            if window is not None:
                parts = await self._resolutions(some, window, watermark=watermark)
            for resolution_s, own in parts:
                picked = cover(window, resolution_s, names, is_of_many=len(own) > 1)
                workspace = "workspace, " if len(own) > 1 else ""  # a key more takes a third longer
                owner = "counts.workspace" if workspace else "any(counts.workspace)"
                by = "".join(f"{AS_WORD[name]} AS by_{name}, " for name in dimensions)
                by_keys = ", ".join(f"by_{name}" for name in dimensions)
                sql = f"""
                    SELECT * EXCEPT (owner), toLowCardinality(owner) AS workspace FROM (
                        SELECT {owner} AS owner, {by} {sums}
                        FROM counts
                        WHERE {SCOPE} AND counts.family IN ({{families:Array(String)}}) AND counts.replayed = 0
                            AND {picked.condition} {more}
                        GROUP BY {workspace}{by_keys}{keys})
                """
                bound = {**picked.parameters, **(parameters or {}), "families": list(names), "watermark": watermark}
                found.append(await self._engine.columns(own, sql, bound, threads=_THREADS))
        return found


SEEN: Final = "sum(weight_milli) AS seen, toUInt64(0) AS hidden"
HIDDEN: Final = "toUInt64(0) AS seen, sum(weight_milli) AS hidden"
AS_WORD: Final[Mapping[Dimension, str]] = {
    name: f"toLowCardinality(toString(counts.{name}))"
    for name in (
        "service", "environment", "release", "tenant", "route", "status", "error_code", "model", "provider", "outcome",
        "object", "detail", "source",
    )
}  # fmt: skip


def words_in(columns: Columns, dimension: Dimension) -> Words:
    return columns.words[f"by_{dimension}"]


def places_in(owner: Words, by: Sequence[Words], rows: Numbers) -> list[tuple[WorkspaceId, tuple[str, ...]]]:
    values = [[column.words[code] for code in column.codes[rows].tolist()] for column in (owner, *by)]
    return [(WorkspaceId(one[0]), tuple(one[1:])) for one in zip(*values, strict=True)]


def _add(sums: dict[str, Numbers], name: str, group: Numbers, values: Numbers) -> None:
    if values.dtype == object and sums[name].dtype != object:
        sums[name] = sums[name].astype(object)
    add: Any = np.maximum if name == "limit_micro" else np.add
    add.at(sums[name], group, values if values.dtype == object else values.astype(np.int64))


def groups_in(columns: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
    """Return the first row of each group of equal rows, and the group of each row."""
    count = len(columns[0])
    key = np.zeros(count, np.int64)
    size = 1
    for column in columns:
        width = int(column.max()) + 1 if count else 1
        if width == 1:
            continue
        if size * width >= 1 << 62:
            _, key = np.unique(key, return_inverse=True)
            size = count
        key = key * width + column
        size *= width
    if size == 1:
        return np.zeros(min(count, 1), np.int64), key
    if size > _DENSE:
        _, first, group = np.unique(key, return_index=True, return_inverse=True)
        return first, group
    first_of = np.full(size, -1, np.int64)
    first_of[key[::-1]] = np.arange(count - 1, -1, -1)
    is_used = first_of >= 0
    first = first_of[is_used]
    return first, (np.cumsum(is_used) - 1)[key]


def _alive(found: Grouped) -> Grouped:
    """Return `found` without subjects of which nothing was counted."""
    some = np.zeros(len(found), bool)
    for values in found.sums.values():
        some |= values != 0
    if bool(some.all()):
        return found
    return Grouped(
        found.places,
        found.place[some],
        found.tenants,
        found.tenant[some],
        {name: values[some] for name, values in found.sums.items()},
    )


def joined_rows(parts: Sequence[Columns]) -> Columns:
    """Return rows of several answers with the same columns as one."""
    names = parts[0].words
    words: dict[str, Words] = {}
    for name in names:
        codes: dict[str, int] = {}
        mapped = []
        for part in parts:
            column = part.words.get(name)
            if column is None or not len(column.codes):
                continue
            own = np.array([codes.setdefault(word, len(codes)) for word in column.words], np.int64)
            mapped.append(own[column.codes])
        words[name] = Words(list(codes), np.concatenate(mapped) if mapped else np.zeros(0, np.int64))
    numbers = {
        name: np.concatenate([part.numbers[name] for part in parts if part.row_count])
        if any(part.row_count for part in parts)
        else np.zeros(0, np.int64)
        for name in ("seen", "hidden")
    }
    return Columns(sum(part.row_count for part in parts), numbers, words)
