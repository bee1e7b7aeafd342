"""Rules that ask servers of others: nothing but a whole and fresh number is good, and nobody waits for a server."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.alerts.fakes import FakeReader, FakeStores

from tidegate.alerts import AlertEvaluator
from tidegate.alerts.asked_rules import AskedRules
from tidegate.alerts.model import Alert, AlertState, CauseKind, Rule
from tidegate.alerts.ports import ReadRules
from tidegate.alerts.rule_sets.errors import RuleFileInvalidError
from tidegate.alerts.rule_sets.model import described, explanation_of
from tidegate.alerts.rule_sets.reading import read_rule_file
from tidegate.egress import EgressFailedError, Failure
from tidegate.kernel import WorkspaceId
from tidegate.prom_sources import Answered, PromUnansweredError, Series
from tidegate.prom_sources.errors import Why
from tidegate.testing import CountingIds, FakeClock

ACME, OTHER = WorkspaceId("acme"), WorkspaceId("other")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)  # not looked at: that an answer is fresh was seen when it was read
MINUTE, EVERY = timedelta(minutes=1), timedelta(seconds=30)
FILE = """
apiVersion: tidegate/v1
kind: Rules
metadata: {name: asked}
rules:
  - {code: queue_deep, severity: P2, threshold: 10, runbook: "https://wiki.example.com/queue",
      prom: {source: ops, query: 'max by (service) (queue_depth{env="prod"})', every: EVERY}MORE}
