"""The pages of one made-up installation, called through the ASGI app."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from tests.applications import include
from tests.authority import shipped_authorizer
from tests.pages.documents import Document, assert_is_sound
from tests.pages.gate_worlds import FakeGates, FakeReleases, FakeTelemetry
from tests.pages.paging_worlds import FakePaging
from tests.pages.signal_worlds import FakeMarks, FakePoints, FakeVersions, FakeWatcher
from tests.pages.trace_worlds import FakeRunStore, FakeTraceStore
from tests.pages.worlds import NOW, SESSION, FakeAlerts, FakeIdentity
from tests.unit.identity.fakes import RecordingTrail

from tidegate.alerts import AlertService
from tidegate.alerts.pages import router as alert_pages
from tidegate.alerts.paging.service import PagingService
from tidegate.audit import AuditTrail
from tidegate.edge.caller import SESSION_COOKIE
from tidegate.edge.html import PageRenderer
from tidegate.edge.http import build_http_app
from tidegate.edge.live import LiveHub
from tidegate.edge.live import router as live_routes
from tidegate.edge.pages import router as edge_pages
from tidegate.edge.requests import RequestContext
from tidegate.edge.static import router as assets
from tidegate.gates import GateService
from tidegate.gates.pages import TelemetryWatch
from tidegate.gates.pages import router as gate_pages
from tidegate.identity import IdentityService
from tidegate.identity.pages import router as identity_pages
from tidegate.releases import ReleasesService
from tidegate.runbooks.pages import router as runbook_pages
from tidegate.signals.ai_runs import AiRunService
from tidegate.signals.ai_runs.pages import router as run_pages
from tidegate.signals.explore import ExploreService
from tidegate.signals.explore.pages import router as signal_pages
from tidegate.signals.explore.routes import router as explore_routes
from tidegate.signals.tenants import TenantService
from tidegate.signals.tenants.pages import router as tenant_pages
from tidegate.signals.tenants.routes import router as tenant_routes
from tidegate.telemetry.traces import TraceService
from tidegate.telemetry.traces.pages import router as trace_pages
from tidegate.testing import FakeClock, FakeSignals

ORIGIN = "http://tidegate.test"


@dataclass
class Site:
    """An installation with its fakes and a browser that is signed in to the workspace `harbor`."""

    alerts: FakeAlerts
    gates: FakeGates
    releases: FakeReleases
    telemetry: FakeTelemetry
    identity: FakeIdentity
    traces: FakeTraceStore
    runs: FakeRunStore
    clock: FakeClock
    signals: FakeSignals
    points: FakePoints
    watcher: FakeWatcher
    marks: FakeMarks
    versions: FakeVersions
    hub: LiveHub
    application: RequestContext
    browser: httpx.AsyncClient

    async def open(self, path: str, *, status: int = 200, **headers: str) -> Document:
        """Return a page, having checked what holds for all of them."""
        answer = await self.browser.get(path, headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        document = Document(answer.text)
        assert_is_sound(document)
        return document

    def sign_in_as(self, session: str | None) -> None:
        self.browser.cookies.clear()
        if session is not None:
            self.browser.cookies.set(SESSION_COOKIE, session)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    releases = FakeReleases()
    clock = FakeClock(NOW)
    parts = FakeAlerts(), FakeGates(releases), releases, FakeTelemetry(), FakeIdentity()
    alerts, gates, _, telemetry, identity = parts
    trace_store, runs = FakeTraceStore(), FakeRunStore()
    traces = TraceService(store=trace_store, clock=clock)
    signals, watcher, marks, versions = FakeSignals(), FakeWatcher(), FakeMarks(), FakeVersions()
    hub = LiveHub(versions, poll_s=0.05)
    points = FakePoints()
    explore = ExploreService(reader=signals, points=points, watcher=watcher, marks=marks, clock=clock)
    application = build_http_app(
        version="0.1.0",
        authenticator=identity,
        authorizer=shipped_authorizer(),
        services={
            AlertService: alerts,
            PagingService: FakePaging(),
            GateService: gates,
            ReleasesService: releases,
            TelemetryWatch: telemetry,
            IdentityService: identity,
            AuditTrail: RecordingTrail(),
            TraceService: traces,
            AiRunService: AiRunService(store=runs, traces=traces),
            ExploreService: explore,
            TenantService: TenantService(reader=signals, clock=clock),
            LiveHub: hub,
            PageRenderer: PageRenderer(version="0.1.0", clock=clock),
        },
    )
    pages = (assets, edge_pages, identity_pages, gate_pages, alert_pages, runbook_pages, signal_pages, tenant_pages)
    include(application, *pages, trace_pages, run_pages, live_routes, explore_routes, tenant_routes)
    wrapped = RequestContext(application)
    transport = httpx.ASGITransport(wrapped)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as browser:
        made = Site(
            alerts,
            gates,
            releases,
            telemetry,
            identity,
            trace_store,
            runs,
            clock,
            signals,
            points,
            watcher,
            marks,
            versions,
            hub,
            wrapped,
            browser,
        )
        made.sign_in_as(SESSION)
        listening = asyncio.ensure_future(hub.run())
        yield made
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
