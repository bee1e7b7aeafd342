"""Counting stored telemetry again: the jobs in PostgreSQL, and the work, slice by slice.

Contract. One recount a workspace at a time; it runs in the task that counts, between two closings. Each slice counts
some stored seconds under a new version, and its figures before and after and how far it went are stored in the
transaction that publishes it: after a crash the slice is counted again, and none is skipped or noted twice.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import asyncpg
import numpy as np
import structlog
from asyncpg import Record

from tidegate.audit import ITSELF, AuditTrail, Doer
from tidegate.edge.authority import Askers
from tidegate.kernel import (
    Clock,
    ConflictError,
    Cursor,
    IdFactory,
    NotFoundError,
    Page,
    TidegateError,
    UnavailableError,
    WorkspaceId,
    decode_cursor,
    encode_cursor,
    format_utc,
    parse_utc,
)
from tidegate.signals.ports import Progress, Seconds, TouchedSeconds
from tidegate.signals.repricing import ModelDiff, ModelFigures, Recount, RecountState
from tidegate.signals.run_costs import UNPRICED
from tidegate.signals.runs import Runs
from tidegate.signals.statements import bound_seconds
from tidegate.storage import Database
from tidegate.storage.native import Numbers

_log = structlog.get_logger("tidegate.recounts")

_ACTION: Final = "recounts:request"
_FIRST_SLICE: Final = 60
_MOST_SECONDS: Final = 2_000  # bound in the URL, as ranges
_LAST_SECOND: Final = 2**32 - 1
_COLUMNS: Final = (
    "id, reason, state, range_start, range_end, created_at, started_at, finished_at, position, seconds_done, "
    "seconds_total, models, problem, requested_by"
)


class RecountNotFoundError(NotFoundError):
    code = "recount_not_found"

    def __init__(self, recount_id: str) -> None:
        super().__init__(f"There is no recount {recount_id!r}. `tidegate price recounts` lists those there are.")


class RecountUnderWayError(ConflictError):
    code = "recount_under_way"

    def __init__(self) -> None:
        super().__init__("A recount of this workspace is waiting or running. Begin another one when it is done.")


class PostgresRecounts:
    """Keeps the promises of `Recounts`, and what the runner notes."""

    def __init__(self, database: Database, trail: AuditTrail, *, ids: IdFactory, clock: Clock) -> None:
        self._database = database
        self._trail = trail
        self._ids = ids
        self._clock = clock

    async def begin(
        self, workspace: WorkspaceId, *, reason: str, start: datetime | None, end: datetime | None, by: Doer
    ) -> Recount:
        recount_id = self._ids.new_id("rec")
        try:
            async with self._database.transaction(workspace) as connection:
                row = await connection.fetchrow(
                    f"""
                    INSERT INTO recounts
                        (workspace, id, reason, state, range_start, range_end, created_at, requested_by)
                    VALUES ($1, $2, $3, 'waiting', $4, $5, $6, $7) RETURNING {_COLUMNS}
                    """,
                    workspace,
                    recount_id,
                    reason,
                    _second_of(start),
                    _second_of(end),
                    self._clock.now(),
                    "" if by == ITSELF else by.actor,  # looked at again when the work begins
                )
                deed = by.deed(
                    "recounts:request",
                    f"recount/{recount_id}",
                    reason=reason,
                    start=None if start is None else format_utc(start),
                    end=None if end is None else format_utc(end),
                )
                await self._trail.append(workspace, deed, within=connection)
        except asyncpg.UniqueViolationError as error:
            raise RecountUnderWayError from error
        return _recount_of(row)

    async def get_recount(self, workspace: WorkspaceId, recount_id: str) -> Recount:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM recounts WHERE workspace = $1 AND id = $2", workspace, recount_id
            )
        if row is None:
            raise RecountNotFoundError(recount_id)
        return _recount_of(row)

    async def list_recounts(self, workspace: WorkspaceId, *, limit: int, cursor: Cursor | None) -> Page[Recount]:
        before, before_id = datetime.max.replace(tzinfo=UTC), ""
        if cursor:
            moment, _, before_id = decode_cursor(cursor).partition(" ")
            before = parse_utc(moment, field="cursor")
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_COLUMNS} FROM recounts WHERE workspace = $1 AND (created_at, id) < ($2, $3)
                ORDER BY created_at DESC, id DESC LIMIT $4
                """,
                workspace,
                before,
                before_id,
                limit + 1,
            )
        found = [_recount_of(row) for row in rows[:limit]]
        more = f"{format_utc(found[-1].created_at)} {found[-1].id}" if len(rows) > limit else None
        return Page(tuple(found), encode_cursor(more) if more else None)

    async def find_open(self) -> tuple[WorkspaceId, Record] | None:
        """Return a recount that waits or runs."""
        async with self._database.across_workspaces() as connection:
            found = await connection.fetchval("SELECT list_workspaces_with_recounts() LIMIT 1")
        if found is None:
            return None
        workspace = WorkspaceId(found)
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM recounts WHERE workspace = $1 AND state IN ('waiting', 'running')", workspace
            )
        return (workspace, row) if row is not None else None

    async def set_running(self, workspace: WorkspaceId, recount_id: str, *, end: int, total: int) -> None:
        await self._set(
            "state = 'running', started_at = $3, range_end = $4, seconds_total = $5", workspace, recount_id, end, total
        )

    async def set_done(self, workspace: WorkspaceId, recount_id: str) -> None:
        await self._set("state = 'done', finished_at = $3", workspace, recount_id)

    async def set_failed(self, workspace: WorkspaceId, recount_id: str, problem: str) -> None:
        await self._set("state = 'failed', finished_at = $3, problem = $4", workspace, recount_id, problem)

    async def _set(self, change: str, workspace: WorkspaceId, recount_id: str, *values: object) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                f"UPDATE recounts SET {change} WHERE workspace = $1 AND id = $2",
                workspace,
                recount_id,
                self._clock.now(),
                *values,
            )


