"""Signals read from counts, exact: the newest published version of each bucket, up to the watermark.

The watermark is read first. Everything at or below it was complete before it rose, and the statement's own view of the
tables is younger, so that no count is ever seen half.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from tidegate.kernel import Clock, TimeRange, WorkspaceId
from tidegate.signals.model import Durations, Family, GroupTotals, SeriesPoint, SignalScope, Totals
from tidegate.signals.ports import Dimension
from tidegate.signals.published import cover, filters_of, resolution_of, second_of
from tidegate.signals.quantiles import DURATION_SUMS, durations_of, upper_bound_ms
from tidegate.signals.store import RowsEngine
from tidegate.signals.sums import STORED, facets_of, sums_of, totals_in
from tidegate.storage.native import Columns

_MAX_KEYS: Final = 1_000
_REMEMBERED_ANSWERS: Final = 64  # one second's questions of some gates; a window moves every second
_WORKSPACES_A_STATEMENT: Final = 500  # a claim names at most 1,000, and stands in a header
_REMEMBERED_FAMILIES: Final = 8  # of the last questions for groups: what one evaluation asks for
MINUTES_KEPT_S: Final = 35 * 86_400

Watermark = Callable[[Collection[WorkspaceId]], Awaitable[int]]
"""Up to which version counts may be read; raises while the workspaces' telemetry waits too long to be counted."""
Row = dict[str, Any]
Answer = TypeVar("Answer")
_THREADS: Final = 2


