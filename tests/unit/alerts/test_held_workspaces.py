"""What cannot be known of one workspace holds the gates of that one and of no other."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from tests.unit.alerts.fakes import FakeReader, FakeStores

from tidegate.alerts import AlertEvaluator, load_rules
from tidegate.alerts.model import AlertState, Filter, Rule
from tidegate.alerts.ports import ReadRules
from tidegate.kernel import TimeRange, UnavailableError, WorkspaceId
from tidegate.signals import Dimension, Family, GroupTotals, SubjectRows, Totals
from tidegate.testing import CountingIds, FakeClock

ACME, OTHER, THIRD = WorkspaceId("acme"), WorkspaceId("other"), WorkspaceId("third")
BAD = Totals(count=100, failure_count=30)
MINUTE = timedelta(minutes=1)


class PickyReader(FakeReader):
    """Cannot read some workspaces by what is not prompt."""

    def __init__(self) -> None:
        super().__init__()
        self.unreadable: set[WorkspaceId] = set()
        self.statement_count = 0

    async def counted_rows(
        self,
        workspaces: Collection[WorkspaceId],
        families: Collection[Family],
        window: TimeRange,
        dimensions: Sequence[Dimension],
    ) -> Sequence[SubjectRows]:
        if not set(dimensions) <= {"service", "tenant"}:
            self.statement_count += 1
            if self.unreadable & set(workspaces):
                raise UnavailableError("It takes too much memory.")
        return await super().counted_rows(workspaces, families, window, dimensions)


@dataclass
class OwnRulesNow:
    rules: list[Rule] = field(default_factory=list)
    unread: dict[WorkspaceId, Exception] = field(default_factory=dict)

    async def change_count(self) -> int:
        return len(self.rules) + len(self.unread)

    async def read_rules(self) -> ReadRules:
        return ReadRules(self.rules, self.unread)


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    reader: PickyReader = field(default_factory=PickyReader)
    stores: FakeStores = field(default_factory=FakeStores)
    own: OwnRulesNow = field(default_factory=OwnRulesNow)

    def new_evaluator(self) -> AlertEvaluator:
        return AlertEvaluator(
            rules=[rule for rule in load_rules() if rule.code == "auth_failure_rate_high"],
            reader=self.reader,
            alerts=self.stores,
            watch=self.stores,
            clock=self.clock,
            ids=CountingIds(),
            own_rules=self.own,
        )

    async def evaluated_at(self, workspace: WorkspaceId) -> datetime | None:
        return (await self.stores.find_watch(workspace)).evaluated_at


def own_rule(workspace: WorkspaceId, **changes: object) -> Rule:
    (shipped,) = [rule for rule in load_rules() if rule.code == "auth_failure_rate_high"]
    return replace(shipped, code="own_rule", workspace=workspace, group_by=("service", "route"), **changes)  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    world = World()
    world.stores.workspaces |= dict.fromkeys((ACME, OTHER, THIRD), world.clock.now())
    world.reader.by_family = {Family.AUTH: [GroupTotals(OTHER, "api", None, BAD)]}
    return world


@pytest.fixture
def evaluator(world: World) -> AlertEvaluator:
    return world.new_evaluator()


async def evaluated(world: World, evaluator: AlertEvaluator, *, after: timedelta = 6 * timedelta(seconds=1)) -> None:
    world.clock.advance(after)
    await evaluator.evaluate_once(world.clock.now())


async def test_an_own_question_that_cannot_be_read_holds_its_workspace_alone(
    world: World, evaluator: AlertEvaluator
) -> None:
    world.own.rules = [own_rule(one) for one in (ACME, OTHER, THIRD)]
    await evaluated(world, evaluator)
    first = world.clock.now()
    world.reader.unreadable = {ACME}

    for _ in range(3):
        await evaluated(world, evaluator)

    assert await world.evaluated_at(ACME) == first
    assert [await world.evaluated_at(one) for one in (OTHER, THIRD)] == [world.clock.now()] * 2
    assert {alert.workspace for alert in world.stores.alerts.values()} == {OTHER}


async def test_rules_that_cannot_be_read_hold_their_workspace_alone_and_close_nothing(
    world: World, evaluator: AlertEvaluator
) -> None:
    world.own.rules = [own_rule(ACME), own_rule(OTHER)]
    world.reader.by_family = {Family.AUTH: [GroupTotals(one, "api", None, BAD) for one in (ACME, OTHER)]}
    await evaluated(world, evaluator)
    first, opened = world.clock.now(), {alert.id for alert in world.stores.alerts.values() if alert.workspace == ACME}
    assert opened

    world.own.rules, world.own.unread = [own_rule(OTHER)], {ACME: ValueError("of a version to come")}
    world.own.unread[THIRD] = world.own.unread[ACME]  # so that the count of changes is another one
    world.reader.by_family = {Family.AUTH: [GroupTotals(THIRD, "api", None, BAD)]}
    for _ in range(5):
        await evaluated(world, evaluator, after=10 * MINUTE)

    assert await world.evaluated_at(ACME) == first
    assert await world.evaluated_at(OTHER) == world.clock.now()
    states = {alert.id: alert.state for alert in world.stores.alerts.values()}
    assert all(states[one] is not AlertState.RESOLVED for one in opened)
    # What ships opens all the same: nobody knows of a bound that it should have instead.
    assert THIRD in {alert.workspace for alert in world.stores.alerts.values()}


async def test_who_was_never_evaluated_stays_so_and_is_not_taken_for_good(
    world: World, evaluator: AlertEvaluator
) -> None:
    world.own.rules = [own_rule(ACME)]
    world.reader.unreadable = {ACME}
    await evaluated(world, evaluator)
    assert await world.evaluated_at(ACME) is None
    assert await world.evaluated_at(OTHER) == world.clock.now()


async def test_who_is_read_again_moves_on_and_is_watched_anew_after_a_gap(
    world: World, evaluator: AlertEvaluator
) -> None:
    world.own.rules = [own_rule(ACME)]
    await evaluated(world, evaluator)
    begun = (await world.stores.find_watch(ACME)).watched_since
    for gap, since in ((6, begun), (90, None)):
        world.reader.unreadable = {ACME}
        for _ in range(gap // 6):
            await evaluated(world, evaluator)
        world.reader.unreadable = set()
        await evaluated(world, evaluator)
        found = await world.stores.find_watch(ACME)
        assert found.evaluated_at == world.clock.now()
        assert found.watched_since == (since or world.clock.now())
    assert (await world.stores.find_watch(OTHER)).watched_since == begun


async def test_an_unreadable_question_is_not_asked_again_with_each_tick(
    world: World, evaluator: AlertEvaluator
) -> None:
    world.own.rules = [own_rule(one) for one in (ACME, OTHER, THIRD)]
    world.reader.unreadable = {ACME}
    await evaluated(world, evaluator)
    asked = world.reader.statement_count
    for _ in range(4):
        await evaluated(world, evaluator, after=timedelta(seconds=1))
    assert world.reader.statement_count == asked
    assert await world.evaluated_at(ACME) is None


async def test_one_of_ten_thousand_is_found_with_few_statements(world: World, evaluator: AlertEvaluator) -> None:
    names = [WorkspaceId(f"w{number:05}") for number in range(10_000)]
    world.stores.workspaces = dict.fromkeys(names, world.clock.now())
    world.own.rules = [own_rule(one) for one in names]
    world.reader.unreadable = {names[1_234]}
    await evaluated(world, evaluator)
    assert world.reader.statement_count <= 33
    assert set(world.stores.held) == {names[1_234]}


async def test_a_question_that_nobody_can_be_read_by_holds_everybody(world: World, evaluator: AlertEvaluator) -> None:
    names = [WorkspaceId(f"w{number:05}") for number in range(1_000)]
    world.stores.workspaces = dict.fromkeys(names, world.clock.now())
    world.own.rules = [own_rule(one) for one in names]
    world.reader.unreadable = set(names)
    with pytest.raises(UnavailableError):
        await evaluated(world, evaluator)
    assert (world.stores.evaluated_at, world.stores.held) == (None, {})


async def test_an_own_rule_that_cannot_be_judged_holds_its_workspace_alone(
    world: World, evaluator: AlertEvaluator
) -> None:
    world.own.rules = [replace(own_rule(ACME), group_by=("service",), where=(Filter("service", pattern="(broken"),))]
    await evaluated(world, evaluator)
    assert await world.evaluated_at(ACME) is None
    assert await world.evaluated_at(OTHER) == world.clock.now()
    assert {alert.workspace for alert in world.stores.alerts.values()} == {OTHER}


async def test_who_takes_over_knows_who_is_held(world: World, evaluator: AlertEvaluator) -> None:
    world.own.rules = [own_rule(ACME)]
    world.reader.unreadable = {ACME}
    await evaluated(world, evaluator)
    await evaluator.release()
    world.reader.unreadable = set()

    await evaluated(world, world.new_evaluator())

    assert world.stores.held == {}
    assert await world.evaluated_at(ACME) == world.clock.now()
