"""The rules that ship, what they find, and what a route may change about them."""

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from tidegate.alerts.dimensions import dimensions_of
from tidegate.alerts.errors import OverrideInvalidError, RuleWithoutRunbookError
from tidegate.alerts.figures import MEASURES
from tidegate.alerts.model import Finding, Measure, Rule, Severity, Source, Unit, judge
from tidegate.alerts.questions import questions_of
from tidegate.alerts.rules import (
    BUILT_IN_RULES,
    digest_of_rules,
    load_rules,
    override_names,
    override_rules,
)
from tidegate.signals import NANO_PER_USD, Family, Totals, figures_of, meter_figures

RULES = {rule.code: rule for rule in BUILT_IN_RULES}
AUTH = [rule for rule in BUILT_IN_RULES if rule.family is Family.AUTH]
REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "alert-rules.md"


def test_the_rules_that_ship_are_these() -> None:
    assert [(rule.code, rule.severity, rule.threshold, rule.min_count) for rule in load_rules()] == [
        ("auth_failure_rate_high", Severity.P1, 0.20, 20),
        ("auth_unauthorized_spike", Severity.P2, 10, 1),
        ("run_failure_rate_high", Severity.P1, 0.15, 20),
        ("policy_block_rate_high", Severity.P2, 0.20, 20),
        ("schema_mismatch_rate_high", Severity.P2, 0.05, 20),
        ("average_cost_per_run_high", Severity.P2, 0.50, 1),
        ("unpriced_share_high", Severity.P2, 0.01, 20),
        ("cross_tenant_leak", Severity.P1, 1, 1),
        ("cross_tenant_denied", Severity.P1, 1, 1),
        ("tenant_unauthorized_rate_high", Severity.P2, 0.10, 20),
        ("workspace_lifecycle_anomaly_rate_high", Severity.P2, 0.05, 20),
        ("membership_denied_spike", Severity.P2, 5, 1),
        ("tool_timeout_rate_high", Severity.P2, 0.05, 20),
        ("ingestion_failure_rate_high", Severity.P2, 0.05, 20),
        ("dead_letter_depth", Severity.P2, 1, 1),
        ("retrieval_error_rate_high", Severity.P2, 0.02, 20),
        ("retrieval_empty_rate_high", Severity.P2, 0.20, 20),
        ("delivery_failure_rate_high", Severity.P2, 0.05, 20),
        ("auth_bruteforce_source", Severity.P2, 5, 1),
        ("provider_unhealthy", Severity.P1, 0.30, 20),
        ("core_latency_high", Severity.P2, 500, 20),
        ("query_error_rate_high", Severity.P2, 0.02, 20),
        ("query_latency_high", Severity.P2, 500, 20),
        ("queue_lag_high", Severity.P2, 300_000, 1),
        ("retrieval_latency_high", Severity.P2, 800, 20),
        ("citation_coverage_low", Severity.P2, 0.80, 20),
        ("groundedness_low", Severity.P2, 0.70, 20),
        ("delivery_dead_letter_depth", Severity.P2, 1, 1),
        ("webhook_signature_invalid", Severity.P1, 1, 1),
        ("duplicate_effect", Severity.P1, 1, 1),
        ("access_sync_drift", Severity.P1, 1, 1),
        ("access_sync_lag_high", Severity.P2, 300, 1),
        ("usage_limit_near", Severity.P2, 0.80, 1),
        ("usage_limit_breached", Severity.P1, math.nextafter(1.0, 2.0), 1),
        ("telemetry_silent", Severity.P2, 0, 1),
        ("telemetry_distrusted", Severity.P2, 0.01, 20),
    ]


def test_a_rule_whose_runbook_does_not_resolve_is_refused() -> None:
    with pytest.raises(RuleWithoutRunbookError, match="auth_failure_rate_high names the runbook 'nowhere'"):
        load_rules([replace(BUILT_IN_RULES[0], runbook="nowhere")])


