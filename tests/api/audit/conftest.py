"""The doors of the audit over chains in memory."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from tests.authority import shipped_authorizer
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


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    url: str
    token: str

    async def run(self, *words: str | Path) -> Ended:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tidegate",
            *map(str, words),
            env=os.environ | {"TIDEGATE_URL": self.url, "TIDEGATE_TOKEN": self.token, "PYTHONPATH": ":".join(sys.path)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        return Ended(process.returncode or 0, out.decode(), err.decode())


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
    server = uvicorn.Server(uvicorn.Config(world.application, port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(30):
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it by a flag
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Shell(f"http://127.0.0.1:{port}", "admin:harbor")
    server.should_exit = True
    await serving
