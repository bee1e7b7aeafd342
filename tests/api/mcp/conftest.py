"""The official client against the real application."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent
from tests.api.audit.writing import ORIGIN, World, opened_world
from tests.conftest import EngineProcess

from tidegate.kernel import SystemClock
from tidegate.signals.tasks import build_closer
from tidegate.storage import Database
from tidegate.storage.postgres.layout import PostgresDsns
from tidegate.storage.telemetry import TelemetryEngine

if TYPE_CHECKING:
    import asyncpg


@dataclass
class Agents:
    """Connects agents to the world."""

    world: World

    @asynccontextmanager
    async def connected(self, token: str = "", *, mode: str = "auto", write: bool = False) -> AsyncIterator[Client]:
        transport = httpx2.ASGITransport(self.world.client._transport.app, raise_app_exceptions=False)  # type: ignore[attr-defined]
        url = f"{ORIGIN}/mcp?write=true" if write else f"{ORIGIN}/mcp"
        headers = {"authorization": f"Bearer {token or self.world.token}"}
        async with (
            httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers, timeout=60) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,  # type: ignore[arg-type]
        ):
            yield client

    async def token(self, scope: str, **narrowed: object) -> str:
        left = await self.world.api(
            "POST", "/api/v1/tokens", json={"name": f"an-agent-{secrets.token_hex(4)}", "scope": scope, **narrowed}
        )
        assert left.answer.status_code == 201, left.answer.text
        made: str = left.answer.json()["token"]
        return made


@pytest.fixture(scope="module")
async def agents(
    tmp_path_factory: pytest.TempPathFactory,
    state_dsns: PostgresDsns,
    engine_process: EngineProcess,
    engine: TelemetryEngine,
    database: Database,
    owner_connection: "asyncpg.Connection[asyncpg.Record]",
) -> AsyncIterator[Agents]:
    folder = tmp_path_factory.mktemp("agents")
    while await build_closer(database, engine, SystemClock()).close_once():
        pass  # what other tests stored, so that figures wait for nobody
    async with opened_world(folder, state_dsns, engine_process, owner=owner_connection) as world:
        yield Agents(world)


def text_of(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))
