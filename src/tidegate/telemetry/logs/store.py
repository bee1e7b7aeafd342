"""Stored log records, newest first; each once, however often it came.

Two statements a page: the first reads narrow columns of the window and keeps the newest ids, the second reads the whole
rows of those. One alone would carry bodies and attributes of everything in the window through the sort.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol

from tidegate.kernel import InvalidInputError, TimeRange, UnavailableError, WorkspaceId
from tidegate.telemetry.logs.query import LogLine, LogQuery, Position, families_of, moment_of

_TIMEOUT_S: Final = 3.0  # UX section 4: what takes longer says "narrow the range"
_ROUNDS: Final = 8
_NANO: Final = 1_000_000_000
_LAST_SECOND: Final = 2**32 - 1
_DETAIL: Final = (
    "log_id", "time_ns", "received_ns", "severity", "severity_text", "event_name", "body", "service", "environment",
    "release", "tenant", "trace_id", "span_id", "request_id", "correlation_id", "scope", "attributes", "resource",
    "families", "distrusted", "replayed",
)  # fmt: skip
# The key of the table begins with ten seconds; its partitions are days of arrival.
_TEN_SECONDS: Final = "toStartOfInterval(second, INTERVAL 10 SECOND)"
_DAY: Final = "toDate(fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC'))"


class SearchEngine(Protocol):
    """The part of the telemetry engine that reads rows."""

    async def select(
        self,
        workspaces: Collection[WorkspaceId],
        sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        timeout_s: float = 10.0,
    ) -> list[dict[str, Any]]: ...


class LogSearchSlowError(UnavailableError):
    code = "log_search_slow"

    def __init__(self) -> None:
        super().__init__(
            f"The search took over {_TIMEOUT_S:g} s. Narrow the range, or name a service, a tenant or a trace.",
            retry_after_s=1.0,
        )


class EngineLogStore:
    """Reads `raw_logs`."""

    def __init__(self, engine: SearchEngine) -> None:
        self._engine = engine

    async def search(self, workspace: WorkspaceId, query: LogQuery, *, limit: int) -> list[LogLine]:
        """Return at most `limit` records, the newest first.

        Raises:
            LogSearchSlowError: the window holds too much to look through.
            UnavailableError: the engine does not answer.
        """
        found: dict[str, Position] = {}
        after = query.after
        for _ in range(_ROUNDS):
            rows = await self._positions(workspace, query, after, limit=2 * limit)
            for row in rows:
                # What came twice is two rows until the engine has merged them.
                found.setdefault(row["log_id"], _position_of(row))
            if len(found) >= limit or len(rows) < 2 * limit:
                break
            after = _position_of(rows[-1])
        return await self._lines(workspace, list(found.values())[:limit])

    async def _positions(
        self, workspace: WorkspaceId, query: LogQuery, after: Position | None, *, limit: int
    ) -> list[dict[str, Any]]:
        filters, parameters = _filters_of(query)
        parameters |= {"workspace": workspace, **_bounds_of(query.window)}
        if after is not None:
            filters += " AND (at_ns, log_id) < ({after_ns:UInt64}, {after_id:String})"
            parameters |= {"after_ns": after.at_ns, "after_id": after.log_id}
        order = f"ORDER BY at_ns DESC, log_id DESC LIMIT {limit}"
        # By its own time when that can be believed, else by when it came: a lost clock must not hide a record.
        sql = f"""
            SELECT at_ns, log_id, distrusted FROM (
                SELECT time_ns AS at_ns, log_id, distrusted FROM raw_logs
                WHERE workspace = {{workspace:String}} AND distrusted = 0
                    AND {_TEN_SECONDS} >= {_ten("start")} AND {_TEN_SECONDS} <= {_ten("end")}
                    AND at_ns >= {{start_ns:UInt64}} AND at_ns < {{end_ns:UInt64}} {filters}
                {order}
                UNION ALL
                SELECT received_ns AS at_ns, log_id, distrusted FROM raw_logs
                WHERE workspace = {{workspace:String}} AND distrusted = 1
                    AND {_DAY} >= toDate(toDateTime({{start:UInt32}}, 'UTC'))
                    AND {_DAY} <= toDate(toDateTime({{end:UInt32}}, 'UTC'))
                    AND at_ns >= {{start_ns:UInt64}} AND at_ns < {{end_ns:UInt64}} {filters}
                {order})
            {order}
        """
        return await self._select(workspace, sql, parameters)

    async def _lines(self, workspace: WorkspaceId, positions: Sequence[Position]) -> list[LogLine]:
        if not positions:
            return []
        believable = [position.at_ns // _NANO for position in positions if not position.is_distrusted]
        within = [f"{_TEN_SECONDS} >= {_ten('first')} AND {_TEN_SECONDS} <= {_ten('last')}"] if believable else []
        if len(believable) < len(positions):
            within.append("distrusted = 1")
        sql = f"""
            SELECT {", ".join(_DETAIL)} FROM raw_logs
            WHERE workspace = {{workspace:String}} AND log_id IN ({{ids:Array(String)}}) AND ({" OR ".join(within)})
            ORDER BY distrusted, received_ns LIMIT 1 BY log_id
        """
        parameters = {
            "workspace": workspace,
            "ids": [position.log_id for position in positions],
            "first": min([*believable, _LAST_SECOND]),
            "last": min(max([*believable, 0]), _LAST_SECOND),
        }
        rows = await self._select(workspace, sql, parameters)
        by_id = {row["log_id"]: row for row in rows}
        # Retention may have taken a row between the two statements.
        return [_line_of(by_id[position.log_id], position) for position in positions if position.log_id in by_id]

    async def _select(self, workspace: WorkspaceId, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        try:
            return await self._engine.select([workspace], sql, parameters, timeout_s=_TIMEOUT_S)
        except UnavailableError as error:
            if "too long" in error.message:
                raise LogSearchSlowError from error
            raise


def _ten(name: str) -> str:
    """Return the ten seconds in which the parameter `name` lies, as the key of the table has them."""
    return f"toStartOfInterval(toDateTime({{{name}:UInt32}}, 'UTC'), INTERVAL 10 SECOND)"


def _position_of(row: Mapping[str, Any]) -> Position:
    return Position(int(row["at_ns"]), row["log_id"], is_distrusted=bool(row["distrusted"]))


def _filters_of(query: LogQuery) -> tuple[str, dict[str, object]]:
    filters: list[str] = []
    parameters: dict[str, object] = {}
    for name, value in (("service", query.service), ("tenant", query.tenant), ("trace_id", query.trace_id)):
        if value:
            filters.append(f"{name} = {{{name}:String}}")
            parameters[name] = value
    if query.severity is not None:
        filters.append("severity >= {severity:UInt8}")
        parameters["severity"] = int(query.severity)
    if query.event:
        begins = query.event.endswith("*")
        filters.append("startsWith(event_name, {event:String})" if begins else "event_name = {event:String}")
        parameters["event"] = query.event.rstrip("*") if begins else query.event
    for number, word in enumerate(query.words):
        place = f"{{word{number}:String}}"
        # One look at everything that a person sees of the record; the values of attributes only when the body has none.
        filters.append(
            f"(positionCaseInsensitiveUTF8(body, {place}) > 0 OR positionCaseInsensitiveUTF8(event_name, {place}) > 0"
            f" OR arrayExists(value -> positionCaseInsensitiveUTF8(value, {place}) > 0, mapValues(attributes)))"
        )
        parameters[f"word{number}"] = word
    return "".join(f" AND {each}" for each in filters), parameters


def _bounds_of(window: TimeRange) -> dict[str, object]:
    start_ns, end_ns = (_nanoseconds_of(each.timestamp()) for each in (window.start, window.end))
    if end_ns <= 0:
        raise InvalidInputError("There is nothing before 1970.", field="to")
    return {
        "start": min(start_ns // _NANO, _LAST_SECOND),
        "end": min(end_ns // _NANO, _LAST_SECOND),
        "start_ns": start_ns,
        "end_ns": end_ns,
    }


def _nanoseconds_of(timestamp: float) -> int:
    return max(round(timestamp * 1_000_000) * 1_000, 0)


def _line_of(row: Mapping[str, Any], position: Position) -> LogLine:
    plain = ("log_id", "severity", "severity_text", "event_name", "body", "service", "environment", "release", "tenant",
             "trace_id", "span_id", "request_id", "correlation_id", "scope", "attributes", "resource")  # fmt: skip
    return LogLine(
        **{name: row[name] for name in plain},
        at=moment_of(position.at_ns),
        at_ns=position.at_ns,
        received_at=moment_of(int(row["received_ns"])),
        families=families_of(int(row["families"])),
        is_distrusted=bool(row["distrusted"]),
        is_replayed=bool(row["replayed"]),
    )
