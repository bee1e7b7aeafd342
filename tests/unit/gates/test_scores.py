"""Weighted scores: what they say, and that they never say GO for what a required check refuses."""

import pytest
from tests.unit.gates.fakes import NOW
from tests.unit.gates.test_waivers import RELEASE, SPEC, waiver_of

from tidegate.gates.model import Check, CheckOutcome, CheckResult, Gate, Judgement, Score, Verdict, judge
from tidegate.gates.model.verdicts import LETS_THROUGH
from tidegate.kernel import GateId

PASSED, WARNED, FAILED = CheckOutcome.PASSED, CheckOutcome.WARNED, CheckOutcome.FAILED


def judged(*results: tuple[CheckOutcome, float], required: bool = False, **gate: object) -> Judgement:
    """Judge results with weights; the first is `required`."""
    checks = [
        Check(f"c{number}", f"C{number}", "sre", SPEC, required=required and not number, weight=weight)
        for number, (_, weight) in enumerate(results)
    ]
    settings: dict[str, object] = {"score": Score(0.9, 0.75), **gate}
    asked = Gate(GateId("g"), "G", "sre", tuple(checks), "sha256:0", 1, **settings)  # type: ignore[arg-type]  # names that there are
    measured = [CheckResult(c, o, f"{c.id} is {o}.", NOW) for c, (o, _) in zip(checks, results, strict=True)]
    return judge(asked, RELEASE, measured, now=NOW)


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        pytest.param([(PASSED, 9), (FAILED, 1)], Verdict.GO, id="exactly what passes"),
        pytest.param([(PASSED, 8), (WARNED, 2)], Verdict.GO, id="a warning is worth half"),
        pytest.param([(PASSED, 3), (FAILED, 1)], Verdict.GO, id="exactly what warns"),
        pytest.param([(PASSED, 7), (FAILED, 3)], Verdict.NO_GO, id="below what warns"),
        pytest.param([(PASSED, 1), (FAILED, 0)], Verdict.GO, id="no weight, no points lost"),
    ],
)
def test_points_reached_by_points_there_are_decide(results: list[tuple[CheckOutcome, float]], verdict: Verdict) -> None:
    assert judged(*results).verdict is verdict


def test_a_score_that_warns_holds_where_warnings_hold() -> None:
    assert judged((PASSED, 8), (FAILED, 2), holds_on_warning=True).verdict is Verdict.HOLD


@pytest.mark.parametrize("outcome", [one for one in CheckOutcome if one not in LETS_THROUGH | {FAILED}])
def test_a_scored_check_without_an_answer_holds_whatever_its_weight(outcome: CheckOutcome) -> None:
    """Known hole: a metric group with no data, or one that errored, is left out and the rest of the score passes."""
    said = judged((PASSED, 1_000), (outcome, 0.001))
    assert said.verdict is Verdict.HOLD
    assert [step.check for step in said.steps] == ["c1"]


def test_no_scored_objective_holds() -> None:
    """Known hole: without an objective that counts, the peers call the score full."""
    assert judged((PASSED, 0), (PASSED, 0)).verdict is Verdict.HOLD
    assert judged().verdict is Verdict.HOLD


@pytest.mark.parametrize(("outcome", "verdict"), [(FAILED, Verdict.NO_GO), (CheckOutcome.MISSING, Verdict.HOLD)])
def test_a_score_never_overrules_a_required_check(outcome: CheckOutcome, verdict: Verdict) -> None:
    assert judged((outcome, 0), (PASSED, 100), required=True).verdict is verdict


def test_sentences_have_the_points_and_what_was_needed() -> None:
    assert judged((PASSED, 7), (FAILED, 3)).sentence == "NO-GO: the score is 0.7 (7 of 10 points, needed 0.75)."
    assert judged((PASSED, 1)).sentence.endswith("The score is 1 (1 of 1 points, needed 0.9).")


def test_a_waived_check_is_worth_half_and_the_verdict_says_so() -> None:
    check = Check("c", "C", "sre", SPEC, required=False)
    asked = Gate(GateId("g"), "G", "sre", (check,), "sha256:0", 1, score=Score(0.9, 0.5))
    said = judge(asked, RELEASE, [CheckResult(check, FAILED, "Bad.", NOW)], now=NOW, waivers=[waiver_of(check)])
    assert said.verdict is Verdict.GO
    assert said.sentence.startswith("GO with 1 waiver: ")
