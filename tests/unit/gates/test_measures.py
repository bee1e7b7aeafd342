"""The corners of the measures that the doors do not reach; the rest is in tests/api/gates and the property."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.gates.fakes import NOW

from tidegate.evidence import CiStanding, CiSubject
from tidegate.gates.expressions import CelBound, compile_bound
from tidegate.gates.kinds.regression import subject_of_report, uncovered_operations
from tidegate.gates.kinds.subjects import services_of
from tidegate.gates.model import (
    BoundError,
    Check,
    CheckOutcome,
    CheckResult,
    RegressionSpec,
    RunReading,
    RunSource,
    SignalReading,
    SignalSpec,
    SubjectReading,
    measure_regression,
    measure_signal,
)
from tidegate.isolation import AuthzCase, CaseOutcome
from tidegate.kernel import ReleaseId
from tidegate.releases import Release, ReleaseService
from tidegate.signals import Family, Totals

DAY = timedelta(days=1)
HARBOR = ReleaseService("harbor", "7", "4f1c2ab")
RUNS = Totals(count=100, success_count=100, priced_count=100, cost_nano_usd=1_000_000_000)


def judge_signal(totals: Totals | None, expression: str, warn: str | None = None) -> CheckResult:
    spec = SignalSpec(Family.AI_RUN, timedelta(minutes=15), expression, warn, 20, None, None, is_release_only=False)
    reading = None if totals is None else SignalReading(totals, NOW)
    return measure_signal(
        Check("c", "C", "o", spec),
        {"harbor": reading},
        bound=compile_bound(expression, Family.AI_RUN, field="expression"),
        warn_bound=compile_bound(warn, Family.AI_RUN, field="warn") if warn else None,
        now=NOW,
    )


def test_a_warning_bound_needs_its_figures_as_the_bound_does() -> None:
    judged = judge_signal(replace(RUNS, priced_count=99), "failureRate < 0.5", warn="costUsd < 50.0")
    assert judged.outcome is CheckOutcome.INCONCLUSIVE


def test_a_sum_of_cost_is_not_known_while_a_run_has_no_price() -> None:
    judged = judge_signal(replace(RUNS, priced_count=99), "costUsd < 50.0")
    assert judged.outcome is CheckOutcome.INCONCLUSIVE
    assert "1 of 100 runs of harbor" in judged.reason


def test_a_figure_without_data_is_missing_also_where_only_the_warning_names_it() -> None:
    judged = judge_signal(replace(RUNS, priced_count=0), "failureRate < 0.1", "averageCostPerRunUsd < 0.1")
    assert judged.outcome is CheckOutcome.MISSING
    assert "no averageCostPerRunUsd" in judged.reason


def test_a_signal_that_was_not_read_is_missing() -> None:
    assert judge_signal(None, "failureRate < 0.1").outcome is CheckOutcome.MISSING


def test_an_expression_without_an_answer_is_an_error() -> None:
    huge = replace(RUNS, input_tokens=2**62)
    assert judge_signal(huge, "inputTokens * 1000 > 5").outcome is CheckOutcome.ERROR


def test_no_service_in_scope_is_missing() -> None:
    spec = SignalSpec(Family.AUTH, DAY, "failureRate < 0.1", None, 1, None, None, is_release_only=False)
    bound = compile_bound("failureRate < 0.1", Family.AUTH, field="x")
    judged = measure_signal(Check("c", "C", "o", spec), {}, bound=bound, warn_bound=None, now=NOW)
    assert judged.outcome is CheckOutcome.MISSING


def test_a_program_that_answers_with_no_truth_is_an_error() -> None:
    class Program:
        def execute(self, figures: Mapping[str, object]) -> object:
            return figures

    with pytest.raises(BoundError, match="not true or false"):
        CelBound("x", frozenset(), Program()).holds({})


RUN = RunReading("r", 7, NOW - timedelta(hours=1), None, "sha256:0", "/r", passed=9, failed=0, skipped=0)


def judge_run(run: RunReading, **changes: Any) -> CheckResult:
    facts: dict[str, Any] = {
        "source": RunSource.AUTHZ,
        "suite": "authz",
        "max_age": DAY,
        "service": None,
        "requires_cross_tenant_negatives": False,
        "allows_skipped": True,
    }
    subject = SubjectReading(RunSource.AUTHZ, "authz", "harbor", HARBOR.commit, 7, (run,))
    return measure_regression(Check("c", "C", "o", RegressionSpec(**facts | changes)), [HARBOR], [subject], now=NOW)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        pytest.param({}, CheckOutcome.PASSED, id="fresh"),
        pytest.param({"skipped": 3}, CheckOutcome.PASSED, id="some skipped and allowed"),
        pytest.param({"received_at": NOW - DAY}, CheckOutcome.PASSED, id="as old as allowed"),
        pytest.param({"received_at": NOW - DAY - timedelta(seconds=1)}, CheckOutcome.STALE, id="a second older"),
        pytest.param({"finished_at": NOW - 2 * DAY}, CheckOutcome.STALE, id="ended long before it was received"),
        pytest.param({"received_at": NOW + timedelta(hours=1)}, CheckOutcome.INCONCLUSIVE, id="the clock went back"),
        pytest.param({"hidden_count": 2}, CheckOutcome.INCONCLUSIVE, id="claims failures that it does not hold"),
        pytest.param({"hidden_count": 2, "failed": 1}, CheckOutcome.FAILED, id="a failure outranks a doubt"),
        pytest.param({"sequence": 6}, CheckOutcome.MISSING, id="the newest run is gone"),
        pytest.param({"is_intact": False, "failed": 1}, CheckOutcome.ERROR, id="an altered run says nothing"),
    ],
)
def test_what_a_run_says(changes: dict[str, Any], outcome: CheckOutcome) -> None:
    assert judge_run(replace(RUN, **changes)).outcome is outcome


def test_failures_are_named_and_counted() -> None:
    judged = judge_run(replace(RUN, passed=406, failed=6, failed_ids=("a", "b", "c")))
    assert (
        judged.reason
        == "6 of 412 cases failed (allowed 0) in the suite authz of harbor at 4f1c2ab: a, b, c and 3 more."
    )
    assert judged.step == "fix 6 cases (a, b, c and 3 more) and report a run that passes"


def test_missing_negatives_hold_only_where_the_gate_asks_for_them() -> None:
    run = replace(RUN, uncovered_operations=("GET /workspaces/{workspaceId}", "PUT /x/{tenantId}"))
    assert judge_run(run).outcome is CheckOutcome.PASSED
    judged = judge_run(run, requires_cross_tenant_negatives=True)
    assert judged.outcome is CheckOutcome.INCONCLUSIVE
    assert "GET /workspaces/{workspaceId} and 1 more." in judged.reason


def make_case(operation: str, actor: str, expected: str, outcome: CaseOutcome = CaseOutcome.PASSED) -> AuthzCase:
    return AuthzCase("c", operation, actor, expected, expected, outcome)


SCOPED = "GET /workspaces/{workspaceId}"


@pytest.mark.parametrize(
    ("cases", "uncovered"),
    [
        pytest.param([make_case(SCOPED, "foreign_owner", "403 cross_tenant")], (), id="a foreigner refused"),
        pytest.param([make_case(SCOPED, "member of another tenant", "404")], (), id="in words"),
        pytest.param([make_case(SCOPED, "owner", "403")], (SCOPED,), id="nobody from outside"),
        pytest.param([make_case(SCOPED, "foreign_owner", "200")], (SCOPED,), id="a foreigner let in on purpose"),
        pytest.param([make_case(SCOPED, "foreign", "403", CaseOutcome.SKIPPED)], (SCOPED,), id="skipped"),
        pytest.param([make_case("GET /health", "owner", "200")], (), id="not tenant-scoped"),
    ],
)
def test_tenant_scoped_operations_need_somebody_from_outside_refused(
    cases: list[AuthzCase], uncovered: tuple[str, ...]
) -> None:
    assert uncovered_operations(cases) == uncovered


def test_a_service_that_is_not_released_has_no_commit_to_pass_at() -> None:
    release = Release(ReleaseId("rel_1"), "7", "production", (HARBOR,), NOW, is_candidate=True)
    assert services_of("harbor", release) == (HARBOR,)
    assert services_of("web", release) == (ReleaseService("web", "", ""),)


def test_a_check_about_a_service_that_is_not_released_says_so() -> None:
    spec = RegressionSpec(RunSource.CI, "unit", DAY, "web", requires_cross_tenant_negatives=False, allows_skipped=True)
    judged = measure_regression(Check("c", "C", "o", spec), [ReleaseService("web", "", "")], [], now=NOW)
    assert (judged.outcome, judged.reason) == (CheckOutcome.MISSING, "The service web is not part of the release.")


def test_a_report_that_is_gone_leaves_its_subject() -> None:
    reading = subject_of_report(CiStanding(CiSubject("unit", "c", None), 3, None))
    assert (reading.latest_sequence, reading.runs) == (3, ())
