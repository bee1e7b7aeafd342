"""Reports of real projects, counted as their source's own renderer counts them."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.junit import read_junit
from tidegate.evidence.model import count_cases

pytestmark = pytest.mark.real
OTHER_FORMATS = {"dotnet-nunit.xml", "nunit-sample.xml"}
"""XML of NUnit, which is not JUnit's."""


@pytest.fixture(scope="module")
def folder() -> Path:
    named = os.environ.get("TIDEGATE_TEST_DATA", "")
    found = Path(named) / "ci-reports"
    assert named, "TIDEGATE_TEST_DATA names no data"
    assert (found / "expected.csv").is_file(), f"{found} holds no expected.csv"
    return found


def junit_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted((folder / "reports").rglob("*.xml")):
        name = path.relative_to(folder / "reports").as_posix()
        if name not in OTHER_FORMATS:
            yield name, path


def test_every_junit_report_is_counted_as_expected(folder: Path) -> None:
    with (folder / "expected.csv").open() as file:
        expected = {row["report"]: row for row in csv.DictReader(file)}
    wrong, compared = {}, 0
    for name, path in junit_files(folder):
        totals = count_cases(case.result for case in read_junit(path.read_bytes()).cases)
        counted = (totals.total, totals.passed, totals.failed + totals.error, totals.skipped)
        if name in expected:
            compared += 1
            row = expected[name]
            if counted != (int(row["tests"]), int(row["passed"]), int(row["failed"]), int(row["skipped"])):
                wrong[name] = counted
    assert wrong == {}
    assert compared == 18


def test_empty_reports_hold_no_case(folder: Path) -> None:
    empty = [path for name, path in junit_files(folder) if name.startswith("empty/")]
    assert [len(read_junit(path.read_bytes()).cases) for path in empty] == [0, 0, 0, 0]


def test_no_real_report_is_suspected_of_hiding_failures(folder: Path) -> None:
    suspected = []
    for name, path in junit_files(folder):
        report = read_junit(path.read_bytes())
        totals = count_cases(case.result for case in report.cases)
        if report.claimed_failed_count > totals.failed + totals.error:
            suspected.append(name)
    assert suspected == []


def test_reports_of_other_formats_are_refused_and_not_counted_as_empty(folder: Path) -> None:
    others = [path for path in (folder / "reports").rglob("*") if path.suffix in {".json", ".trx"}]
    others += [folder / "reports" / name for name in OTHER_FORMATS]
    assert len(others) == 17
    for path in others:
        with pytest.raises(ReportUnreadableError):
            read_junit(path.read_bytes())