"""
Sent = Answered | Exception | None


def rule_of(more: str = "", workspace: WorkspaceId = ACME, *, every: str = "30s") -> Rule:
    text = FILE.replace("MORE", more and ", " + more).replace("EVERY", every)
    [rule] = read_rule_file(text.encode()).rules
    return replace(rule, workspace=workspace)


def answer(values: Mapping[str, float] | None = None, *, unknown: tuple[str, ...] = ()) -> Answered:
    series = tuple(Series((("service", name),), value) for name, value in (values or {}).items())
    return Answered(LONG_AGO, series, tuple((("service", name),) for name in unknown))


@dataclass
class FakeAsker:
    """Answers what was set; `None`: never."""

    answers: dict[tuple[WorkspaceId, str], Sent] = field(default_factory=dict)
    asked: list[tuple[WorkspaceId, str]] = field(default_factory=list)

    async def ask(self, workspace: WorkspaceId, name: str, query: str) -> Answered:
        self.asked.append((workspace, name))
        found = self.answers[workspace, name]
        if found is None:
            await asyncio.Event().wait()
        if isinstance(found, Exception):
            raise found
        assert found is not None
        return found


@dataclass
class OwnNow:
    rules: list[Rule] = field(default_factory=list)
    count: int = 0

    async def change_count(self) -> int:
        return self.count

    async def read_rules(self) -> ReadRules:
        return ReadRules(self.rules)


class World:
    def __init__(self, *rules: Rule) -> None:
        self.clock = FakeClock()
        self.stores = FakeStores(workspaces=dict.fromkeys((ACME, OTHER), self.clock.now()))
        self.asker, self.own, self.ids = FakeAsker(), OwnNow(list(rules)), CountingIds()
        self.start()

    def start(self) -> None:
        """Begin as a process does that knows nothing but what is stored."""
        self.asked = AskedRules(self.asker, self.clock)
        self.evaluator = AlertEvaluator(
            rules=[], reader=FakeReader(), alerts=self.stores, watch=self.stores, clock=self.clock, ids=self.ids,
            own_rules=self.own, asked=self.asked,
        )  # fmt: skip

    def say(self, said: Sent, workspace: WorkspaceId = ACME, source: str = "ops") -> None:
        self.asker.answers[workspace, source] = said

    async def pass_time(self, length: timedelta, step: timedelta = EVERY) -> None:
        for _ in range(int(length / step)):
            self.clock.advance(step)
            await self.look()

    async def look(self) -> None:
        await self.evaluator.evaluate_once(self.clock.now())
        self.asked.ask_due()
        for _ in range(12):
            await asyncio.sleep(0)
        await self.evaluator.evaluate_once(self.clock.now())

    def alerts(self, workspace: WorkspaceId = ACME) -> list[Alert]:
        return [alert for alert in self.stores.alerts.values() if alert.workspace == workspace]

    def kinds(self) -> list[CauseKind]:
        return [move.cause.kind for moves in self.stores.transitions.values() for move in moves]


async def test_a_value_beyond_the_bound_opens_fires_and_resolves_by_the_ordinary_machine() -> None:
    world = World(rule_of("for: 1m, clear: 5"))
    world.say(answer({"pay": 12, "chat": 3}))
    await world.look()
    [alert] = world.alerts()
    assert (alert.state, alert.service, alert.value) == (AlertState.PENDING, "pay", 12)
    await world.pass_time(MINUTE)
    world.say(answer({"pay": 7, "chat": 3}))
    await world.pass_time(MINUTE)
    assert [one.state for one in world.alerts()] == [AlertState.FIRING]
    world.say(answer({"pay": 4, "chat": 3}))
    await world.pass_time(MINUTE)
    assert world.kinds() == [CauseKind.CROSSED, CauseKind.SUSTAINED, CauseKind.RECOVERED]
    assert 'queue_depth{env="prod"}) is 12 on service pay, as answered 0 s ago; the bound is 10' in alert.sentence


async def test_a_process_that_starts_again_goes_on_with_the_age_of_what_is_pending() -> None:
    world = World(rule_of("for: 10m"))
    world.say(answer({"pay": 12}))
    await world.look()
    since = world.alerts()[0].since
    await world.pass_time(6 * MINUTE)
    world.start()
    world.stores.expires_at = timedelta(days=-1)
    await world.pass_time(4 * MINUTE)
    [alert] = world.alerts()
    assert (alert.since, alert.fired_at) == (since, since + 10 * MINUTE)
    assert world.kinds() == [CauseKind.CROSSED, CauseKind.SUSTAINED]


NO_ANSWERS = [
    pytest.param(EgressFailedError(Failure.TIME, "ops.example"), id="a timeout"),
    pytest.param(PromUnansweredError(Why.STATUS, 500), id="an error"),
    pytest.param(PromUnansweredError(Why.PARTIAL), id="partial"),
    pytest.param(PromUnansweredError(Why.STALE), id="stale"),
    pytest.param(ZeroDivisionError(), id="a mistake of ours"),
    pytest.param(answer(), id="empty"),
    pytest.param(answer(unknown=("pay",)), id="NaN"),
    pytest.param(answer({"chat": 1}), id="the series is gone"),
    pytest.param(answer({"pay": float("-inf")}), id="endless on the good side"),
]


@pytest.mark.parametrize("said", NO_ANSWERS)
async def test_without_an_answer_what_fires_is_held_and_closes_as_unanswered_never_as_good(said: Sent) -> None:
    world = World(rule_of("window: 5m"))
    world.say(answer({"pay": 12}))
    await world.look()
    world.say(said)
    await world.pass_time(4 * MINUTE)
    assert [one.state for one in world.alerts()] == [AlertState.FIRING]
    await world.pass_time(3 * MINUTE)
    assert world.kinds() == [CauseKind.CROSSED, CauseKind.SUSTAINED, CauseKind.HELD, CauseKind.NO_DATA]
    assert "not because it was good" in world.alerts()[0].sentence


@pytest.mark.parametrize("said", NO_ANSWERS[:6])
async def test_with_noData_alert_the_lack_of_an_answer_fires_until_there_is_one(said: Sent) -> None:  # noqa: N802 - the field
    world = World(rule_of("noData: alert, for: 1m"))
    world.say(said)
    await world.pass_time(3 * MINUTE)
    [alert] = world.alerts()
    assert (alert.state, alert.value) == (AlertState.FIRING, None)
    assert "ops gives no answer" in alert.sentence
    world.say(answer({"pay": 1}))
    await world.pass_time(MINUTE)
    assert world.kinds() == [CauseKind.SILENT, CauseKind.SUSTAINED, CauseKind.RECOVERED]


async def test_with_noData_alert_a_series_of_the_last_hour_that_is_gone_fires() -> None:  # noqa: N802 - the field
    world = World(rule_of("noData: alert"))
    world.say(answer({"pay": 1, "chat": 1}))
    await world.look()
    world.say(answer({"chat": 1}))
    await world.pass_time(MINUTE)
    assert [(one.service, one.state) for one in world.alerts()] == [("pay", AlertState.FIRING)]


async def test_with_noData_ignore_what_fires_closes_without_an_answer() -> None:  # noqa: N802 - the field
    world = World(rule_of("noData: ignore"))
    world.say(answer({"pay": 12}))
    await world.look()
    world.say(PromUnansweredError(Why.STATUS, 500))
    await world.pass_time(MINUTE)
    assert world.kinds() == [CauseKind.CROSSED, CauseKind.SUSTAINED, CauseKind.NO_DATA]


async def test_a_server_that_stalls_delays_nobody_and_is_asked_once_at_a_time() -> None:
    first, second = rule_of(), replace(rule_of(), code="queue_deeper")
    world = World(first, second, rule_of(workspace=OTHER))
    world.say(answer({"pay": 12}))
    world.say(answer({"pay": 1}), OTHER)
    await world.look()
    world.say(None)
    world.say(answer({"pay": 12}), OTHER)
    await world.pass_time(2 * MINUTE)
    assert [one.state for one in world.alerts(OTHER)] == [AlertState.FIRING]
    assert world.asker.asked.count((ACME, "ops")) == 3  # one question each, and one that is still under way
    [held, *_] = world.alerts()
    assert held.held_since is not None
    assert "the last answer is" in world.stores.transitions[ACME, held.id][-1].cause.words
    await world.asked.land()


async def test_who_does_not_hold_the_lease_asks_nobody() -> None:
    world = World(rule_of())
    world.say(answer({"pay": 12}))
    world.stores.holder, world.stores.expires_at = "somebody else", timedelta(days=1)
    await world.pass_time(2 * MINUTE)
    assert world.asker.asked == []


async def test_the_servers_of_a_workspace_that_is_not_active_are_not_asked() -> None:
    world = World(rule_of())
    world.say(answer({"pay": 12}))
    del world.stores.workspaces[ACME]
    await world.pass_time(2 * MINUTE)
    assert world.asker.asked == []


async def test_a_rule_that_is_taken_away_closes_its_alerts_and_is_asked_no_more() -> None:
    world = World(rule_of())
    world.say(answer({"pay": 12}))
    await world.look()
    world.own.rules, world.own.count = [], 1
    await world.pass_time(2 * MINUTE)
    assert world.kinds()[-1] is CauseKind.WITHDRAWN
    assert len(world.asker.asked) == 1


async def test_the_worst_of_what_the_rule_does_not_tell_apart_counts_and_tenants_have_bounds_of_their_own() -> None:
    more = "groupBy: [tenant], where: {service: shop}, thresholds: [{tenant: big, threshold: 100}]"
    world = World(rule_of(more))
    labels = [("big", 50.0), ("small", 3.0), ("small", 11.0), ("whole", float("inf"))]
    series = tuple(Series((("pod", str(n)), ("tenant", name)), value) for n, (name, value) in enumerate(labels))
    world.say(Answered(LONG_AGO, series))
    await world.look()
    found = {one.tenant: (one.service, one.value) for one in world.alerts()}
    assert found == {"small": ("shop", 11.0), "whole": ("shop", pytest.approx(1.797e308, rel=1e-3))}


async def test_what_was_answered_is_written_down_with_why_not_all_is_known() -> None:
    world = World(rule_of())
    world.say(answer({"pay": 1}, unknown=("chat",)))
    await world.look()
    [told] = world.stores.answers.values()
    assert (told.is_answered, told.series_count, told.problem) == (True, 2, "1 series are NaN")


def test_the_rule_says_what_is_asked_of_whom_and_how_often() -> None:
    rule = rule_of()
    assert described(rule)["signal"] is None
    said: Any = described(rule)["prom"]
    assert said == {"source": "ops", "query": 'max by (service) (queue_depth{env="prod"})', "every": "30s"}
    lines = " ".join(explanation_of(rule, None))
    assert "Asks the Prometheus source ops every 30s: max by (service)" in lines
    assert "events" not in lines


@pytest.mark.parametrize(
    ("more", "field"),
    [
        pytest.param("signal: request.errorRate", "signal", id="a signal as well"),
        pytest.param("minCount: 3", "minCount", id="a count of events"),
        pytest.param("confidence: 0.9", "confidence", id="a confidence"),
        pytest.param("zeroTolerance: true", "zeroTolerance", id="no tolerance"),
        pytest.param("groupBy: [pod]", "groupBy", id="no service"),
        pytest.param("groupBy: [service, severity]", "groupBy", id="a label that every alert has"),
        pytest.param("where: {service: [a, b]}", "where", id="two services"),
        pytest.param("where: {route: /a}", "where", id="a filter that belongs into the query"),
    ],
)
def test_what_makes_no_sense_beside_a_question_is_refused_by_name(more: str, field: str) -> None:
    with pytest.raises(RuleFileInvalidError) as raised:
        rule_of(more)
    assert [problem.field for problem in raised.value.problems] == [f"rules.0.{field}"]


@pytest.mark.parametrize(("every", "length"), [("5s", timedelta(seconds=5)), ("1h", timedelta(hours=1))])
def test_questions_are_asked_every_five_seconds_to_every_hour(every: str, length: timedelta) -> None:
    prom = rule_of(every=every).prom
    assert prom is not None
    assert prom.every == length


@pytest.mark.parametrize("every", ["4s", "2h"])
def test_questions_are_not_asked_more_or_less_often(every: str) -> None:
    with pytest.raises(RuleFileInvalidError) as raised:
        rule_of(every=every)
    assert [problem.field for problem in raised.value.problems] == ["rules.0.prom.every"]


async def test_an_answer_of_a_thousand_series_is_judged_once_and_those_beyond_their_bound_open() -> None:
    world = World(rule_of("groupBy: [service, pod]"))
    series = tuple(Series((("pod", f"p{n}"), ("service", "pay")), float(n)) for n in range(1_000))
    world.say(Answered(LONG_AGO, series))
    await world.evaluator.evaluate_once(world.clock.now())
    await asyncio.gather(*world.asked.ask_due())
    await world.evaluator.evaluate_once(world.clock.now())
    assert len(world.alerts()) == 990
    assert {dict(one.key.labels)["pod"] for one in world.alerts()} == {f"p{n}" for n in range(10, 1_000)}
