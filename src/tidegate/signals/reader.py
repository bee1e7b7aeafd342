"""Signals read from counts, exact: the newest published version of each bucket, up to the watermark.

The watermark is read first. Everything at or below it was complete before it rose, and the statement's own view of the
tables is younger, so that no count is ever seen half.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from tidegate.kernel import Clock, TimeRange, WorkspaceId
from tidegate.signals.answers import RememberedAnswers
from tidegate.signals.kept import hours_in_doubt, hours_without_minutes
from tidegate.signals.model import Durations, Family, GroupTotals, SeriesPoint, SignalScope, Totals
from tidegate.signals.ports import Dimension
from tidegate.signals.published import Cover, cover, filters_of, has_seconds, second_of
from tidegate.signals.quantiles import DURATION_SUMS, durations_of
from tidegate.signals.store import RowsEngine
from tidegate.signals.sums import STORED, facets_of, sums_of, totals_in
from tidegate.storage.native import Columns
from tidegate.storage.scope import SCOPE

_MAX_KEYS: Final = 1_000
_WORKSPACES_A_STATEMENT: Final = 500  # a claim names at most 1,000, and stands in a header
_REMEMBERED_FAMILIES: Final = 8  # of the last questions for groups: what one evaluation asks for
_HOUR_S: Final = 3_600

Watermark = Callable[[Collection[WorkspaceId]], Awaitable[int]]
"""Up to which version counts may be read; raises while the workspaces' telemetry waits too long to be counted."""
Row = dict[str, Any]
_THREADS: Final = 2