class SliceCounter(Protocol):
    """Counts seconds again; the closer does."""

    async def recount(self, touched: TouchedSeconds, noted: "NotedProgress") -> None: ...


class NotedProgress(Protocol):
    """Makes the progress to store out of the runs that were counted."""

    def __call__(self, runs: Runs, which: Numbers) -> Progress: ...


class StoredEngine(Protocol):
    """The part of the telemetry engine that recounts use."""

    async def select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]: ...


_STORED: Final = """
    SELECT DISTINCT toUInt32(second) AS moment FROM raw_spans
    WHERE workspace IN {scope:Array(String)}
        AND second >= toDateTime({start:UInt32}, 'UTC') AND second < toDateTime({end:UInt32}, 'UTC')
        AND toStartOfInterval(second, INTERVAL 10 SECOND) >= toDateTime({start:UInt32} - {start:UInt32} % 10, 'UTC')
    UNION DISTINCT
    SELECT DISTINCT toUInt32(second) AS moment FROM raw_logs
    WHERE workspace IN {scope:Array(String)}
        AND second >= toDateTime({start:UInt32}, 'UTC') AND second < toDateTime({end:UInt32}, 'UTC')
        AND toStartOfInterval(second, INTERVAL 10 SECOND) >= toDateTime({start:UInt32} - {start:UInt32} % 10, 'UTC')
"""
_NEXT: Final = f"SELECT moment FROM ({_STORED}) ORDER BY moment LIMIT {{limit:UInt32}}"
_TOTAL: Final = f"SELECT count() AS found FROM ({_STORED})"
_BEFORE: Final = """
    SELECT model, count() AS runs, countIf(is_priced = 0) AS unpriced, sum(toInt128(cost_nano_usd)) AS cost
    FROM ai_runs
    WHERE workspace IN {scope:Array(String)} AND trace_id != ''
        AND second >= toDateTime({first:UInt32}, 'UTC') AND second <= toDateTime({last:UInt32}, 'UTC')
        AND toUInt32(second) IN (
            SELECT toUInt32(arrayJoin(range(span.1, span.2)))
            FROM (SELECT arrayJoin(arrayZip({starts:Array(UInt64)}, {ends:Array(UInt64)})) AS span))
        AND (second, version) IN (
            SELECT second, max(version) FROM ai_runs
            WHERE workspace IN {scope:Array(String)} AND trace_id = '' AND version <= {watermark:UInt64}
                AND second >= toDateTime({first:UInt32}, 'UTC') AND second <= toDateTime({last:UInt32}, 'UTC')
            GROUP BY second)
    GROUP BY model
"""


