"""What the rest of tidegate relies on: the client of the telemetry store against a real engine."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from tests.conftest import EngineProcess

from tidegate.kernel import ForbiddenError, InvalidInputError, UnavailableError, WorkspaceId
from tidegate.storage.telemetry import (
    BadTelemetryRowsError,
    TelemetryAccessError,
    TelemetryEngine,
    TelemetryQueryError,
)

A, B = WorkspaceId("a"), WorkspaceId("b")
COLUMNS = ["workspace", "n", "at", "text"]
AT = datetime(2026, 11, 21, 10, 46, 49, 123456, tzinfo=UTC)


@pytest.fixture(scope="module")
async def process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EngineProcess]:
    started = EngineProcess(tmp_path_factory.mktemp("client"))
    await started.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
async def store(process: EngineProcess) -> AsyncIterator[TelemetryEngine]:
    opened = await TelemetryEngine.connect(process.url, secret=process.secret)
    await opened.admin("CREATE DATABASE IF NOT EXISTS tidegate")
    yield opened
    await opened.close()


@pytest.fixture
async def table(store: TelemetryEngine) -> str:
    name = f"t_{secrets.token_hex(6)}"
    await store.admin(
        f"CREATE TABLE tidegate.{name} (workspace LowCardinality(String), n Int64, at DateTime64(6), text String)"
        " ENGINE = MergeTree ORDER BY (workspace, n)"
        " SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000"
    )
    return name


def lines(workspace: str, numbers: Sequence[int], **more: Any) -> bytes:
    row = {"workspace": workspace, "at": "2026-11-21T10:46:49.123456Z", "text": "", **more}
    return "\n".join(json.dumps({**row, "n": n}) for n in numbers).encode()


async def numbers(store: TelemetryEngine, table: str, *workspaces: WorkspaceId) -> list[int]:
    rows = await store.select(workspaces, f"SELECT n FROM tidegate.{table} ORDER BY n")
    return [row["n"] for row in rows]


async def test_rows_come_back_as_dictionaries_with_aware_moments(store: TelemetryEngine, table: str) -> None:
    await store.insert([A], table, COLUMNS, lines("a", [1], text="ünï\n'☃"), token="t")
    rows = await store.select([A], f"SELECT * FROM tidegate.{table}")
    assert rows == [{"workspace": "a", "n": 1, "at": AT, "text": "ünï\n'☃"}]
    assert rows[0]["at"].tzinfo is not None


async def test_each_workspace_sees_its_own_rows(store: TelemetryEngine, table: str) -> None:
    await store.insert([A, B], table, COLUMNS, lines("a", [1]) + b"\n" + lines("b", [2]), token="t")
    assert await numbers(store, table, A) == [1]
    assert await numbers(store, table, B) == [2]
    assert await numbers(store, table, A, B) == [1, 2]


async def test_a_call_for_no_workspace_is_refused(store: TelemetryEngine, table: str) -> None:
    with pytest.raises(TelemetryAccessError, match="no workspace"):
        await numbers(store, table)


async def test_moments_are_bound_to_the_microsecond_whatever_their_zone(store: TelemetryEngine, table: str) -> None:
    await store.insert([A], table, COLUMNS, lines("a", [1]), token="t")
    sql = f"SELECT count() AS c FROM tidegate.{table} WHERE at = {{at:DateTime64(6)}}"
    for zone in (UTC, timezone(timedelta(hours=5, minutes=30))):
        assert await store.select([A], sql, {"at": AT.astimezone(zone)}) == [{"c": 1}]
    assert await store.select([A], sql, {"at": AT + timedelta(microseconds=1)}) == [{"c": 0}]


async def test_moments_are_bound_inside_lists(store: TelemetryEngine) -> None:
    sql = "SELECT {at:Array(DateTime64(6, 'UTC'))} AS at"
    whole = AT.replace(microsecond=0)
    assert await store.select([A], sql, {"at": [AT, whole]}) == [{"at": [AT, whole]}]


async def test_a_moment_without_a_zone_is_not_bound(store: TelemetryEngine) -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        await store.select([A], "SELECT {at:DateTime64(6)}", {"at": AT.replace(tzinfo=None)})


async def test_the_same_token_stores_once(store: TelemetryEngine, table: str) -> None:
    for token in ("one", "one", "two"):
        await store.insert([A], table, COLUMNS, lines("a", [1, 2]), token=token)
    assert await numbers(store, table, A) == [1, 1, 2, 2]


async def test_an_insert_needs_a_token(store: TelemetryEngine, table: str) -> None:
    with pytest.raises(ValueError, match="token"):
        await store.insert([A], table, COLUMNS, lines("a", [1]), token="")


async def test_a_row_of_another_workspace_refuses_all_rows(store: TelemetryEngine, table: str) -> None:
    with pytest.raises(ForbiddenError, match="nothing was stored"):
        await store.insert([A], table, COLUMNS, lines("a", [1]) + b"\n" + lines("b", [2]), token="t")
    assert await numbers(store, table, A, B) == []


@pytest.mark.parametrize("bad", [b'{"workspace":"a","n":', b'{"workspace":"a","n":"x"}', b"\xff\xfe", b"[1,2]"])
async def test_rows_that_cannot_be_read_are_told_apart_from_passing_troubles(
    store: TelemetryEngine, table: str, bad: bytes
) -> None:
    with pytest.raises(BadTelemetryRowsError) as caught:
        await store.insert([A], table, COLUMNS, lines("a", [1]) + b"\n" + bad, token="t")
    assert isinstance(caught.value, InvalidInputError)
    assert "/proc/" not in caught.value.message
    assert await numbers(store, table, A) == []


async def test_a_statement_that_is_wrong_is_our_mistake(store: TelemetryEngine) -> None:
    with pytest.raises(TelemetryQueryError, match="nothing"):
        await store.select([A], "SELECT nothing")


async def test_what_one_table_holds_can_be_added_up_in_another(store: TelemetryEngine, table: str) -> None:
    await store.admin(
        f"CREATE TABLE tidegate.{table}_sums (workspace String, total Int64) ENGINE = MergeTree ORDER BY workspace"
        " SETTINGS non_replicated_deduplication_window = 1000"
    )
    rows = lines("a", [1, 2, 3]) + b"\n" + lines("b", [100])
    await store.insert([A, B], table, COLUMNS, rows, token="t")
    sql = f"SELECT workspace, sum(n) FROM tidegate.{table} WHERE n > {{least:Int64}} GROUP BY workspace"
    for _ in range(2):  # a repetition under the same token adds nothing
        into = (f"{table}_sums", ["workspace", "total"])
        await store.insert_select([A], *into, sql, {"least": 1}, token="sum")
    assert await store.select([A, B], f"SELECT * FROM tidegate.{table}_sums") == [{"workspace": "a", "total": 5}]


async def test_a_read_that_takes_too_long_is_ended(store: TelemetryEngine, table: str) -> None:
    body = lines("a", range(2000))
    await store.insert([A], table, COLUMNS, body, token="t")
    sql = f"SELECT sum(sipHash64(a.n, b.n, c.n)) FROM tidegate.{table} a, tidegate.{table} b, tidegate.{table} c"
    with pytest.raises(UnavailableError):
        await store.select([A], sql, timeout_s=0.3)
    assert await store.ping()


async def test_nothing_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        await TelemetryEngine.connect("http://127.0.0.1:1", secret="0" * 64)


async def test_another_secret_is_refused(process: EngineProcess) -> None:
    with pytest.raises(TelemetryAccessError):
        await TelemetryEngine.connect(process.url, secret="0" * 64)


async def test_reads_and_inserts_go_through_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    process = EngineProcess(tmp_path_factory.mktemp("restart"))
    await process.start()
    store = await TelemetryEngine.connect(process.url, secret=process.secret)
    await store.admin("CREATE DATABASE IF NOT EXISTS tidegate")
    await store.admin(
        "CREATE TABLE tidegate.t (workspace String, n Int64) ENGINE = MergeTree ORDER BY n"
        " SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000"
    )
    await store.insert([A], "t", ["workspace", "n"], b'{"workspace":"a","n":1}', token="before")
    process.kill()
    assert not await store.ping()
    with pytest.raises(UnavailableError):
        await store.select([A], "SELECT 1")
    again = asyncio.create_task(store.insert([A], "t", ["workspace", "n"], b'{"workspace":"a","n":2}', token="during"))
    await process.start()
    await again
    assert await numbers(store, "t", A) == [1, 2]
    await store.close()
    process.stop()
