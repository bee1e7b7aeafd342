"""The doors of prices over a real state store."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from tests.applications import include
from tests.authority import shipped_authorizer
from tests.doing import trail_of
from tests.shells import Shell, shell_at
from tests.unit.gates.fakes import FakeAuthenticator

from tidegate.edge.http import build_http_app
from tidegate.kernel import WorkspaceId
from tidegate.signals.prices import PostgresPriceStore, PriceBooks, PriceService
from tidegate.signals.prices.routes import router
from tidegate.storage import Database
from tidegate.testing import FakeClock

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Api:
    """One caller of the application."""

    client: httpx.AsyncClient
    workspace: WorkspaceId
    scope: str = "write"

    async def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.scope}:{self.workspace}"} | request.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **request)

    async def get(self, path: str, **parameters: str) -> httpx.Response:
        return await self.call("GET", path, params=parameters or None)

    async def put(self, text: str | bytes) -> httpx.Response:
        headers = {"content-type": "application/yaml"}
        return await self.call("PUT", "/api/v1/prices/overrides", content=text, headers=headers)


@pytest.fixture
def application(database: Database) -> FastAPI:
    store = PostgresPriceStore(database, trail_of(database))
    service = PriceService(store=store, books=PriceBooks(store=store, changes=store), clock=FakeClock(AT))
    built = build_http_app(
        version="test",
        authenticator=FakeAuthenticator(),
        authorizer=shipped_authorizer(),
        services={PriceService: service},
    )
    include(built, router)
    return built


@pytest.fixture
async def client(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


@pytest.fixture
def api(client: httpx.AsyncClient, workspace: WorkspaceId) -> Api:
    return Api(client, workspace)


@pytest.fixture
async def stranger(client: httpx.AsyncClient, owner_connection: "asyncpg.Connection[asyncpg.Record]") -> Api:
    name = WorkspaceId(f"x-{secrets.token_hex(6)}")
    await owner_connection.execute("INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now())", name)
    return Api(client, name)


@pytest.fixture
async def shell(application: FastAPI, workspace: WorkspaceId) -> AsyncIterator[Shell]:
    async with shell_at(application, f"write:{workspace}") as opened:
        yield opened
