"""Counted runs read from the telemetry engine.

A run's row is current when its version is that of the newest row without a trace (the second's marker), up to the
watermark: what was counted before, and is no longer true, stays in the table until it is dropped. Every run has an
outcome and no marker has one: telling them apart by that reads a hundredth of what their ids would.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, Protocol

from tidegate.kernel import InvalidInputError, Page, WorkspaceId, decode_cursor, encode_cursor
from tidegate.signals.ai_runs.model import AiRun, RunQuery
from tidegate.storage.scope import SCOPE

_NANO: Final = 1_000_000_000
_LAST_SECOND: Final = 2**32 - 1
_COLUMNS: Final = ", ".join(field.name for field in fields(AiRun))
_WINDOW: Final = "second >= toDateTime({start:UInt32}, 'UTC') AND second < toDateTime({end:UInt32}, 'UTC')"
_LIST: Final = """
    SELECT {columns} FROM ai_runs
    WHERE {scope} AND {window} AND outcome != ''{conditions}
        AND (second, version) IN (
            SELECT second, max(version) FROM ai_runs
            WHERE {scope} AND {window} AND outcome = '' AND version <= {{watermark:UInt64}} GROUP BY second)
    ORDER BY end_ns DESC, trace_id DESC, span_id DESC LIMIT 1 BY trace_id, span_id LIMIT {{limit:UInt32}}
"""
_FIND: Final = f"""
    SELECT {_COLUMNS} FROM ai_runs
    WHERE {SCOPE} AND trace_id = {{trace:String}} AND span_id = {{span:String}}
        AND (second, version) IN (
            SELECT second, max(version) FROM ai_runs
            WHERE {SCOPE} AND trace_id = '' AND version <= {{watermark:UInt64}}
                AND second IN (SELECT second FROM ai_runs WHERE {SCOPE} AND trace_id = {{trace:String}})
            GROUP BY second)
    ORDER BY version DESC LIMIT 1
"""
_EXTENT: Final = f"SELECT toUInt32(min(second)) AS oldest, toUInt32(max(second)) AS newest FROM ai_runs WHERE {SCOPE}"
# Lists want the newest: a window that grows reads little where much is stored, and all of it where little is.
_FIRST_WINDOW_S: Final = 3_600
_GROWTH: Final = 24

Watermark = Callable[[Collection[WorkspaceId]], Awaitable[int]]
"""Up to which version counts may be read; raises while a workspace's telemetry waits too long to be counted."""


class SelectEngine(Protocol):
    """The part of the telemetry engine that reads."""

    async def select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]: ...


class EngineRunStore:
    """Keeps the promises of `RunStore`."""

    def __init__(self, engine: SelectEngine, *, watermark: Watermark) -> None:
        self._engine = engine
        self._watermark = watermark

    async def list_runs(self, workspace: WorkspaceId, query: RunQuery) -> Page[AiRun]:
        conditions, parameters = _conditions_of(query)
        parameters |= {"watermark": await self._watermark([workspace]), "limit": query.limit + 1}
        oldest, newest = await self._extent(workspace)
        first, last = oldest, min(newest + 1, _LAST_SECOND)
        if query.window:
            first, last = max(first, _second_of(query.window.start)), min(last, _second_of(query.window.end))
        if query.cursor:
            last = min(last, int(parameters["before_ns"]) // _NANO + 1)
        sql = _LIST.format(scope=SCOPE, columns=_COLUMNS, window=_WINDOW, conditions=conditions)
        length = _FIRST_WINDOW_S
        while True:
            start = max(first, last - length)
            rows = await self._engine.select([workspace], sql, {**parameters, "start": start, "end": last})
            if len(rows) > query.limit or start <= first:
                break
            length *= _GROWTH
        runs = tuple(AiRun(**row) for row in rows[: query.limit])
        more = f"{runs[-1].end_ns} {runs[-1].trace_id} {runs[-1].span_id}" if len(rows) > query.limit else None
        return Page(runs, encode_cursor(more) if more else None)

    async def find_run(self, workspace: WorkspaceId, trace_id: str, span_id: str) -> AiRun | None:
        parameters = {"trace": trace_id, "span": span_id, "watermark": await self._watermark([workspace])}
        rows = await self._engine.select([workspace], _FIND, parameters)
        return AiRun(**rows[0]) if rows else None

    async def _extent(self, workspace: WorkspaceId) -> tuple[int, int]:
        """Return the oldest and the newest second that was counted: a recording may be a year old, and is looked at."""
        rows = await self._engine.select([workspace], _EXTENT)
        return (int(rows[0]["oldest"]), int(rows[0]["newest"])) if rows else (0, 0)


def _conditions_of(query: RunQuery) -> tuple[str, dict[str, Any]]:
    given = {
        "outcome": query.outcome,
        "model": query.model,
        "provider": query.provider,
        "tenant": query.tenant,
        "service": query.service,
        "release": query.release,
    }
    parameters: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    conditions = [f"{name} = {{{name}:String}}" for name in parameters]
    if query.min_cost_nano_usd is not None:
        conditions.append("is_priced = 1 AND cost_nano_usd >= {min_cost:Int64}")
        parameters["min_cost"] = query.min_cost_nano_usd
    if query.is_unpriced:
        conditions.append("is_priced = 0")
    if query.cursor:
        before_ns, trace_id, span_id = _read_cursor(query.cursor)
        conditions.append(
            "(end_ns, trace_id, span_id) < ({before_ns:UInt64}, {before_trace:String}, {before_span:String})"
        )
        parameters |= {"before_ns": before_ns, "before_trace": trace_id, "before_span": span_id}
    return "".join(f" AND {condition}" for condition in conditions), parameters


def _read_cursor(cursor: str) -> tuple[int, str, str]:
    parts = decode_cursor(cursor).split(" ")
    if len(parts) != 3 or not (parts[0].isascii() and parts[0].isdecimal()) or len(parts[0]) > 20:
        raise InvalidInputError("This cursor is not one of this list: start again without it.", field="cursor")
    return min(int(parts[0]), 2**64 - 1), parts[1], parts[2]


def _second_of(moment: datetime) -> int:
    return min(max(0, int(moment.timestamp())), _LAST_SECOND)
