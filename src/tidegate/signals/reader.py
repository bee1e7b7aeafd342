"""Signals read from counts, exact: the newest published version of each bucket, up to the watermark.

The watermark is read first. Everything at or below it was complete before it rose, and the statement's own view of the
tables is younger, so that no count is ever seen half.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Final

from tidegate.kernel import Clock, TimeRange, WorkspaceId
from tidegate.signals.model import Durations, Family, GroupTotals, SeriesPoint, SignalScope, Totals
from tidegate.signals.ports import Dimension
from tidegate.signals.published import cover, resolution_of, second_of
from tidegate.signals.quantiles import DURATION_SUMS, durations_of
from tidegate.signals.store import RowsEngine
from tidegate.signals.sums import STORED, names_of, sums_of, totals_of

_MAX_KEYS: Final = 1_000
_REMEMBERED_ANSWERS: Final = 64  # one second's questions of some gates; a window moves every second
_WORKSPACES_A_STATEMENT: Final = 500  # a claim names at most 1,000, and stands in a header
_REMEMBERED_FAMILIES: Final = 8  # of the last questions for groups: what one evaluation asks for
MINUTES_KEPT_S: Final = 35 * 86_400

Watermark = Callable[[Collection[WorkspaceId]], Awaitable[int]]
"""Up to which version counts may be read; raises while the workspaces' telemetry waits too long to be counted."""
Row = dict[str, Any]


