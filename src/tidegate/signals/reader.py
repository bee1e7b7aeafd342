"""Signals read from rollups, exact: the newest published version of each second, up to the watermark.

The watermark is read first. Everything at or below it was complete before it rose, and the statement's own view of the
tables is younger, so that no count is ever seen half.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Final

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.model import Durations, Family, GroupTotals, SeriesPoint, SignalScope, Totals
from tidegate.signals.ports import Dimension
from tidegate.signals.store import RowsEngine

_MAX_KEYS: Final = 1_000
_REMEMBERED_ANSWERS: Final = 64  # one second's questions of some gates; a window moves every second
_LAST_SECOND: Final = 2**32 - 1
_WORKSPACES_A_STATEMENT: Final = 500  # a claim names at most 1,000, and stands in a header
_FAMILIES: Final[Mapping[Family, tuple[str, ...]]] = {
    Family.REQUEST: ("request",),
    Family.AUTH: ("auth",),
    Family.AI_RUN: ("ai_run", "ai_run_distrusted"),
    **{family: (family.value,) for family in Family if family not in {Family.REQUEST, Family.AUTH, Family.AI_RUN}},
}
_EVENTS_OF: Final[Mapping[Family, str]] = {
    Family.REQUEST: "http_method != ''",
    Family.AUTH: "is_auth = 1",
    Family.AI_RUN: "role IN ('agent', 'inference')",
}
_NANO: Final = 1_000_000_000
_COLUMNS: Final[Mapping[Dimension, str]] = {
    "route": "route",
    "status": "status",
    "error_code": "error_code",
    "model": "model",
    "tenant": "tenant",
    "service": "service",
    "release": "release",
    "outcome": "outcome",
    "environment": "environment",
}
# An answer without a status is no success: nobody saw it end well.
_SUCCESS: Final = "status BETWEEN 200 AND 399"
_FAILURE: Final = "if(family = 'auth', NOT (status BETWEEN 200 AND 399), status >= 500 OR status = 0)"
_SUMS: Final = f"""
    sumIf(count, distrusted = 0) AS count_,
    sumIf(count, distrusted = 0 AND family IN ('auth', 'request') AND {_SUCCESS}) AS success_count,
    sumIf(count, distrusted = 0 AND family IN ('auth', 'request') AND {_FAILURE}) AS failure_count,
    sumIf(count, distrusted = 0 AND status IN (401, 403)) AS unauthorized_count,
    sumIf(count, outcome = 'failed') AS failed_count,
    sumIf(count, outcome = 'policy_blocked') AS policy_blocked_count,
    sumIf(count, outcome = 'validation_error') AS validation_error_count,
    sumIf(count, outcome = 'cancelled') AS cancelled_count,
    sum(priced_count) AS priced_count_,
    sum(toInt128(cost_nano_usd)) AS cost_nano_usd_,
    sum(input_tokens) AS input_tokens_,
    sum(output_tokens) AS output_tokens_,
    sum(cached_input_tokens) AS cached_input_tokens_,
    sumIf(count, distrusted = 1) AS distrusted_count
"""


Watermark = Callable[[Collection[WorkspaceId]], Awaitable[int]]
"""Up to which version rollups may be read; raises while the workspaces' telemetry waits too long to be counted."""


