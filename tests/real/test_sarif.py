"""Logs of real analysers, counted by level as their source counts them."""

import csv
import os
from pathlib import Path

import pytest

from tidegate.evidence.formats import Execution, detect_format, read_sarif

pytestmark = pytest.mark.real
LEVELS = ("error", "warning", "note", "none")


@pytest.fixture(scope="module")
def folder() -> Path:
    named = os.environ.get("TIDEGATE_TEST_DATA", "")
    assert named, "TIDEGATE_TEST_DATA names no data"
    return Path(named) / "sarif"


def test_every_log_is_counted_as_expected(folder: Path) -> None:
    with (folder / "expected.csv").open() as file:
        expected = list(csv.DictReader(file))
    assert len(expected) == 10
    for row in expected:
        content = (folder / row["file"]).read_bytes()
        scan = read_sarif(content)
        assert detect_format(content) == "sarif"
        assert ([run.tool for run in scan.runs], scan.count()) == ([row["tool"]], int(row["results"])), row["file"]
        assert {level: scan.count(level=level) for level in LEVELS} == {level: int(row[level]) for level in LEVELS}


def test_no_log_of_these_says_that_its_tool_was_successful(folder: Path) -> None:
    logs = sorted(folder.glob("*.sarif"))
    assert {read_sarif(path.read_bytes()).execution for path in logs} == {Execution.UNKNOWN}