@dataclass(slots=True)
class RecountRunner:
    """Works recounts off; `step` is called by the task that counts."""

    jobs: PostgresRecounts
    engine: StoredEngine
    counter: SliceCounter
    clock: Clock
    askers: Askers | None = None
    _slice: int = _FIRST_SLICE

    async def step(self, watermark: int) -> bool:
        """Count one slice of a recount again; return whether there was one."""
        found = await self.jobs.find_open()
        if found is None:
            return False
        workspace, row = found
        try:
            await self._advance(workspace, row, watermark)
        except (UnavailableError, ConflictError):
            self._slice = max(1, self._slice // 2)  # of which the engine may have had too much
            raise
        except TidegateError as error:
            _log.exception("recount failed", recount=row["id"], workspace=workspace)
            await self.jobs.set_failed(workspace, row["id"], error.message)
        return True

    async def _advance(self, workspace: WorkspaceId, row: Record, watermark: int) -> None:
        start = max(row["range_start"] or 0, row["position"])
        if row["state"] == "waiting":
            refused = await self.askers.why_not(workspace, row["requested_by"], _ACTION) if self.askers else ""
            if refused:
                _log.warning("recount refused", recount=row["id"], workspace=workspace, asker=row["requested_by"])
                await self.jobs.set_failed(workspace, row["id"], f"Not begun: {refused}")
                return
            end = min(row["range_end"] or _LAST_SECOND, _LAST_SECOND)
            counted = await self.engine.select([workspace], _TOTAL, {"start": start, "end": end})
            await self.jobs.set_running(workspace, row["id"], end=end, total=int(counted[0]["found"]))
            return
        parameters = {"start": start, "end": row["range_end"], "limit": self._slice}
        stored = await self.engine.select([workspace], _NEXT, parameters)
        if not stored:
            await self.jobs.set_done(workspace, row["id"])
            return
        seconds = {workspace: [int(one["moment"]) for one in stored]}
        before = await self._before(workspace, seconds, watermark)
        started = self.clock.now()
        touched = TouchedSeconds(seconds, {}, watermark, read_at=None)
        await self.counter.recount(touched, _Noted(workspace, row, seconds[workspace], before))
        took_s = (self.clock.now() - started).total_seconds()
        self._slice = min(self._slice * 2, _MOST_SECONDS) if took_s < 0.25 else max(self._slice // 2, 1)

    async def _before(self, workspace: WorkspaceId, seconds: Seconds, watermark: int) -> dict[str, tuple[int, ...]]:
        own = seconds[workspace]
        parameters = {**bound_seconds(seconds), "first": own[0], "last": own[-1], "watermark": watermark}
        rows = await self.engine.select([workspace], _BEFORE, parameters)
        return {row["model"]: (int(row["runs"]), int(row["unpriced"]), int(row["cost"])) for row in rows}


@dataclass(frozen=True, slots=True)
class _Noted:
    workspace: WorkspaceId
    row: Record
    seconds: Sequence[int]
    before: Mapping[str, tuple[int, ...]]

    def __call__(self, runs: Runs, which: Numbers) -> Progress:
        models: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_FIGURES, 0))
        for model, figures in self.row["models"].items():
            models[model].update(figures)
        for model, counted in self.before.items():
            _add(models[model], _FIGURES[:3], counted)
        for model, counted in _figures_of(runs, which, self.workspace, self.seconds).items():
            _add(models[model], _FIGURES[3:], counted)
        return Progress(self.workspace, self.row["id"], self.seconds[-1] + 1, len(self.seconds), models)


_FIGURES: Final = ("runsBefore", "unpricedBefore", "costBefore", "runsAfter", "unpricedAfter", "costAfter")


def _add(figures: dict[str, int], names: Sequence[str], counted: Sequence[int]) -> None:
    for name, value in zip(names, counted, strict=True):
        figures[name] += value


def _figures_of(
    runs: Runs, which: Numbers, workspace: WorkspaceId, seconds: Sequence[int]
) -> dict[str, tuple[int, ...]]:
    """Return runs, unpriced ones and cost by model, of the runs of `seconds`."""
    spans = runs.spans
    is_own = np.isin(spans.number("second")[runs.root[which]].astype(np.int64), np.array(seconds, np.int64))
    names = spans.columns.words["workspace"]
    if workspace in names.words:
        is_own &= names.codes[spans.rows[runs.root[which]]] == names.words.index(workspace)
    own = which[is_own]
    column = spans.columns.words["model"]
    codes = column.codes[spans.rows[runs.words_of["model"][own]]].tolist()
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    told = zip(codes, runs.cost_source[own].tolist(), runs.sums["cost_nano_usd"][own].tolist(), strict=True)
    for code, source, cost in told:
        _count = found[column.words[code]]
        _count[0] += 1
        _count[1] += source == UNPRICED
        _count[2] += cost
    return {model: tuple(counted) for model, counted in found.items()}


def _recount_of(row: Record | None) -> Recount:
    assert row is not None  # noqa: S101 - it was found, or written
    models = [
        ModelDiff(
            model,
            ModelFigures(one["runsBefore"], one["unpricedBefore"], one["costBefore"]),
            ModelFigures(one["runsAfter"], one["unpricedAfter"], one["costAfter"]),
        )
        for model, one in sorted(row["models"].items())
    ]
    return Recount(
        id=row["id"],
        reason=row["reason"],
        state=RecountState(row["state"]),
        start=_moment_of(row["range_start"]),
        end=_moment_of(row["range_end"]) if row["range_end"] != _LAST_SECOND else None,
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        seconds_done=row["seconds_done"],
        seconds_total=row["seconds_total"],
        models=models,
        problem=row["problem"],
    )


def _second_of(moment: datetime | None) -> int | None:
    return None if moment is None else min(max(int(moment.timestamp()), 0), _LAST_SECOND)


def _moment_of(second: int | None) -> datetime | None:
    return None if second is None else datetime.fromtimestamp(second, UTC)
