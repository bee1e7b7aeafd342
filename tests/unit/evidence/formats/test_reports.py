"""Every format of test reports, by what it says and by what it leaves out."""

import copy
import json
from typing import Any

import pytest
from tests.unit.evidence.formats.samples import DART, GO, JUNIT, MOCHA, NUNIT, REPORTS, RSPEC, TRX, as_json

from tidegate.evidence.errors import ReportOfOtherKindError, ReportTooLargeError, ReportUnreadableError
from tidegate.evidence.formats import detect_format, merge_reports, read_report
from tidegate.evidence.formats.documents import MAX_BYTES
from tidegate.evidence.model import CaseResult, ReadReport, ReportTotals, count_cases


def totals_of(read: ReadReport) -> ReportTotals:
    return count_cases(case.result for case in read.cases)


def results_of(content: bytes) -> list[tuple[str, str, str | None]]:
    return [(case.id, case.result.value, case.message) for case in read_report(content).cases]


@pytest.mark.parametrize("form", REPORTS)
def test_each_format_is_known_by_what_stands_in_it(form: str) -> None:
    assert detect_format(REPORTS[form]) == form
    assert read_report(REPORTS[form]).format == form
    assert read_report(b"\xef\xbb\xbf" + REPORTS[form]).cases == read_report(REPORTS[form]).cases


@pytest.mark.parametrize("form", REPORTS)
def test_each_format_names_what_failed_and_why(form: str) -> None:
    failed = [case for case in read_report(REPORTS[form]).cases if case.result is CaseResult.FAILED]
    assert len(failed) == 1
    assert failed[0].message is not None
    assert "boom" in failed[0].message or failed[0].message == "Expected: 2"


@pytest.mark.parametrize(
    ("content", "place"),
    [
        pytest.param(JUNIT, ("b.py", 4), id="junit"),
        pytest.param(as_json(RSPEC), ("./b.rb", 3), id="rspec"),
        pytest.param(DART, ("test/a_test.dart", 7), id="dart"),
        pytest.param(as_json(MOCHA), ("b.js", None), id="mocha"),
    ],
)
def test_where_a_failure_stands_is_kept(content: bytes, place: tuple[str, int | None]) -> None:
    assert [(case.file, case.line) for case in read_report(content).cases if case.file] == [place]


@pytest.mark.parametrize("form", REPORTS)
def test_a_report_cut_in_half_never_says_that_all_passed(form: str) -> None:
    content = REPORTS[form]
    for end in range(1, len(content) - 3):
        try:
            totals = totals_of(read_report(content[:end]))
        except ReportUnreadableError:
            continue
        assert totals.failed + totals.error >= 1 or totals.total == 0


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(b'"Failed"', b'"Inconclusive"', ReportTotals(total=2, passed=1, error=1), id="inconclusive"),
        pytest.param(b' outcome="Failed"><O', b"><O", ReportTotals(total=2, passed=1, error=1), id="no outcome"),
        pytest.param(b'"Failed"><O', b'"Timeout"><O', ReportTotals(total=2, passed=1, error=1), id="timeout"),
        pytest.param(b'"Failed"><O', b'"NotExecuted"><O', ReportTotals(total=3, passed=1, skipped=1, error=1),
                     id="a run that failed with no case that did"),
    ],
)  # fmt: skip
def test_a_trx_outcome_that_is_not_passed_is_no_pass(old: bytes, new: bytes, expected: ReportTotals) -> None:
    assert totals_of(read_report(TRX.replace(old, new, 1))) == expected


def test_inner_results_of_trx_count_once() -> None:
    inner = (b'<TestRun><Results><UnitTestResult testName="t" outcome="Passed"><InnerResults>'
             b'<UnitTestResult testName="t (1)" outcome="Passed"/><UnitTestResult testName="t (2)" outcome="Passed"/>'
             b"</InnerResults></UnitTestResult></Results></TestRun>")  # fmt: skip
    assert totals_of(read_report(inner)) == ReportTotals(total=2, passed=2)
    failed = inner.replace(b'"Passed"', b'"Failed"', 1)
    assert totals_of(read_report(failed)) == ReportTotals(total=3, passed=2, failed=1)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(b'"Failed"><f', b'"Inconclusive"><f', ReportTotals(total=2, passed=1, error=1), id="inconclusive"),
        pytest.param(b'"Failed"><f', b"''><f", ReportTotals(total=2, passed=1, error=1), id="no result"),
        pytest.param(b'"Failed"><f', b'"Skipped"><f', ReportTotals(total=2, passed=1, skipped=1), id="skipped"),
        pytest.param(b'site="Child"', b'site="SetUp"', ReportTotals(total=3, passed=1, failed=1, error=1),
                     id="a set-up that failed"),
    ],
)  # fmt: skip
def test_an_nunit_result_that_is_not_passed_is_no_pass(old: bytes, new: bytes, expected: ReportTotals) -> None:
    assert totals_of(read_report(NUNIT.replace(old, new, 1))) == expected


def changed(document: dict[str, Any], **changes: Any) -> bytes:
    return as_json(copy.deepcopy(document) | changes)


