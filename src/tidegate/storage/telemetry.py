"""The one client of the telemetry store: an embedded engine or a ClickHouse server, over the same HTTP interface.

Contract: an insert is exactly once under its token. It is repeated with the same token, and only with it, after lost
connections and the engine's passing troubles; the caller repeats it with the same token too when it gets
`UnavailableError`, because the rows may have been stored without an answer. Reads are repeated once. Every statement
carries a signed claim of the workspaces it is for (a server ignores it and has row policies instead).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError, StreamFailureError

from tidegate.kernel import (
    Clock,
    ForbiddenError,
    InvalidInputError,
    SystemClock,
    TidegateError,
    UnavailableError,
    WorkspaceId,
)
from tidegate.storage.engine.claims import CLAIM_HEADER, ENGINE_USER, Access, EngineKeys, sign_claim

if TYPE_CHECKING:
    from tidegate.storage.native import Columns

DATABASE = "tidegate"
_CLAIM_LIFE_S = 120  # longer than the longest statement with its repetitions, short enough to be worthless later
_PROBE_TIMEOUT_S = 2.0  # the supervisor's bound of readiness
_INSERT_TIMEOUT_S = 30.0  # with its repetitions; the longest insert stall in 10k batches was 160 ms
_INSERT_PAUSES_S = (0.05, 0.2, 0.5, 1.0)  # together longer than a restart (0.4-1.3 s)
_READ_PAUSES_S = (0.1,)
_RETRY_AFTER_S = 1.0
# MEMORY_LIMIT_EXCEEDED, NOT_ENOUGH_SPACE, ABORTED, TOO_MANY_SIMULTANEOUS_QUERIES, QUERY_WAS_CANCELLED
_PASSING_CODES = frozenset({241, 243, 236, 202, 394})
_PASSING_STATUS = re.compile(r"HTTP status (?:429|502|503|504)\b")
_TIMED_OUT_CODES = frozenset({159, 160})
_REFUSED_CODES = frozenset({164, 497, 516})
# Cannot parse …, incorrect data, unknown field, unexpected end: as the engine's readers of rows say it.
_BAD_ROWS_CODES = frozenset(
    {6, 25, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 321, 349, 441, 675, 676, 677}
)
# What a person needs of the engine's words, without its files, its place in the pipeline and its version.
_ENGINE_WORDS = re.compile(
    r"DB::Exception: (.*?)(?:: \(in file|: While executing|: while executing|\. Note|\. In scope| \(version|$)",
    re.DOTALL,
)
_POOL = 16  # connections: more wait in the engine's queue anyway

Result = TypeVar("Result")


class TelemetryQueryError(TidegateError):
    """The engine does not understand a statement of ours: a mistake in the program, never the caller's."""

    code: ClassVar[str] = "telemetry_query"


class BadTelemetryRowsError(InvalidInputError):
    """The rows of an insert cannot be read as the table's columns; repeating them is of no use."""

    code: ClassVar[str] = "bad_telemetry_rows"


class TelemetryAccessError(ForbiddenError):
    """The engine refuses a statement or a row that its claim does not cover: a mistake in the program."""

    code: ClassVar[str] = "telemetry_access"


