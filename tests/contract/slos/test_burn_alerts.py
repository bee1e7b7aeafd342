"""Burning budgets as alerts, over real engines: they fire, hold, resolve, and are told like all others."""

import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.paging.conftest import BY, URL, RecordingCourier
from tests.contract.slos.worlds import World
from tests.doing import trail_of
from tests.signals_rows import NANO, request_row
from tests.unit.slos.objectives import FEW_ARE_ENOUGH, events_file

from tidegate.alerts import (
    Alert,
    AlertDetail,
    AlertService,
    BurnAlerts,
    Origin,
    PostgresAlertStore,
    PostgresWatchStore,
    WatchLostError,
)
from tidegate.alerts.paging.assembly import Paging, build_paging
from tidegate.alerts.ports import AlertFilter
from tidegate.alerts.schemas import AlertDetailOut
from tidegate.alerts.views import newest_first
from tidegate.jobs import PostgresLedger, PostgresOutbox, Worker
from tidegate.kernel import RandomIds, UnavailableError, WorkspaceId
from tidegate.slos import BurnLook
from tidegate.slos.tasks import BurnWatch
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.testing import FakeClock


@dataclass
class Shore:
    """A workspace whose objectives are watched."""

    world: World
    database: Database
    clock: FakeClock
    paging: Paging
    courier: RecordingCourier
    worker: Worker
    alerts: BurnAlerts
    listening: PostgresAlertStore

    def process(self) -> BurnAlerts:
        """Return what tells in a process that just started."""
        return BurnAlerts(
            alerts=self.listening,
            watch=PostgresWatchStore(self.database, origin=Origin.OBJECTIVES),
            clock=self.clock,
            ids=RandomIds(),
        )

    async def restart(self) -> None:
        await self.alerts.release()
        self.alerts = self.process()

    async def look(self) -> BurnLook:
        return await BurnWatch(self.world.objectives, self.alerts).look()

    async def send(self, *, good: int = 0, bad: int = 0, tenant: str = "acme") -> None:
        """Let requests end one second apart, the last one now."""
        now_s = int(self.clock.now().timestamp())
        rows = [
            request_row(self.world.workspace, status, tenant=tenant, end_ns=(now_s - age) * NANO)
            for age, status in enumerate([200] * good + [500] * bad)
        ]
        await self.world.count(rows)

    async def list_open(self) -> list[Alert]:
        found = await self._list()
        return [alert for alert in found if alert.is_open]

    async def one(self, burn: str = "fast", tenant: str | None = None) -> AlertDetail:
        """Return the newest alert of this kind."""
        found = [a for a in await self._list() if dict(a.key.labels)["burn"] == burn and a.tenant == tenant]
        detail = await self.listening.find_alert(self.world.workspace, found[0].id)
        assert detail is not None
        return detail

    async def _list(self) -> list[Alert]:
        return await self.listening.list_alerts(self.world.workspace, AlertFilter(), limit=100, after=None)