def test_a_mocha_test_in_no_list_and_a_hook_that_crashed_are_errors() -> None:
    nowhere = changed(MOCHA, passes=[])
    assert totals_of(read_report(nowhere)) == ReportTotals(total=2, failed=1, error=1)
    hook = {"fullTitle": '"before each" hook', "err": {"message": "no database"}}
    crashed = changed(MOCHA, failures=[*MOCHA["failures"], hook])
    assert ('"before each" hook', "error", "no database") in results_of(crashed)


def test_rspec_files_that_do_not_load_are_errors() -> None:
    summary = RSPEC["summary"] | {"errors_outside_of_examples_count": 1, "example_count": 0}
    content = changed(RSPEC, examples=[], summary=summary, messages=["\nAn error occurred while loading ./b.rb."])
    assert results_of(content) == [("(outside of examples, 1)", "error", "An error occurred while loading ./b.rb.")]


def lines_without(content: bytes, word: bytes) -> bytes:
    return b"\n".join(line for line in content.splitlines() if word not in line)


def test_a_dart_run_without_an_end_is_an_error() -> None:
    passed = DART.replace(b'"failure"', b'"success"').replace(
        b'{"testID":2,"error":"Expected: 2","type":"error"}\n', b""
    )
    assert ("(the run)", "error", "The run says that it failed.") in results_of(passed)
    assert totals_of(read_report(lines_without(passed, b'"done"'))) == ReportTotals(total=2, passed=1, error=1)
    assert totals_of(read_report(passed.replace(b'"success":false', b'"success":true'))) == ReportTotals(
        total=1, passed=1
    )


def test_a_go_package_that_does_not_build_or_never_ends_is_an_error() -> None:
    built = b'{"Action":"start","Package":"shop"}\n{"Action":"fail","Package":"shop","FailedBuild":"shop"}\n'
    assert results_of(built) == [("shop", "error", "The package failed, and no test of it: did it build?")]
    assert totals_of(read_report(built.splitlines()[0])) == ReportTotals(total=1, error=1)
    panicked = lines_without(GO, b'"Action":"fail","Package":"shop","Test"')
    assert ("shop.TestA", "error", "a_test.go:11: boom") in results_of(panicked)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b'{"stats": {}, "stats": {}, "tests": []}', "twice", id="duplicate key"),
        pytest.param(b'{"stats": {"tests": NaN}, "tests": []}', "NaN", id="NaN"),
        pytest.param(b'{"stats": {"tests": -Infinity}, "tests": []}', "Infinity", id="infinity"),
        pytest.param(b'{"stats": {"tests": 1e999}, "tests": []}', "more than a number can be", id="1e999"),
        pytest.param(b'{"stats": {}, "tests": ' + b"[" * 100 + b"]" * 100 + b"}", "nested more than 64", id="deep"),
        pytest.param(b'{"stats": {}, "tests": "', "no JSON", id="truncated"),
    ],
)
def test_json_that_may_mean_two_things_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ReportUnreadableError, match=words):
        read_report(content, format="mocha")


def test_a_report_of_500_mb_is_refused_before_anything_of_it_is_read() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return 500 * 1024 * 1024

    with pytest.raises(ReportTooLargeError, match="524,288,000 bytes"):
        read_report(Huge(b"<testsuite/>"))
    with pytest.raises(ReportTooLargeError):
        read_report(b" " * (MAX_BYTES + 1), format="mocha")


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        pytest.param({"version": "2.1.0", "$schema": "…sarif…", "runs": []}, "sarif", id="SARIF"),
        pytest.param({"bomFormat": "CycloneDX"}, "cyclonedx", id="CycloneDX"),
        pytest.param({"metrics": {"http_reqs": {}}}, "load", id="k6"),
        pytest.param({"payload": "", "payloadType": "", "signatures": []}, "attestation", id="DSSE"),
    ],
)
def test_evidence_of_another_kind_is_sent_to_its_own_door(document: dict[str, Any], kind: str) -> None:
    with pytest.raises(ReportOfOtherKindError, match=f"--kind {kind}"):
        read_report(as_json(document))


def test_a_format_that_is_said_must_be_known_and_right() -> None:
    with pytest.raises(ReportUnreadableError, match="none of junit, nunit"):
        read_report(JUNIT, format="tap")
    with pytest.raises(ReportUnreadableError, match="not <TestRun>"):
        read_report(JUNIT, format="trx")
    with pytest.raises(ReportUnreadableError, match="no report in a format that is known"):
        read_report(b"TAP version 13\nok 1\n")


def test_files_of_one_run_are_one_report_and_none_hides_what_another_says() -> None:
    lying = read_report(b'<testsuite tests="3" failures="2"><testcase name="b"/></testsuite>')
    merged = merge_reports([("a.xml", read_report(JUNIT)), ("b.xml", lying), ("c.xml", read_report(b"<testsuite/>"))])
    assert totals_of(merged) == ReportTotals(total=3, passed=2, failed=1)
    assert merged.flaky_count == 1  # `b` failed in one file and passed in the other
    assert merged.claimed_failed_count == 3  # one that is there, and two that are not
    assert merged.warnings[0] == "1 of 3 files hold no case, the first is c.xml."


def test_what_neither_utf_8_nor_the_database_holds_is_replaced() -> None:
    content = json.dumps(MOCHA).replace('"a"', r'"a\ud800\u0000"').encode()
    assert read_report(content).cases[0].id == "a\ufffd\ufffd"
