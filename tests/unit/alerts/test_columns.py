"""Judging in columns finds what judging one by one finds."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.alerts.fakes import FakeReader, FakeStores

from tidegate.alerts import AlertEvaluator, AlertKey, AlertState
from tidegate.alerts.figures import MEASURES
from tidegate.alerts.model import Bound, Filter, NoData, Op, Rule, Severity, Transition, advance, judge
from tidegate.alerts.ports import ReadRules
from tidegate.kernel import WorkspaceId
from tidegate.signals import Family, GroupTotals, ListedRows, SubjectRows, Totals
from tidegate.testing import CountingIds, FakeClock

NOON = datetime(2026, 2, 7, 12, tzinfo=UTC)
ACME, OTHER = WorkspaceId("acme"), WorkspaceId("other")
MINUTE = timedelta(minutes=1)
SUBJECTS = [(owner, service, tenant) for owner in (ACME, OTHER) for service in ("api", "web")
            for tenant in (None, "blue", "green")]  # fmt: skip


def made(code: str, figure: str, threshold: float, **changes: object) -> Rule:
    rule = Rule(code, Severity.P2, Family.AUTH, MEASURES[Family.AUTH][figure], threshold, "{value} of {count}",
                "auth_failure_rate_high", min_count=20)  # fmt: skip
    return replace(rule, **changes)


RULES = [
    made("plain", "failureRate", 0.2),
    made("hysteresis", "failureRate", 0.2, clear=0.1, keep_firing=2 * MINUTE),
    made("counted", "failureCount", 10, lasting=MINUTE),
    made("quiet", "requestCount", 30, op=Op.BELOW, min_count=1),
    made("confident", "failureRate", 0.2, confidence=0.9),
    made("of_tenants", "failureRate", 0.3, tenants=(("blue", Bound(0.1, severity=Severity.P1)),)),
    made("of_acme", "failureRate", 0.1, workspace=ACME, no_data=NoData.IGNORE),
    made("plain", "failureRate", 0.4, workspace=OTHER),
    made("off", "failureRate", 0.1, is_enabled=False),
]
totals = st.builds(
    lambda count, bad: Totals(count=count, failure_count=count * bad // 100),
    st.sampled_from([0, 5, 20, 25, 100, 1_000]),
    st.sampled_from([0, 5, 10, 20, 30, 40, 100]),
)
worlds = st.lists(
    st.tuples(st.sampled_from([1, 2, 10, 20]), st.lists(totals, min_size=len(SUBJECTS), max_size=len(SUBJECTS))),
    min_size=1, max_size=12,
)  # fmt: skip


class OwnRules:
    """Rules of workspaces as they are set."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules, self.count = list(rules), 0

    async def change_count(self) -> int:
        return self.count

    async def read_rules(self) -> ReadRules:
        return ReadRules(list(self.rules))


def expected_of(world: list[tuple[int, list[Totals]]]) -> dict[AlertKey, list[Transition]]:
    found: dict[AlertKey, list[Transition]] = defaultdict(list)
    for rule in RULES:
        for position, (owner, service, tenant) in enumerate(SUBJECTS):
            counts = rule.workspace == owner or (rule.workspace is None and (rule.code, owner) != ("plain", OTHER))
            if not counts or not rule.is_enabled:
                continue
            key, now, alert, flaps = AlertKey(owner, rule.code, service, tenant), NOON, None, ()
            own = rule.of_tenant(tenant, dict(rule.tenants))
            for gap, groups in world:
                now += gap * MINUTE
                change = advance(own, alert, judge(own, groups[position]), key=key, now=now, flaps=flaps)
                if change is not None:
                    found[key] += change.transitions
                    alert = change.alert if change.alert.is_open else None
                    flaps = change.alert.flaps
    return dict(found)


def new_evaluator(reader: FakeReader, stores: FakeStores, own: OwnRules, ids: CountingIds) -> AlertEvaluator:
    return AlertEvaluator(
        rules=[rule for rule in RULES if rule.workspace is None], own_rules=own, reader=reader, alerts=stores,
        watch=stores, clock=FakeClock(NOON), ids=ids,
    )  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(worlds, st.booleans())
async def test_columns_and_restarts_change_nothing(world: list[tuple[int, list[Totals]]], restarts: bool) -> None:  # noqa: FBT001 - hypothesis passes it
    reader, stores, ids = FakeReader(), FakeStores(workspaces={ACME: NOON, OTHER: NOON}), CountingIds()
    own = OwnRules([rule for rule in RULES if rule.workspace is not None])
    evaluator, now = new_evaluator(reader, stores, own, ids), NOON
    for gap, groups in world:
        now += gap * MINUTE
        reader.by_family = {
            Family.AUTH: [GroupTotals(*subject, of) for subject, of in zip(SUBJECTS, groups, strict=True) if of.count]
        }
        if restarts:
            await evaluator.release()
            evaluator = new_evaluator(reader, stores, own, ids)
        await evaluator.evaluate_once(now)

    stored: dict[AlertKey, list[Transition]] = defaultdict(list)
    for place, alert in stores.alerts.items():
        stored[alert.key] += stores.transitions[place]
    assert dict(stored) == expected_of(world)


