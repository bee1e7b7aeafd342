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
        while True:
            try:
                stack.enter_context(directory.lock())
            except DataDirectoryInUseError as error:
                dsns = server.dsns() if error.holder.url is not None and await server.is_ready() else None
                if dsns is None and time.monotonic() >= deadline:
                    raise
            else:
                dsns = (await stack.enter_async_context(server.running())).dsns
            if dsns is not None:
                break
            await asyncio.sleep(_RETRY_S)
        yield dsns