class TelemetryEngine:
    """A pool of connections to the telemetry store."""

    def __init__(self, client: AsyncClient, keys: EngineKeys, clock: Clock) -> None:
        self._client = client
        self._keys = keys
        self._clock = clock

    @classmethod
    async def connect(cls, url: str, *, secret: str, clock: Clock | None = None) -> "TelemetryEngine":
        """Connect to the engine at `url`; user and password in it are a server's, otherwise they follow from `secret`.

        Raises:
            UnavailableError: nothing answers there yet.
        """
        keys = EngineKeys.derive(secret)
        clock = clock or SystemClock()
        parts = urlsplit(url)
        is_secure = parts.scheme == "https"
        claim = sign_claim(keys.claim_key, (), Access.ADMIN, expires=int(clock.now().timestamp()) + _CLAIM_LIFE_S)
        try:
            client = await clickhouse_connect.get_async_client(
                host=parts.hostname or "127.0.0.1",
                port=parts.port or (8443 if is_secure else 8123),
                interface=parts.scheme or "http",
                username=unquote(parts.username) if parts.username else ENGINE_USER,
                password=unquote(parts.password) if parts.password else keys.password,
                headers={CLAIM_HEADER: claim},
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
            raise _translated(error) from error
        # From here on each request says its own claim, and one that does not is refused: the client's pool is made
        # anew without the header by which it asked the engine for its version and settings.
        client.headers.pop(CLAIM_HEADER)
        await client.close_connections()
        return cls(client, keys, clock)

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
        threads: int = 1,
    ) -> "Columns":
        """Return the result of one SELECT as numpy columns: for statements with many rows. Otherwise as `select`."""
        from tidegate.storage.native import read_native

        settings = {"max_execution_time": timeout_s, "max_threads": threads}

        async def read() -> bytes:
            return await self._client.raw_query(
                sql, _bound(parameters), settings, fmt="Native", transport_settings=self._claim(workspaces, Access.READ)
            )

        try:
            async with asyncio.timeout(timeout_s + 1):
                return read_native(await _repeat(read, _READ_PAUSES_S, writes=False))
        except TimeoutError as error:
            raise UnavailableError("The telemetry engine took too long.", retry_after_s=_RETRY_AFTER_S) from error

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
        await self._insert(workspaces, f"{_into(table, columns)} FORMAT JSONEachRow", rows=rows_json, token=token)

    async def insert_native(
        self, workspaces: Collection[WorkspaceId], table: str, columns: Sequence[str], block: bytes, *, token: str
    ) -> None:
        """Store a block of the Native format (`storage.native`); otherwise as `insert`."""
        await self._insert(workspaces, f"{_into(table, columns)} FORMAT Native", rows=block, token=token)

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
        statement = f"{_into(table, columns)} {select_sql}"
        await self._insert(workspaces, statement, parameters, token=token, threads=threads)

    async def admin(self, sql: str) -> list[dict[str, Any]]:
        """Run any one statement, over all workspaces: migrations and the doctor.

        Raises:
            UnavailableError: the engine does not answer.
            TelemetryQueryError: it does not understand the statement.
        """
        if re.match(r"\s*(SELECT|WITH|SHOW|DESC|DESCRIBE|EXISTS|CHECK|EXPLAIN)\b", sql, re.IGNORECASE):
            return await self._rows(sql, None, (), Access.ADMIN, timeout_s=_INSERT_TIMEOUT_S)
        try:
            await self._client.raw_query(sql, transport_settings=self._claim((), Access.ADMIN))
        except (ClickHouseError, OSError) as error:
            raise _translated(error) from error
        return []

    async def ping(self) -> bool:
        """Say whether the engine answers `SELECT 1` within two seconds."""
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                answer = await self._client.raw_query("SELECT 1", transport_settings=self._claim((), Access.ADMIN))
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
            result = await self._client.query(
                sql,
                parameters=_bound(parameters),
                settings={"max_execution_time": timeout_s},
                transport_settings=self._claim(workspaces, access),
            )
            names = result.column_names
            return [dict(zip(names, row, strict=True)) for row in result.result_rows]

        try:
            async with asyncio.timeout(timeout_s + 1):  # the engine ends it first, and says so
                return await _repeat(read, _READ_PAUSES_S, writes=False)
        except TimeoutError as error:
            raise UnavailableError("The telemetry engine took too long.", retry_after_s=_RETRY_AFTER_S) from error

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
        settings: dict[str, Any] = {
            "insert_deduplication_token": token,
            "deduplicate_blocks_in_dependent_materialized_views": 1,
        }
        settings |= {} if threads is None else {"max_threads": threads}

        async def write() -> None:
            claim = self._claim(workspaces, Access.WRITE)
            if rows is None:
                bound = _bound(parameters)
                await self._client.raw_query(statement, bound, settings=settings, transport_settings=claim)
            else:
                await self._client.command(statement, data=rows, settings=settings, transport_settings=claim)

        try:
            async with asyncio.timeout(_INSERT_TIMEOUT_S):
                await _repeat(write, _INSERT_PAUSES_S, writes=rows is not None)
        except TimeoutError as error:
            raise UnavailableError("The telemetry engine took too long.", retry_after_s=_RETRY_AFTER_S) from error

    def _claim(self, workspaces: Collection[str], access: Access) -> dict[str, str]:
        expires = int(self._clock.now().timestamp()) + _CLAIM_LIFE_S
        return {CLAIM_HEADER: sign_claim(self._keys.claim_key, workspaces, access, expires=expires)}


async def _repeat(action: Callable[[], Awaitable[Result]], pauses_s: Sequence[float], *, writes: bool) -> Result:
    for pause_s in pauses_s:
        try:
            return await action()
        except (ClickHouseError, OSError) as error:
            translated = _translated(error, writes=writes)
            if not isinstance(translated, UnavailableError) or getattr(error, "code", None) in _TIMED_OUT_CODES:
                raise translated from error
            await asyncio.sleep(pause_s)
    try:
        return await action()
    except (ClickHouseError, OSError) as error:
        raise _translated(error, writes=writes) from error


def _translated(error: Exception, *, writes: bool = False) -> TidegateError:
    """Return what happened in our words; what may pass by itself is `UnavailableError`."""
    code = getattr(error, "code", None)
    if isinstance(error, OSError) or code in _PASSING_CODES or (code is None and _is_transport(error)):
        return UnavailableError("The telemetry engine does not answer at the moment.", retry_after_s=_RETRY_AFTER_S)
    if code in _TIMED_OUT_CODES:
        return UnavailableError("The telemetry engine took too long.", retry_after_s=_RETRY_AFTER_S)
    found = _ENGINE_WORDS.search(str(error))
    words = found[1] if found else str(error)
    if code in _REFUSED_CODES:
        return TelemetryAccessError(f"The telemetry engine refused a statement: {words}")
    if writes and code in _BAD_ROWS_CODES:
        return BadTelemetryRowsError(f"The telemetry engine could not read the rows: {words}")
    return TelemetryQueryError(f"The telemetry engine did not accept a statement (code {code}): {words}")


def _is_transport(error: Exception) -> bool:
    return isinstance(error, OperationalError | StreamFailureError) or _PASSING_STATUS.search(str(error)) is not None


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


def _into(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {DATABASE}.{table} ({', '.join(f'`{name}`' for name in columns)})"
