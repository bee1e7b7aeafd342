"""What is kept in memory is what a recount finds: after late rows, recounts, in windows of minutes and of hours."""

import random
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.slos.worlds import World, assert_equals_recount
from tests.signals_rows import NANO, Row, agent_rows, request_row
from tests.unit.slos.objectives import FEW_ARE_ENOUGH, events_file, slices_file

from tidegate.kernel import WorkspaceId
from tidegate.slos import BurnFinding, BurnLook, BurnSubject
from tidegate.slos.model import BudgetState
from tidegate.slos.states import state_of, subject_of
from tidegate.slos.tasks import BurnWatch
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.testing import FakeClock

LENGTHS = tuple(
    timedelta(**one)
    for one in (
        {"minutes": 5}, {"minutes": 30}, {"hours": 1}, {"hours": 2}, {"hours": 6}, {"days": 1}, {"days": 3},
        {"days": 30},
    )
)  # fmt: skip
HOUR = 3_600


@pytest.fixture
def clock() -> FakeClock:
    """The middle of the present minute: what is sent of this minute is not of the future."""
    return FakeClock(datetime.fromtimestamp(int(time.time()) // 60 * 60 + 59, UTC))


@pytest.fixture
def world(database: Database, engine: TelemetryEngine, workspace: WorkspaceId, clock: FakeClock) -> World:
    return World(database, engine, workspace, clock)


def requests(world: World, ages_s: list[int], seed: int = 1) -> list[Row]:
    """Return requests of three tenants and of nobody, a third of them failed."""
    chance = random.Random(seed)
    now_s = int(world.clock.now().timestamp())
    return [
        request_row(
            world.workspace,
            chance.choice([200, 200, 500]),
            tenant=chance.choice(["acme", "bolt", "cask", ""]),
            end_ns=(now_s - age) * NANO + chance.randrange(NANO),
        )
        for age in ages_s
    ]


async def test_windows_of_minutes_and_hours_equal_a_recount_and_stay_so_with_late_rows(
    world: World, clock: FakeClock
) -> None:
    ages = [0, 1, 59, 70, 290, 301, 1_700, 3_590, 3_610, 7_100, 5 * HOUR, 7 * HOUR, 9 * HOUR, 23 * HOUR]
    await world.count(requests(world, ages * 3))
    await world.apply(events_file())
    look = await world.look()
    await assert_equals_recount(world, look, LENGTHS)
    for length in LENGTHS:
        sums = look.window(length)
        assert sums.end_s - sums.start_s == length / timedelta(seconds=1), "to the minute, whatever its length"
    await world.count(
        requests(world, [0, 30, 200, 3_500, 4 * HOUR, 11 * HOUR, 26 * HOUR, 24 * HOUR - 61, 24 * HOUR + 61], seed=2)
    )
    await assert_equals_recount(world, await world.look(), LENGTHS)
    clock.advance(timedelta(minutes=61))
    await assert_equals_recount(world, await world.look(), LENGTHS)
    await world.count(requests(world, [61 * 60, 62 * 60, 9 * HOUR], seed=3))
    await assert_equals_recount(world, await world.look(), LENGTHS)


async def test_rows_ahead_of_the_clock_count_when_their_time_has_come(world: World, clock: FakeClock) -> None:
    await world.apply(events_file())
    await world.look()
    await world.count(requests(world, [-400, -500, 10]))
    assert int((await world.look()).window(timedelta(hours=1)).total[0]) == 1
    clock.advance(timedelta(minutes=10))
    assert int((await world.look()).window(timedelta(hours=1)).total[0]) == 3


async def test_rows_ahead_of_the_clock_that_were_there_before_count_then_as_well(
    world: World, clock: FakeClock
) -> None:
    await world.count(requests(world, [-400, -500, 10]))
    await world.apply(events_file())
    assert int((await world.look()).window(timedelta(days=1)).total[0]) == 1
    clock.advance(timedelta(minutes=10))
    assert int((await world.look()).window(timedelta(days=1)).total[0]) == 3
    clock.advance(timedelta(hours=2))
    assert int((await world.look()).window(timedelta(days=1)).total[0]) == 3


async def test_a_calendar_of_half_an_hour_beside_utc_begins_at_its_own_midnight(world: World, clock: FakeClock) -> None:
    await world.count(requests(world, [0, 60, HOUR, 5 * HOUR, 23 * HOUR, 25 * HOUR]))
    await world.apply(events_file(window="{calendar: month, timeZone: Asia/Kolkata}"))
    look = await world.look()
    begin = int(look.objective.window.range_at(clock.now()).start.timestamp())
    assert look.own.start_s == begin
    counted = await world.recount_of_requests(begin, look.own.end_s)
    assert (int(look.own.bad[0]), int(look.own.total[0])) == counted


async def test_without_data_nothing_is_met(world: World) -> None:
    await world.apply(events_file())
    state = state_of(await world.look())
    assert state.whole.budget.state is BudgetState.NO_DATA
    assert all(burn.burn is None for burn in state.whole.burns)
    assert state.burning == ()


async def test_slices_are_judged_when_they_are_over_and_again_when_late_rows_come(
    world: World, clock: FakeClock
) -> None:
    now_s = int(clock.now().timestamp())
    begin = now_s - now_s % 300
    await world.apply(slices_file())
    await world.look("chat-cost")
    await world.count([row for at in (begin - 290, begin - 590) for row in agent_rows(world.workspace, at * NANO)])
    assert state_of(await world.look("chat-cost")).whole.budget.bad == 0
    assert state_of(await world.look("chat-cost")).whole.budget.total == 2
    dear = agent_rows(world.workspace, (begin - 280) * NANO)
    dear[1]["cost_nano_usd"] = 400_000_000
    await world.count(dear)
    state = state_of(await world.look("chat-cost"))
    assert (state.whole.budget.bad, state.whole.budget.total) == (1, 2)
    assert state.unknown_count is not None
    assert state.unknown_count >= 286


async def test_how_long_requests_took_is_told_slice_by_slice(world: World, clock: FakeClock) -> None:
    now_s = int(clock.now().timestamp())
    begin = now_s - now_s % 300
    slow = request_row(world.workspace, 200, end_ns=(begin - 100) * NANO, duration_ns=900_000_000)
    quick = request_row(world.workspace, 200, end_ns=(begin - 700) * NANO, duration_ns=9_000_000)
    await world.count([slow, quick])
    indicator = "{slices: {figure: p95Ms, length: 5m, atMost: 500}}"
    await world.apply(slices_file("chat-latency", family="request", indicator=indicator))
    budget = state_of(await world.look("chat-latency")).whole.budget
    assert (budget.bad, budget.total) == (1, 2)


async def test_a_tenant_burns_while_the_service_does_not(world: World) -> None:
    good = [request_row(world.workspace, 200, tenant="acme", end_ns=_ago(world, age)) for age in range(0, 290, 1)]
    bad = [request_row(world.workspace, 500, tenant="bolt", end_ns=_ago(world, age)) for age in range(0, 290, 30)]
    await world.count(good + bad)
    await world.apply(events_file(burn=FEW_ARE_ENOUGH))
    findings = await world.objectives.burning([world.workspace], world.clock.now())
    assert {(one.tenant, one.severity.value, one.code.value) for one in findings} >= {
        ("bolt", "P1", "objective_burn_fast")
    }
    assert all(one.tenant != "acme" for one in findings)
    assert subject_of(await world.look(), "acme").budget.bad == 0


async def test_policies_freeze_remember_it_and_are_recorded(world: World) -> None:
    await world.count([request_row(world.workspace, 500, end_ns=_ago(world, 10))])
    await world.apply(events_file(policy="{freezeAt: 0, liftAt: 0.5}"))
    looked = await world.objectives.get(world.workspace, "chat-availability")
    assert looked.decision.state.value == "frozen"
    again = await world.objectives.get(world.workspace, "chat-availability")
    assert again.frozen_at == looked.frozen_at
    await world.count([request_row(world.workspace, 200, end_ns=_ago(world, age)) for age in range(120)])
    still = await world.objectives.get(world.workspace, "chat-availability")
    assert still.state.whole.budget.left_share is not None
    assert 0 < still.state.whole.budget.left_share < 0.5
    assert still.decision.state.value == "frozen"


def _ago(world: World, age_s: int) -> int:
    return (int(world.clock.now().timestamp()) - age_s) * NANO


class Heard:
    def __init__(self) -> None:
        self.findings: list[BurnFinding] = []

    async def find_open(self) -> Collection[BurnSubject]:
        return ()

    async def told(self, look: BurnLook) -> None:
        self.findings = [one.finding for one in look.readings if one.finding is not None]

    async def release(self) -> None: ...


async def test_what_burns_is_told_to_who_makes_alerts_of_it_and_freezes_without_anybody_looking(world: World) -> None:
    await world.count([request_row(world.workspace, 500, tenant="bolt", end_ns=_ago(world, age)) for age in range(20)])
    await world.apply(events_file())
    heard = Heard()
    await BurnWatch(world.objectives, heard).look()
    told = {(one.code.value, one.severity.value, one.tenant) for one in heard.findings}
    assert {("core_error_budget_burn", "P1", None), ("objective_burn_fast", "P1", "bolt")} <= told
    assert "burns 100 times too fast over 1h" in heard.findings[0].sentence
    assert list(await world.freeze_store.find_freezes(world.workspace)) == ["chat-availability"]
