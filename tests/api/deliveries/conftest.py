"""The doors of channels and deliveries over the real state store, a receiver on loopback, a worker to run by hand."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from tests.api.identity.people import Installation, bearer, client_of
from tests.contract.deliveries.receivers import HttpReceiver
from tests.contract.deliveries.worlds import ENVELOPES, LOOPBACK, QUICK

from tidegate.deliveries import build_deliveries
from tidegate.deliveries.pages import router as channel_pages
from tidegate.deliveries.routes import router as delivery_routes
from tidegate.edge.static import router as assets
from tidegate.jobs import PostgresLedger, Worker
from tidegate.kernel import RandomIds, WorkspaceId
from tidegate.storage import Database


@dataclass
class Doors:
    """One workspace, its doors, and what they lead to."""

    installation: Installation
    workspace: WorkspaceId
    application: FastAPI
    receiver: HttpReceiver
    worker: Worker
    api: httpx.AsyncClient
    """With an operator's admin token."""

    async def client(self, scope: str) -> httpx.AsyncClient:
        return client_of(self.application, **bearer(await self.installation.operator_token(self.workspace, scope)))

    async def add(self, name: str = "ops", **webhook: str) -> dict[str, object]:
        body = {"name": name, "webhook": {"url": f"{self.receiver.url}/in", **webhook}}
        answer = await self.api.post("/api/v1/channels", json=body)
        assert answer.status_code == 201, answer.text
        found: dict[str, object] = answer.json()
        return found


@pytest.fixture
async def doors(database: Database, owner_connection: "asyncpg.Connection[asyncpg.Record]") -> AsyncIterator[Doors]:
    installation = Installation(database, owner_connection)
    workspace = await installation.new_workspace()
    built = build_deliveries(
        database,
        installation.trail,
        allowed=LOOPBACK,
        envelopes=ENVELOPES,
        ids=RandomIds(),
        clock=installation.clock,
        limits=QUICK,
    )
    installation.services |= built.services
    application = installation.application(assets, delivery_routes, channel_pages)
    worker = Worker(ledger=PostgresLedger(database), handlers=built.handlers, clock=installation.clock)
    api = client_of(application, **bearer(await installation.operator_token(workspace)))
    async with HttpReceiver().serving() as receiver:
        yield Doors(installation, workspace, application, receiver, worker, api)
        await owner_connection.execute("DELETE FROM jobs WHERE workspace = $1", workspace)