class RollupReader:
    """Keeps the promises of `SignalReader` and `SeriesReader`."""

    def __init__(self, engine: RowsEngine, *, watermark: Watermark, clock: Clock) -> None:
        self._engine = engine
        self._watermark = watermark
        self._clock = clock
        self._newest_groups: tuple[tuple[object, ...], frozenset[Family], list[Columns]] | None = None
        self._asked: OrderedDict[Family, None] = OrderedDict()
        self._answers: OrderedDict[tuple[object, ...], asyncio.Future[Any]] = OrderedDict()

    def resolution_s(self, window: TimeRange) -> int:
        """Return how fine `window` can be read; it is widened to whole buckets of so many seconds."""
        return resolution_of(window, self._clock.now(), minutes_kept_s=MINUTES_KEPT_S)

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
        found = totals_in(columns, family, (f"by_{by}",))
        largest = sorted(found.items(), key=lambda item: (-item[1].count, str(item[0][0])))[:limit]
        return {str(key): totals for (key,), totals in largest}

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
            parts = [
                await self._groups_of(
                    ordered[start : start + _WORKSPACES_A_STATEMENT], sorted(families), window, watermark
                )
                for start in range(0, len(ordered), _WORKSPACES_A_STATEMENT)
            ]
            known = self._newest_groups = (key, families, parts)
        return known[2]

    async def _groups_of(
        self, workspaces: Sequence[WorkspaceId], families: Sequence[Family], window: TimeRange, watermark: int
    ) -> Columns:
        names = [name for family in families for name in STORED[family]]
        picked = cover(window, self.resolution_s(window), names, is_of_many=len(workspaces) > 1)
        facets, keys = facets_of(families, with_replayed=False)
        workspace = "workspace, " if len(workspaces) > 1 else ""  # a key more takes a third longer
        owner = workspace or "toLowCardinality(any(counts.workspace)) AS workspace, "
        sql = f"""
            SELECT * EXCEPT (tenant_), toLowCardinality(tenant_) AS tenant FROM (
                SELECT {owner} service, counts.tenant AS tenant_,
                    {facets}, {sums_of(families)}
                FROM counts
                WHERE counts.family IN ({{families:Array(String)}}) AND counts.replayed = 0 AND {picked.condition}
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
        finest = self.resolution_s(window)
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
            coarsest_s=next(one for one in (3_600, 60, 1) if step % one == 0),
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

    async def buckets(self, workspace: WorkspaceId, family: Family) -> tuple[Sequence[tuple[float, int]], float]:
        """Return how many events took up to how many milliseconds, and how many seconds they took together."""
        rows = await self._rows(
            workspace,
            (f"{family.value}.duration",),
            f"bucket, {DURATION_SUMS}",
            None,
            scope=SignalScope(),
            group=("bucket",),
            tail="ORDER BY bucket",
        )
        spent_s = sum(int(row["spent_us"]) for row in rows) / 1_000_000
        return [(upper_bound_ms(int(row["bucket"])), int(row["weight"]) // 1000) for row in rows], spent_s

    async def exemplars(self, workspace: WorkspaceId, window: TimeRange) -> Mapping[str, str]:
        """Return by route the trace of the newest request of `window` that failed, else of the slowest."""
        rows = await self._engine.select(
            [workspace],
            """
            SELECT route, argMax(trace_id, (http_status >= 500 OR http_status = 0, if(http_status >= 500, end_ns, 0),
                duration_ns)) AS trace
            FROM raw_spans
            WHERE bitAnd(families, 1) = 1 AND distrusted = 0
                AND toStartOfInterval(second, INTERVAL 10 SECOND) >= toDateTime({start:UInt32}, 'UTC')
                AND second < toDateTime({end:UInt32}, 'UTC')
            GROUP BY route LIMIT 1000
            """,
            {"start": second_of(window.start) // 10 * 10, "end": second_of(window.end)},
        )
        return {row["route"]: row["trace"] for row in rows}

    async def span_count(self, workspace: WorkspaceId) -> int:
        """Return how many spans are stored, each once, distrusted ones included."""
        return await self._stored(workspace, "span")

    async def log_count(self, workspace: WorkspaceId) -> int:
        """Return how many log records are stored, each once, distrusted ones included."""
        return await self._stored(workspace, "log")

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
        coarsest_s: int = 3_600,
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
        return await self._remembered(
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
        return await self._remembered([workspace], sql, bound, lambda: self._engine.select([workspace], sql, bound))

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
        coarsest_s: int = 3_600,
    ) -> tuple[str, dict[str, object]]:
        filters, bound = filters_of(scope)
        picked = cover(window, 1 if window is None else self.resolution_s(window), names, coarsest_s=coarsest_s)
        sql = f"""
            SELECT {columns} FROM counts
            WHERE workspace = {{workspace:String}} AND counts.family IN ({{families:Array(String)}}) {filters} {more}
                AND {picked.condition}
            {tail}
        """
        watermark = await self._watermark([workspace])
        return sql, {
            **bound,
            **picked.parameters,
            "workspace": workspace,
            "families": list(names),
            "watermark": watermark,
        }

    async def _remembered(
        self,
        workspaces: Collection[WorkspaceId],
        sql: str,
        parameters: Mapping[str, object],
        ask: Callable[[], Awaitable[Answer]],
    ) -> Answer:
        """Ask the engine, or remember: up to a watermark nothing changes any more, so an answer stays right.

        Four checks of one gate, and everybody who looks at the board within one second, cost one statement.
        """
        key = (tuple(sorted(workspaces)), sql, tuple(sorted((name, str(value)) for name, value in parameters.items())))
        answer = self._answers.get(key)
        if answer is None:
            answer = asyncio.ensure_future(ask())
            self._answers[key] = answer
            answer.add_done_callback(lambda done: self._forget_failure(key, done))
            while len(self._answers) > _REMEMBERED_ANSWERS:
                self._answers.popitem(last=False)
        found: Answer = await asyncio.shield(answer)
        return found

    def _forget_failure(self, key: tuple[object, ...], answer: "asyncio.Future[Any]") -> None:
        # Asking for the exception also tells asyncio that it was seen, when everybody who waited has gone.
        if (answer.cancelled() or answer.exception() is not None) and self._answers.get(key) is answer:
            del self._answers[key]


def _key_of(by: Dimension) -> str:
    return f"toLowCardinality(toString(counts.{by}))"
