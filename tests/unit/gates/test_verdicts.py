from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.gates.fakes import NOW

from tidegate.gates.model import (
    Check,
    CheckOutcome,
    CheckResult,
    Gate,
    RegressionSpec,
    RunSource,
    Verdict,
    decide,
    judge,
)
from tidegate.gates.model.measures.findings import in_words, plain
from tidegate.kernel import GateId, ReleaseId
from tidegate.releases import Release, ReleaseService

PASSED, WARNED, WAIVED, FAILED = (
    CheckOutcome.PASSED,
    CheckOutcome.WARNED,
    CheckOutcome.WAIVED,
    CheckOutcome.FAILED,
)
UNANSWERED = sorted(set(CheckOutcome) - {PASSED, WARNED, WAIVED, FAILED})
SPEC = RegressionSpec(RunSource.AUTHZ, None, timedelta(days=1), None, False, False)
RELEASE = Release(ReleaseId("rel_1"), "7", "production", (ReleaseService("harbor", "7", "c"),), NOW, is_candidate=True)


def result(outcome: CheckOutcome, *, required: bool = True, name: str = "c") -> CheckResult:
    check = Check(name, f"Check {name}", f"owner of {name}", SPEC, required=required)
    step = None if outcome is PASSED else f"mend {name}"
    return CheckResult(check, outcome, f"{name} is {outcome}.", NOW, step=step)


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        pytest.param([PASSED, PASSED], Verdict.GO, id="all passed"),
        pytest.param([PASSED, WARNED], Verdict.GO, id="a warning lets through"),
        pytest.param([WAIVED], Verdict.GO, id="a waiver lets through"),
        *(pytest.param([PASSED, one], Verdict.HOLD, id=f"{one} is no pass") for one in UNANSWERED),
        pytest.param([CheckOutcome.MISSING, FAILED], Verdict.NO_GO, id="a failure outranks a gap"),
        pytest.param([PASSED, FAILED, WAIVED], Verdict.NO_GO, id="a failure outranks everything"),
        pytest.param([], Verdict.HOLD, id="no required check"),
    ],
)
def test_required_checks_decide_the_verdict(outcomes: list[CheckOutcome], verdict: Verdict) -> None:
    assert decide([result(outcome) for outcome in outcomes]) is verdict


def test_checks_that_are_not_required_decide_nothing() -> None:
    assert decide([result(PASSED), result(FAILED, required=False)]) is Verdict.GO
    assert decide([result(PASSED, required=False)]) is Verdict.HOLD


def test_a_gate_may_hold_on_warnings() -> None:
    assert decide([result(PASSED), result(WARNED)], holds_on_warning=True) is Verdict.HOLD


@given(st.permutations([result(one, name=str(number)) for number, one in enumerate(CheckOutcome)]), st.integers(0, 9))
def test_the_order_of_checks_decides_nothing(results: list[CheckResult], count: int) -> None:
    assert decide(results[:count]) is decide(sorted(results[:count], key=lambda one: one.check.id))


def make_gate(*results: CheckResult, problem: str | None = None) -> Gate:
    checks = tuple(one.check for one in results)
    return Gate(GateId("g"), "Gate", "sre", checks, "sha256:0", 1, problem=problem)


def test_steps_to_go_name_blockers_worst_first() -> None:
    results = [
        result(CheckOutcome.PENDING, name="a"),
        result(PASSED, name="b"),
        result(FAILED, name="c"),
        result(FAILED, name="d", required=False),
    ]
    judged = judge(make_gate(*results), RELEASE, results, now=NOW)
    assert judged.verdict is Verdict.NO_GO
    assert judged.sentence == "NO-GO: Check c: c is failed. (1 more below)"
    assert [(step.check, step.owner, step.step) for step in judged.steps] == [
        ("c", "owner of c", "mend c"),
        ("a", "owner of a", "mend a"),
    ]


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        ([result(PASSED)], "GO: 7 passed 1 required check."),
        (
            [result(PASSED), result(WARNED), result(WAIVED)],
            "GO with 1 waiver: 7 passed 2 of 3 required checks, with 1 warning.",
        ),
        ([], "HOLD: the gate has no required check, and silence is never consent."),
    ],
)
def test_sentences_say_how_many(results: list[CheckResult], sentence: str) -> None:
    assert judge(make_gate(*results), RELEASE, results, now=NOW).sentence == sentence


def test_without_a_release_or_a_readable_file_a_gate_holds_and_says_what_to_do() -> None:
    passed = [result(PASSED)]
    nothing = judge(make_gate(*passed), None, passed, now=NOW)
    assert nothing.verdict is Verdict.HOLD
    assert "tidegate release create" in nothing.steps[0].step
    unreadable = judge(make_gate(*passed, problem="the file was altered."), RELEASE, passed, now=NOW)
    assert unreadable.verdict is Verdict.HOLD
    assert unreadable.sentence == "HOLD: the file was altered."


def test_moving_figures_inside_a_bound_is_no_new_decision_but_another_digest() -> None:
    one, other = result(PASSED), CheckResult(result(PASSED).check, PASSED, "c is still passed.", NOW, inputs={"a": 1})
    first, second = (judge(make_gate(one), RELEASE, [each], now=NOW) for each in (one, other))
    assert first.fingerprint == second.fingerprint
    assert first.digest != second.digest


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=-3), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=90), "90 min"),
        (timedelta(hours=26), "26 h"),
        (timedelta(days=3), "3 d"),
    ],
)
def test_durations_read_like_words(length: timedelta, words: str) -> None:
    assert in_words(length) == words


def test_text_from_outside_is_short_and_of_one_line() -> None:
    assert plain("a\x1b[31m\nb\x00") == "a[31mb"
    assert len(plain("x" * 500)) == 80
