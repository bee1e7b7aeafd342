"""The parts that run in production, put together as `app` does, on the real state store."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from tests.api.evidence.conftest import FakeAskers
from tests.doing import BY, trail_of
from tests.unit.gates.fakes import FakeSignals

from tidegate.alerts import AlertService, PostgresAlertStore, load_rules
from tidegate.alerts.model import Change
from tidegate.app.gate_sources import build_gates
from tidegate.egress import parse_allowances
from tidegate.evidence import EvidenceService, PostgresCiReportStore, build_evidence
from tidegate.gates import CheckOutcome, GateService, Verdict
from tidegate.gates.ports import GateLimits
from tidegate.gates.tasks import GateRefresher, workspace_lister
from tidegate.isolation import IsolationService, PostgresAuthzRunStore
from tidegate.kernel import GateId, RandomIds, SystemClock, UnavailableError, WorkspaceId
from tidegate.releases import PostgresReleaseStore, ReleaseService, ReleasesService
from tidegate.storage import Connection, Database

AUTH = GateId("auth-shell")
SERVICES = [ReleaseService("harbor", "7", "4f1c2ab")]


@pytest.fixture
def signals() -> FakeSignals:
    return FakeSignals()


@pytest.fixture
def releases(database: Database) -> ReleasesService:
    return ReleasesService(
        store=PostgresReleaseStore(database, trail_of(database)), ids=RandomIds(), clock=SystemClock()
    )


class Nobody:
    """Listens to alerts and does nothing of it."""

    async def changed(self, connection: Connection, workspace: WorkspaceId, changes: Sequence[Change]) -> None:
        return None


@pytest.fixture
def gates(database: Database, signals: FakeSignals, releases: ReleasesService) -> GateService:
    clock, ids, rules = SystemClock(), RandomIds(), load_rules()
    return build_gates(
        database,
        signals=signals,
        alerts=AlertService(rules=rules, reader=signals, store=PostgresAlertStore(database), clock=clock),
        listener=Nobody(),
        rules=rules,
        releases=releases,
        isolation=IsolationService(store=PostgresAuthzRunStore(database, trail_of(database)), clock=clock),
        evidence=EvidenceService(store=PostgresCiReportStore(database, trail_of(database)), ids=ids, clock=clock),
        book=build_evidence(
            database,
            trail_of(database),
            releases=releases,
            allowed=parse_allowances(""),
            askers=FakeAskers(),
            ids=ids,
            clock=clock,
        ).book,
        trail=trail_of(database),
        ids=ids,
        clock=clock,
    ).service


async def test_the_quiet_of_real_alerts_is_not_believed_without_an_evaluator(
    gates: GateService, releases: ReleasesService, workspace: WorkspaceId
) -> None:
    await releases.create(workspace, "7", SERVICES, by=BY)
    dashboard = await gates.dashboard(workspace, AUTH)
    assert dashboard.judgement.verdict is Verdict.HOLD
    signal, quiet = dashboard.judgement.results
    assert signal.outcome is CheckOutcome.PASSED
    assert quiet.outcome in {CheckOutcome.MISSING, CheckOutcome.STALE}


async def test_the_refresher_records_for_every_workspace_until_it_is_stopped(
    gates: GateService, releases: ReleasesService, database: Database, workspace: WorkspaceId
) -> None:
    await releases.create(workspace, "7", SERVICES, by=BY)
    refreshing = asyncio.create_task(GateRefresher(gates, list_workspaces=workspace_lister(database)).run())
    async with asyncio.timeout(30):
        while not (await gates.history(workspace, AUTH)).items:  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.02)
    refreshing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await refreshing


@pytest.mark.parametrize(
    "failure", [UnavailableError("The state store does not answer for the moment. Try again."), ValueError("a mistake")]
)
async def test_a_workspace_that_cannot_be_read_keeps_no_other_from_its_turn(
    gates: GateService,
    releases: ReleasesService,
    workspace: WorkspaceId,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
) -> None:
    await releases.create(workspace, "7", SERVICES, by=BY)
    board = gates.board

    async def board_or_away(asked: WorkspaceId, **more: str | None) -> object:
        if asked == "away":
            raise failure
        return await board(asked, **more)

    monkeypatch.setattr(gates, "board", board_or_away)
    await gates.refresh_all([WorkspaceId("away"), workspace])
    assert (await gates.history(workspace, AUTH)).items


async def test_a_source_that_hangs_holds_its_check_in_time(
    gates: GateService,
    releases: ReleasesService,
    signals: FakeSignals,
    workspace: WorkspaceId,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await releases.create(workspace, "7", SERVICES, by=BY)

    async def hang(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(signals, "totals", hang)
    monkeypatch.setattr(gates, "_limits", GateLimits(source_timeout=timedelta(milliseconds=50)))
    results = (await gates.dashboard(workspace, AUTH)).judgement.results
    assert {result.outcome for result in results} == {CheckOutcome.ERROR}
    assert "did not answer within 0.05 s" in results[0].reason
