"""The one client of the telemetry store: an embedded engine or a ClickHouse server, over the same HTTP interface.

Contract: an insert is exactly once under its token. It is repeated with the same token, and only with it, after lost
connections and the engine's passing troubles; the caller repeats it with the same token too when it gets
`UnavailableError`, because the rows may have been stored without an answer. Reads are repeated once. Every statement
says which workspaces it is for: the embedded engine by a signed claim, a server by a filter (`storage.walls`).
"""

import asyncio
import io
import json
import re
import time
from collections.abc import Collection, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import ClickHouseError

from tidegate.kernel import Clock, SystemClock, UnavailableError, WorkspaceId
from tidegate.storage.engine.catalog import COLUMNS_QUERY, read_catalog
from tidegate.storage.engine.claims import CLAIM_HEADER, ENGINE_USER, Access, EngineKeys
from tidegate.storage.scope import SCOPE, scoped
from tidegate.storage.telemetry_errors import (
    RETRY_AFTER_S,
    BadTelemetryRowsError,
    TelemetryAccessError,
    TelemetryQueryError,
    repeated,
    translated,
)
from tidegate.storage.walls import ClaimWall, FilterWall, Wall, refuse_unless_filtered

__all__ = ["DATABASE", "BadTelemetryRowsError", "TelemetryAccessError", "TelemetryEngine", "TelemetryQueryError"]

if TYPE_CHECKING:
    from tidegate.storage.native import Columns, Dictionaries

DATABASE = "tidegate"
_PROBE_TIMEOUT_S = 2.0  # the supervisor's bound of readiness
_INSERT_TIMEOUT_S = 30.0  # with its repetitions; the longest insert stall in 10k batches was 160 ms
_ERASE_TIMEOUT_S = 60.0  # as long as the engine lets a statement run
_INSERT_PAUSES_S = (0.05, 0.2, 0.5, 1.0)  # together longer than a restart (0.4-1.3 s)
_READ_PAUSES_S = (0.1,)
_LATELY_S = 30.0  # how long a trouble that passed is worth a word
_POOL = 16  # connections: more wait in the engine's queue anyway

Result = TypeVar("Result")


