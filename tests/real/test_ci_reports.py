"""Reports of real projects, counted as their source's own renderer counts them."""

import csv
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.evidence.formats import detect_format, read_report
from tidegate.evidence.model import count_cases

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def folder() -> Path:
    named = os.environ.get("TIDEGATE_TEST_DATA", "")
    found = Path(named) / "ci-reports"
    assert named, "TIDEGATE_TEST_DATA names no data"
    assert (found / "expected.csv").is_file(), f"{found} holds no expected.csv"
    return found


def reports(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted((folder / "reports").rglob("*")):
        if path.is_file():
            yield path.relative_to(folder / "reports").as_posix(), path.read_bytes()


def test_every_report_is_counted_as_expected(folder: Path) -> None:
    with (folder / "expected.csv").open() as file:
        expected = {row["report"]: row for row in csv.DictReader(file)}
    wrong, compared = {}, 0
    for name, content in reports(folder):
        totals = count_cases(case.result for case in read_report(content).cases)
        counted = (totals.total, totals.passed, totals.failed + totals.error, totals.skipped)
        if name in expected:
            compared += 1
            row = expected[name]
            if counted != (int(row["tests"]), int(row["passed"]), int(row["failed"]), int(row["skipped"])):
                wrong[name] = counted
    assert wrong == {}
    assert compared == len(expected) == 29


def test_the_format_of_every_report_is_found_in_it(folder: Path) -> None:
    formats = Counter(detect_format(content) for _, content in reports(folder))
    assert formats == {"junit": 24, "trx": 6, "dart": 3, "mocha": 3, "nunit": 2, "rspec": 2, "go": 1}


def test_empty_reports_hold_no_case(folder: Path) -> None:
    empty = [len(read_report(content).cases) for name, content in reports(folder) if name.startswith("empty/")]
    assert empty == [0] * 9


def test_no_real_report_is_suspected_of_hiding_failures(folder: Path) -> None:
    suspected = []
    for name, content in reports(folder):
        report = read_report(content)
        totals = count_cases(case.result for case in report.cases)
        if report.claimed_failed_count > totals.failed + totals.error:
            suspected.append(name)
    assert suspected == []
