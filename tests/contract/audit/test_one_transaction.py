"""A write whose record cannot be written is not done either: for each slice that writes."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import asyncpg
import pytest
from tests.contract.gates.test_gate_store import JUDGEMENT
from tests.doing import BY, BrokenTrail, trail_of

from tidegate.evidence import EvidenceService, PostgresCiReportStore
from tidegate.evidence.model import CiSubject, SentReport
from tidegate.gates.model import Gate
from tidegate.gates.store import PostgresGateStore
from tidegate.isolation import IsolationService, PostgresAuthzRunStore
from tidegate.kernel import DecisionId, GateId, RandomIds, SystemClock, UnavailableError, WorkspaceId, digest_of
from tidegate.releases import PostgresReleaseStore, ReleasesService
from tidegate.releases.model import ReleaseService
from tidegate.signals.prices import PostgresPriceStore, PriceBooks, PriceService
from tidegate.signals.recounts import PostgresRecounts
from tidegate.signals.retention import PostgresRetention, Retention
from tidegate.storage import Database
from tidegate.telemetry.erasures import ErasureService, PostgresErasures
from tidegate.telemetry.erasures.model import ErasureKind, Found, Target

Write = Callable[[Database, BrokenTrail, WorkspaceId], Awaitable[object]]
IDS, CLOCK = RandomIds(), SystemClock()
AUTHZ_RUN: Final[dict[str, Any]] = {
    "runId": "r", "service": "pay", "commit": "c", "suite": "s", "cases": [],
    "startedAt": "2026-02-07T14:00:00Z", "finishedAt": "2026-02-07T14:01:00Z",
}  # fmt: skip
PRICES: Final = b"{apiVersion: tidegate/v1, kind: Prices, prices: [{provider: acme, model: m, input: 1}]}"


class SomeRows:
    """Telemetry in which there is something to erase."""

    async def count(self, workspace: WorkspaceId, target: Target) -> Found:
        return Found(spans=3, seconds=1)


async def define_gate(database: Database, trail: BrokenTrail, workspace: WorkspaceId) -> object:
    gate = Gate(id=GateId("g"), title="G", owner="o", checks=(), policy_digest=digest_of(b"{}"), version=1)
    store = PostgresGateStore(database, trail)
    return await store.add_gate(workspace, gate, body=b"{}", applied_at=CLOCK.now(), by=BY)


async def decide(database: Database, trail: BrokenTrail, workspace: WorkspaceId) -> object:
    store = PostgresGateStore(database, trail)
    return await store.record(workspace, JUDGEMENT, DecisionId(IDS.new_id("dec")), asked_by=BY)


async def decide_by_itself(database: Database, trail: BrokenTrail, workspace: WorkspaceId) -> object:
    store = PostgresGateStore(database, trail)
    return await store.record(workspace, JUDGEMENT, DecisionId(IDS.new_id("dec")), asked_by=None)


async def create_release(database: Database, trail: BrokenTrail, workspace: WorkspaceId) -> object:
    service = ReleasesService(store=PostgresReleaseStore(database, trail), ids=IDS, clock=CLOCK)
    return await service.create(workspace, "r", [ReleaseService("pay", "1", "c")], by=BY)


async def report(database: Database, trail: BrokenTrail, workspace: WorkspaceId) -> object:
    service = EvidenceService(store=PostgresCiReportStore(database, trail), ids=IDS, clock=CLOCK)
    return await service.receive(workspace, CiSubject("s", "c", "pay"), SentReport(b'<testsuite name="s"/>'), by=BY)


async def report_authz_run(database: Database, trail: BrokenTrail, workspace: WorkspaceId) -> object:
    return await IsolationService(store=PostgresAuthzRunStore(database, trail), clock=CLOCK).receive(
        workspace, AUTHZ_RUN, by=BY
    )


async def set_prices(database: Database, trail: BrokenTrail, workspace: WorkspaceId) -> object:
    store = PostgresPriceStore(database, trail)
    service = PriceService(store=store, books=PriceBooks(store=store, changes=store), clock=CLOCK)
    return await service.apply(workspace, PRICES, by=BY)


async def request_recount(database: Database, trail: BrokenTrail, workspace: WorkspaceId) -> object:
    recounts = PostgresRecounts(database, trail, ids=IDS, clock=CLOCK)
    return await recounts.begin(workspace, reason="reprice", start=None, end=None, by=BY)


async def set_retention(database: Database, trail: BrokenTrail, workspace: WorkspaceId) -> object:
    return await PostgresRetention(database, trail).set_retention(workspace, Retention(raw_days=3), by=BY)


async def erase(database: Database, trail: BrokenTrail, workspace: WorkspaceId) -> object:
    rows: Any = SomeRows()
    service = ErasureService(
        rows=rows, store=PostgresErasures(database, trail), ids=IDS, clock=CLOCK, hold=timedelta(days=7),
        on_requested=lambda: None,
    )  # fmt: skip
    return await service.request(workspace, ErasureKind.TENANT, "acme", reason="asked for", by=BY)


WRITES: Final[dict[str, tuple[Write, tuple[str, ...]]]] = {
    "define a gate": (define_gate, ("gates",)),
    "decide": (decide, ("decisions", "decisions_in_force")),
    "decide by itself": (decide_by_itself, ("decisions", "decisions_in_force")),
    "create a release": (create_release, ("releases",)),
    "send a report": (report, ("ci_reports", "ci_subjects")),
    "send an authorization run": (report_authz_run, ("authz_runs", "authz_subjects")),
    "set prices": (set_prices, ("price_overrides",)),
    "ask for a recount": (request_recount, ("recounts",)),
    "set how long telemetry is kept": (set_retention, ("retention",)),
    "erase": (erase, ("erasures",)),
}


@pytest.mark.parametrize("what", WRITES)
async def test_a_write_without_its_record_is_not_done(
    database: Database, owner_connection: "asyncpg.Connection[asyncpg.Record]", workspace: WorkspaceId, what: str
) -> None:
    write, tables = WRITES[what]
    trail = BrokenTrail(trail_of(database))

    async def counted() -> list[int]:
        names = (*tables, "audit_records")
        return [
            await owner_connection.fetchval(f"SELECT count(*) FROM {name} WHERE workspace = $1", workspace)
            for name in names
        ]

    with pytest.raises(UnavailableError):
        await write(database, trail, workspace)
    assert await counted() == [0] * (len(tables) + 1)
    trail.is_broken = False
    await write(database, trail, workspace)
    assert await counted() == [1] * (len(tables) + 1)