@pytest.mark.parametrize(
    ("code", "totals", "finding", "value"),
    [
        pytest.param("auth_failure_rate_high", Totals(), Finding.NO_DATA, None, id="nothing is no data"),
        pytest.param(
            "auth_failure_rate_high", Totals(distrusted_count=50), Finding.NO_DATA, None, id="distrust is no data"
        ),
        pytest.param(
            "auth_failure_rate_high", Totals(count=19, failure_count=19), Finding.INSUFFICIENT, 1.0, id="too little"
        ),
        pytest.param(
            "auth_failure_rate_high", Totals(count=20, failure_count=4), Finding.ABOVE, 0.2, id="at the bound"
        ),
        pytest.param(
            "auth_failure_rate_high", Totals(count=21, failure_count=4), Finding.BELOW, 4 / 21, id="under the bound"
        ),
        pytest.param(
            "auth_unauthorized_spike", Totals(count=12, unauthorized_count=10), Finding.ABOVE, 10, id="ten are a spike"
        ),
        pytest.param(
            "auth_unauthorized_spike", Totals(count=9, unauthorized_count=9), Finding.BELOW, 9, id="nine are none"
        ),
        pytest.param("auth_unauthorized_spike", Totals(), Finding.NO_DATA, None, id="no requests: no answer"),
        pytest.param("run_failure_rate_high", Totals(count=20, failed_count=3), Finding.ABOVE, 0.15, id="runs failed"),
        pytest.param(
            "policy_block_rate_high", Totals(count=30, policy_blocked_count=6), Finding.ABOVE, 0.2, id="runs blocked"
        ),
        pytest.param(
            "schema_mismatch_rate_high", Totals(count=20, validation_error_count=1), Finding.ABOVE, 0.05, id="schema"
        ),
        pytest.param(
            "average_cost_per_run_high",
            Totals(count=9, priced_count=3, cost_nano_usd=3 * NANO_PER_USD // 2),
            Finding.ABOVE,
            0.5,
            id="only priced runs count",
        ),
        pytest.param(
            "average_cost_per_run_high", Totals(count=9), Finding.NO_DATA, None, id="runs without a price are unknown"
        ),
        pytest.param("cross_tenant_leak", Totals(count=1, leak_count=1), Finding.ABOVE, 1, id="one leak fires"),
        pytest.param("cross_tenant_leak", Totals(count=9_999), Finding.BELOW, 0, id="no leak in ten thousand"),
        pytest.param(
            "cross_tenant_denied", Totals(count=1, cross_tenant_denied_count=1), Finding.ABOVE, 1, id="one denial fires"
        ),
        pytest.param(
            "workspace_lifecycle_anomaly_rate_high",
            Totals(count=20, lifecycle_count=2, lifecycle_anomaly_count=1),
            Finding.ABOVE,
            0.5,
            id="few lifecycle actions among enough requests",
        ),
        pytest.param(
            "workspace_lifecycle_anomaly_rate_high",
            Totals(count=19, lifecycle_count=2, lifecycle_anomaly_count=1),
            Finding.INSUFFICIENT,
            0.5,
            id="too few requests",
        ),
        pytest.param(
            "workspace_lifecycle_anomaly_rate_high", Totals(count=50), Finding.NO_DATA, None, id="no lifecycle action"
        ),
        pytest.param(
            "unpriced_share_high", Totals(count=50, priced_count=49), Finding.ABOVE, 0.02, id="one run has no price"
        ),
        pytest.param(
            "tool_timeout_rate_high", Totals(count=40, timeout_count=2), Finding.ABOVE, 0.05, id="tools time out"
        ),
        pytest.param("dead_letter_depth", Totals(count=3, dead_letter_count=1), Finding.ABOVE, 1, id="a dead letter"),
    ],
)
def test_a_rule_finds(code: str, totals: Totals, finding: Finding, value: float | None) -> None:
    judgement = judge(RULES[code], totals)

    assert (judgement.finding, judgement.value) == (finding, value)


@pytest.mark.parametrize("runs", range(1, 200, 7))
def test_an_average_exactly_at_a_bound_is_above_it_however_many_runs(runs: int) -> None:
    (rule,) = override_rules([RULES["average_cost_per_run_high"]], {"p2AverageCostPerRunUsd": "0.3"})
    totals = Totals(count=runs, priced_count=runs, cost_nano_usd=runs * 3 * NANO_PER_USD // 10)

    assert judge(rule, totals).finding is Finding.ABOVE


COUNTED = Totals(**{field.name: 40 + 7 * number for number, field in enumerate(fields(Totals))})
RENAMED = {"errorRate": "failureRate"}  # of requests: the word that people use


def counted_measures() -> Iterator[tuple[Family, Measure]]:
    for family, measures in MEASURES.items():
        for measure in measures.values():
            if measure.source is Source.COUNTS:
                yield family, measure


@pytest.mark.parametrize(
    ("family", "measure"), list(counted_measures()), ids=lambda one: getattr(one, "figure", None) or str(one)
)
def test_a_value_is_the_figure_of_its_name(family: Family, measure: Measure) -> None:
    shown = {**figures_of(family, COUNTED), **(meter_figures(COUNTED) if family is Family.USAGE else {})}
    named = measure.figure if measure.figure in shown else RENAMED[measure.figure]

    assert measure.value_of(COUNTED) == pytest.approx(shown[named])


@pytest.mark.parametrize("rule", BUILT_IN_RULES, ids=lambda rule: rule.code)
def test_a_rule_that_ships_groups_by_what_its_signal_knows(rule: Rule) -> None:
    assert {*rule.group_by} <= {*dimensions_of(rule.family, rule.measure.source)}
    assert MEASURES[rule.family][rule.measure.figure].unit is rule.measure.unit


def test_rules_about_services_and_tenants_are_answered_by_one_statement() -> None:
    prompt = [question for question in questions_of(BUILT_IN_RULES) if question.is_prompt]

    assert [question.dimensions for question in prompt] == [("service", "tenant")]


def test_any_other_bound_is_another_digest() -> None:
    assert digest_of_rules(BUILT_IN_RULES) == digest_of_rules(load_rules())
    assert digest_of_rules(BUILT_IN_RULES) != digest_of_rules([replace(RULES["run_failure_rate_high"], threshold=0.16)])


def test_the_names_of_overrides_are_these() -> None:
    assert override_names(AUTH) == ("minAuthRequests", "p1FailureRate", "p2UnauthorizedAttempts")
    assert override_names([rule for rule in BUILT_IN_RULES if rule.family is Family.AI_RUN]) == (
        "minRunCount",
        "p1RunFailureRate",
        "p2PolicyBlockRate",
        "p2SchemaMismatchRate",
        "p2AverageCostPerRunUsd",
    )


def test_the_overrides_of_tenants_are_those_of_the_specification() -> None:
    assert set(override_names([rule for rule in BUILT_IN_RULES if rule.family is Family.TENANT])) == {
        "minTenantRequests",
        "p1CrossTenantDeniedCount",
        "p2UnauthorizedTenantRate",
        "p2WorkspaceLifecycleAnomalyRate",
        "p2MembershipDeniedCount",
    }


def test_one_minimum_governs_every_ratio_of_tenants() -> None:
    rules = override_rules(BUILT_IN_RULES, {"minTenantRequests": "3"})

    assert {rule.code for rule in rules if rule.min_count == 3} == {
        "tenant_unauthorized_rate_high",
        "workspace_lifecycle_anomaly_rate_high",
    }


def test_an_override_changes_its_rule_and_no_other() -> None:
    failures, unauthorized, *_ = override_rules(AUTH, {"p1FailureRate": "2.5e-1", "minAuthRequests": "5"})

    assert (failures.threshold, failures.min_count) == (0.25, 5)
    assert unauthorized == AUTH[1]


def test_one_minimum_governs_all_ratios_of_runs_but_not_their_cost() -> None:
    rules = override_rules(BUILT_IN_RULES, {"minRunCount": "3"})

    assert {rule.code for rule in rules if rule.min_count == 3} == {
        "run_failure_rate_high",
        "policy_block_rate_high",
        "schema_mismatch_rate_high",
    }


def test_a_minimum_of_zero_does_not_make_nothing_an_answer() -> None:
    (rule,) = override_rules(AUTH[:1], {"minAuthRequests": "0", "p1FailureRate": "0"})

    assert judge(rule, Totals()).finding is Finding.NO_DATA


def test_an_unknown_name_is_refused_and_the_known_ones_are_said() -> None:
    with pytest.raises(OverrideInvalidError, match="Known are: minAuthRequests, p1FailureRate") as caught:
        override_rules(AUTH, {"p1FailureRat": "0.1"})

    assert caught.value.field == "p1FailureRat"


def test_the_reference_page_says_each_rule_as_it_is() -> None:
    page = REFERENCE.read_text(encoding="utf-8")

    for rule in BUILT_IN_RULES:
        bound = f"{rule.threshold:.2f}" if rule.measure.unit is not Unit.COUNT else f"{rule.threshold:g}"
        override = f"`{rule.threshold_override}`" if rule.threshold_override else "-"
        minimum = f"`{rule.min_count_override}`" if rule.min_count_override else "-"
        assert (
            f"| [`{rule.code}`](../../src/tidegate/runbooks/texts/{rule.runbook}.md) | {rule.severity} | {rule.family} "
            f"| `{rule.measure.figure}` | {bound} | {rule.min_count} | {override} | {minimum} |"
        ) in page