@pytest.fixture
def stores() -> FakeStores:
    return FakeStores(workspaces={ACME: NOON, OTHER: NOON})


async def test_rules_that_were_set_count_with_the_next_evaluation_and_withdrawn_ones_close(stores: FakeStores) -> None:
    reader, own = FakeReader(), OwnRules([])
    evaluator = new_evaluator(reader, stores, own, CountingIds())
    reader.by_family = {Family.AUTH: [GroupTotals(ACME, "api", None, Totals(count=100, failure_count=15))]}
    await evaluator.evaluate_once(NOON)
    assert stores.alerts == {} or {alert.code for alert in stores.alerts.values()} == {"counted"}

    own.rules, own.count = [made("mine", "failureRate", 0.1, workspace=ACME)], 1
    await evaluator.evaluate_once(NOON + timedelta(seconds=1))
    assert "mine" in {alert.code for alert in stores.alerts.values() if alert.is_open}

    own.rules, own.count = [], 2
    await evaluator.evaluate_once(NOON + timedelta(seconds=2))
    (mine,) = [alert for alert in stores.alerts.values() if alert.code == "mine"]
    assert mine.state is AlertState.RESOLVED


@pytest.mark.parametrize(
    ("bad", "scope"),
    [
        pytest.param(("blue",), "tenant blue", id="one"),
        pytest.param(("blue", "green"), "2 of 3 tenants", id="some"),
        pytest.param(("blue", "green", "red"), "all tenants", id="all"),
        pytest.param((), "0 of 3 tenants", id="none by itself"),
    ],
)
async def test_an_alert_of_a_service_says_whom_it_is_about(
    stores: FakeStores, bad: tuple[str, ...], scope: str
) -> None:
    reader = FakeReader()
    whole = GroupTotals(ACME, "api", None, Totals(count=100, failure_count=50))
    tenants = [
        GroupTotals(ACME, "api", tenant, Totals(count=30, failure_count=15 if tenant in bad else 0))
        for tenant in ("blue", "green", "red")
    ]
    reader.by_family = {Family.AUTH: [whole, *tenants]}

    await new_evaluator(reader, stores, OwnRules([]), CountingIds()).evaluate_once(NOON)

    found = {alert.tenant: alert.scope for alert in stores.alerts.values() if alert.code == "plain"}
    assert found == {None: scope, **{tenant: f"tenant {tenant}" for tenant in bad}}


class Silent(FakeReader):
    """Knows who was there within the last hour, and nobody now."""

    def __init__(self) -> None:
        super().__init__()
        self.now: list[GroupTotals] = []

    async def counted_rows(
        self, workspaces: object, families: object, window: object, dimensions: object
    ) -> Sequence[SubjectRows]:
        before = [GroupTotals(ACME, "api", None, Totals(count=9))]
        is_before = window.length > timedelta(minutes=30)  # type: ignore[attr-defined]
        return [ListedRows({Family.AUTH: before if is_before else self.now})]


async def test_who_falls_silent_is_missed_and_welcomed_back(stores: FakeStores) -> None:
    rule = made("silent", "requestCount", 0, op=Op.BELOW, min_count=1, no_data=NoData.ALERT)
    reader = Silent()
    evaluator = AlertEvaluator(
        rules=[rule], reader=reader, alerts=stores, watch=stores, clock=FakeClock(NOON), ids=CountingIds()
    )
    await evaluator.evaluate_once(NOON)
    reader.now = [GroupTotals(ACME, "api", None, Totals(count=1))]
    await evaluator.evaluate_once(NOON + MINUTE)

    (transitions,) = stores.transitions.values()
    assert [move.cause.kind.value for move in transitions] == ["silent", "sustained", "recovered"]


def test_a_filter_of_a_rule_is_read_by_its_column() -> None:
    from tidegate.alerts.questions import where_of

    ((column, is_meant),) = where_of(Family.TOOL_CALL, [Filter("tool", (), "search.*")])
    assert (column, is_meant("search_web"), is_meant("research")) == ("object", True, False)


async def test_what_has_too_little_to_judge_by_is_held_although_its_value_stays_crossed(stores: FakeStores) -> None:
    measure = MEASURES[Family.TENANT]["lifecycleAnomalyRate"]  # its minimum counts requests, not lifecycle actions
    rule = replace(made("plain", "failureRate", 0.05), family=Family.TENANT, measure=measure, min_count=1)
    reader = FakeReader()
    evaluator = AlertEvaluator(
        rules=[rule], reader=reader, alerts=stores, watch=stores, clock=FakeClock(NOON), ids=CountingIds()
    )
    for minute, count in enumerate([10, 0]):
        found = Totals(count=count, lifecycle_count=4, lifecycle_anomaly_count=2)
        reader.by_family = {Family.TENANT: [GroupTotals(ACME, "api", None, found)]}
        await evaluator.evaluate_once(NOON + minute * MINUTE)

    (transitions,) = stores.transitions.values()
    assert [move.cause.kind.value for move in transitions] == ["crossed", "sustained", "held"]
