"""Traces read from raw spans and raw logs in the telemetry engine."""

from base64 import b64decode
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from tidegate.kernel import InvalidInputError, Page, WorkspaceId, decode_cursor, encode_cursor
from tidegate.storage.scope import SCOPE
from tidegate.telemetry.model import NANO
from tidegate.telemetry.traces.model import (
    BAD_OUTCOMES,
    STATUS_ERROR,
    LogLine,
    SpanDetail,
    SpanEvent,
    SpanLine,
    SpanLink,
    TraceEntry,
    TraceQuery,
)
from tidegate.telemetry.traces.stored import read_stored

_LINE: Final = ", ".join(SpanLine._fields)
_MORE: Final = (
    "status_message", "trace_state", "scope", "environment", "release", "route", "http_method", "attempt",
    "finish_reason", "prompt_version", "conversation_id", "input_tokens", "output_tokens", "cached_input_tokens",
    "cache_write_tokens", "reasoning_tokens", "ttfc_ns", "object", "detail", "amount_micro", "attributes", "resource",
    "events", "links",
)  # fmt: skip
# Of the copies of a span the one that counts: believable before distrusted, then the first received.
_ONCE: Final = "ORDER BY distrusted, received_ns LIMIT 1 BY workspace, trace_id, span_id"
_LINES: Final = f"""
    SELECT {_LINE} FROM (
        SELECT {_LINE} FROM raw_spans WHERE {SCOPE} AND trace_id = {{trace:String}} {_ONCE}
    ) ORDER BY start_ns, span_id LIMIT {{limit:UInt32}}
"""
_DETAILS: Final = f"""
    SELECT {_LINE}, {", ".join(_MORE)}, base64Encode(span) AS span_, base64Encode(origin) AS origin_ FROM raw_spans
    WHERE {SCOPE} AND trace_id = {{trace:String}} AND span_id IN {{spans:Array(String)}} {_ONCE}
"""
_LOG_COLUMNS: Final = (
    "log_id", "time_ns", "span_id", "severity", "severity_text", "event_name", "body", "service", "families", "object",
    "detail", "outcome", "amount_micro", "attributes",
)  # fmt: skip
_LOGS: Final = f"""
    SELECT {", ".join(_LOG_COLUMNS)} FROM (
        SELECT {", ".join(_LOG_COLUMNS)} FROM raw_logs
        WHERE {SCOPE} AND trace_id = {{trace:String}} AND ({{span:String}} = '' OR span_id = {{span:String}})
        ORDER BY distrusted, received_ns LIMIT 1 BY workspace, log_id
    ) ORDER BY time_ns, log_id LIMIT {{limit:UInt32}}
"""
_IS_ERROR: Final = f"""(status = {STATUS_ERROR} OR http_status >= 500
    OR run_outcome IN ({", ".join(f"'{word}'" for word in sorted(BAD_OUTCOMES))})
    OR outcome IN ({", ".join(f"'{word}'" for word in sorted(BAD_OUTCOMES))}))"""
# A trace is listed by its root, or by the request with which it entered a service that knows no more of it.
_ENTRIES: Final = f"""
    SELECT trace_id, span_id, name, service, tenant, start_ns, end_ns, {_IS_ERROR} AS is_error FROM (
        SELECT trace_id, span_id, name, service, tenant, start_ns, end_ns, status, http_status, run_outcome, outcome,
            parent_span_id, distrusted, received_ns
        FROM raw_spans
        WHERE {SCOPE} AND second >= toDateTime({{start:UInt32}}, 'UTC') AND second < toDateTime({{end:UInt32}}, 'UTC')
            AND (parent_span_id = '' OR kind = 2) AND distrusted = 0
            AND end_ns - start_ns >= {{shortest:UInt64}}
            AND ({{service:String}} = '' OR service = {{service:String}})
            AND ({{tenant:String}} = '' OR tenant = {{tenant:String}})
            AND ({{outcome:UInt8}} = 2 OR {_IS_ERROR} = {{outcome:UInt8}})
        ORDER BY parent_span_id != '', start_ns, received_ns LIMIT 1 BY workspace, trace_id
    )
    WHERE {{before:String}} = '' OR (end_ns, trace_id) < ({{before_ns:UInt64}}, {{before:String}})
    ORDER BY end_ns DESC, trace_id DESC LIMIT {{limit:UInt32}}
"""
# Lists want the newest; a window that grows reads little where much is stored, and all of it where little is.
_FIRST_WINDOW_S: Final = 60
_GROWTH: Final = 16
_ALL: Final = 2
_LAST_SECOND: Final = 2**32 - 1


