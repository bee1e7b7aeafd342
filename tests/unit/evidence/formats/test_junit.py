import pytest

from tidegate.evidence.errors import ReportEntitiesRefusedError, ReportUnreadableError
from tidegate.evidence.formats import cases
from tidegate.evidence.formats.junit import read_junit
from tidegate.evidence.model import ReadReport, ReportTotals, count_cases


def read(inside: str, **attributes: str) -> ReadReport:
    said = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return read_junit(f"<testsuite{said}>{inside}</testsuite>".encode())


def totals_of(report: ReadReport) -> ReportTotals:
    return count_cases(case.result for case in report.cases)


@pytest.mark.parametrize(
    ("case", "totals"),
    [
        pytest.param('<testcase name="a"/>', ReportTotals(total=1, passed=1), id="nothing said is passed"),
        pytest.param('<testcase name="a"><failure/></testcase>', ReportTotals(total=1, failed=1), id="empty failure"),
        pytest.param('<testcase name="a"><error/></testcase>', ReportTotals(total=1, error=1), id="error"),
        pytest.param('<testcase name="a"><skipped/></testcase>', ReportTotals(total=1, skipped=1), id="skipped"),
        pytest.param(
            '<testcase name="a"><skipped/><failure/></testcase>', ReportTotals(total=1, failed=1), id="failure outranks"
        ),
        pytest.param('<testcase name="a" status="notrun"/>', ReportTotals(total=1, skipped=1), id="not run is no pass"),
        pytest.param(
            '<testcase name="a" result="suppressed"/>', ReportTotals(total=1, skipped=1), id="disabled is no pass"
        ),
        pytest.param(
            '<testcase name="a" status="Failed"/>', ReportTotals(total=1, failed=1), id="a failure in an attribute"
        ),
        pytest.param('<testcase name="a" result="error"/>', ReportTotals(total=1, failed=1), id="an error there"),
        pytest.param(
            "<testsuite><testsuite><testcase/></testsuite><testcase/></testsuite>",
            ReportTotals(total=2, passed=2),
            id="nested suites",
        ),
        pytest.param(
            '<testcase name="a"><system-out><failure/></system-out></testcase>',
            ReportTotals(total=1, passed=1),
            id="output is no result",
        ),
        pytest.param('<error message="set-up"/>', ReportTotals(total=1, error=1), id="a suite that crashed"),
        pytest.param("", ReportTotals(), id="no case"),
    ],
)
def test_cases_are_counted_as_they_ended(case: str, totals: ReportTotals) -> None:
    assert totals_of(read(case)) == totals


def test_claimed_totals_are_not_believed() -> None:
    report = read('<testcase name="a"><failure/></testcase>', tests="40", failures="0", errors="0")
    assert totals_of(report) == ReportTotals(total=1, failed=1)
    assert report.warnings == ("The file says it has 40 cases; 1 are in it, and those count.",)


def test_failures_that_are_claimed_and_not_there_are_kept_in_mind() -> None:
    assert read('<testcase name="a"/>', tests="3", failures="2").claimed_failed_count == 2


def test_a_retry_that_passed_does_not_undo_the_failure_before_it() -> None:
    report = read('<testcase classname="c" name="a"><failure/></testcase><testcase classname="c" name="a"/>')
    assert totals_of(report) == ReportTotals(total=2, passed=1, failed=1)
    assert report.flaky_count == 1


def test_names_are_class_and_case_and_messages_are_one_line() -> None:
    report = read('<testcase classname="c" name="a"><failure message="">first\nsecond</failure></testcase>')
    assert [(case.id, case.message) for case in report.cases] == [("c.a", "first")]


@pytest.mark.parametrize("time", ["NaN", "inf", "-1", "soon", "1e999"])
def test_times_that_are_no_numbers_are_ignored_with_words(time: str) -> None:
    report = read(f'<testcase name="a" time="{time}"/>')
    assert totals_of(report).passed == 1
    assert "1 of 1 cases have a time that is no number of seconds" in report.warnings[0]


@pytest.mark.parametrize("time", ["", "0", "1.5", "1,234.5"])
def test_times_that_are_numbers_need_no_words(time: str) -> None:
    assert read(f'<testcase name="a" time="{time}"/>').warnings == ()


BOMB = b'<?xml version="1.0"?><!DOCTYPE t [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><testsuite name="&b;"/>'
FILE = b'<!DOCTYPE t [<!ENTITY f SYSTEM "file:///etc/passwd">]><testsuite name="x">&f;</testsuite>'


@pytest.mark.parametrize("content", [BOMB, FILE], ids=["bomb", "file"])
def test_entities_are_refused(content: bytes) -> None:
    with pytest.raises(ReportEntitiesRefusedError):
        read_junit(content)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<testsuite><testcase", id="truncated"),
        pytest.param(b'{"tests": 1}', id="JSON"),
        pytest.param(b"<test-run total='1'/>", id="NUnit"),
        pytest.param(b"<testsuite>\xff</testsuite>", id="not UTF-8"),
        pytest.param(b'<?xml version="1.0" encoding="klingon"?><testsuite/>', id="unknown encoding"),
        pytest.param(b"<testsuite>\x00</testsuite>", id="NUL"),
    ],
)
def test_what_is_no_report_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(ReportUnreadableError) as refused:
        read_junit(content)
    assert refused.value.field == "body"


def test_a_hundred_thousand_nested_suites_are_read_without_falling() -> None:
    depth = 100_000
    report = read_junit(b"<testsuite>" * depth + b"<testcase/>" + b"</testsuite>" * depth)
    assert totals_of(report) == ReportTotals(total=1, passed=1)


def test_more_cases_than_a_report_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "MAX_CASES", 2)
    with pytest.raises(ReportUnreadableError, match="3 cases; 2 are read"):
        read("<testcase/>" * 3)


def test_an_element_of_a_million_attributes_is_refused_before_it_fills_the_memory() -> None:
    attributes = " ".join(f"a{number:x}=''" for number in range(1_000_001))
    with pytest.raises(ReportUnreadableError, match="attributes"):
        read_junit(f"<testsuite {attributes}/>".encode())