class TelemetryEngine:
    """A pool of connections to the telemetry store."""

    def __init__(self, client: AsyncClient, wall: Wall) -> None:
        self._client = client
        self._wall = wall
        self._trouble = ("", -_LATELY_S)

    @property
    def trouble(self) -> str | None:
        """What kept a statement from being answered in the last half minute, in a sentence."""
        words, at = self._trouble
        return words if time.monotonic() - at < _LATELY_S else None

    @classmethod
    async def connect(
        cls, url: str, *, secret: str | None = None, password: str | None = None, clock: Clock | None = None
    ) -> "TelemetryEngine":
        """Connect to the engine at `url`: an embedded one that knows `secret`, else a ClickHouse server.

        A server's user stands in the URL, its password there or in `password`.

        Raises:
            UnavailableError: nothing answers there yet.
            TelemetryWallError: it is a server that does not keep workspaces apart.
        """
        keys = EngineKeys.derive(secret) if secret else None
        wall: Wall = ClaimWall(keys, clock or SystemClock()) if keys else FilterWall()
        parts = urlsplit(url)
        is_secure = parts.scheme == "https"
        user, key = (ENGINE_USER, keys.password) if keys else (unquote(parts.username or "default"), password or "")
        if not keys and not password and parts.password:
            key = unquote(parts.password)
        try:
            client = await clickhouse_connect.get_async_client(
                host=parts.hostname or "127.0.0.1",
                port=parts.port or (8443 if is_secure else 8123),
                interface=parts.scheme or "http",
                username=user,
                password=key,
                headers=wall.headers((), Access.ADMIN),
                compress=False,
                autogenerate_session_id=False,
                autogenerate_query_id=False,
                query_limit=0,
                query_retries=0,
                tz_mode="aware",
                show_clickhouse_errors=True,
                connect_timeout=_PROBE_TIMEOUT_S,
                connector_limit=_POOL,
                connector_limit_per_host=_POOL,
            )
        except (ClickHouseError, OSError) as error:
            raise translated(error) from error
        # From here on each request says its own claim, and one that does not is refused: the client's pool is made
        # anew without the header by which it asked the engine for its version and settings.
        client.headers.pop(CLAIM_HEADER, None)
        await client.close_connections()
        client.database = DATABASE  # for claimed statements; before the first migration there is none of that name
        engine = cls(client, wall)
        try:
            await engine.check_wall()
        except BaseException:
            await client.close()
            raise
        return engine

    async def check_wall(self) -> None:
        """Learn a server's tables, and try that it filters them; an embedded engine does both by itself.

        Raises:
            UnavailableError: it does not answer.
            TelemetryWallError: it does not filter as it is told.
        """
        if not isinstance(self._wall, FilterWall):
            return
        try:
            rows = await self._client.raw_query(COLUMNS_QUERY, use_database=False)
            catalog = read_catalog(rows.decode())
            counts = {"system.one": await self._count_unfiltered("system.one")}
            for table in sorted(catalog.listed):
                counts[table] = await self._count_unfiltered(f"{DATABASE}.{table}")
            known = await self._client.raw_query("SELECT name FROM system.settings FORMAT TSV", use_database=False)
        except (ClickHouseError, OSError) as error:
            raise translated(error) from error
        refuse_unless_filtered(counts)
        self._wall.know(catalog, settings=known.decode().split())

    async def _count_unfiltered(self, table: str) -> int:
        """Return how many rows of a table a filter lets through that no row passes: none, unless it is ignored."""
        settings = {"additional_table_filters": f"{{'{table}': '0'}}"}
        sql = f"SELECT count() FROM (SELECT 1 FROM {table} LIMIT 1)"  # a name from the server's own list
        return int(await self._client.raw_query(sql, settings=settings, use_database=False))

    async def select(
        self,
        workspaces: Collection[WorkspaceId],
        sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        timeout_s: float = 10.0,
    ) -> list[dict[str, Any]]:
        """Return the rows of one SELECT as dictionaries; moments are aware, in UTC.

        The engine shows it rows of `workspaces` only, whatever it says; values are bound as `{name:Type}`.

        Raises:
            UnavailableError: the engine does not answer, or not within `timeout_s`.
            TelemetryQueryError: it cannot understand the statement.
            TelemetryAccessError: it refuses the statement.
        """
        return await self._rows(sql, parameters, workspaces, Access.READ, timeout_s=timeout_s)

    async def columns(
        self,
        workspaces: Collection[WorkspaceId],
        sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        timeout_s: float = 30.0,
        dictionaries: "Dictionaries | None" = None,
        threads: int = 1,
    ) -> "Columns":
        """Return the result of one SELECT as numpy columns: for statements with many rows. Otherwise as `select`.

        With one thread it takes longer, and a third less of the processor.
        """
        from tidegate.storage.native import read_native

        async def read() -> bytes:
            await self._learn_tables()
            return await self._client.raw_query(
                sql,
                _bound(scoped(workspaces, sql, parameters)),
                {
                    "max_execution_time": timeout_s,
                    "max_threads": threads,
                    **self._wall.settings(workspaces, Access.READ),
                },
                fmt="Native",
                transport_settings=self._wall.headers(workspaces, Access.READ),
            )

        return read_native(
            await self._within(timeout_s + 1, repeated(read, _READ_PAUSES_S, writes=False)), dictionaries
        )

    async def insert(
        self,
        workspaces: Collection[WorkspaceId],
        table: str,
        columns: Sequence[str],
        rows_json: bytes,
        *,
        token: str,
    ) -> None:
        """Store `rows_json` (one JSON object a line) in one piece, exactly once under `token`; synced on return.

        Every row carries its workspace, and that is one of `workspaces`. The rows lie in one partition.

        Raises:
            UnavailableError: not stored, or stored without an answer: repeat with the same token.
            BadTelemetryRowsError: the rows cannot be read; nothing was stored.
            TelemetryAccessError: a row is of another workspace; nothing was stored.
        """
        await self._learn_tables()
        statement = self._wall.insert_rows(workspaces, table, columns, "JSONEachRow")
        await self._insert(workspaces, statement, rows=rows_json, token=token)

    async def insert_native(
        self, workspaces: Collection[WorkspaceId], table: str, columns: Sequence[str], block: bytes, *, token: str
    ) -> None:
        """Store a block of the Native format (`storage.native`); otherwise as `insert`."""
        await self._learn_tables()
        statement = self._wall.insert_rows(workspaces, table, columns, "Native")
        await self._insert(workspaces, statement, rows=block, token=token)

    async def insert_select(  # noqa: PLR0913, PLR0917 - as `insert`, with the two of `select` in place of the rows
        self,
        workspaces: Collection[WorkspaceId],
        table: str,
        columns: Sequence[str],
        select_sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        token: str,
        threads: int | None = None,
    ) -> None:
        """Store the rows of a SELECT, which sees and gives rows of `workspaces` only; otherwise as `insert`.

        With one of `threads` a large statement costs a third less of the processor, and takes longer.
        """
        await self._learn_tables()
        statement = self._wall.insert_select(workspaces, table, columns, select_sql)
        await self._insert(workspaces, statement, parameters, token=token, threads=threads)

    async def delete(
        self,
        workspaces: Collection[WorkspaceId],
        table: str,
        condition: str,
        parameters: Mapping[str, object] | None = None,
    ) -> None:
        """Delete the rows of `workspaces` that fit `condition`; on return no reader sees them. May be repeated.

        The condition reads no other table; values are bound as `{name:Type}`. The bytes leave the disk when the mask
        is applied (`ALTER TABLE … APPLY DELETED MASK`) or the parts are merged.

        Raises:
            UnavailableError: the engine does not answer; some rows may be gone.
            TelemetryAccessError: it refuses the statement.
        """
        sql = f"DELETE FROM {DATABASE}.{table} WHERE {SCOPE} AND ({condition})"
        bound = _bound(scoped(workspaces, sql, parameters))

        async def write() -> None:
            await self._client.raw_query(sql, bound, transport_settings=self._wall.headers(workspaces, Access.ERASE))

        await self._within(_ERASE_TIMEOUT_S, repeated(write, _INSERT_PAUSES_S, writes=False))

    async def admin(self, sql: str) -> list[dict[str, Any]]:
        """Run any one statement, over all workspaces: migrations and the doctor.

        Raises:
            UnavailableError: the engine does not answer.
            TelemetryQueryError: it does not understand the statement.
        """
        if re.match(r"\s*(SELECT|WITH|SHOW|DESC|DESCRIBE|EXISTS|EXPLAIN)\b", sql, re.IGNORECASE):
            return await self._rows(sql, None, (), Access.ADMIN, timeout_s=_INSERT_TIMEOUT_S)
        if isinstance(self._wall, FilterWall):
            self._wall.know(None)  # the statement may change tables: they are learned again before the next use
        form = "JSONEachRow" if sql.startswith("CHECK ") else None  # which the client takes for a command
        headers = self._wall.headers((), Access.ADMIN)
        try:
            answer = await self._client.raw_query(sql, fmt=form, use_database=False, transport_settings=headers)
        except (ClickHouseError, OSError) as error:
            raise translated(error) from error
        return [json.loads(line) for line in answer.splitlines()] if form else []

    async def _learn_tables(self) -> None:
        if isinstance(self._wall, FilterWall) and not self._wall.is_known:
            await self.check_wall()

    async def ping(self) -> bool:
        """Say whether the engine answers `SELECT 1` within two seconds."""
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                headers = self._wall.headers((), Access.ADMIN)
                answer = await self._client.raw_query("SELECT 1", use_database=False, transport_settings=headers)
        except (ClickHouseError, OSError, TimeoutError):
            return False
        return bool(answer.strip() == b"1")

    async def close(self) -> None:
        await self._client.close()

    async def _rows(
        self,
        sql: str,
        parameters: Mapping[str, object] | None,
        workspaces: Collection[str],
        access: Access,
        *,
        timeout_s: float,
    ) -> list[dict[str, Any]]:
        async def read() -> list[dict[str, Any]]:
            await self._learn_tables()
            result = await self._client.query(
                sql,
                parameters=_bound(scoped(workspaces, sql, parameters)),
                settings={"max_execution_time": timeout_s, **self._wall.settings(workspaces, access)},
                transport_settings=self._wall.headers(workspaces, access),
            )
            names = result.column_names
            return [dict(zip(names, row, strict=True)) for row in result.result_rows]

        return await self._within(
            timeout_s + 1, repeated(read, _READ_PAUSES_S, writes=False)
        )  # the engine ends it first

    async def _insert(
        self,
        workspaces: Collection[str],
        statement: str,
        parameters: Mapping[str, object] | None = None,
        *,
        rows: bytes | None = None,
        token: str,
        threads: int | None = None,
    ) -> None:
        if not token:
            message = "An insert needs a token: without one a repetition is a second insert."
            raise ValueError(message)
        settings: dict[str, object] = {
            **self._wall.settings(workspaces, Access.WRITE),
            "insert_deduplication_token": token,
            "deduplicate_blocks_in_dependent_materialized_views": 1,
        }
        if threads is not None:
            settings["max_threads"] = threads

        async def write() -> None:
            claim = self._wall.headers(workspaces, Access.WRITE)
            if rows is None:
                bound = _bound(scoped(workspaces, statement, parameters))
                await self._client.raw_query(statement, bound, settings=settings, transport_settings=claim)
            else:
                # As a file: the client looks for SQL in a body of bytes, letter by letter (8 us a span, 14 % of all
                # that the edge did), and might repeat it on its own.
                body = io.BytesIO(b"".join((statement.encode(), b"\n", rows)))
                await self._client.raw_insert(insert_block=body, settings=settings, transport_settings=claim)

        await self._within(_INSERT_TIMEOUT_S, repeated(write, _INSERT_PAUSES_S, writes=rows is not None))

    async def _within(self, limit_s: float, work: Coroutine[Any, Any, Result]) -> Result:
        """Wait for an answer within bounds, and remember in words why there was none."""
        try:
            async with asyncio.timeout(limit_s):
                return await work
        except TimeoutError as error:
            unavailable = UnavailableError("The telemetry engine took too long.", retry_after_s=RETRY_AFTER_S)
            self._trouble = (unavailable.message, time.monotonic())
            raise unavailable from error
        except UnavailableError as error:
            self._trouble = (error.message, time.monotonic())
            raise


def _bound(parameters: Mapping[str, object] | None) -> dict[str, Any] | None:
    """Return parameters as the client binds them: moments keep their microseconds."""
    if not parameters:
        return None
    return {name: _bound_value(value) for name, value in parameters.items()}


def _bound_value(value: object) -> object:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            message = "A moment without a time zone cannot be bound."
            raise ValueError(message)
        # Seconds as text: exact in the integer part, and read by DateTime and DateTime64 in any zone.
        whole = int(value.replace(microsecond=0).timestamp())
        return f"{whole}.{value.microsecond:06d}" if value.microsecond else str(whole)
    if isinstance(value, list | tuple):
        return [_bound_value(item) for item in value]
    return value
