"""in-toto Statements v1 and their predicates."""

import json
from typing import Any

import pytest

from tidegate.attestations import (
    TEST_RESULT,
    VSA,
    Statement,
    StatementUnreadableError,
    Subject,
    TestResult,
    VerificationSummary,
    read_statement,
    read_test_result,
    read_vsa,
    write_statement,
)

COMMIT, IMAGE = "a" * 40, "b" * 64
SUBJECTS = (Subject("repo", {"gitCommit": COMMIT}), Subject("image", {"sha256": IMAGE}))


def statement(kind: str = TEST_RESULT, **predicate: Any) -> Statement:
    return Statement(SUBJECTS, kind, predicate)


def test_a_statement_is_read_as_it_was_written_and_always_to_the_same_bytes() -> None:
    written = write_statement(statement(result="PASSED"))
    assert read_statement(written) == statement(result="PASSED")
    assert write_statement(read_statement(written)) == written


def test_it_is_about_its_digests_and_no_others() -> None:
    said = statement()
    assert said.is_about(commits=frozenset({COMMIT}))
    assert said.is_about(digests=frozenset({f"sha256:{IMAGE}"}))
    assert not said.is_about(commits=frozenset({IMAGE, "c" * 40}))
    assert not said.is_about(digests=frozenset({f"sha512:{IMAGE}", IMAGE}))
    assert not said.is_about()


def wire(**changes: Any) -> bytes:
    said = json.loads(write_statement(statement(result="PASSED")))
    return json.dumps({key: value for key, value in (said | changes).items() if value is not None}).encode()


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(wire(_type="https://in-toto.io/Statement/v0.1"), id="another version"),
        pytest.param(wire(subject=[]), id="about nothing"),
        pytest.param(wire(subject=None), id="no subject"),
        pytest.param(wire(subject=[{"name": "x"}]), id="no digest"),
        pytest.param(wire(subject=[{"digest": {}}]), id="an empty digest"),
        pytest.param(wire(subject=[{"digest": {"sha256": "ab"}}]), id="a short digest"),
        pytest.param(wire(subject=[{"digest": {"gitCommit": "z" * 40}}]), id="no hex"),
        pytest.param(wire(subject=[{"digest": {"sha256": 1}}]), id="a number"),
        pytest.param(wire(subject=[{"name": 1, "digest": {"sha256": IMAGE}}]), id="a name that is none"),
        pytest.param(wire(subject=[{"digest": {"sha256": IMAGE}}] * 10_001), id="too many subjects"),
        pytest.param(wire(predicateType=""), id="no type"),
        pytest.param(wire(predicate=[]), id="no object"),
        pytest.param(b'{"_type": 1, "_type": 2}', id="twice"),
        pytest.param(b"[]", id="a list"),
    ],
)
def test_what_is_no_statement_is_refused(payload: bytes) -> None:
    with pytest.raises(StatementUnreadableError):
        read_statement(payload)


def test_a_test_result_is_read_as_it_was_written() -> None:
    result = TestResult("FAILED", ({"name": "ci"},), ("a",), ("b",), ("c",), "https://ci.example/1")
    assert read_test_result(statement(**result.predicate())) == result


@pytest.mark.parametrize(
    "predicate",
    [
        pytest.param({"result": "GREEN"}, id="another word"),
        pytest.param({"result": "PASSED", "failedTests": ["a"]}, id="passed with a failed test"),
        pytest.param({"result": "PASSED", "passedTests": "a"}, id="no list"),
        pytest.param({"result": "PASSED", "configuration": ["a"]}, id="no resources"),
    ],
)
def test_a_test_result_that_contradicts_itself_is_refused(predicate: dict[str, Any]) -> None:
    with pytest.raises(StatementUnreadableError):
        read_test_result(statement(**predicate))


def summary(**changes: Any) -> VerificationSummary:
    facts: dict[str, Any] = {
        "verifier": "https://tidegate.example", "time_verified": "2026-02-07T14:00:00Z", "resource_uri": "git+https://x",
        "policy_uri": "/gates/a", "policy_digest": {"sha256": IMAGE}, "is_passed": True, "verified_levels": ("A",),
        "input_attestations": ({"uri": "x", "digest": {"sha256": IMAGE}},), "more": {"https://x.example/waived": 1},
    }  # fmt: skip
    return VerificationSummary(**(facts | changes))


@pytest.mark.parametrize("made", [summary(), summary(input_attestations=None, is_passed=False)])
def test_a_verification_summary_is_read_as_it_was_written(made: VerificationSummary) -> None:
    assert read_vsa(statement(VSA, **made.predicate())) == made


@pytest.mark.parametrize("left_out", ["verifier", "policy", "verificationResult", "resourceUri", "timeVerified"])
def test_a_verification_summary_without_what_slsa_asks_for_is_refused(left_out: str) -> None:
    said = summary().predicate()
    del said[left_out]
    with pytest.raises(StatementUnreadableError):
        read_vsa(statement(VSA, **said))


@pytest.mark.parametrize("changes", [{"inputAttestations": "x"}, {"policy": {"uri": "x", "digest": 1}}])
def test_a_verification_summary_of_odd_shape_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(StatementUnreadableError):
        read_vsa(statement(VSA, **(summary().predicate() | changes)))


def test_a_predicate_of_another_type_is_not_read() -> None:
    for read in (read_test_result, read_vsa):
        with pytest.raises(StatementUnreadableError):
            read(statement("https://example.com/other"))
