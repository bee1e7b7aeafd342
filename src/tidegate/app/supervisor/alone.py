"""The database for an operator's command, whether the server is up or down."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tidegate.app.lock import DataDirectory, DataDirectoryInUseError
from tidegate.storage.postgres import START_LIMIT_S, PostgresDsns, PostgresServer

_RETRY_S = 0.1


@contextlib.asynccontextmanager
async def postgres_alone(data_dir: Path) -> AsyncIterator[PostgresDsns]:
    """Give the embedded database to the caller: the running server's, or one started for this block alone.

    Two commands at once take turns: a database that another command borrowed stops with that command. A
    server that is just starting is waited for. A new data directory gets a new, empty database: migrate it.

    Raises:
        DataDirectoryInUseError: its holder did not get ready in time.
        ForeignDataDirectoryError: the folder belongs to another user.
        PostgresStartError: PostgreSQL could not be made or started.
    """
    directory = DataDirectory(data_dir)
    directory.make()
    server = PostgresServer(directory.path)
    deadline = time.monotonic() + START_LIMIT_S
    async with contextlib.AsyncExitStack() as stack:
        while (dsns := await dsns_of_running(directory, server)) is None:
            try:
                stack.enter_context(directory.lock())
            except DataDirectoryInUseError:
                if time.monotonic() >= deadline:
                    raise
                await asyncio.sleep(_RETRY_S)
            else:
                dsns = (await stack.enter_async_context(server.running())).dsns
                break
        yield dsns


async def dsns_of_running(directory: DataDirectory, server: PostgresServer) -> PostgresDsns | None:
    """Return how to connect to the database of a running server, `None` while there is none that answers."""
    holder = directory.find_holder()
    if holder is None or holder.url is None:
        return None  # nobody, or a command whose database goes when it goes
    return server.dsns() if await server.is_ready() else None