class RollupReader:
    """Keeps the promises of `SignalReader` and `SeriesReader`."""

    def __init__(self, engine: RowsEngine, *, watermark: Watermark, clock: Clock) -> None:
        self._engine = engine
        self._watermark = watermark
        self._clock = clock
        self._newest_groups: tuple[tuple[object, ...], frozenset[Family], list[Columns]] | None = None
        self._asked: OrderedDict[Family, None] = OrderedDict()
        self._answers = RememberedAnswers()

    async def resolution_s(self, workspace: WorkspaceId, window: TimeRange, *, step_s: int = _HOUR_S) -> int:
        """Return how fine `window` can be read in steps of `step_s`: it is widened to whole buckets of that length."""
        watermark = await self._watermark([workspace])
        return await self._resolution(workspace, window, step_s=step_s, watermark=watermark)

    async def _resolution(
        self, workspace: WorkspaceId, window: TimeRange, *, step_s: int = _HOUR_S, watermark: int
    ) -> int:
        [(resolution_s, _)] = await self._resolutions([workspace], window, step_s=step_s, watermark=watermark)
        return resolution_s

    async def _resolutions(
        self, workspaces: Sequence[WorkspaceId], window: TimeRange, *, step_s: int = _HOUR_S, watermark: int
    ) -> list[tuple[int, Sequence[WorkspaceId]]]:
        """Return how fine `window` can be read of which workspaces."""
        now = self._clock.now()
        if has_seconds(window, now):
            return [(1, workspaces)]
        hours = hours_in_doubt(window, now, is_throughout=step_s % _HOUR_S != 0)
        if not hours:
            return [(60, workspaces)]
        coarse = await self._answers.get(
            ("hours", *workspaces, *hours, watermark),
            lambda: hours_without_minutes(self._engine, workspaces, hours, watermark=watermark),
        )
        fine = [workspace for workspace in workspaces if workspace not in coarse]
        return [(step, own) for step, own in ((60, fine), (_HOUR_S, sorted(coarse))) if own]

    async def totals(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, *, scope: SignalScope
    ) -> Totals:
        columns = await self._facets(workspace, family, window, scope=scope)
        totals = totals_in(columns, family, ()).get((), Totals())
        return replace(totals, distrusted_count=await self._distrusted_count(workspace, family, window, scope))

    async def _distrusted_count(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, scope: SignalScope
    ) -> int:
        """Return how many distrusted events of `family` came in during `window`.

        By when they came: the time they claim may lie a year away, where no window would see that they are hidden.
        """
        more, parameters = "", dict[str, object]()
        if window is not None:
            more = " AND arrived >= toDateTime({from:UInt32}, 'UTC') AND arrived < toDateTime({to:UInt32}, 'UTC')"
            parameters = {"from": second_of(window.start), "to": second_of(window.end)}
        names = [f"{family.value}.distrusted"]
        scope = replace(scope, model=None, outcome=None) if family is Family.AI_RUN else scope
        found = await self._rows(
            workspace, names, "sum(weight_milli) AS found", None, scope=scope, more=more, parameters=parameters
        )
        return int(found[0]["found"]) // 1000 if found else 0

    async def totals_by(
        self,
        workspace: WorkspaceId,
        family: Family,
        window: TimeRange | None,
        *,
        by: Dimension,
        scope: SignalScope,
        limit: int = _MAX_KEYS,
    ) -> dict[str, Totals]:
        columns = await self._facets(workspace, family, window, scope=scope, keys={by: _key_of(by)})
        return _largest(totals_in(columns, family, (f"by_{by}",)), limit)

    async def groups(self, workspaces: Collection[WorkspaceId], family: Family, window: TimeRange) -> list[GroupTotals]:
        if not workspaces:
            return []
        columns = await self._groups_of_asked(workspaces, family, window)
        found: list[GroupTotals] = []
        for part in columns:
            services = totals_in(part, family, ("workspace", "service"))
            found += [GroupTotals(WorkspaceId(one), name, None, totals) for (one, name), totals in services.items()]
            tenants = totals_in(part, family, ("workspace", "service", "tenant"))
            found += [
                GroupTotals(WorkspaceId(one), name, tenant, totals)
                for (one, name, tenant), totals in tenants.items()
                if tenant
            ]
        return found

    async def _groups_of_asked(
        self, workspaces: Collection[WorkspaceId], family: Family, window: TimeRange
    ) -> list[Columns]:
        """Return the groups of every family that was asked for of late: a statement costs 25 CPU-ms however small.

        Only the newest answer is kept, for the next family.
        """
        self._asked[family] = None
        self._asked.move_to_end(family)
        while len(self._asked) > _REMEMBERED_FAMILIES:
            self._asked.popitem(last=False)
        ordered = sorted(workspaces)
        watermark = await self._watermark(workspaces)
        key = (tuple(ordered), window, watermark)
        known = self._newest_groups
        if known is None or known[0] != key or family not in known[1]:
            families = frozenset(self._asked)
            parts: list[Columns] = []
            for start in range(0, len(ordered), _WORKSPACES_A_STATEMENT):
                some = ordered[start : start + _WORKSPACES_A_STATEMENT]
                for resolution_s, own in await self._resolutions(some, window, watermark=watermark):
                    names = [name for family in sorted(families) for name in STORED[family]]
                    picked = cover(window, resolution_s, names, is_of_many=len(own) > 1)
                    parts.append(await self._groups_of(own, sorted(families), picked, watermark))
            known = self._newest_groups = (key, families, parts)
        return known[2]

    async def _groups_of(
        self, workspaces: Sequence[WorkspaceId], families: Sequence[Family], picked: Cover, watermark: int
    ) -> Columns:
        names = [name for family in families for name in STORED[family]]
        facets, keys = facets_of(families, with_replayed=False)
        workspace = "workspace, " if len(workspaces) > 1 else ""  # a key more takes a third longer
        owner = workspace or "toLowCardinality(any(counts.workspace)) AS workspace, "
        sql = f"""
            SELECT * EXCEPT (tenant_), toLowCardinality(tenant_) AS tenant FROM (
                SELECT {owner} service, counts.tenant AS tenant_,
                    {facets}, {sums_of(families)}
                FROM counts
                WHERE {SCOPE} AND counts.family IN ({{families:Array(String)}}) AND counts.replayed = 0
                    AND {picked.condition}
                GROUP BY {workspace}service, tenant_{keys})
        """
        parameters = {**picked.parameters, "families": names, "watermark": watermark}
        return await self._engine.columns(workspaces, sql, parameters, threads=_THREADS)

    async def series(  # noqa: PLR0913 - a question and its six parts
        self,
        workspace: WorkspaceId,
        family: Family,
        window: TimeRange,
        *,
        step_s: int,
        by: Dimension | None = None,
        scope: SignalScope,
        limit: int = 20,
    ) -> list[SeriesPoint]:
        finest = await self.resolution_s(workspace, window, step_s=step_s)
        step = max(step_s + -step_s % finest, finest)
        largest: dict[str, Totals] = {}
        if by is not None:
            largest = await self.totals_by(workspace, family, window, by=by, scope=scope, limit=limit)
            if not largest:
                return []
        keys = {"step": "toUInt32(intDiv(toUInt32(counts.second), {step:UInt32}) * {step:UInt32})"}
        more = ""
        if by is not None:
            keys[by] = _key_of(by)
            more = f" AND toString(counts.{by}) IN ({{keys:Array(String)}})"
        columns = await self._facets(
            workspace,
            family,
            window,
            scope=scope,
            keys=keys,
            more=more,
            coarsest_s=next(one for one in (_HOUR_S, 60, 1) if step % one == 0),
            parameters={"step": step, **({"keys": list(largest)} if by is not None else {})},
        )
        found = totals_in(columns, family, tuple(f"by_{name}" for name in keys))
        return [
            SeriesPoint(datetime.fromtimestamp(key[0], UTC), str(key[1]) if by is not None else "", totals)
            for key, totals in sorted(found.items())
        ]

    async def quantiles(
        self,
        workspace: WorkspaceId,
        family: Family,
        window: TimeRange | None,
        *,
        scope: SignalScope,
        by: Dimension | None = None,
    ) -> dict[str, Durations]:
        if scope.tenant is not None or by == "tenant":
            return {}
        keys = (by,) if by is not None else ()
        rows = await self._rows(
            workspace,
            (f"{family.value}.duration",),
            f"bucket, {DURATION_SUMS}",
            window,
            scope=scope,
            by=keys,
            group=(*keys, "bucket"),
            tail=f"ORDER BY {', '.join((*keys, 'bucket'))}",
        )
        parts: defaultdict[str, list[Row]] = defaultdict(list)
        for row in rows:
            parts[str(row[by]) if by is not None else ""].append(row)
        return {key: durations_of(found) for key, found in parts.items()}

    async def whole(
        self, workspace: WorkspaceId, family: Family, *, by: Sequence[Dimension]
    ) -> tuple[Totals, dict[Dimension, dict[str, Totals]]]:
        keys: dict[str, str] = {dimension: _key_of(dimension) for dimension in by}
        columns = await self._facets(workspace, family, None, scope=SignalScope(), keys=keys)
        splits = {one: _largest(totals_in(columns, family, (f"by_{one}",)), _MAX_KEYS) for one in by}
        return totals_in(columns, family, ()).get((), Totals()), splits

    async def exemplars(self, workspace: WorkspaceId, window: TimeRange) -> Mapping[str, str]:
        """Return by route the trace of the newest request of `window` that failed, else of the slowest."""
        rows = await self._engine.select(
            [workspace],
            f"""
            SELECT route, argMax(trace_id, (http_status >= 500 OR http_status = 0, if(http_status >= 500, end_ns, 0),
                duration_ns)) AS trace
            FROM raw_spans
            WHERE {SCOPE} AND bitAnd(families, 1) = 1 AND distrusted = 0
                AND toStartOfInterval(second, INTERVAL 10 SECOND) >= toDateTime({{start:UInt32}}, 'UTC')
                AND second < toDateTime({{end:UInt32}}, 'UTC')
            GROUP BY route LIMIT 1000
            """,
            {"start": second_of(window.start) // 10 * 10, "end": second_of(window.end)},
        )
        return {row["route"]: row["trace"] for row in rows}

    async def span_count(self, workspace: WorkspaceId) -> int:
        """Return how many spans are stored, each once, distrusted ones included."""
        return await self._stored(workspace, "span")

    async def _stored(self, workspace: WorkspaceId, kind: str) -> int:
        names = (kind, f"{kind}.distrusted")
        rows = await self._rows(workspace, names, "sum(count) AS found", None, scope=SignalScope())
        return int(rows[0]["found"]) if rows else 0

    async def last_span_at(self, workspace: WorkspaceId, *, service: str | None = None) -> int | None:
        """Return the Unix second in which the newest believable span ended, `None` when there is none."""
        rows = await self._engine.select(
            [workspace],
            f"""
            SELECT toUInt32(second) AS newest FROM counts
            WHERE workspace = {{workspace:String}} AND family = 'span'
                {"AND service = {service:String}" if service else ""}
            ORDER BY workspace DESC, family DESC, counts.second DESC LIMIT 1
            """,
            {"workspace": workspace} | ({"service": service} if service else {}),
        )
        return int(rows[0]["newest"]) if rows else None

    async def _facets(  # noqa: PLR0913 - the parts of a statement
        self,
        workspace: WorkspaceId,
        family: Family,
        window: TimeRange | None,
        *,
        scope: SignalScope,
        keys: Mapping[str, str] | None = None,
        more: str = "",
        coarsest_s: int = _HOUR_S,
        parameters: Mapping[str, object] | None = None,
    ) -> Columns:
        """Return the rows of a family by facet, and by `keys`: names and what they are."""
        keys = keys or {}
        named = "".join(f"{what} AS by_{name}, " for name, what in keys.items())
        facets, facet_keys = facets_of([family])
        grouped = ", ".join(f"by_{name}" for name in keys) + facet_keys
        sql, bound = await self._statement(
            workspace,
            STORED[family],
            f"{named} {facets}, {sums_of([family])}",
            window,
            scope=scope,
            more=more,
            coarsest_s=coarsest_s,
            tail=f"GROUP BY {grouped.removeprefix(', ')}",
        )
        bound |= parameters or {}
        return await self._answers.to(
            [workspace], sql, bound, lambda: self._engine.columns([workspace], sql, bound, threads=_THREADS)
        )

    async def _rows(  # noqa: PLR0913 - the parts of a statement
        self,
        workspace: WorkspaceId,
        names: Collection[str],
        sums: str,
        window: TimeRange | None,
        *,
        scope: SignalScope,
        by: tuple[str, ...] = (),
        group: tuple[str, ...] | None = None,
        more: str = "",
        parameters: Mapping[str, object] | None = None,
        tail: str = "",
    ) -> list[Row]:
        grouped = ", ".join(by if group is None else group)
        sql, bound = await self._statement(
            workspace,
            names,
            f"{''.join(f'{name}, ' for name in by)} {sums}",
            window,
            scope=scope,
            more=more,
            tail=f"{f'GROUP BY {grouped}' if grouped else ''} {tail}",
        )
        bound |= parameters or {}
        return await self._answers.to([workspace], sql, bound, lambda: self._engine.select([workspace], sql, bound))

    async def _statement(  # noqa: PLR0913 - its parts
        self,
        workspace: WorkspaceId,
        names: Collection[str],
        columns: str,
        window: TimeRange | None,
        *,
        scope: SignalScope,
        more: str,
        tail: str,
        coarsest_s: int = _HOUR_S,
    ) -> tuple[str, dict[str, object]]:
        filters, bound = filters_of(scope)
        watermark = await self._watermark([workspace])
        resolution_s = 1
        if window is not None:
            resolution_s = await self._resolution(workspace, window, step_s=coarsest_s, watermark=watermark)
        picked = cover(window, resolution_s, names, coarsest_s=coarsest_s)
        sql = f"""
            SELECT {columns} FROM counts
            WHERE workspace = {{workspace:String}} AND counts.family IN ({{families:Array(String)}}) {filters} {more}
                AND {picked.condition}
            {tail}
        """
        return sql, {
            **bound,
            **picked.parameters,
            "workspace": workspace,
            "families": list(names),
            "watermark": watermark,
        }


def _largest(found: Mapping[tuple[Any, ...], Totals], limit: int) -> dict[str, Totals]:
    largest = sorted(found.items(), key=lambda item: (-item[1].count, str(item[0][0])))[:limit]
    return {str(key): totals for (key,), totals in largest}


def _key_of(by: Dimension) -> str:
    return f"toLowCardinality(toString(counts.{by}))"
