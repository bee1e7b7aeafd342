"""An application over a real state store; signals and alerts are told what to say."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest
from tests.applications import include
from tests.authority import shipped_authorizer
from tests.doing import trail_of
from tests.unit.gates.fakes import FakeAuthenticator, FakeQuiet, FakeSignals

from tidegate.alerts import load_rules
from tidegate.app.gate_voices import build_voices
from tidegate.edge.caller import SESSION_COOKIE
from tidegate.edge.http import build_http_app
from tidegate.evidence import EvidenceService, PostgresCiReportStore
from tidegate.evidence.routes import router as evidence_routes
from tidegate.gates import (
    CheckKind,
    GateReader,
    GateService,
    PostgresGateStore,
    QuietSource,
    RegressionSource,
    SignalSource,
)
from tidegate.gates.approvals.routes import router as approval_routes
from tidegate.gates.catalogues import BuiltInRunbooks, LoadedRules
from tidegate.gates.freezes.routes import router as freeze_routes
from tidegate.gates.polls.routes import router as poll_routes
from tidegate.gates.routes import router as gate_routes
from tidegate.gates.waivers.counting import CountingWaivers
from tidegate.gates.waivers.routes import router as waiver_routes
from tidegate.gates.waivers.service import WaiverService
from tidegate.gates.waivers.store import AuditedMakers, PostgresWaiverStore
from tidegate.isolation import IsolationService, PostgresAuthzRunStore
from tidegate.isolation.routes import router as isolation_routes
from tidegate.kernel import RandomIds, SystemClock, WorkspaceId
from tidegate.releases import PostgresReleaseStore, ReleasesService
from tidegate.releases.routes import router as release_routes
from tidegate.storage import Database


@dataclass
class Api:
    """One caller of the application."""

    client: httpx.AsyncClient
    workspace: WorkspaceId
    scope: str = "write"

    async def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.scope}:{self.workspace}"} | request.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **request)

    async def as_person(self, method: str, path: str, member: str, role: str = "approver", **request: Any) -> Any:
        """Ask in the session of a person who proved just now who they are."""
        cookie = f"{SESSION_COOKIE}={member}:{role}:{self.workspace}"
        headers = {"cookie": cookie, "origin": str(self.client.base_url)}
        return await self.client.request(method, path, headers=headers, **request)

    async def get(self, path: str, **parameters: str) -> httpx.Response:
        return await self.call("GET", path, params=parameters)

    async def post(self, path: str, body: object = None, **request: Any) -> httpx.Response:
        return await self.call("POST", path, **({"json": body} if body is not None else {}), **request)

    async def post_yaml(self, path: str, text: str | bytes) -> httpx.Response:
        return await self.call("POST", path, content=text, headers={"content-type": "application/yaml"})

    async def post_report(self, text: str | bytes, **about: str) -> httpx.Response:
        headers = {"content-type": "application/xml"}
        return await self.call("POST", "/api/v1/ci/reports", content=text, params=about, headers=headers)


class FakeListener:
    """Follows no alert."""

    async def changed(self, connection: object, workspace: WorkspaceId, changes: object) -> None: ...


@pytest.fixture
def signals() -> FakeSignals:
    return FakeSignals()


@pytest.fixture
def quiet() -> FakeQuiet:
    return FakeQuiet()


@pytest.fixture
def services(database: Database, signals: FakeSignals, quiet: FakeQuiet) -> dict[type[Any], object]:
    ids, clock, rules = RandomIds(), SystemClock(), LoadedRules(load_rules())
    releases = ReleasesService(store=PostgresReleaseStore(database, trail_of(database)), ids=ids, clock=clock)
    isolation = IsolationService(store=PostgresAuthzRunStore(database, trail_of(database)), clock=clock)
    evidence = EvidenceService(store=PostgresCiReportStore(database, trail_of(database)), ids=ids, clock=clock)
    waivers = PostgresWaiverStore(database, trail_of(database))
    voices = build_voices(database, trail_of(database), listener=FakeListener(), ids=ids)
    gates = GateService(
        store=PostgresGateStore(database, trail_of(database)),
        sources={
            CheckKind.SIGNAL: SignalSource(signals),
            CheckKind.ALERTS_QUIET: QuietSource(alerts=quiet, catalogue=rules, signals=signals),
            CheckKind.REGRESSION: RegressionSource(isolation=isolation, evidence=evidence),
            CheckKind.FREEZE: voices.freezes,
        },
        releases=releases,
        reader=GateReader(alerts=rules, runbooks=BuiltInRunbooks()),
        ids=ids,
        clock=clock,
        waivers=CountingWaivers(store=waivers, makers=AuditedMakers(database)),
        said=voices.sayings,
    )
    said = voices.services(gates, releases=releases, makers=AuditedMakers(database), ids=ids, clock=clock)
    return {
        WaiverService: WaiverService(store=waivers, gates=gates, makers=AuditedMakers(database), ids=ids, clock=clock),
        ReleasesService: releases,
        IsolationService: isolation,
        EvidenceService: evidence,
        GateService: gates,
        **said,
    }


@pytest.fixture
async def client(services: dict[type[Any], object]) -> AsyncIterator[httpx.AsyncClient]:
    application = build_http_app(
        version="test", authenticator=FakeAuthenticator(), authorizer=shipped_authorizer(), services=services
    )
    include(application, release_routes, isolation_routes, evidence_routes, gate_routes, waiver_routes)
    include(application, approval_routes, poll_routes, freeze_routes)
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
