"""A workspace's own rules, wherever rules are shown."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.alerts.fakes import FakeReader, FakeStores

from tidegate.alerts.figures import find_measure
from tidegate.alerts.labels import labels_of
from tidegate.alerts.model import AlertKey, Bound, Rule, Severity, advance, judge
from tidegate.alerts.prometheus.schemas import rules_out
from tidegate.alerts.rule_sets.remembering import RememberedRules
from tidegate.alerts.rules import BUILT_IN_RULES
from tidegate.alerts.service import AlertService
from tidegate.alerts.watching import AlertWatcher
from tidegate.kernel import WorkspaceId
from tidegate.signals import Family, GroupTotals, Totals
from tidegate.testing import FakeClock

ACME = WorkspaceId("acme")
OTHER = WorkspaceId("other")
_RATE = find_measure(Family.AUTH, "failureRate")
assert _RATE is not None
OWN = Rule(
    code="sign_ins_fail",
    severity=Severity.P2,
    family=Family.AUTH,
    measure=_RATE,
    threshold=0.05,
    phrase="{value} of {count} sign-ins failed",
    runbook="auth_failure_rate_high",
    tenants=(("blue", Bound(0.5)),),
    labels=(("team", "doors"),),
    workspace=ACME,
    rule_set="doors",
)
SHIPPED = next(rule for rule in BUILT_IN_RULES if rule.code == "auth_failure_rate_high")


class Own:
    """Rules of one workspace, and how often they were read."""

    def __init__(self) -> None:
        self.reads = 0
        self.changes = 0
        self.rule = OWN

    async def change_count(self) -> int:
        return self.changes

    async def list_rules(self, workspace: WorkspaceId) -> list[Rule]:
        self.reads += 1
        shipped = list(BUILT_IN_RULES)
        if workspace != ACME:
            return shipped
        off = replace(SHIPPED, is_enabled=False, workspace=ACME, rule_set="doors")
        return [rule for rule in shipped if rule is not SHIPPED] + [off, self.rule]


@pytest.fixture
def own() -> Own:
    return Own()


@pytest.fixture
def alerts(own: Own) -> AlertService:
    groups = [
        GroupTotals(ACME, "api", tenant, Totals(count=100, failure_count=failures))
        for tenant, failures in ((None, 30), ("blue", 30), ("red", 8))
    ]
    reader = FakeReader()
    reader.by_family[Family.AUTH] = groups
    return AlertService(rules=BUILT_IN_RULES, reader=reader, store=FakeStores(), clock=FakeClock(), own=own)


async def test_a_preview_judges_the_rules_that_count_in_the_workspace(alerts: AlertService) -> None:
    shown = await alerts.preview(ACME, Family.AUTH, {"p2UnauthorizedAttempts": "1000"})
    assert [(one.code, one.tenant) for one in shown.alerts] == [("sign_ins_fail", None), ("sign_ins_fail", "red")]
    assert shown.window.length == timedelta(minutes=15)  # that of the figures stays


async def test_a_preview_leaves_out_all_tenants_together_where_a_rule_does(alerts: AlertService, own: Own) -> None:
    own.rule = replace(OWN, judges_all_tenants=False)
    shown = await alerts.preview(ACME, Family.AUTH, {"p2UnauthorizedAttempts": "1000"})
    assert [(one.code, one.tenant) for one in shown.alerts] == [("sign_ins_fail", "red")]


async def test_pages_of_signals_draw_own_bounds_and_those_of_a_tenant(alerts: AlertService) -> None:
    watcher = AlertWatcher(alerts, FakeClock())
    for tenant, bound in ((None, 0.05), ("red", 0.05), ("blue", 0.5)):
        bounds = {one.code: one.threshold for one in await watcher.bounds(ACME, Family.AUTH, tenant=tenant)}
        assert bounds["sign_ins_fail"] == bound
        assert "auth_failure_rate_high" not in bounds  # it is switched off
    assert "sign_ins_fail" not in {one.code for one in await watcher.bounds(OTHER, Family.AUTH)}


async def test_clients_of_prometheus_see_own_rules_in_a_file_of_their_set(alerts: AlertService) -> None:
    found = rules_out(await alerts.list_rules(ACME), [], evaluated_at=None)["groups"]
    [group] = [one for one in found if one["file"] == "doors"]
    assert (group["name"], [rule["name"] for rule in group["rules"]]) == ("auth", ["sign_ins_fail"])
    assert group["rules"][0]["labels"] == {"severity": "P2", "family": "auth", "team": "doors"}
    names = [rule["name"] for one in found for rule in one["rules"]]
    assert "auth_failure_rate_high" not in names
    assert len(names) == len(BUILT_IN_RULES)


def test_labels_of_an_own_rule_are_labels_of_its_alerts() -> None:
    key = AlertKey(ACME, OWN.code, "api", "red", (("route", "/login"),))
    change = advance(OWN, None, judge(OWN, Totals(count=100, failure_count=30)), key=key, now=FakeClock().now())
    assert change is not None
    assert labels_of(change.alert) == {
        "alertname": "sign_ins_fail",
        "severity": "P2",
        "family": "auth",
        "service": "api",
        "tenant": "red",
        "route": "/login",
        "team": "doors",
    }


async def test_rules_are_read_again_when_they_changed_and_only_then(own: Own) -> None:
    remembered = RememberedRules(own, own)
    first = await remembered.list_rules(ACME)
    assert await remembered.list_rules(ACME) is first
    assert len(await remembered.list_rules(OTHER)) == len(BUILT_IN_RULES)
    assert own.reads == 2
    own.changes += 1
    assert await remembered.list_rules(ACME) == first
    assert own.reads == 3
