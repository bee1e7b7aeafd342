"""Counting in the telemetry engine, and its ledger in PostgreSQL."""

import random
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import msgspec
from asyncpg import Record

from tidegate.kernel import Clock, ConflictError, WorkspaceId
from tidegate.signals.errors import CountingBehindError
from tidegate.signals.ports import TouchedSeconds
from tidegate.signals.runs import MAX_TRACE_SPANS, Run, TraceSpan
from tidegate.storage import Connection, Database

_BLOCK_S: Final = 10  # the table's order begins with blocks of ten seconds
_TRACE_LOOKBACK_S: Final = 3_600  # a span that ended over an hour before the rest of its trace starts a run of its own

_MAX_COST_NANO_USD: Final = 2**63 - 1  # what the column holds; a larger sum takes a row more
_MAX_FLUSHES: Final = 100
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_LAG: Final = timedelta(seconds=15)  # an engine that was killed is back within 10; a signal may be 1 s old

ROLLUP_COLUMNS: Final = (
    "workspace", "family", "second", "version", "service", "environment", "release", "tenant", "route", "status",
    "error_code", "model", "outcome", "distrusted", "count", "priced_count", "cost_nano_usd", "input_tokens",
    "output_tokens", "cached_input_tokens",
)  # fmt: skip

_TOUCHED: Final = """
    toStartOfInterval(second, INTERVAL 10 SECOND) IN (SELECT toDateTime(arrayJoin({blocks:Array(UInt32)}), 'UTC'))
    AND (workspace, toUInt32(second)) IN (
        SELECT arrayJoin(arrayMap(
            (place, moment) -> (arrayElement({workspaces:Array(String)}, place), moment),
            {places:Array(UInt32)}, {seconds:Array(UInt32)})))
"""
_COUNT_SPANS: Final = f"""
    SELECT workspace, family, second, {{version:UInt64}} AS version, service, environment, release,
        if(family = 'span', '', tenant_) AS tenant, if(family = 'span', '', route_) AS route,
        if(family = 'span', 0, http_status) AS status, if(family = 'span', '', error_type) AS error_code,
        '' AS model, '' AS outcome, distrusted, count() AS count, 0 AS priced_count, 0 AS cost_nano_usd,
        0 AS input_tokens, 0 AS output_tokens, 0 AS cached_input_tokens
    FROM (
        SELECT workspace, second, service, environment, release, tenant AS tenant_, route AS route_, http_status,
            error_type, distrusted, arrayJoin(arrayFilter(name -> name != '', [
                'span',
                if(http_method != '', 'request', ''),
                if(is_auth = 1, 'auth', ''),
                if(distrusted = 1 AND role IN ('agent', 'inference'), 'ai_run_distrusted', '')])) AS family
        FROM (
            SELECT workspace, trace_id, span_id, second, service, environment, release, tenant, route, http_status,
                error_type, distrusted, http_method, is_auth, role, received_ns
            FROM spans
            WHERE {_TOUCHED}
            ORDER BY distrusted, received_ns
            LIMIT 1 BY workspace, trace_id, span_id, second
        )
    )
    GROUP BY workspace, family, second, service, environment, release, tenant, route, status, error_code, distrusted
"""
_TRACES_THROUGH: Final = f"""
    SELECT * FROM (
        SELECT {", ".join(name if name != "second" else "toUInt32(second) AS second_" for name in TraceSpan._fields)}
        FROM spans
        WHERE distrusted = 0 AND second >= toDateTime({{lookback:UInt32}}, 'UTC')
            AND (workspace, trace_id) IN (
                SELECT workspace, trace_id FROM spans WHERE role != '' AND distrusted = 0 AND {_TOUCHED})
        ORDER BY received_ns
        LIMIT 1 BY workspace, trace_id, span_id
    )
    ORDER BY start_ns, span_id
    LIMIT {MAX_TRACE_SPANS} BY workspace, trace_id
"""


class RowsEngine(Protocol):
    """The part of the telemetry engine that counting uses."""

    async def select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]: ...

    async def insert(
        self, workspaces: Collection[WorkspaceId], table: str, columns: Sequence[str], rows_json: bytes, *, token: str
    ) -> None: ...

    async def insert_select(  # noqa: PLR0917 - a statement and its five parts
        self,
        workspaces: Collection[WorkspaceId],
        table: str,
        columns: Sequence[str],
        select_sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        token: str,
    ) -> None: ...


