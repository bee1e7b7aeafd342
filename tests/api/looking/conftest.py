"""Traces, runs and erasing over real engines, for callers of every kind, over HTTP and the command line."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from tests.applications import include
from tests.authority import shipped_authorizer
from tests.doing import trail_of
from tests.shells import Ended, shell_at
from tests.telemetry_rows import AT_NS, NANO, make_log_row, make_run_row, make_span_row, marker_of, store
from tests.unit.gates.fakes import FakeAuthenticator

from tidegate.audit import AuditTrail
from tidegate.edge.http import build_http_app
from tidegate.kernel import RandomIds, WorkspaceId
from tidegate.signals.ai_runs import AiRunService, EngineRunStore
from tidegate.signals.ai_runs.routes import router as run_routes
from tidegate.signals.retention import PostgresRetention
from tidegate.signals.routes import router as signal_routes
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.telemetry.erasures import EngineErasedRows, EraseRunner, ErasureService, PostgresErasures
from tidegate.telemetry.erasures.routes import router as erasure_routes
from tidegate.telemetry.traces import EngineTraceStore, TraceService
from tidegate.telemetry.traces.routes import router as trace_routes
from tidegate.testing import FakeClock

HOSTILE = "\x1b[31m<b>\u202egnp.exe\u2028\x9b2J=cmd()"
NOW = datetime.fromtimestamp(AT_NS / NANO, UTC) + timedelta(minutes=5)


@dataclass
class Api:
    """One caller of the application."""

    application: FastAPI
    client: httpx.AsyncClient
    workspace: WorkspaceId
    eraser: EraseRunner
    scope: str = "admin"

    async def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.scope}:{self.workspace}"}
        return await self.client.request(method, path, headers=headers, **request)

    async def get(self, path: str, **parameters: str) -> httpx.Response:
        return await self.call("GET", path, params=parameters)

    async def run(self, *words: str) -> Ended:
        """Run the command line against this application, while what was asked for is erased."""
        erasing = asyncio.ensure_future(self.eraser.run())
        try:
            async with shell_at(self.application, f"{self.scope}:{self.workspace}") as shell:
                return await shell.run(*words)
        finally:
            erasing.cancel()
            await asyncio.gather(erasing, return_exceptions=True)


@dataclass
class Site:
    application: FastAPI
    client: httpx.AsyncClient
    eraser: EraseRunner


@pytest.fixture
async def site(
    database: Database, engine: TelemetryEngine, owner_connection: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[Site]:
    # The runner looks for late copies of all that is not over: what other tests left would be looked for each time.
    await owner_connection.execute("UPDATE erasures SET state = 'over' WHERE state <> 'over'")
    clock = FakeClock(NOW)

    async def watermark(_: object) -> int:
        return 1

    rows, erasures = EngineErasedRows(engine), PostgresErasures(database, trail_of(database))
    eraser = EraseRunner(rows=rows, store=erasures, clock=clock, holder=secrets.token_hex(4))
    traces = TraceService(store=EngineTraceStore(engine), clock=clock)
    services: dict[type[Any], object] = {
        PostgresRetention: PostgresRetention(database, trail_of(database)),
        AuditTrail: trail_of(database),
        TraceService: traces,
        AiRunService: AiRunService(store=EngineRunStore(engine, watermark=watermark), traces=traces),
        ErasureService: ErasureService(
            rows=rows, store=erasures, ids=RandomIds(), clock=clock, hold=timedelta(days=7), on_requested=eraser.wake
        ),
    }
    application = build_http_app(
        version="test", authenticator=FakeAuthenticator(), authorizer=shipped_authorizer(), services=services
    )
    include(application, trace_routes, run_routes, erasure_routes, signal_routes)
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Site(application, client, eraser)


@pytest.fixture
def api(site: Site, workspace: WorkspaceId) -> Api:
    return Api(site.application, site.client, workspace, site.eraser)


@pytest.fixture
async def stranger(site: Site, owner_connection: "asyncpg.Connection[asyncpg.Record]") -> Api:
    name = WorkspaceId(f"x-{secrets.token_hex(6)}")
    await owner_connection.execute("INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now())", name)
    return Api(site.application, site.client, name, site.eraser)


@pytest.fixture(autouse=True)
async def stored(engine: TelemetryEngine, workspace: WorkspaceId) -> None:
    """Store a run of three spans whose texts want to be more than text, with a log record, counted."""
    agent = {"role": "agent", "operation": "invoke_agent", "run_outcome": "failed", "tenant": "acme"}
    spans = [
        make_span_row(1, name=HOSTILE, service=HOSTILE, length_ms=900, **agent),
        make_span_row(2, parent=1, start_ms=10, role="step", operation="execute_tool", tool="search", status=2,
                      error_type="timeout", run_outcome="failed", outcome="timeout", tenant="acme",
                      attributes={"k": HOSTILE, "gen_ai.tool.call.arguments": f"a\n{HOSTILE}"}),
        make_span_row(3, parent=1, start_ms=200, role="inference", operation="chat", model="m", run_outcome="ok"),
    ]  # fmt: skip
    await store(engine, workspace, "raw_spans", spans)
    await store(engine, workspace, "raw_logs", [make_log_row(body=HOSTILE, tenant="acme")])
    run = make_run_row(1, length_ms=900, outcome="failed", error_code="timeout", tenant="acme", name=HOSTILE,
                       is_priced=1, cost_nano_usd=12_500_000, cost_source="table", price_version="v1")  # fmt: skip
    await store(engine, workspace, "ai_runs", [run, marker_of(run["second"])])
