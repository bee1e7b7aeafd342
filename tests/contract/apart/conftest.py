"""Engines of these tests alone: their clocks jump by hours and days, and make coarser or drop what a store holds."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.conftest import EngineProcess, migrated_engine, migrated_state

from tidegate.storage import Database
from tidegate.storage.postgres.layout import PostgresDsns
from tidegate.storage.telemetry import TelemetryEngine


@pytest.fixture(scope="package")
async def state_dsns(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresDsns]:
    async with migrated_state(tmp_path_factory.mktemp("state")) as dsns:
        yield dsns


@pytest.fixture(scope="package")
async def database(state_dsns: PostgresDsns) -> AsyncIterator[Database]:
    opened = await Database.connect(state_dsns.serving)
    yield opened
    await opened.close()


@pytest.fixture(scope="package")
async def owner_connection(state_dsns: PostgresDsns) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(state_dsns.owner)
    yield connection
    await connection.close()


@pytest.fixture(scope="package")
async def engine(tmp_path_factory: pytest.TempPathFactory, state_dsns: PostgresDsns) -> AsyncIterator[TelemetryEngine]:
    process = EngineProcess(tmp_path_factory.mktemp("engine"))
    await process.start()
    try:
        async with migrated_engine(process, state_dsns) as opened:
            yield opened
    finally:
        process.stop()