class EngineRollups:
    """Keeps the promises of `RawSpans` and `RollupWriter`."""

    def __init__(self, engine: RowsEngine) -> None:
        self._engine = engine

    async def traces_through(self, seconds: Mapping[WorkspaceId, Sequence[int]]) -> list[TraceSpan]:
        if not seconds:
            return []
        earliest = min(min(found) for found in seconds.values())
        parameters = {**_touched(seconds), "lookback": max(0, earliest - _TRACE_LOOKBACK_S)}
        rows = await self._engine.select(list(seconds), _TRACES_THROUGH, parameters)
        return [TraceSpan(*row.values()) for row in rows]

    async def count_spans(self, seconds: Mapping[WorkspaceId, Sequence[int]], *, version: int) -> None:
        await self._engine.insert_select(
            list(seconds),
            "rollups",
            ROLLUP_COLUMNS,
            _COUNT_SPANS,
            {**_touched(seconds), "version": version},
            token=f"rollup-{version}-spans",
        )

    async def publish(
        self,
        runs: Sequence[Run],
        seconds: Mapping[WorkspaceId, Sequence[int]],
        run_seconds: Mapping[WorkspaceId, Sequence[int]],
        *,
        version: int,
    ) -> None:
        rows = [dict(zip(ROLLUP_COLUMNS, row, strict=True)) for row in _run_rows(runs, version)]
        rows += [
            {"workspace": workspace, "family": family, "second": second, "version": version}
            for family, touched in (("published_span", seconds), ("published_ai_run", run_seconds))
            for workspace, found in touched.items()
            for second in found
        ]
        await self._engine.insert(
            sorted({*seconds, *run_seconds}),
            "rollups",
            ROLLUP_COLUMNS,
            msgspec.json.Encoder().encode_lines(rows),
            token=f"rollup-{version}-published",
        )


