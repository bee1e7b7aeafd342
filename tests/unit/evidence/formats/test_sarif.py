"""SARIF: what counts as a finding, and when an empty log is no proof."""

import copy
from typing import Any

import pytest
from tests.unit.evidence.formats.samples import SARIF, as_json

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats import Execution, ScanReading, read_sarif


def scan(result: dict[str, Any] | None = None, **run: Any) -> ScanReading:
    log = copy.deepcopy(SARIF)
    log["runs"][0] |= run
    if result is not None:
        log["runs"][0]["results"] = [{"message": {"text": "bad"}} | result]
    return read_sarif(as_json(log))


def test_a_finding_has_the_level_of_its_rule_and_its_place_is_kept() -> None:
    place = {"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 3}}}
    found = scan({"ruleId": "R1", "locations": [place]})
    assert found.count(level="error", is_new=True, is_suppressed=False) == 1
    assert [(at.rule, at.level, at.message, at.file, at.line) for at in found.places] == [
        ("R1", "error", "bad", "a.py", 3)
    ]
    assert found.rule_ids == ("R1",)


@pytest.mark.parametrize(
    ("run", "execution"),
    [
        pytest.param({}, Execution.SUCCESSFUL, id="said to be successful"),
        pytest.param({"results": []}, Execution.SUCCESSFUL, id="successful and nothing found"),
        pytest.param({"results": [], "invocations": []}, Execution.UNKNOWN, id="no invocation"),
        pytest.param({"results": [], "invocations": [{}]}, Execution.UNKNOWN, id="an invocation that does not say"),
        pytest.param({"invocations": [{"executionSuccessful": False}]}, Execution.FAILED, id="failed"),
        pytest.param({"invocations": [{"executionSuccessful": True}, {"executionSuccessful": False}]}, Execution.FAILED,
                     id="one of two failed"),
        pytest.param({"invocations": [{"executionSuccessful": "true"}]}, Execution.UNKNOWN, id="true as a text"),
        pytest.param({"invocations": [{"executionSuccessful": True,
                                       "toolExecutionNotifications": [{"level": "error", "message": {}}]}]},
                     Execution.FAILED, id="an error of the tool"),
        pytest.param({"results": None}, Execution.UNKNOWN, id="results null: the tool never started"),
        pytest.param({"results": None, "externalPropertyFileReferences": {"results": [{}]}}, Execution.UNKNOWN,
                     id="results elsewhere"),
    ],
)  # fmt: skip
def test_only_a_run_that_says_so_was_executed(run: dict[str, Any], execution: Execution) -> None:
    assert scan(**run).execution is execution


def test_a_log_without_a_run_proves_nothing() -> None:
    found = read_sarif(as_json({"version": "2.1.0", "runs": []}))
    assert (found.execution, found.count()) == (Execution.UNKNOWN, 0)
    assert found.warnings == ("It has no run: no tool says anything.",)


@pytest.mark.parametrize(
    ("result", "level"),
    [
        pytest.param({}, "warning", id="nothing said"),
        pytest.param({"level": "note"}, "note", id="its own"),
        pytest.param({"ruleId": "R1"}, "error", id="the rule's default by id"),
        pytest.param({"ruleId": "R1/2"}, "error", id="a hierarchical id"),
        pytest.param({"ruleIndex": 0}, "error", id="by index alone"),
        pytest.param({"ruleIndex": -1}, "warning", id="an index that says none"),
        pytest.param({"ruleIndex": 7, "ruleId": "R1"}, "error", id="an index beyond the rules"),
        pytest.param({"rule": {"id": "R1"}}, "error", id="a reference"),
        pytest.param({"level": "critical"}, "error", id="a level that SARIF has not"),
        pytest.param({"kind": "serious", "level": "error"}, "error", id="a kind that SARIF has not"),
        pytest.param({"kind": "pass", "level": "error"}, "error", id="a pass that is an error"),
    ],
)
def test_the_level_of_a_finding(result: dict[str, Any], level: str) -> None:
    found = scan(result)
    assert (found.count(), found.count(level=level)) == (1, 1)


@pytest.mark.parametrize("kind", ["pass", "notApplicable", "informational", "open", "review"])
def test_other_kinds_are_no_findings_and_those_for_a_person_are_counted_apart(kind: str) -> None:
    found = scan({"kind": kind})
    assert found.count() == 0
    assert (found.undecided_count, found.clean_count) == ((1, 0) if kind in {"open", "review"} else (0, 1))


@pytest.mark.parametrize(
    ("suppressions", "is_suppressed"),
    [
        pytest.param([], False, id="none"),
        pytest.param([{"kind": "inSource"}], True, id="without a status"),
        pytest.param([{"kind": "external", "status": "accepted"}], True, id="accepted"),
        pytest.param([{"kind": "external", "status": "underReview"}], False, id="under review"),
        pytest.param([{"kind": "external", "status": "rejected"}], False, id="rejected"),
        pytest.param([{"status": "accepted"}, {"status": "rejected"}], False, id="accepted and rejected"),
        pytest.param([{"status": "Accepted"}], False, id="a status that SARIF has not"),
    ],
)
def test_a_suppression_counts_when_each_is_accepted(suppressions: list[dict[str, str]], is_suppressed: bool) -> None:  # noqa: FBT001
    found = scan({"suppressions": suppressions})
    assert found.count(is_suppressed=is_suppressed) == 1
    assert len(found.places) == (0 if is_suppressed else 1)


@pytest.mark.parametrize(
    ("state", "is_new"), [(None, True), ("new", True), ("updated", True), ("unchanged", False), ("soon", True)]
)
def test_what_is_not_known_to_be_old_is_new(state: str | None, is_new: bool) -> None:  # noqa: FBT001
    assert scan({"baselineState": state}).count(is_new=is_new) == 1


def test_what_a_baseline_had_and_is_gone_is_no_finding() -> None:
    found = scan({"baselineState": "absent", "level": "error"})
    assert (found.count(), found.absent_count) == (0, 1)


def test_an_override_of_the_invocation_outranks_the_default_of_the_rule() -> None:
    override = {"descriptor": {"id": "R1"}, "configuration": {"level": "note"}}
    invocation = {"executionSuccessful": True, "ruleConfigurationOverrides": [override]}
    assert scan({"ruleId": "R1"}, invocations=[invocation]).count(level="note") == 1


def test_the_places_shown_are_the_worst_twenty() -> None:
    results = [{"message": {"text": f"n{n}"}, "level": "note"} for n in range(30)]
    found = scan(results=[*results, {"message": {"text": "bad"}, "level": "error"}])
    assert [at.level for at in found.places] == ["error"] + ["note"] * 19


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"version": "2.0.0"}, "not 2.1.0", id="an older version"),
        pytest.param({"runs": None}, "no list `runs`", id="no runs"),
        pytest.param({"runs": [{"tool": {"driver": {}}, "results": []}]}, "has no name", id="no tool"),
        pytest.param({"runs": [{"tool": {"driver": {"name": "a"}}, "results": [1]}]}, "is no object", id="no result"),
    ],
)
def test_what_is_no_log_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ReportUnreadableError, match=words):
        read_sarif(as_json(SARIF | change))
