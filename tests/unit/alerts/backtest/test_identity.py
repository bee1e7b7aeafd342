"""Rules over recorded history move exactly as they do live."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.alerts.backtest.history import History, Subject
from tests.unit.alerts.fakes import FakeStores

from tidegate.alerts import AlertEvaluator, AlertKey
from tidegate.alerts.backtest.model.ticks import Ticks
from tidegate.alerts.backtest.model.trial import Budget, Reading, changes_of_question, reading_of
from tidegate.alerts.figures import MEASURES
from tidegate.alerts.model import Alert, Bound, Filter, NoData, Op, Rule, Severity, Source, Transition
from tidegate.alerts.questions import questions_of
from tidegate.kernel import AlertId, WorkspaceId
from tidegate.signals import Family, Totals
from tidegate.testing import CountingIds, FakeClock

ACME = WorkspaceId("acme")
START = datetime(2026, 2, 7, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
_PARTS = ((None, "/a"), ("blue", "/a"), ("blue", "/b"), ("green", "/b"))
SUBJECTS: list[Subject] = [(service, tenant, route) for service in ("api", "web") for tenant, route in _PARTS]


def made(code: str, figure: str, threshold: float, **changes: object) -> Rule:
    rule = Rule(code, Severity.P2, Family.REQUEST, MEASURES[Family.REQUEST][figure], threshold, "{value} of {count}",
                "auth_failure_rate_high", min_count=20, window=5 * MINUTE)  # fmt: skip
    return replace(rule, **changes)


RULES = [
    made("plain", "failureRate", 0.2),
    made("hysteresis", "failureRate", 0.2, clear=0.1, keep_firing=2 * MINUTE),
    made("counted", "failureCount", 10, lasting=3 * MINUTE, min_count=1),
    made("quiet", "requestCount", 30, op=Op.BELOW, min_count=1, window=MINUTE),
    made("confident", "failureRate", 0.2, confidence=0.9, clear=0.05),
    made("of_tenants", "failureRate", 0.3, tenants=(("blue", Bound(0.1, 0.02, severity=Severity.P1)),)),
    made("ignoring", "failureRate", 0.1, no_data=NoData.IGNORE, window=MINUTE, workspace=ACME),
    made("silent", "requestCount", 0, op=Op.BELOW, min_count=1, no_data=NoData.ALERT, window=2 * MINUTE),
    made("by_route", "failureRate", 0.2, group_by=("service", "route"), window=2 * MINUTE, keep_firing=MINUTE),
    made("of_route", "failureRate", 0.2, where=(Filter("route", (), "/b"),)),
    made("slow", "p95Ms", 4.0, group_by=("service",), min_count=1, clear=2.0, window=3 * MINUTE),
    made("slow_mean", "meanMs", 60.0, group_by=("service",), min_count=1, window=MINUTE),
]
moods = st.sampled_from([(0, 0), (5, 3), (20, 4), (25, 1), (100, 2), (100, 15), (100, 30), (1_000, 200)])
worlds = st.lists(
    st.tuples(st.sampled_from([1, 1, 2, 7, 20]), st.lists(moods, min_size=len(SUBJECTS), max_size=len(SUBJECTS))),
    min_size=1, max_size=10,
)  # fmt: skip
World = list[tuple[int, list[tuple[int, int]]]]


def history_of(world: World, *, step_s: int, lead: int) -> tuple[History, int]:
    """Return what happened, the first `lead` steps of it before the first look, and how many steps there are."""
    counts: dict[int, dict[Subject, Totals]] = {}
    times: dict[int, dict[str, dict[int, int]]] = {}
    steps = [groups for length, groups in world for _ in range(length)]
    for position, groups in enumerate(steps):
        second = int(START.timestamp()) + (position - lead) * step_s
        counts[second] = {
            subject: Totals(count=count, failure_count=bad)
            for subject, (count, bad) in zip(SUBJECTS, groups, strict=True)
            if count
        }
        times[second] = {subject[0]: {80 + bad: count} for subject, (count, bad) in
                         zip(SUBJECTS, groups, strict=True) if count and subject[1] is None}  # fmt: skip
    return History(ACME, step_s, counts, times), len(steps) - lead


def plainly(alerts: dict[AlertKey, list[tuple[Alert, list[Transition]]]]) -> dict[AlertKey, list[object]]:
    """Return episodes without their ids."""
    return {
        key: [(replace(alert, id=AlertId("")), moves) for alert, moves in sorted(own, key=lambda one: one[0].since)]
        for key, own in alerts.items()
    }


async def lived(history: History, moments: Sequence[datetime], rules: Sequence[Rule]) -> dict[AlertKey, list[object]]:
    stores = FakeStores(workspaces={ACME: START})
    evaluator = AlertEvaluator(rules=rules, reader=history, alerts=stores, watch=stores, clock=FakeClock(START),
                               ids=CountingIds())  # fmt: skip
    for now in moments:
        await evaluator.evaluate_once(now)
    found: defaultdict[AlertKey, list[tuple[Alert, list[Transition]]]] = defaultdict(list)
    for place, alert in stores.alerts.items():
        found[alert.key].append((alert, stores.transitions[place]))
    return plainly(found)


async def replayed(history: History, ticks: Ticks, rules: Sequence[Rule]) -> dict[AlertKey, list[object]]:
    found: defaultdict[AlertKey, list[tuple[Alert, list[Transition]]]] = defaultdict(list)
    for question in questions_of(rules):
        own = replace(ticks, is_prompt=question.is_prompt)
        read = history.timed_steps if question.source is Source.DURATIONS else history.counted_steps
        rows = await read(ACME, question.families, reading_of(question, own), question.dimensions,
                          step_s=history.step_s)  # fmt: skip
        for change in changes_of_question(Reading(rows), question, own, budget=Budget(10**9, 10**8)):
            episodes = found[change.alert.key]
            if change.is_new:
                episodes.append((change.alert, list(change.transitions)))
            else:
                episodes[-1] = (change.alert, episodes[-1][1] + list(change.transitions))
    return plainly(found)


@pytest.mark.parametrize("step_s", [60, 1, 10])
@settings(deadline=None, max_examples=4)
@given(world=worlds, lead=st.sampled_from([0, 3, 90]))
async def test_live_and_replayed_are_identical_to_the_row(step_s: int, world: World, lead: int) -> None:
    history, count = history_of(world, step_s=step_s, lead=min(lead, sum(one for one, _ in world) - 1))
    ticks = Ticks(START, step_s, count)

    assert await replayed(history, ticks, RULES) == await lived(history, ticks.moments, RULES)


def restless(seed: int, step_count: int) -> World:
    chance = random.Random(seed)
    course = [[(0, 0), (5, 3), (100, 2), (100, 15), (100, 30)] for _ in SUBJECTS]
    return [(1, [chance.choice(own) for own in course]) for _ in range(step_count)]


async def test_what_flaps_is_damped_alike() -> None:
    rules = [replace(rule, window=MINUTE) for rule in RULES]
    history, count = history_of(restless(1, 150), step_s=60, lead=10)
    ticks = Ticks(START, 60, count)

    found = await replayed(history, ticks, rules)

    assert found == await lived(history, ticks.moments, rules)
    kinds = {move.cause.kind.value for own in found.values() for _, moves in own for move in moves}  # type: ignore[misc,has-type]
    assert {"flapping", "steady", "held", "silent", "relapsed"} <= kinds


@pytest.mark.long
async def test_a_hundred_thousand_transitions_are_identical() -> None:
    rules = [replace(rule, window=MINUTE) for rule in RULES]
    total = 0
    for seed in range(40):
        history, count = history_of(restless(seed, 1_500), step_s=60, lead=0)
        ticks = Ticks(START, 60, count)
        found = await replayed(history, ticks, rules)
        assert found == await lived(history, ticks.moments, rules)
        total += sum(len(moves) for own in found.values() for _, moves in own)  # type: ignore[misc,has-type]
        if total >= 100_000:
            break
    assert total >= 100_000
