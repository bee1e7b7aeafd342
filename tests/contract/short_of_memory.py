"""An engine with less memory than its inserts would like, and what keeps it at its cap."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tidegate.kernel import UnavailableError
from tidegate.storage.telemetry import TelemetryEngine

SECRET = "0" * 64
BALLAST_BYTES = 16 * 2**20
_SMALL_BYTES = 2**20  # in what a large one leaves there is room for an insert


async def pause() -> None:
    await asyncio.sleep(0.1)


@asynccontextmanager
async def connected(url: str, secret: str) -> AsyncIterator[TelemetryEngine]:
    store = await TelemetryEngine.connect(url, secret=secret)
    try:
        yield store
    finally:
        await store.close()


async def until(condition: Callable[[], bool], *, within_s: float = 120) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.005)


def start_command(data_dir: Path, port_file: Path, *more: str) -> list[str]:
    command = [sys.executable, "-m", "tidegate.storage.engine", "--data-dir", str(data_dir), *more]
    return [*command, "--port", "0", "--port-file", str(port_file)]


@asynccontextmanager
async def small_engine(folder: Path, memory_bytes: int) -> AsyncIterator[TelemetryEngine]:
    """Run an engine with less memory than its inserts would like."""
    port_file = folder / "port"
    process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes a millisecond
        start_command(folder / "data", port_file, "--memory-bytes", str(memory_bytes)),
        env={**os.environ, "TIDEGATE_ENGINE_SECRET": SECRET},
        stderr=subprocess.DEVNULL,
    )
    try:
        await until(port_file.exists)
        async with connected(f"http://127.0.0.1:{port_file.read_text()}", SECRET) as engine:
            await engine.admin("CREATE DATABASE IF NOT EXISTS tidegate")
            yield engine
    finally:
        process.terminate()
        assert process.wait(120) == 0


class Ballast:
    """Tables in memory that leave an engine none to spare, given back one at a time."""

    def __init__(self, store: TelemetryEngine, memory_bytes: int) -> None:
        self._store = store
        self._memory_bytes = memory_bytes
        self._tables: list[str] = []
        self._taken = 0
        self.refusals = 0

    async def take(self) -> None:
        """Fill the memory up to the cap: then the next insert is refused, however fast or slow the machine is."""
        for _ in range(self._memory_bytes // BALLAST_BYTES + 1):
            await self._take(BALLAST_BYTES)
        for _ in range(BALLAST_BYTES // _SMALL_BYTES):
            await self._take(_SMALL_BYTES)

    async def take_more(self) -> None:
        """Take what was found to be left, unless an insert was refused meanwhile."""
        if not self.refusals:
            await self._take(_SMALL_BYTES)

    async def _take(self, size: int) -> None:
        self._taken += 1
        table = f"tidegate.ballast_{self._taken}"
        rows = f"SELECT randomString(1024) FROM numbers({size // 1024})"
        with suppress(UnavailableError):  # the last of each size do not fit
            await self._store.admin(f"CREATE TABLE {table} ENGINE = Memory AS {rows}")
            self._tables.append(table)

    async def give_back_some(self) -> None:
        """Make room for one who was refused, so that the engine stays at its cap while it takes rows."""
        self.refusals += 1
        await pause()
        if self._tables:
            table = self._tables.pop()
            try:
                await self._store.admin(f"DROP TABLE IF EXISTS {table} SYNC")
            except UnavailableError:  # even this takes memory: it is left to the next one who is refused
                self._tables.append(table)

    async def give_back_all(self) -> None:
        """Leave the engine to those who read: they need memory too."""
        async with asyncio.timeout(120):
            while self._tables:
                await self.give_back_some()