class RollupReader:
    """Keeps the promises of `SignalReader` and `SeriesReader`."""

    def __init__(self, engine: RowsEngine, *, watermark: Watermark, clock: Clock) -> None:
        self._engine = engine
        self._watermark = watermark
        self._clock = clock
        self._newest_groups: tuple[tuple[object, ...], frozenset[Family], list[Row]] | None = None
        self._asked: OrderedDict[Family, None] = OrderedDict()
        self._answers: OrderedDict[tuple[object, ...], asyncio.Future[list[Row]]] = OrderedDict()

    def resolution_s(self, window: TimeRange) -> int:
        """Return how fine `window` can be read; it is widened to whole buckets of so many seconds."""
        return resolution_of(window, self._clock.now(), minutes_kept_s=MINUTES_KEPT_S)

    async def totals(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, *, scope: SignalScope
    ) -> Totals:
        rows = await self._rows(workspace, STORED[family], sums_of([family]), window, scope=scope)
        totals = totals_of(family, rows[0]) if rows else Totals()
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
        rows = await self._rows(
            workspace, STORED[family], sums_of([family]), window, scope=scope, by=(by,), tail=_largest(family, limit)
        )
        return {str(row[by]): totals_of(family, row) for row in rows}

    async def groups(self, workspaces: Collection[WorkspaceId], family: Family, window: TimeRange) -> list[GroupTotals]:
        if not workspaces:
            return []
        groups: list[GroupTotals] = []
        of_service: defaultdict[tuple[WorkspaceId, str], list[Row]] = defaultdict(list)
        names = names_of(family)
        for row in await self._groups_of_asked(workspaces, family, window):
            if any(row[name] for name in names):
                of_service[WorkspaceId(row["workspace"]), row["service"]].append(row)
        for (workspace, service), rows in of_service.items():
            groups.append(GroupTotals(workspace, service, None, totals_of(family, _added(rows, names))))
            groups += [
                GroupTotals(workspace, service, row["tenant"], totals_of(family, row)) for row in rows if row["tenant"]
            ]
        return groups

    async def _groups_of_asked(
        self, workspaces: Collection[WorkspaceId], family: Family, window: TimeRange
    ) -> list[Row]:
        """Return the groups of every family that was asked for of late: a statement costs 25 CPU-ms however small.

        Only the newest answer is kept, for the next family: ten thousand tenants are 15 MB.
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
            rows: list[Row] = []
            for start in range(0, len(ordered), _WORKSPACES_A_STATEMENT):
                rows += await self._groups_of(
                    ordered[start : start + _WORKSPACES_A_STATEMENT], sorted(families), window, watermark
                )
            known = self._newest_groups = (key, families, rows)
        return known[2]

    async def _groups_of(
        self, workspaces: Sequence[WorkspaceId], families: Sequence[Family], window: TimeRange, watermark: int
    ) -> list[Row]:
        picked = cover(window, self.resolution_s(window))
        names = [name for family in families for name in STORED[family]]
        sql = f"""
            SELECT workspace, service, tenant, {sums_of(families)} FROM counts
            WHERE family IN ({{families:Array(String)}}) AND replayed = 0 AND {picked.condition}
            GROUP BY workspace, service, tenant
        """
        parameters = {**picked.parameters, "families": names, "watermark": watermark}
        return await self._engine.select(workspaces, sql, parameters)

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
        keys = (by,) if by is not None else ()
        rows = await self._rows(
            workspace,
            STORED[family],
            f"toUInt32(intDiv(toUInt32(second), {{step:UInt32}}) * {{step:UInt32}}) AS step, {sums_of([family])}",
            window,
            scope=scope,
            by=keys,
            group=("step", *keys),
            more=f" AND toString({by}) IN ({{keys:Array(String)}})" if by is not None else "",
            coarsest_s=next(one for one in (3_600, 60, 1) if step % one == 0),
            parameters={"step": step, **({"keys": list(largest)} if by is not None else {})},
            tail=f"ORDER BY {', '.join(('step', *keys))}",
        )
        return [
            SeriesPoint(
                datetime.fromtimestamp(row["step"], UTC),
                str(row[by]) if by is not None else "",
                totals_of(family, row),
            )
            for row in rows
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
        coarsest_s: int = 3_600,
        parameters: Mapping[str, object] | None = None,
        tail: str = "",
    ) -> list[Row]:
        filters, bound = _filters_of(scope)
        picked = cover(window, 1 if window is None else self.resolution_s(window), coarsest_s=coarsest_s)
        grouped = ", ".join(by if group is None else group)
        sql = f"""
            SELECT {"".join(f"{name}, " for name in by)} {sums} FROM counts
            WHERE workspace = {{workspace:String}} AND family IN ({{families:Array(String)}}) {filters} {more}
                AND {picked.condition}
            {f"GROUP BY {grouped}" if grouped else ""} {tail}
        """
        watermark = await self._watermark([workspace])
        return await self._select(
            [workspace],
            sql,
            {
                **bound,
                **picked.parameters,
                **(parameters or {}),
                "workspace": workspace,
                "families": list(names),
                "watermark": watermark,
            },
        )

    async def _select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object]
    ) -> list[Row]:
        """Ask the engine, or remember: up to a watermark nothing changes any more, so an answer stays right.

        Four checks of one gate, and everybody who looks at the board within one second, cost one statement.
        """
        key = (tuple(sorted(workspaces)), sql, tuple(sorted((name, str(value)) for name, value in parameters.items())))
        answer = self._answers.get(key)
        if answer is None:
            answer = asyncio.ensure_future(self._engine.select(workspaces, sql, parameters))
            self._answers[key] = answer
            answer.add_done_callback(lambda done: self._forget_failure(key, done))
            while len(self._answers) > _REMEMBERED_ANSWERS:
                self._answers.popitem(last=False)
        return await asyncio.shield(answer)

    def _forget_failure(self, key: tuple[object, ...], answer: "asyncio.Future[list[Row]]") -> None:
        # Asking for the exception also tells asyncio that it was seen, when everybody who waited has gone.
        if (answer.cancelled() or answer.exception() is not None) and self._answers.get(key) is answer:
            del self._answers[key]


def _added(rows: Sequence[Row], names: Sequence[str]) -> Mapping[str, Any]:
    if len(rows) == 1:
        return rows[0]
    return {name: (max if name.startswith("limit_") else sum)(int(row[name]) for row in rows) for name in names}


def _largest(family: Family, limit: int) -> str:
    return f"ORDER BY count__{family.value} DESC, 1 LIMIT {int(limit)}"


def _filters_of(scope: SignalScope) -> tuple[str, dict[str, object]]:
    wanted = {name: value for name, value in asdict(scope).items() if value is not None and name != "replayed"}
    filters = "".join(f" AND {name} = {{{name}:String}}" for name in wanted)
    if scope.replayed is not None:
        filters += f" AND replayed = {int(scope.replayed)}"
    return filters, dict(wanted)