@pytest.fixture
async def shore(database: Database, engine: TelemetryEngine, workspace: WorkspaceId) -> AsyncIterator[Shore]:
    clock = FakeClock(datetime.fromtimestamp(int(time.time()) // 3_600 * 3_600 - 86_400 + 59, UTC))
    courier = RecordingCourier(clock=clock)
    paging = build_paging(
        database, outbox=PostgresOutbox(clock=clock), courier=courier, trail=trail_of(database), ids=RandomIds(),
        clock=clock, url=URL,
    )  # fmt: skip
    made = Shore(
        world=World(database, engine, workspace, clock),
        database=database,
        clock=clock,
        paging=paging,
        courier=courier,
        worker=Worker(ledger=PostgresLedger(database, clock=clock), handlers=paging.handlers, clock=clock),
        alerts=None,  # type: ignore[arg-type]  # made of the rest, below
        listening=PostgresAlertStore(database, listener=paging.listener, origin=Origin.OBJECTIVES),
    )
    made.alerts = made.process()
    yield made
    await made.alerts.release()


async def test_a_burning_budget_is_an_alert_that_says_why_and_is_told(shore: Shore) -> None:
    routing = b"route: {receiver: boss, routes: [{receiver: ops, matchers: [objective=chat-availability]}]}"
    await shore.paging.routing.apply(shore.world.workspace, routing, by=BY)
    await shore.world.apply(events_file(perTenant="true"))
    await shore.send(good=10, bad=20)
    await shore.look()
    detail = await shore.one()
    alert = detail.alert
    assert (alert.code, alert.severity, alert.state) == ("core_error_budget_burn", "P1", "firing")
    assert (alert.runbook, alert.owner) == ("/runbooks/core_error_budget_burn", "team-chat")
    assert (alert.key.labels, dict(alert.labels)["windows"]) == (
        (("burn", "fast"), ("objective", "chat-availability")), "1h/5m at 14.4, 6h/30m at 6",
    )  # fmt: skip
    assert alert.sentence == (
        "The error budget of chat-availability burns 66.7 times too fast over 1h and 66.7 times over 5m on service "
        "harbor; the bound is 14.4. Nothing of the budget of rolling 30d is left."
    )
    assert alert.scope == "all tenants"
    assert [(move.cause.kind, move.to_state) for move in detail.transitions] == [
        ("crossed", "pending"), ("sustained", "firing")
    ]  # fmt: skip
    while await shore.worker.run_once():
        pass
    shore.clock.advance(timedelta(minutes=1))
    while await shore.worker.run_once():
        pass
    told = [message for _, message in shore.courier.sent]
    assert {message.channel.name for message in told} == {"ops"}
    assert any("The error budget of chat-availability burns" in str(message.lines) for message in told), told
    why = await shore.paging.paging.why(shore.world.workspace, alert)
    assert why.is_told


async def test_an_alert_shows_what_its_budget_did_to_releases_while_it_was_open(shore: Shore) -> None:
    world = shore.world
    await world.apply(events_file(window="{rolling: 1h}"))
    await shore.send(bad=20)
    await shore.look()
    alert = (await shore.one()).alert
    reader = world.pipeline.reader
    service = AlertService(rules=(), reader=reader, store=shore.listening, clock=shore.clock, budgets=world.freezes)
    shown = await service.get_alert(world.workspace, alert.id)
    assert [(event.kind, event.at) for event in shown.budget_events] == [("frozen", shore.clock.now())]
    titles = [move.title for move in newest_first(shown.transitions, shown.budget_events)]
    assert titles == ["Releases froze", "Fired", "Bound crossed"]
    assert AlertDetailOut.of(shown).budget_events[0].words.startswith("Releases freeze. -9900% of the budget is left")


async def test_one_bad_event_among_few_wakes_nobody_and_more_of_them_do(shore: Shore) -> None:
    await shore.world.apply(events_file())
    await shore.send(bad=1)
    await shore.send(good=5)
    await shore.look()
    assert await shore.list_open() == []
    await shore.send(bad=30)
    await shore.look()
    assert {a.severity.value for a in await shore.list_open()} >= {"P1"}


async def test_a_tenant_that_burns_alone_is_an_alert_of_its_own(shore: Shore) -> None:
    await shore.world.apply(events_file(burn=FEW_ARE_ENOUGH))
    await shore.send(good=280)
    await shore.send(bad=2, tenant="bolt")
    await shore.look()
    assert {(a.code, a.tenant) for a in await shore.list_open()} == {
        ("objective_burn_fast", "bolt"), ("objective_burn_slow", "bolt")
    }  # fmt: skip


async def test_a_tenant_whose_name_no_database_holds_is_told_of_and_keeps_nobody_from_theirs(shore: Shore) -> None:
    await shore.world.apply(events_file())
    await shore.send(bad=20, tenant="bo\0lt")
    await shore.look()
    tenants = {(alert.code, alert.tenant) for alert in await shore.list_open()}
    assert ("objective_burn_fast", "bo\ufffdlt") in tenants
    assert ("core_error_budget_burn", None) in tenants
    before = await shore.one(tenant="bo\ufffdlt")
    await shore.look()
    assert await shore.one(tenant="bo\ufffdlt") == before


async def test_looking_again_moves_nothing_and_a_restart_goes_on_where_it_was(shore: Shore) -> None:
    await shore.world.apply(events_file())
    await shore.send(bad=20)
    await shore.look()
    before = await shore.one()
    await shore.look()
    await shore.restart()
    await shore.look()
    assert await shore.one() == before
    shore.clock.advance(timedelta(minutes=10))
    await shore.send(good=100)
    await shore.restart()
    await shore.look()
    after = await shore.one()
    assert (after.alert.id, after.alert.state) == (before.alert.id, "firing")  # six hours and 30 minutes still burn
    shore.clock.advance(timedelta(minutes=35))
    await shore.send(good=100)
    await shore.restart()
    await shore.look()
    over = await shore.one()
    assert (over.alert.id, over.alert.state) == (before.alert.id, "resolved")
    assert over.transitions[-1].cause.kind == "recovered"
    assert over.alert.sentence.startswith("Back within the bound: The error budget of chat-availability burns ")


async def test_nothing_resolves_because_nobody_knows(shore: Shore) -> None:
    await shore.world.apply(events_file())
    await shore.send(bad=20)
    await shore.look()
    opened = await shore.list_open()
    for length in (timedelta(minutes=40), timedelta(hours=7), timedelta(hours=8)):
        shore.clock.advance(length)
        await shore.look()
        assert [alert.state for alert in await shore.list_open()] == ["firing"] * len(opened)
    held = await shore.one()
    assert held.alert.held_since is not None
    assert [move.cause.kind for move in held.transitions] == ["crossed", "sustained", "held"]
    assert "Held: no data since" in held.alert.sentence
    await shore.send(good=200)
    await shore.look()
    assert (await shore.one()).alert.state == "resolved"


async def test_a_look_that_fails_moves_nothing(shore: Shore) -> None:
    await shore.world.apply(events_file())
    await shore.send(bad=20)
    await shore.look()
    before = await shore.one()
    keeper = shore.world.objectives._keeper

    class Away:
        async def refresh(self, _: object) -> None:
            raise UnavailableError("Counting is behind.")

    shore.world.objectives._keeper = Away()  # type: ignore[assignment]  # a keeper that is away
    with pytest.raises(UnavailableError):
        await shore.look()
    shore.world.objectives._keeper = keeper
    assert await shore.one() == before


async def test_an_objective_that_is_removed_takes_its_alert_with_it_and_does_not_call_it_good(shore: Shore) -> None:
    await shore.world.apply(events_file())
    await shore.send(bad=20)
    await shore.look()
    await shore.world.objectives.remove(shore.world.workspace, "chat-availability", by=BY)
    await shore.look()
    assert await shore.list_open() == []
    closed = await shore.one()
    assert closed.transitions[-1].cause.kind == "withdrawn"
    assert "Whether the burn is over is not known." in closed.alert.sentence


async def test_one_process_tells_and_one_that_lost_its_turn_writes_nothing(shore: Shore) -> None:
    await shore.world.apply(events_file())
    await shore.send(bad=20)
    look = await shore.look()
    second = shore.process()
    assert await second.find_open() is None
    shore.clock.advance(timedelta(hours=1))
    await shore.send(good=200)
    asked = await shore.alerts.find_open()
    assert asked
    later = await shore.world.objectives.watch(asked)
    fence = shore.alerts._fence
    await shore.alerts.release()
    assert await second.find_open()
    shore.alerts._fence = fence
    with pytest.raises(WatchLostError):
        await shore.alerts.told(later)
    assert (await shore.one()).alert.state == "firing"
    await second.told(later)
    assert (await shore.one()).alert.state == "resolved"
    assert look.workspaces == later.workspaces
    await second.release()


async def test_who_asks_whether_it_is_quiet_waits_for_a_look(shore: Shore) -> None:
    rules = PostgresWatchStore(shore.database)
    holder = secrets.token_hex(4)
    async with shore.database.across_workspaces() as connection:
        await connection.execute("UPDATE alert_watch SET expires_at = '-infinity'")
        await connection.execute("UPDATE burn_watch SET evaluated_at = NULL")
    fence = await rules.claim_watch(holder, lease=timedelta(minutes=1))
    assert fence is not None
    at = datetime.now(UTC) + timedelta(seconds=5)
    await rules.set_evaluated(fence, at=at, rules_digest="test", lease=timedelta(minutes=1))
    await rules.release_watch(fence)
    store, workspace = shore.listening, shore.world.workspace
    assert (await store.find_watch(workspace)).evaluated_at == at
    await shore.world.apply(events_file())
    assert (await store.find_watch(workspace)).evaluated_at is None
    assert (await store.find_watch(workspace, ["auth_failure_rate_high"])).evaluated_at == at
    shore.clock.advance(timedelta(days=1, hours=2))
    await shore.look()
    assert (await store.find_watch(workspace)).evaluated_at is not None
