"""A telemetry server of one's own: no claims there, so the client brings the wall along, and tries it at each start.

The server is what `tests/e2e/standins/clickhouse.py` stands in for, or the one that TIDEGATE_TELEMETRY_URL names.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.storage.telemetry import TelemetryAccessError, TelemetryEngine
from tidegate.storage.walls import TelemetryWallError, WallUntriedError, refuse_unless_filtered

STANDIN = Path(__file__).parents[1] / "e2e" / "standins" / "clickhouse.py"
A, B = WorkspaceId("acme"), WorkspaceId("o'neil\\")
COLUMNS = ["workspace", "n", "labels"]


class PlainServer:
    """A telemetry server without walls; `start` again after `kill` takes up the same folder and port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port = 0
        self._password = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://tidegate:{self._password}@127.0.0.1:{self._port}"

    def start(self) -> None:
        port_file, said = self.folder / "port", self.folder / "said"
        port_file.unlink(missing_ok=True)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, str(STANDIN), str(self.folder / "data"), str(self._port), str(port_file)]
        with said.open("wb") as out, (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=out, stderr=log)
        deadline = time.monotonic() + 30
        while not port_file.exists():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self._port, self._password = int(port_file.read_text()), said.read_text().strip()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    named = os.environ.get("TIDEGATE_TELEMETRY_URL")
    if named:
        yield named
        return
    server = PlainServer(tmp_path_factory.mktemp("server"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
async def store(server_url: str) -> AsyncIterator[TelemetryEngine]:
    opened = await TelemetryEngine.connect(server_url)
    await opened.admin("CREATE DATABASE IF NOT EXISTS tidegate")
    yield opened
    await opened.close()


@pytest.fixture
async def table(store: TelemetryEngine) -> AsyncIterator[str]:
    name = f"t_{secrets.token_hex(6)}"
    await store.admin(
        f"CREATE TABLE tidegate.{name} (workspace LowCardinality(String), n Int64, labels Map(String, String),"
        " later UInt8 DEFAULT 7) ENGINE = MergeTree ORDER BY (workspace, n)"
        " SETTINGS non_replicated_deduplication_window = 1000"
    )
    yield name
    await store.admin(f"DROP TABLE tidegate.{name}")


def lines(workspace: str, *numbers: int) -> bytes:
    rows = [{"workspace": workspace, "n": n, "labels": {"k": "v"}} for n in numbers]
    return "\n".join(json.dumps(row) for row in rows).encode()


async def numbers(store: TelemetryEngine, table: str, *workspaces: WorkspaceId) -> list[int]:
    # Without a condition of its own, and through a join, a subquery and another name of the same table.
    sql = f"""
        SELECT n FROM (SELECT workspace, n FROM tidegate.{table} AS renamed) AS part
        INNER JOIN (SELECT n FROM {table}) AS other USING n
        WHERE n IN (SELECT n FROM tidegate.{table}) ORDER BY n
    """
    return [row["n"] for row in await store.select(workspaces, sql)]


async def test_each_workspace_sees_its_own_rows_without_asking_for_them(store: TelemetryEngine, table: str) -> None:
    await store.insert([A], table, COLUMNS, lines(A, 1, 2), token="a")
    await store.insert([B], table, COLUMNS, lines(B, 3), token="b")
    assert await numbers(store, table, A) == [1, 2]
    assert await numbers(store, table, B) == [3]
    assert await numbers(store, table, A, B) == [1, 2, 3]


async def test_a_row_of_another_workspace_refuses_the_whole_insert(store: TelemetryEngine, table: str) -> None:
    with pytest.raises(TelemetryAccessError):
        await store.insert([A], table, COLUMNS, lines(A, *range(5000)) + b"\n" + lines(B, 1), token="mixed")
    assert await numbers(store, table, A, B) == []


async def test_the_same_token_stores_once_and_defaults_hold(store: TelemetryEngine, table: str) -> None:
    for _ in range(3):
        await store.insert([A], table, COLUMNS, lines(A, 1), token="once")
    rows = await store.select([A], f"SELECT n, labels, later FROM {table}")
    assert rows == [{"n": 1, "labels": {"k": "v"}, "later": 7}]


async def test_rows_are_added_up_inside_their_workspace(store: TelemetryEngine, table: str) -> None:
    await store.insert([A], table, COLUMNS, lines(A, 1, 2), token="a")
    await store.insert([B], table, COLUMNS, lines(B, 30), token="b")
    sql = f"SELECT workspace, sum(n) + {{more:Int64}} AS n FROM {table} GROUP BY workspace"
    for _ in range(2):
        await store.insert_select([A], table, ["workspace", "n"], sql, {"more": 100}, token="sum")
    assert await numbers(store, table, A) == [1, 2, 103]
    assert await numbers(store, table, B) == [30]


async def test_a_statement_for_no_workspace_is_not_sent(store: TelemetryEngine, table: str) -> None:
    with pytest.raises(WallUntriedError):
        await store.select([], f"SELECT n FROM {table}")


async def test_many_workspaces_fit_into_one_statement(store: TelemetryEngine, table: str) -> None:
    await store.insert([A], table, COLUMNS, lines(A, 1), token="a")
    many = [WorkspaceId(f"workspace-{n:04d}") for n in range(150)]
    assert await numbers(store, table, *many) == []
    assert await numbers(store, table, *many, A) == [1]


def test_a_server_that_ignores_the_filter_is_refused_by_name() -> None:
    refuse_unless_filtered({"system.one": 0, "tidegate.raw_spans": 0})
    with pytest.raises(TelemetryWallError, match="raw_spans"):
        refuse_unless_filtered({"system.one": 0, "raw_spans": 1})


async def test_a_wrong_password_is_told_apart_from_a_server_that_is_away(server_url: str) -> None:
    with pytest.raises(Exception, match=r"refused|password") as refused:
        await TelemetryEngine.connect(server_url, password="wrong")
    assert not isinstance(refused.value, UnavailableError)
    with pytest.raises(UnavailableError):
        await TelemetryEngine.connect("http://user:pw@127.0.0.1:1")


async def test_erasing_reaches_the_rows_of_its_workspaces_alone(store: TelemetryEngine, table: str) -> None:
    await store.insert([A], table, COLUMNS, lines(A, 1, 2), token="a")
    await store.insert([B], table, COLUMNS, lines(B, 1), token="b")
    await store.delete([A], table, "n = {n:Int64}", {"n": 1})
    assert await numbers(store, table, A, B) == [1, 2]
    assert await numbers(store, table, B) == [1]
