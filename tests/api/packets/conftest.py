"""The doors of packets beside those of gates, over a real state store."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from tests.api.gates.conftest import Api, api, quiet, services, signals, stranger
from tests.applications import include
from tests.authority import shipped_authorizer
from tests.doing import trail_of
from tests.unit.gates.fakes import FakeAuthenticator

from tidegate.attestations import PrivateKey, new_private_key
from tidegate.audit import AuditTrail
from tidegate.edge.html import PageRenderer
from tidegate.edge.http import build_http_app
from tidegate.egress import parse_allowances
from tidegate.evidence import EvidenceBook, EvidenceService, build_evidence
from tidegate.evidence.records.routes import router as record_routes
from tidegate.evidence.routes import router as evidence_routes
from tidegate.gates import RecordedDecisions
from tidegate.gates.routes import router as gate_routes
from tidegate.gates.waivers.routes import router as waiver_routes
from tidegate.isolation import IsolationService
from tidegate.isolation.routes import router as isolation_routes
from tidegate.kernel import RandomIds, SystemClock, WorkspaceId
from tidegate.packets import PacketService, RecordedReleases, StoredEvidence
from tidegate.packets.pages import router as packet_pages
from tidegate.packets.routes import router as packet_routes
from tidegate.releases import ReleasesService
from tidegate.releases.routes import router as release_routes
from tidegate.storage import Database

__all__ = ["api", "quiet", "services", "signals", "stranger"]


@dataclass
class Keys:
    """Keys that a test may rotate."""

    made: list[PrivateKey] = field(default_factory=lambda: [new_private_key()])

    def current(self) -> Sequence[PrivateKey]:
        return self.made


class _Anyone:
    async def why_not(self, workspace: WorkspaceId, asker: str, action: str) -> str:
        return ""


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def packed(database: Database, services: dict[type[Any], object], keys: Keys) -> dict[type[Any], object]:
    releases, reports, runs = services[ReleasesService], services[EvidenceService], services[IsolationService]
    assert isinstance(releases, ReleasesService)
    assert isinstance(reports, EvidenceService)
    assert isinstance(runs, IsolationService)
    clock, trail = SystemClock(), trail_of(database)
    records = build_evidence(
        database, trail, releases=releases, allowed=parse_allowances(""), askers=_Anyone(), ids=RandomIds(), clock=clock
    )
    evidence = StoredEvidence(book=records.book, reports=reports, runs=runs)
    packets = PacketService(
        records=RecordedDecisions(database), releases=RecordedReleases(releases), evidence=evidence, keys=keys
    )
    return services | {
        EvidenceBook: records.book,
        PacketService: packets,
        AuditTrail: trail,
        PageRenderer: PageRenderer(version="test", clock=clock),
    }


@pytest.fixture
async def client(packed: dict[type[Any], object]) -> AsyncIterator[httpx.AsyncClient]:
    application = build_http_app(
        version="test", authenticator=FakeAuthenticator(), authorizer=shipped_authorizer(), services=packed
    )
    routers = (release_routes, isolation_routes, evidence_routes, record_routes, gate_routes, waiver_routes)
    include(application, *routers, packet_routes, packet_pages)
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


@pytest.fixture
async def decided(api: Api) -> str:
    """Where a decision of a gate over an authorization run and a test report stands."""
    from tests.api.gates.test_tenant_isolation import RELEASE, make_run

    await api.post("/api/v1/releases", RELEASE)
    await api.post("/release/authz-regression", make_run())
    await api.post_report("<testsuite><testcase name='a'/></testsuite>", suite="unit", commit="4f1c2ab")
    await api.post_yaml("/api/v1/gates", GATE)
    decision = (await api.post("/api/v1/gates/both/decisions")).json()
    return f"/api/v1/gates/both/decisions/{decision['id']}"


GATE = """
{apiVersion: tidegate/v1, kind: Gate, id: both, title: Both, owner: security, checks: [
  {id: authz, title: Authorization, kind: regression, source: authz, owner: backend},
  {id: unit, title: Units, kind: regression, source: ci, owner: qa}]}
"""
