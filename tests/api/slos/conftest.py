"""The doors of objectives over real engines."""

import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.authority import shipped_authorizer
from tests.contract.slos.worlds import World
from tests.doing import trail_of
from tests.shells import Shell, shell_at
from tests.unit.gates.fakes import FakeAuthenticator

from tidegate.alerts.rule_sets.routes import router as rule_routes
from tidegate.alerts.rule_sets.service import RuleSetService
from tidegate.alerts.rule_sets.store import PostgresRuleSets
from tidegate.alerts.rules import BUILT_IN_RULES
from tidegate.edge.html import PageRenderer
from tidegate.edge.http import build_http_app
from tidegate.kernel import WorkspaceId
from tidegate.slos.freezing import FreezeService
from tidegate.slos.pages import router as pages
from tidegate.slos.routes import router
from tidegate.slos.service import ObjectiveService
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.testing import FakeClock


@dataclass
class Api:
    """One caller of the application."""

    client: httpx.AsyncClient
    workspace: WorkspaceId
    scope: str = "write"

    async def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.scope}:{self.workspace}"} | request.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **request)

    async def get(self, path: str = "", **parameters: str) -> httpx.Response:
        return await self.call("GET", f"/api/v1/objectives{path}", params=parameters or None)

    async def send(self, verb: str, text: bytes) -> httpx.Response:
        headers = {"content-type": "application/yaml"}
        return await self.call("POST", f"/api/v1/objectives/{verb}", content=text, headers=headers)


@pytest.fixture
def world(database: Database, engine: TelemetryEngine, workspace: WorkspaceId) -> World:
    clock = FakeClock(datetime.fromtimestamp(int(time.time()) // 60 * 60 + 59, UTC))
    return World(database, engine, workspace, clock)


@pytest.fixture
def application(world: World, database: Database) -> FastAPI:
    built = build_http_app(
        version="test",
        authenticator=FakeAuthenticator(),
        authorizer=shipped_authorizer(),
        services={
            ObjectiveService: world.objectives,
            FreezeService: world.freezes,
            RuleSetService: RuleSetService(
                shipped=BUILT_IN_RULES, store=PostgresRuleSets(database, trail_of(database)), clock=world.clock
            ),
            PageRenderer: PageRenderer(version="test", clock=world.clock),
        },
    )
    built.include_router(router)
    built.include_router(pages)
    built.include_router(rule_routes)
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
def stranger(client: httpx.AsyncClient) -> Api:
    return Api(client, WorkspaceId(f"x-{secrets.token_hex(6)}"))


@pytest.fixture
async def shell(application: FastAPI, workspace: WorkspaceId) -> AsyncIterator[Shell]:
    async with shell_at(application, f"write:{workspace}") as opened:
        yield opened