class SelectEngine(Protocol):
    """The part of the telemetry engine that reads."""

    async def select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]: ...


class EngineTraceStore:
    """Keeps the promises of `TraceStore`."""

    def __init__(self, engine: SelectEngine) -> None:
        self._engine = engine

    async def find_lines(self, workspace: WorkspaceId, trace_id: str, *, limit: int) -> list[SpanLine]:
        rows = await self._engine.select([workspace], _LINES, {"trace": trace_id, "limit": limit})
        return [SpanLine(*row.values()) for row in rows]

    async def find_details(self, workspace: WorkspaceId, trace_id: str, span_ids: Sequence[str]) -> list[SpanDetail]:
        rows = await self._engine.select([workspace], _DETAILS, {"trace": trace_id, "spans": list(span_ids)})
        return [_detail_of(row) for row in rows]

    async def find_logs(
        self, workspace: WorkspaceId, trace_id: str, *, span_id: str | None, limit: int
    ) -> list[LogLine]:
        parameters = {"trace": trace_id, "span": span_id or "", "limit": limit}
        return [LogLine(**row) for row in await self._engine.select([workspace], _LOGS, parameters)]

    async def list_traces(self, workspace: WorkspaceId, query: TraceQuery) -> Page[TraceEntry]:
        first, last = (_second_of(moment) for moment in (query.window.start, query.window.end))
        before_ns, before = _read_cursor(query.cursor)
        if before:
            last = min(last, before_ns // NANO + 1)
        parameters = {
            "shortest": query.min_duration_ns,
            "service": query.service or "",
            "tenant": query.tenant or "",
            "outcome": _ALL if query.is_error is None else int(query.is_error),
            "before": before,
            "before_ns": before_ns,
            "limit": query.limit + 1,
        }
        length = _FIRST_WINDOW_S
        while True:
            start = max(first, last - length)
            window = {"start": start, "end": last}
            rows = await self._engine.select([workspace], _ENTRIES, {**parameters, **window})
            if len(rows) > query.limit or start <= first:
                break
            length *= _GROWTH
        entries = [TraceEntry(**{**row, "is_error": bool(row["is_error"])}) for row in rows[: query.limit]]
        more = encode_cursor(f"{entries[-1].end_ns} {entries[-1].trace_id}") if len(rows) > query.limit else None
        return Page(tuple(entries), more)


def _second_of(moment: datetime) -> int:
    return min(max(0, int(moment.timestamp())), _LAST_SECOND)


def _read_cursor(cursor: str | None) -> tuple[int, str]:
    if cursor is None:
        return 0, ""
    moment, _, trace_id = decode_cursor(cursor).partition(" ")
    if not (moment.isascii() and moment.isdecimal()) or len(moment) > 20 or not trace_id:
        raise InvalidInputError("This cursor is not one of this list: start again without it.", field="cursor")
    return min(int(moment), 2**64 - 1), trace_id


def _detail_of(row: dict[str, Any]) -> SpanDetail:
    line = SpanLine(*(row[name] for name in SpanLine._fields))
    rest = {name: row[name] for name in _MORE}
    if row["span_"]:
        stored = read_stored(b64decode(row["span_"]), b64decode(row["origin_"]))
        return SpanDetail(line=line, **rest | stored._asdict())
    rest["events"] = tuple(
        SpanEvent(str(event.get("name", "")), _whole(event.get("timeNs")), _texts(event.get("attributes")))
        for event in _list_of(row["events"])
    )
    rest["links"] = tuple(
        SpanLink(str(link.get("traceId", "")), str(link.get("spanId", "")), _texts(link.get("attributes")))
        for link in _list_of(row["links"])
    )
    return SpanDetail(line=line, **rest)


def _list_of(text: str) -> list[dict[str, Any]]:
    """Return the objects in a column of JSON; what cannot be read was cut by somebody and is no reason to fail."""
    try:
        found = msgspec.json.decode(text) if text else []
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _whole(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0


def _texts(value: object) -> Mapping[str, str]:
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, dict) else {}
