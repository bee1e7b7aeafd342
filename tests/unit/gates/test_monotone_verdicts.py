"""Taking something away never turns a gate to GO (GATES section 1), over the real measures and the real `decide`."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.gates import evidence_worlds
from tests.unit.gates.worlds import StoredRun, evaluate, find_violation, make_world, measure, read_subject, spoil

from tidegate.evidence import EvidenceRecord
from tidegate.evidence.records.model import Kept
from tidegate.gates.model import LETS_THROUGH, CheckOutcome, CheckResult, SubjectReading, Verdict, Waiver, decide
from tidegate.isolation import AuthzSubject

CASES = 100_000


@pytest.mark.parametrize("cases", [CASES, pytest.param(10 * CASES, marks=pytest.mark.long)])
def test_no_spoiled_world_goes_unless_the_original_went(cases: int) -> None:
    violation, went = find_violation(seed=20260207, cases=cases)
    assert violation is None
    # The property says nothing about worlds that hold anyway: enough of the spoiled ones have to go.
    assert went > cases / 50


def test_the_generator_makes_worlds_of_every_verdict_and_outcome() -> None:
    random = Random(1)
    worlds = [make_world(random) for _ in range(3_000)]
    worlds += [spoil(random, world) for world in worlds]
    assert {evaluate(world) for world in worlds} == set(Verdict)
    outcomes = {measure(world, position).outcome for world in worlds for position in range(len(world.checks))}
    assert outcomes == set(CheckOutcome) - {CheckOutcome.WAIVED}
    waived = [world for world in worlds if world.waivers and evaluate(world) is Verdict.GO]
    assert any(evaluate(replace(world, waivers=[])) is not Verdict.GO for world in waived)


def decide_missing_as_passed(results: Sequence[CheckResult], *, holds_on_warning: bool) -> Verdict:
    lenient = [
        replace(result, outcome=CheckOutcome.PASSED) if result.outcome is CheckOutcome.MISSING else result
        for result in results
    ]
    return decide(lenient, holds_on_warning=holds_on_warning)


def decide_without_unanswered(results: Sequence[CheckResult], *, holds_on_warning: bool) -> Verdict:
    answered = [result for result in results if result.outcome in LETS_THROUGH | {CheckOutcome.FAILED}]
    return decide(answered, holds_on_warning=holds_on_warning)


def decide_stale_as_passed(results: Sequence[CheckResult], *, holds_on_warning: bool) -> Verdict:
    lenient = [
        replace(result, outcome=CheckOutcome.PASSED) if result.outcome is CheckOutcome.STALE else result
        for result in results
    ]
    return decide(lenient, holds_on_warning=holds_on_warning)


@pytest.mark.parametrize(
    "broken",
    [decide_missing_as_passed, decide_without_unanswered, decide_stale_as_passed],
    ids=lambda one: one.__name__,
)
def test_the_same_property_catches_a_decide_that_trusts_silence(broken: object) -> None:
    violation, _ = find_violation(seed=20260207, cases=CASES // 10, decide=broken)  # type: ignore[arg-type]  # broken on purpose
    assert violation is not None


def test_the_same_property_catches_reading_without_a_digest_check() -> None:
    def read_trustingly(subject: AuthzSubject, stored: StoredRun | None) -> SubjectReading:
        reading = read_subject(subject, stored)
        return replace(reading, runs=tuple(replace(run, is_intact=True) for run in reading.runs))

    violation, _ = find_violation(seed=20260207, cases=CASES // 10, read=read_trustingly)
    assert violation is not None


def test_the_same_property_catches_evidence_read_without_a_digest_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_trustingly(kept: Kept, is_key_known: bool) -> EvidenceRecord:  # noqa: FBT001 - as it is called
        return replace(read_evidence(kept, is_key_known), is_intact=True)

    read_evidence = evidence_worlds.read_evidence
    monkeypatch.setattr(evidence_worlds, "read_evidence", read_trustingly)
    violation, _ = find_violation(seed=20260207, cases=CASES // 10)
    assert violation is not None


def test_the_same_property_catches_a_waiver_read_without_a_digest_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Waiver, "digest", "sha256:0")
    violation, _ = find_violation(seed=20260207, cases=CASES // 5)
    assert violation is not None


@settings(max_examples=300, deadline=None)
@given(st.integers(min_value=0), st.lists(st.integers(min_value=0), min_size=1, max_size=6))
def test_spoiling_again_and_again_never_leads_to_go(seed: int, spoilings: list[int]) -> None:
    world = make_world(Random(seed))
    original = evaluate(world)
    for spoiling in spoilings:
        world = spoil(Random(spoiling), world)
        assert evaluate(world) is not Verdict.GO or original is Verdict.GO
