"""What holds when the engine is killed, short of memory, or left alone."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from tests.conftest import EngineProcess
from tests.contract.short_of_memory import SECRET, Ballast, connected, pause, small_engine, start_command, until

from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.storage.telemetry import TelemetryEngine

W = WorkspaceId("w")
TABLE = """CREATE TABLE tidegate.rows (workspace LowCardinality(String), batch UInt32, n UInt32, pad String)
ENGINE = MergeTree ORDER BY (workspace, batch, n)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000"""
COLUMNS = ["workspace", "batch", "n", "pad"]


def batch(number: int, rows: int, pad: str = "") -> bytes:
    return "\n".join(json.dumps({"workspace": W, "batch": number, "n": n, "pad": pad}) for n in range(rows)).encode()


async def make_table(store: TelemetryEngine) -> None:
    await store.admin("CREATE DATABASE IF NOT EXISTS tidegate")
    await store.admin(TABLE)


@asynccontextmanager
async def open_store(url: str, secret: str) -> AsyncIterator[TelemetryEngine]:
    async with connected(url, secret) as store:
        await make_table(store)
        yield store


async def insert_until_stored(
    store: TelemetryEngine,
    number: int,
    rows: int,
    pad: str = "",
    *,
    when_refused: Callable[[], Awaitable[None]] = pause,
) -> None:
    async with asyncio.timeout(120):
        while True:
            try:
                return await store.insert([W], "rows", COLUMNS, batch(number, rows, pad), token=f"batch-{number}")
            except UnavailableError:
                await when_refused()


async def wrong_batches(store: TelemetryEngine, batches: int, rows: int) -> list[dict[str, object]]:
    """Return batches with missing or doubled rows; an empty list is exactly once."""
    found = await store.select(
        [W],
        "SELECT batch, count() AS c, uniqExact(n) AS u FROM tidegate.rows GROUP BY batch ORDER BY batch",
        timeout_s=60,
    )
    assert len(found) == batches
    return [row for row in found if not row["c"] == row["u"] == rows]


async def kill_while_inserting(folder: Path, *, kills: int, batches: int, rows: int) -> list[dict[str, object]]:
    process = EngineProcess(folder)
    await process.start()
    try:
        async with open_store(process.url, process.secret) as store:
            await insert_over_kills(store, process, kills=kills, batches=batches, rows=rows)
            for number in range(0, batches, 7):  # late repetitions of what was acknowledged
                await insert_until_stored(store, number, rows)
            return await wrong_batches(store, batches, rows)
    finally:
        process.stop()


async def insert_over_kills(
    store: TelemetryEngine, process: EngineProcess, *, kills: int, batches: int, rows: int
) -> None:
    left = iter(range(batches))
    stored: list[int] = []

    async def insert_some() -> None:
        for number in left:
            await insert_until_stored(store, number, rows)
            stored.append(number)

    async def kill_at_every_share() -> None:
        for kill in range(1, kills + 1):
            share = kill * batches // (kills + 1)
            await until(lambda share=share: len(stored) >= share, within_s=120)
            process.kill()
            await process.start()

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(insert_some())
        group.create_task(kill_at_every_share())


async def test_nothing_is_lost_or_doubled_over_kills(tmp_path: Path) -> None:
    assert await kill_while_inserting(tmp_path, kills=4, batches=120, rows=50) == []


@pytest.mark.long
async def test_nothing_is_lost_or_doubled_over_many_kills(tmp_path: Path) -> None:
    assert await kill_while_inserting(tmp_path, kills=25, batches=1500, rows=200) == []


async def insert_short_of_memory(
    store: TelemetryEngine, memory_bytes: int, *, batches: int, rows: int
) -> list[dict[str, object]]:
    await make_table(store)
    left = iter(range(batches))
    ballast = Ballast(store, memory_bytes)
    await ballast.take()

    async def insert_some() -> None:
        for number in left:
            await insert_until_stored(store, number, rows, "x" * 1000, when_refused=ballast.give_back_some)
            await ballast.take_more()  # the engine finds room where there was none: caches, buffers

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(insert_some())
    assert ballast.refusals > 0, "the cap was never reached: nothing was tried"
    await ballast.give_back_all()
    return await wrong_batches(store, batches, rows)


async def test_what_is_acknowledged_short_of_memory_is_stored(tmp_path: Path) -> None:
    memory_bytes = 85 * 2**20
    async with small_engine(tmp_path, memory_bytes) as store:
        assert await insert_short_of_memory(store, memory_bytes, batches=80, rows=1000) == []


@pytest.mark.long
async def test_thousands_of_batches_short_of_memory_are_stored(tmp_path: Path) -> None:
    memory_bytes = 110 * 2**20  # merges need more than inserts
    async with small_engine(tmp_path, memory_bytes) as store:
        assert await insert_short_of_memory(store, memory_bytes, batches=2000, rows=500) == []


async def test_being_told_to_stop_ends_running_queries_and_leaves_cleanly(tmp_path: Path) -> None:
    process = EngineProcess(tmp_path)
    await process.start()
    async with connected(process.url, process.secret) as store:
        slow = asyncio.create_task(store.admin("SELECT count() FROM numbers(1000000000000)"))
        running = "SELECT 1 FROM system.processes WHERE query LIKE '%1000000000000%' AND read_rows > 0"
        async with asyncio.timeout(120):
            while not await store.admin(running):  # noqa: ASYNC110 - the engine sets no event
                await asyncio.sleep(0.02)
        os.kill(process.pid, signal.SIGTERM)
        assert process._process is not None
        # Clean in 0.5 s when nothing else runs; the query alone would take many minutes.
        assert await asyncio.to_thread(process._process.wait, 120) == 0
        with pytest.raises(Exception):  # noqa: B017, PT011 - which error depends on who is faster
            await slow


STARTS_AND_DIES = """
import os, subprocess, sys, time
child = subprocess.Popen(sys.argv[1:])
print(child.pid, flush=True)
while not os.path.exists(sys.argv[-1]):
    time.sleep(0.02)
os.kill(os.getpid(), 9)
"""


async def test_an_engine_does_not_outlive_its_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(  # noqa: ASYNC220 - starting it takes a millisecond
        [sys.executable, "-c", STARTS_AND_DIES, *start_command(tmp_path / "data", tmp_path / "port")],
        env={**os.environ, "TIDEGATE_ENGINE_SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(await asyncio.to_thread(parent.stdout.readline))
        await asyncio.to_thread(parent.wait, 120)
    await until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


async def test_an_inherited_socket_is_served(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes a millisecond
            [*start_command(tmp_path, tmp_path / "port")[:5], "--listen-fd", str(listener.fileno())],
            env={**os.environ, "TIDEGATE_ENGINE_SECRET": SECRET},
            stderr=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:  # the kernel keeps the connection until the engine accepts it
        async with connected(url, SECRET) as store:
            assert await store.ping()
    finally:
        process.terminate()
        assert process.wait(120) == 0


def test_a_start_without_a_secret_says_what_is_missing(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TIDEGATE_ENGINE_SECRET"}
    command = start_command(tmp_path, tmp_path / "port")
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert "TIDEGATE_ENGINE_SECRET" in ended.stderr
