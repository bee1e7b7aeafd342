"""A real PostgreSQL for the stores of alerts."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from tidegate.kernel import WorkspaceId
from tidegate.storage import Database
from tidegate.storage.migrations import migrate_state
from tidegate.storage.postgres import PostgresServer
from tidegate.storage.postgres.layout import PostgresDsns

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
NewWorkspace = Callable[[], Awaitable[WorkspaceId]]


@pytest.fixture(scope="session")
async def dsns(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresDsns]:
    folder: Path = tmp_path_factory.mktemp("pg")
    folder.chmod(0o700)  # noqa: ASYNC240 - nobody else waits for the loop
    async with PostgresServer(folder).running() as prepared:
        await migrate_state(prepared.dsns.owner)
        yield prepared.dsns


@pytest.fixture(scope="session")
async def database(dsns: PostgresDsns) -> AsyncIterator[Database]:
    database = await Database.connect(dsns.serving)
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def owner(dsns: PostgresDsns) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(dsns.owner)
    yield connection
    await connection.close()


_numbers = itertools.count(1)


@pytest.fixture
async def new_workspace(owner: "asyncpg.Connection[asyncpg.Record]") -> NewWorkspace:
    async def create(created_at: datetime = LONG_AGO) -> WorkspaceId:
        workspace = f"alerts-{next(_numbers)}"
        await owner.execute("INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, $2)", workspace, created_at)
        return WorkspaceId(workspace)

    return create


@pytest.fixture
async def fresh_watch(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    await owner.execute("DELETE FROM alert_watch")
    await owner.execute("INSERT INTO alert_watch DEFAULT VALUES")