class PostgresTouches:
    """Keeps the promises of `Touches`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def read(self, *, limit: int) -> TouchedSeconds:
        read_at = self._clock.now()
        async with self._database.across_workspaces() as connection:
            watermark = await connection.fetchval("SELECT version FROM rollup_watermark")
            found = await connection.fetch("SELECT list_touched_workspace_ids() AS id")
        seconds: set[tuple[WorkspaceId, int]] = set()
        flushes: dict[WorkspaceId, list[str]] = {}
        is_all, visited = True, 0
        workspaces = [WorkspaceId(row["id"]) for row in found]
        random.shuffle(workspaces)  # more of them than room: chance is fair and remembers nothing
        async with self._database.transaction_over(workspaces) as each:
            async for workspace, connection in each:
                rows = await connection.fetch(
                    """
                    SELECT flush_id, seconds FROM telemetry_touches
                    WHERE workspace = $1 AND state = 'stored' LIMIT $2
                    """,
                    workspace,
                    _MAX_FLUSHES,
                )
                is_all = is_all and len(rows) < _MAX_FLUSHES
                # An even share of what is left: spans of a thousand seconds of one workspace hold up no other.
                room = -(-(limit - len(seconds)) // (len(workspaces) - visited))
                visited += 1
                taken, named, has_more = _share(rows, room)
                is_all = is_all and not has_more
                seconds.update((workspace, second) for second in taken)
                if named:
                    flushes[workspace] = named
        return TouchedSeconds(frozenset(seconds), flushes, watermark, is_all=is_all, read_at=read_at)

    async def next_version(self) -> int:
        async with self._database.across_workspaces() as connection:
            version: int = await connection.fetchval("SELECT nextval('rollup_version')")
            return version

    async def publish(self, touched: TouchedSeconds, *, version: int) -> None:
        async with self._database.transaction_over(touched.flushes) as each:
            moved = False
            async for workspace, connection in each:
                if not moved:
                    # The row lock orders publishers; the old version proves that nobody came in between.
                    moved = await connection.fetchval(
                        """
                        UPDATE rollup_watermark
                        SET version = $1, closed_at = $3
                        WHERE version = $2 AND $1 > version RETURNING true
                        """,
                        version,
                        touched.watermark,
                        touched.read_at,
                    )
                    if not moved:
                        raise ConflictError("Another process published counts meanwhile; counting begins again.")
                await _forget(connection, workspace, touched)

    async def caught_up(self, at: datetime) -> None:
        async with self._database.across_workspaces() as connection:
            await connection.execute("UPDATE rollup_watermark SET closed_at = $1", at)

    async def watermark(self, workspaces: Collection[WorkspaceId]) -> int:
        """Return the version up to which rollups may be read.

        Of one workspace, its own backlog counts as well: one that sends faster than is counted holds up its own
        figures and no others. For many at once it is enough that counting goes on.

        Raises:
            CountingBehindError: what is stored has not been counted for too long.
        """
        oldest: datetime | None = None
        async with self._database.transaction_over(workspaces if len(workspaces) == 1 else ()) as each:
            async for workspace, connection in each:
                oldest = await connection.fetchval(
                    "SELECT min(announced_at) FROM telemetry_touches WHERE workspace = $1", workspace
                )
        async with self._database.across_workspaces() as connection:
            row = await connection.fetchrow("SELECT version, closed_at FROM rollup_watermark")
        assert row is not None  # noqa: S101 - the migration wrote it
        since = [moment for moment in (row["closed_at"] or _NEVER, oldest) if moment is not None]
        lag = self._clock.now() - min(since)
        if lag > _MAX_LAG:
            raise CountingBehindError(lag)
        version: int = row["version"]
        return version


def _share(rows: Sequence[Record], room: int) -> tuple[set[int], list[str], bool]:
    """Return at most `room` seconds of the flushes in `rows`, which flushes have some, and whether any are left."""
    taken: set[int] = set()
    named: list[str] = []
    has_more = False
    for row in rows:
        taken.update(sorted(set(row["seconds"]) - taken)[: room - len(taken)])
        left = set(row["seconds"]) - taken
        has_more = has_more or bool(left)
        if len(left) < len(set(row["seconds"])):
            named.append(row["flush_id"])
    return taken, named, has_more


async def _forget(connection: Connection, workspace: WorkspaceId, touched: TouchedSeconds) -> None:
    counted = [second for owner, second in touched.seconds if owner == workspace]
    await connection.execute(
        """
        UPDATE telemetry_touches
        SET seconds = ARRAY(SELECT unnest(seconds) EXCEPT SELECT unnest($3::bigint[]))
        WHERE workspace = $1 AND flush_id = ANY($2)
        """,
        workspace,
        touched.flushes[workspace],
        counted,
    )
    await connection.execute(
        "DELETE FROM telemetry_touches WHERE workspace = $1 AND flush_id = ANY($2) AND seconds = '{}'",
        workspace,
        touched.flushes[workspace],
    )


def _touched(seconds: Mapping[WorkspaceId, Sequence[int]]) -> dict[str, object]:
    moments = [second for found in seconds.values() for second in found]
    return {
        "workspaces": list(seconds),
        # Arrays of the engine begin at 1.
        "places": [place for place, found in enumerate(seconds.values(), 1) for _ in found],
        "seconds": moments,
        "blocks": sorted({second - second % _BLOCK_S for second in moments}),
    }


def _run_rows(runs: Sequence[Run], version: int) -> Iterator[tuple[object, ...]]:
    """Yield one row a group of runs that are alike; whole numbers add up the same in any order."""
    groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(lambda: [0] * 6)
    for run in runs:
        root = run.root
        key: tuple[object, ...] = (
            root.workspace, "ai_run", root.second, version, root.service, root.environment, root.release, run.tenant,
            "", 0, run.error_code, run.model, run.outcome, 0,
        )  # fmt: skip
        group = groups[key]
        counted = (
            1, int(run.is_priced), run.cost_nano_usd, run.input_tokens, run.output_tokens, run.cached_input_tokens,
        )  # fmt: skip
        if group[2] + run.cost_nano_usd > _MAX_COST_NANO_USD:
            yield (*key, *group)
            group[:] = [0] * 6
        group[:] = [total + one for total, one in zip(group, counted, strict=True)]
    for key, sums in groups.items():
        yield (*key, *sums)
