"""Real engines, started once a test run, with a fresh workspace a test."""

import asyncio
import gc
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.e2e.browser import close_browser
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database
from tidegate.storage.migrations import migrate_state, migrate_telemetry
from tidegate.storage.postgres import PostgresServer
from tidegate.storage.postgres.layout import PostgresDsns
from tidegate.storage.telemetry import TelemetryEngine

ENGINE_START_S = 120.0  # 0.6 s on a quiet machine

# No clock decides: by default an example that takes 200 ms has failed. The same examples each time, except in the long
# tier, which looks for new ones.
_OF_ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", _OF_ANY_SPEED, derandomize=True)
settings.register_profile("exploring", _OF_ANY_SPEED)


# Where nothing compiled may be kept, each of the hundreds of processes that tests start compiles all modules anew: a
# quarter of the start of a server, half of that of a verb.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection() -> None:
    """Let the collector rest while tests are found: of 16 s it took 7, and what is made then stays to the end."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Have the collector leave alone what stays until the end: modules, and thousands of tests."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    # The usual picture of a traceback, with all local variables, takes half a second of a processor each.
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, renderer],
        # Not what is `sys.stdout` just then: while a verb runs in a thread, that is where its words are caught.
        logger_factory=structlog.PrintLoggerFactory(sys.__stderr__),
    )
    settings.load_profile("exploring" if config.getoption("markexpr") == "long" else "repeatable")


class EngineProcess:
    """One engine child of the tests; `restart` after a `kill` takes up the same directory and port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secret = secrets.token_hex(16)
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tidegate.storage.engine", "--data-dir", str(self.folder / "data")]
        with (self.folder / "engine.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes a millisecond
                [*command, "--port", str(self._port), "--port-file", str(port_file)],
                env={**os.environ, "TIDEGATE_ENGINE_SECRET": self.secret},
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(ENGINE_START_S):
            while not port_file.exists():
                assert self._process.poll() is None, (self.folder / "engine.log").read_text()
                await asyncio.sleep(0.02)
        self._port = int(port_file.read_text())

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(120)


@asynccontextmanager
async def migrated_state(folder: Path) -> AsyncIterator[PostgresDsns]:
    """Run a PostgreSQL of its own in an empty folder that is open to nobody else."""
    async with PostgresServer(folder).running() as prepared:
        await migrate_state(prepared.dsns.owner)
        yield prepared.dsns


@asynccontextmanager
async def migrated_engine(process: EngineProcess, dsns: PostgresDsns) -> AsyncIterator[TelemetryEngine]:
    opened = await TelemetryEngine.connect(process.url, secret=process.secret)
    try:
        await migrate_telemetry(dsns.owner, opened)
        yield opened
    finally:
        await opened.close()


@pytest.fixture(scope="session")
async def state_dsns(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresDsns]:
    async with migrated_state(tmp_path_factory.mktemp("state")) as dsns:
        yield dsns


@pytest.fixture(scope="session")
async def database(state_dsns: PostgresDsns) -> AsyncIterator[Database]:
    opened = await Database.connect(state_dsns.serving)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
async def owner_connection(state_dsns: PostgresDsns) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(state_dsns.owner)
    yield connection
    await connection.close()


@pytest.fixture
def new_workspace(
    owner_connection: "asyncpg.Connection[asyncpg.Record]",
) -> Callable[[], Awaitable[WorkspaceId]]:
    """Make an empty workspace at each call."""

    async def make() -> WorkspaceId:
        name = WorkspaceId(f"w-{secrets.token_hex(6)}")
        await owner_connection.execute("INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now())", name)
        return name

    return make


@pytest.fixture
async def workspace(new_workspace: Callable[[], Awaitable[WorkspaceId]]) -> WorkspaceId:
    return await new_workspace()


@pytest.fixture(scope="session")
async def engine_process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EngineProcess]:
    process = EngineProcess(tmp_path_factory.mktemp("engine"))
    await process.start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
async def engine(engine_process: EngineProcess, state_dsns: PostgresDsns) -> AsyncIterator[TelemetryEngine]:
    async with migrated_engine(engine_process, state_dsns) as opened:
        yield opened


@pytest.fixture
def processor_s(engine_process: EngineProcess) -> Callable[[], float]:
    """Tell the processor time that this process and the engine have taken: what a busy machine cannot change much."""
    child = psutil.Process(engine_process.pid)

    def taken() -> float:
        of_engine = child.cpu_times()
        return time.process_time() + of_engine.user + of_engine.system

    return taken


@pytest.fixture(scope="session", autouse=True)
async def _browser_closed() -> AsyncIterator[None]:
    yield
    await close_browser()