class RollupReader:
    """Keeps the promises of `SignalReader`."""

    def __init__(self, engine: RowsEngine, *, watermark: Watermark) -> None:
        self._engine = engine
        self._watermark = watermark
        self._newest_groups: tuple[tuple[object, ...], list[dict[str, Any]]] | None = None
        self._answers: OrderedDict[tuple[object, ...], asyncio.Future[list[dict[str, Any]]]] = OrderedDict()

    async def totals(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, *, scope: SignalScope
    ) -> Totals:
        rows = await self._rows([workspace], _FAMILIES[family], window, scope=scope)
        totals = _totals_of(rows[0]) if rows else Totals()
        if window is None:
            return totals
        return replace(totals, distrusted_count=await self._distrusted_count(workspace, family, window, scope))

    async def _distrusted_count(
        self, workspace: WorkspaceId, family: Family, window: TimeRange, scope: SignalScope
    ) -> int:
        """Return how many distrusted events of `family` came in during `window`.

        By when they came: the time they claim may lie a year away, where no window would see that they are hidden.
        """
        filters, parameters = _filters_of(scope)
        received = {"start": _second_of(window.start) * _NANO, "end": _second_of(window.end) * _NANO}
        sql = f"""
            SELECT count() AS distrusted FROM (
                SELECT trace_id, span_id FROM spans
                WHERE distrusted = 1 AND {_EVENTS_OF.get(family, "0")} {filters}
                    AND received_ns >= {{start:UInt64}} AND received_ns < {{end:UInt64}}
                LIMIT 1 BY trace_id, span_id)
        """
        watermark = await self._watermark([workspace])  # in the key alone: what came since has moved it
        rows = await self._select([workspace], sql, {**parameters, **received, "watermark": watermark})
        return int(rows[0]["distrusted"])

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
        if by not in _COLUMNS:  # rollups do not tell it apart
            return {"": await self.totals(workspace, family, window, scope=scope)}
        rows = await self._rows([workspace], _FAMILIES[family], window, scope=scope, by=(_COLUMNS[by],))
        return {str(row[_COLUMNS[by]]): _totals_of(row) for row in rows[:limit]}

    async def series(  # noqa: PLR0913 - as the port
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
        largest = await self.totals_by(workspace, family, window, by=by, scope=scope, limit=limit) if by else {"": None}
        column = _COLUMNS.get(by) if by else None
        names = ("second", *((column,) if column else ()))
        sql, parameters = await self._statement(
            [workspace], _FAMILIES[family], window, scope=scope, by=names, limit=None
        )
        sums: defaultdict[tuple[int, str], Totals] = defaultdict(Totals)
        for row in await self._select(
            [workspace], sql.replace("SELECT second,", "SELECT toUInt32(second) AS at,"), parameters
        ):
            second, key = int(row["at"]), str(row[column]) if column else ""
            if key in largest:
                sums[second - second % step_s, key] += _totals_of(row)
        return [
            SeriesPoint(datetime.fromtimestamp(second, UTC), key, totals)
            for (second, key), totals in sorted(sums.items())
        ]

    async def quantiles(
        self,
        workspace: WorkspaceId,
        family: Family,
        window: TimeRange,
        *,
        scope: SignalScope,
        by: Dimension | None = None,
    ) -> dict[str, Durations]:
        """Nothing: durations are not counted yet."""
        del workspace, family, window, scope, by
        return {}

    async def groups(self, workspaces: Collection[WorkspaceId], family: Family, window: TimeRange) -> list[GroupTotals]:
        if not workspaces:
            return []
        groups: defaultdict[tuple[WorkspaceId, str, str | None], Totals] = defaultdict(Totals)
        for row in await self._groups_of_all_families(workspaces, window):
            if row["family"] in _FAMILIES[family]:
                workspace, totals = WorkspaceId(row["workspace"]), _totals_of(row)
                groups[workspace, row["service"], None] += totals
                if row["tenant"]:
                    groups[workspace, row["service"], row["tenant"]] += totals
        return [GroupTotals(*key, totals) for key, totals in groups.items()]

    async def _groups_of_all_families(
        self, workspaces: Collection[WorkspaceId], window: TimeRange
    ) -> list[dict[str, Any]]:
        """Return the groups of every family: a statement costs 25 CPU-ms however little it finds.

        Only the newest answer is kept, for the next family: ten thousand tenants are 15 MB.
        """
        sql, parameters = await self._statement(
            workspaces,
            [name for names in _FAMILIES.values() for name in names],
            window,
            scope=SignalScope(),
            by=("workspace", "family", "service", "tenant"),
            limit=None,
        )
        ordered = sorted(workspaces)
        key = (tuple(ordered), str(parameters))
        if self._newest_groups is None or self._newest_groups[0] != key:
            rows: list[dict[str, Any]] = []
            for start in range(0, len(ordered), _WORKSPACES_A_STATEMENT):
                rows += await self._engine.select(ordered[start : start + _WORKSPACES_A_STATEMENT], sql, parameters)
            self._newest_groups = (key, rows)
        return self._newest_groups[1]

    async def span_count(self, workspace: WorkspaceId) -> int:
        """Return how many spans are stored, each once, distrusted ones included."""
        rows = await self._rows([workspace], ("span",), None, scope=SignalScope())
        return sum(int(row["count_"]) + int(row["distrusted_count"]) for row in rows)

    async def last_span_at(self, workspace: WorkspaceId, *, service: str | None = None) -> int | None:
        """Return the Unix second in which the newest believable span ended, `None` when there is none."""
        rows = await self._engine.select(
            [workspace],
            f"""
            SELECT toUInt32(second) AS newest FROM rollups
            WHERE workspace = {{workspace:String}} AND family = 'span' AND distrusted = 0
                {"AND service = {service:String}" if service else ""}
            ORDER BY workspace DESC, family DESC, rollups.second DESC LIMIT 1
            """,
            {"workspace": workspace} | ({"service": service} if service else {}),
        )
        return int(rows[0]["newest"]) if rows else None

    async def _rows(
        self,
        workspaces: Collection[WorkspaceId],
        families: Collection[str],
        window: TimeRange | None,
        *,
        scope: SignalScope,
        by: tuple[str, ...] = (),
    ) -> list[dict[str, Any]]:
        return await self._select(
            workspaces, *await self._statement(workspaces, families, window, scope=scope, by=by, limit=_MAX_KEYS)
        )

    async def _statement(
        self,
        workspaces: Collection[WorkspaceId],
        families: Collection[str],
        window: TimeRange | None,
        *,
        scope: SignalScope,
        by: tuple[str, ...],
        limit: int | None,
    ) -> tuple[str, dict[str, object]]:
        filters, parameters = _filters_of(scope)
        within = f"second <= toDateTime({_LAST_SECOND}, 'UTC')"
        if window is not None:
            within = "second >= toDateTime({start:UInt32}, 'UTC') AND second < toDateTime({end:UInt32}, 'UTC')"
            parameters |= {"start": _second_of(window.start), "end": _second_of(window.end)}
        parameters |= {"families": list(families), "watermark": await self._watermark(workspaces)}
        names = ", ".join(by)
        sql = f"""
            SELECT {f"{names}," if by else ""} {_SUMS}
            FROM rollups
            WHERE family IN ({{families:Array(String)}}) AND {within} {filters}
                AND (workspace, if(family = 'ai_run', 'published_ai_run', 'published_span'), second, version) IN (
                    SELECT workspace, family, second, max(version) FROM rollups
                    WHERE family IN ('published_ai_run', 'published_span') AND {within}
                        AND version <= {{watermark:UInt64}}
                    GROUP BY workspace, family, second)
            {f"GROUP BY {names} ORDER BY count_ DESC, {names}" if by else ""}
            {f"LIMIT {limit}" if by and limit else ""}
        """
        return sql, parameters

    async def _select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object]
    ) -> list[dict[str, Any]]:
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

    def _forget_failure(self, key: tuple[object, ...], answer: "asyncio.Future[list[dict[str, Any]]]") -> None:
        # Asking for the exception also tells asyncio that it was seen, when everybody who waited has gone.
        if (answer.cancelled() or answer.exception() is not None) and self._answers.get(key) is answer:
            del self._answers[key]


def _second_of(moment: datetime) -> int:
    """Return a Unix second that the column can hold: before 1970 and after 2106 there is nothing to find."""
    return min(max(int(moment.timestamp()), 0), _LAST_SECOND)


def _filters_of(scope: SignalScope) -> tuple[str, dict[str, object]]:
    wanted = {name: value for name, value in asdict(scope).items() if value is not None}
    return "".join(f" AND {name} = {{{name}:String}}" for name in wanted), dict(wanted)


def _totals_of(row: Mapping[str, Any]) -> Totals:
    return Totals(**{name: int(row.get(f"{name}_", row.get(name, 0))) for name in Totals.__dataclass_fields__})
