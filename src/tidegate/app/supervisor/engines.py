"""Both engines for an operator's command, whether the server is up or down."""

import asyncio
import contextlib
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tidegate.app.lock import DataDirectory, DataDirectoryInUseError
from tidegate.app.supervisor.alone import dsns_of_running
from tidegate.app.supervisor.engine_address import EngineAddress
from tidegate.app.supervisor.environment import environment_with
from tidegate.app.supervisor.state import stop_leftover_children
from tidegate.kernel import UnavailableError
from tidegate.storage import processes
from tidegate.storage.postgres import START_LIMIT_S, PostgresDsns, PostgresServer
from tidegate.storage.processes import Launch
from tidegate.storage.telemetry import TelemetryEngine

_RETRY_S = 0.1
_ENGINE_STOP_S = 20.0  # it leaves by itself after 15 s at the latest


@dataclass(frozen=True, slots=True)
class Engines:
    """Both embedded engines, with all rights."""

    dsns: PostgresDsns
    telemetry: TelemetryEngine
    is_serving: bool
    """Whether a server runs on them meanwhile."""


@contextlib.asynccontextmanager
async def engines_alone(data_dir: Path) -> AsyncIterator[Engines]:
    """Give both embedded engines to the caller: the running server's, or both started for this block alone.

    Raises:
        DataDirectoryInUseError: its holder did not get ready in time.
        UnavailableError: the telemetry engine does not answer.
        PostgresStartError: PostgreSQL could not be started.
    """
    directory = DataDirectory(data_dir)
    directory.make()
    server = PostgresServer(directory.path)
    deadline = time.monotonic() + START_LIMIT_S
    async with contextlib.AsyncExitStack() as stack:
        while (found := await _engines_of_running(directory, server, stack)) is None:
            try:
                stack.enter_context(directory.lock())
            except DataDirectoryInUseError:
                if time.monotonic() >= deadline:
                    raise
                await asyncio.sleep(_RETRY_S)
            else:
                found = await stack.enter_async_context(engines_started(directory.path))
                break
        yield found


@contextlib.asynccontextmanager
async def engines_started(data_dir: Path) -> AsyncIterator[Engines]:
    """Start both engines of a data directory whose lock the caller holds, and stop them after the block."""
    await stop_leftover_children(data_dir)
    async with PostgresServer(data_dir).running() as prepared, _engine_started(data_dir) as telemetry:
        yield Engines(prepared.dsns, telemetry, is_serving=False)


@contextlib.asynccontextmanager
async def _engine_started(data_dir: Path) -> AsyncIterator[TelemetryEngine]:
    note = data_dir / "run" / "engine-port"
    note.unlink(missing_ok=True)
    secret = secrets.token_hex(32)
    command = (sys.executable, "-m", "tidegate.storage.engine", "--data-dir", str(data_dir / "telemetry"))
    launch = Launch(
        (*command, "--port", "0", "--port-file", str(note)),
        environment_with({"TIDEGATE_ENGINE_SECRET": secret}),
        log=data_dir / "logs" / "engine.log",
    )
    process = processes.spawn(launch)
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while not note.exists():
            if processes.poll(process) is not None or time.monotonic() > deadline:
                raise UnavailableError(f"The telemetry engine did not start: see {launch.log}.")
            await asyncio.sleep(_RETRY_S / 5)
        engine = await TelemetryEngine.connect(f"http://127.0.0.1:{note.read_text()}", secret=secret)
        try:
            yield engine
        finally:
            await engine.close()
    finally:
        await asyncio.shield(processes.stop(process, with_signal=signal.SIGTERM, timeout_s=_ENGINE_STOP_S))
        note.unlink(missing_ok=True)


async def _engines_of_running(
    directory: DataDirectory, server: PostgresServer, stack: contextlib.AsyncExitStack
) -> Engines | None:
    dsns, address = await dsns_of_running(directory, server), EngineAddress.read(directory.path)
    if dsns is None or address is None:
        return None
    try:
        engine = await TelemetryEngine.connect(address.url, secret=address.secret)
    except UnavailableError:
        return None
    stack.push_async_callback(engine.close)
    return Engines(dsns, engine, is_serving=True)
