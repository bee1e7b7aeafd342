"""The doors of the audit over chains in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI
from tests.authority import shipped_authorizer
from tests.shells import Shell, shell_at
from tests.unit.audit.fakes import AT, KEY, FakeChains, FakeTrail
from tests.unit.gates.fakes import FakeAuthenticator

from tidegate.audit import AuditService, AuditTrail
from tidegate.audit.routes import router
from tidegate.edge.http import build_http_app
from tidegate.edge.requests import RequestContext
from tidegate.kernel import WorkspaceId
from tidegate.testing import FakeClock

HARBOR, OTHER = WorkspaceId("harbor"), WorkspaceId("other")


@dataclass
class World:
    client: httpx.AsyncClient
    application: FastAPI
    authenticator: FakeAuthenticator
    chains: FakeChains
    trail: FakeTrail
    clock: FakeClock

    async def get(self, path: str, token: str = "admin:harbor", **parameters: str | int) -> httpx.Response:  # noqa: S107 - made up
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await self.client.get(path, headers=headers, params=parameters or None)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock, chains = FakeClock(AT), FakeChains()
    trail, authenticator = FakeTrail(chains, clock), FakeAuthenticator()
    audit = AuditService(store=chains, key=KEY, clock=clock)
    application = build_http_app(
        version="test",
        authenticator=authenticator,
        authorizer=shipped_authorizer(),
        services={AuditService: audit, AuditTrail: trail},
    )
    application.include_router(router)
    transport = httpx.ASGITransport(RequestContext(application), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield World(client, application, authenticator, chains, trail, clock)


@pytest.fixture
async def shell(world: World) -> AsyncIterator[Shell]:
    async with shell_at(world.application, "admin:harbor") as opened:
        yield opened
