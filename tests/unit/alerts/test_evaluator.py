"""Evaluation: what is read, what is written, and what failures change."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import structlog
from tests.unit.alerts.fakes import FakeReader, FakeStores

from tidegate.alerts import AlertEvaluator, AlertState, load_rules
from tidegate.alerts.errors import WatchLostError
from tidegate.alerts.questions import questions_of
from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.signals import Family, GroupTotals, Totals
from tidegate.testing import CountingIds, FakeClock

ACME, OTHER = WorkspaceId("acme"), WorkspaceId("other")
SECOND = timedelta(seconds=1)
BAD = Totals(count=100, failure_count=30)
GOOD = Totals(count=100, failure_count=3)
DEADLINE_S = 10
PROMPT = sum(question.is_prompt for question in questions_of(load_rules()))


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    reader: FakeReader = field(default_factory=FakeReader)
    stores: FakeStores = field(default_factory=FakeStores)
    ids: CountingIds = field(default_factory=CountingIds)

    def new_evaluator(self) -> AlertEvaluator:
        return AlertEvaluator(
            rules=load_rules(),
            reader=self.reader,
            alerts=self.stores,
            watch=self.stores,
            clock=self.clock,
            ids=self.ids,
        )

    def sign_ins(self, *groups: tuple[WorkspaceId, str, str | None, Totals]) -> None:
        self.reader.by_family = {Family.AUTH: [GroupTotals(*group) for group in groups]}

    def subjects(self, *, state: AlertState = AlertState.FIRING) -> list[tuple[str, str, str | None]]:
        return [
            (alert.workspace, alert.service, alert.tenant)
            for alert in self.stores.alerts.values()
            if alert.state is state
        ]


@pytest.fixture
def world() -> World:
    world = World()
    world.stores.workspaces |= dict.fromkeys((ACME, OTHER), world.clock.now())
    return world


@pytest.fixture
def evaluator(world: World) -> AlertEvaluator:
    return world.new_evaluator()


def failing(times: int) -> Callable[[], None]:
    left = iter(range(times))

    def fail() -> None:
        if next(left, None) is not None:
            raise UnavailableError("The state store does not answer for the moment.")

    return fail


async def test_services_and_tenants_of_all_workspaces_are_judged_each_on_its_own(
    world: World, evaluator: AlertEvaluator
) -> None:
    world.sign_ins(
        (ACME, "api", None, GOOD), (ACME, "api", "blue", BAD), (OTHER, "api", None, BAD), (OTHER, "api", "blue", GOOD)
    )

    await evaluator.evaluate_once(world.clock.now())

    assert world.subjects() == [("acme", "api", "blue"), ("other", "api", None)]


async def test_a_workspace_that_cannot_be_written_keeps_no_other_from_its_alerts(
    world: World, evaluator: AlertEvaluator
) -> None:
    world.sign_ins((ACME, "api", None, BAD), (OTHER, "api", None, BAD))
    world.stores.unwritable = ACME
    await evaluator.evaluate_once(world.clock.now())
    assert world.subjects() == [("other", "api", None)]
    assert (await world.stores.find_watch(ACME)).evaluated_at is None
    assert (await world.stores.find_watch(OTHER)).evaluated_at == world.clock.now()


async def test_the_window_ends_with_the_running_second(world: World, evaluator: AlertEvaluator) -> None:
    world.clock.advance(timedelta(milliseconds=400))

    await evaluator.evaluate_once(world.clock.now())

    (window, *_) = world.reader.windows
    assert window.end == datetime.fromisoformat("2026-02-07T14:00:01Z")
    assert window.length == timedelta(minutes=15)


async def test_only_transitions_are_written(world: World, evaluator: AlertEvaluator) -> None:
    world.sign_ins((ACME, "api", None, BAD))
    for _ in range(5):
        await evaluator.evaluate_once(world.clock.now())
        world.clock.advance(SECOND)

    assert world.stores.write_count == 1


async def test_the_watch_is_noted_at_most_once_a_second(world: World, evaluator: AlertEvaluator) -> None:
    noted = set()
    for _ in range(8):
        await evaluator.evaluate_once(world.clock.now())
        noted.add(world.stores.evaluated_at)
        world.clock.advance(SECOND / 4)

    assert len(noted) == 2


async def test_a_subject_that_went_silent_is_held_and_then_closed_without_an_answer(
    world: World, evaluator: AlertEvaluator
) -> None:
    world.sign_ins((ACME, "api", None, BAD))
    await evaluator.evaluate_once(world.clock.now())
    world.sign_ins()
    for _ in range(17):
        world.clock.advance(timedelta(minutes=1))
        await evaluator.evaluate_once(world.clock.now())

    (transitions,) = world.stores.transitions.values()
    assert [transition.cause.kind for transition in transitions] == ["crossed", "sustained", "held", "no_data"]
    assert transitions[-1].at - transitions[-2].at == timedelta(minutes=15)


async def test_a_write_that_failed_is_done_with_the_next_tick(world: World, evaluator: AlertEvaluator) -> None:
    world.sign_ins((ACME, "api", None, BAD))
    world.stores.on_write = failing(1)
    with pytest.raises(UnavailableError):
        await evaluator.evaluate_once(world.clock.now())
    assert world.stores.evaluated_at is None

    await evaluator.evaluate_once(world.clock.now())

    assert world.subjects() == [("acme", "api", None)]
    assert world.stores.evaluated_at == world.clock.now()


async def test_a_write_whose_answer_was_lost_is_not_done_twice(world: World, evaluator: AlertEvaluator) -> None:
    world.sign_ins((ACME, "api", None, BAD))
    world.stores.after_write = failing(1)
    with pytest.raises(UnavailableError):
        await evaluator.evaluate_once(world.clock.now())

    await evaluator.evaluate_once(world.clock.now())
    world.sign_ins((ACME, "api", None, GOOD))
    await evaluator.evaluate_once(world.clock.now())

    (transitions,) = world.stores.transitions.values()
    assert [transition.to_state for transition in transitions] == ["pending", "firing", "resolved"]


async def test_while_signals_cannot_be_read_nothing_moves_and_the_evaluation_stands_still(
    world: World, evaluator: AlertEvaluator
) -> None:
    world.sign_ins((ACME, "api", None, BAD))
    await evaluator.evaluate_once(world.clock.now())
    evaluated_at = world.clock.now()
    world.reader.is_away = True
    world.clock.advance(timedelta(hours=1))

    with pytest.raises(UnavailableError):
        await evaluator.evaluate_once(world.clock.now())

    assert world.stores.evaluated_at == evaluated_at
    assert world.subjects() == [("acme", "api", None)]


async def test_an_absence_of_more_than_a_minute_begins_the_watch_anew(world: World, evaluator: AlertEvaluator) -> None:
    begun_at = world.clock.now()
    await evaluator.evaluate_once(world.clock.now())
    world.clock.advance(timedelta(seconds=60))
    await evaluator.evaluate_once(world.clock.now())
    assert (await world.stores.find_watch(ACME)).watched_since == begun_at

    world.clock.advance(timedelta(seconds=61))
    await evaluator.evaluate_once(world.clock.now())

    assert (await world.stores.find_watch(ACME)).watched_since == world.clock.now()


async def test_a_second_evaluator_stands_by_until_the_first_is_gone(world: World, evaluator: AlertEvaluator) -> None:
    world.sign_ins((ACME, "api", None, BAD))
    second = world.new_evaluator()
    await evaluator.evaluate_once(world.clock.now())
    assert await second.evaluate_once(world.clock.now()) is None

    await evaluator.release()
    world.sign_ins((ACME, "api", None, GOOD))
    evaluation = await second.evaluate_once(world.clock.now())

    assert evaluation is not None
    assert world.subjects(state=AlertState.RESOLVED) == [("acme", "api", None)]


async def test_who_slept_through_the_lease_finds_out_and_stands_by(world: World, evaluator: AlertEvaluator) -> None:
    await evaluator.evaluate_once(world.clock.now())
    world.stores.lease_now += timedelta(minutes=1)
    await world.new_evaluator().evaluate_once(world.clock.now())
    world.sign_ins((ACME, "api", None, BAD))

    with pytest.raises(WatchLostError):
        await evaluator.evaluate_once(world.clock.now())

    assert await evaluator.evaluate_once(world.clock.now()) is None
    assert world.stores.alerts == {}


async def test_names_that_the_store_cannot_hold_stop_nobody(world: World, evaluator: AlertEvaluator) -> None:
    world.sign_ins(
        (ACME, "a\0pi", "b\0", BAD), (ACME, "a\N{REPLACEMENT CHARACTER}pi", "b\N{REPLACEMENT CHARACTER}", BAD)
    )
    await evaluator.evaluate_once(world.clock.now())
    await evaluator.evaluate_once(world.clock.now())

    (alert,) = world.stores.alerts.values()
    assert (alert.service, alert.tenant, alert.count) == (
        "a\N{REPLACEMENT CHARACTER}pi",
        "b\N{REPLACEMENT CHARACTER}",
        200,
    )


async def test_without_a_workspace_nothing_is_read(world: World, evaluator: AlertEvaluator) -> None:
    world.stores.workspaces.clear()

    evaluation = await evaluator.evaluate_once(world.clock.now())

    assert evaluation is not None
    assert world.reader.windows == []


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - what it waits for is state of fakes
            await asyncio.sleep(0.01)


@contextmanager
def running(evaluator: AlertEvaluator, wake: asyncio.Event) -> Iterator["asyncio.Task[None]"]:
    task = asyncio.get_running_loop().create_task(evaluator.run(wake))
    yield task
    task.cancel()


async def test_a_wake_evaluates_what_has_just_come(world: World, evaluator: AlertEvaluator) -> None:
    wake = asyncio.Event()
    with running(evaluator, wake):
        await until(lambda: world.stores.evaluated_at)
        world.sign_ins((ACME, "api", None, BAD))  # the clock stands still: no tick would evaluate an idle world
        wake.set()
        await until(world.subjects)


async def test_a_stopped_evaluator_gives_the_watch_back(world: World, evaluator: AlertEvaluator) -> None:
    with running(evaluator, asyncio.Event()) as task:
        await until(lambda: world.stores.evaluated_at)
    with suppress(asyncio.CancelledError):
        await task

    assert await world.new_evaluator().evaluate_once(world.clock.now()) is not None


async def test_trouble_is_logged_once_and_its_end_as_well(world: World, evaluator: AlertEvaluator) -> None:
    with structlog.testing.capture_logs() as lines:
        for is_away in (True, True, False, False, True):
            world.reader.is_away = is_away
            await evaluator._evaluate_safely(is_woken=True)

    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("warning", "alert evaluation failed"),
        ("info", "alert evaluation works again"),
        ("warning", "alert evaluation failed"),
    ]


async def test_a_bug_is_logged_with_its_trace_and_evaluation_goes_on(world: World, evaluator: AlertEvaluator) -> None:
    world.sign_ins((ACME, "api", None, BAD))
    world.reader.is_broken = True
    with structlog.testing.capture_logs() as lines:
        await evaluator._evaluate_safely(is_woken=True)
    world.reader.is_broken = False
    await evaluator._evaluate_safely(is_woken=True)

    assert [line["event"] for line in lines] == ["alert evaluation failed unexpectedly"]
    assert world.subjects() == [("acme", "api", None)]


@pytest.mark.parametrize(
    ("has_events", "after", "is_woken", "reads"),
    [
        pytest.param(False, SECOND, False, 0, id="nothing there and nobody woke: nothing can have changed here"),
        pytest.param(False, 2 * SECOND, False, 1, id="another process may have stored something"),
        pytest.param(False, SECOND, True, 1, id="woken"),
        pytest.param(False, -SECOND, False, 1, id="a clock set back"),
        pytest.param(True, SECOND, False, 1, id="what is in the window leaves it"),
    ],
)
async def test_ticks_over_an_idle_world_are_skipped(
    world: World, evaluator: AlertEvaluator, *, has_events: bool, after: timedelta, is_woken: bool, reads: int
) -> None:
    if has_events:
        world.sign_ins((ACME, "api", None, GOOD))
    await evaluator.evaluate_once(world.clock.now())
    world.reader.windows.clear()
    world.clock.advance(after)

    await evaluator._evaluate_safely(is_woken=is_woken)

    assert len(world.reader.windows) == reads * PROMPT


async def test_an_open_alert_is_never_skipped(world: World, evaluator: AlertEvaluator) -> None:
    world.sign_ins((ACME, "api", None, BAD))
    await evaluator.evaluate_once(world.clock.now())
    world.sign_ins()
    world.clock.advance(SECOND)
    await evaluator._evaluate_safely(is_woken=False)
    world.clock.advance(SECOND)
    world.reader.windows.clear()

    await evaluator._evaluate_safely(is_woken=False)

    assert len(world.reader.windows) == PROMPT
