"""What a pipeline is told, and what no name of a test makes it do."""

import json
from typing import Any

import pytest

from tidegate.evidence.pipelines import (
    code_quality,
    github_commands,
    in_a_log,
    pipeline_of,
    relative_path,
    step_summary,
)

HOSTILE = "t`x`\n::add-mask::*\r##[set-env name=PATH]evil,b:c%0A![i](https://evil.example.test) <img> \u2028::error::x"


def report(**changes: Any) -> dict[str, Any]:
    totals = {"total": 2, "passed": 1, "failed": 1, "skipped": 0, "error": 0}
    failure = {"id": "a.b", "message": "boom", "file": "/w/shop/tests/a.py", "line": 3}
    return {"suite": "unit", "totals": totals, "failures": [failure], "warnings": [], "service": None} | changes


VERDICT = {"gate": "ci-cd", "verdict": "no_go", "sentence": "1 of 2 cases failed.",
           "toReachGo": [{"owner": "backend", "step": "fix a.b"}]}  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "pipeline"),
    [({"GITHUB_ACTIONS": "true"}, "github"), ({"GITLAB_CI": "true"}, "gitlab"), ({"CI": "true"}, "none"), ({}, "none")],
)
def test_the_pipeline_is_known_by_what_its_jobs_are_given(environment: dict[str, str], pipeline: str) -> None:
    assert pipeline_of(environment) == pipeline


def test_a_failure_stands_at_its_line_and_the_gate_beside_it() -> None:
    assert github_commands(report(), [VERDICT], root="/w/shop") == [
        "::error file=tests/a.py,line=3,title=unit%3A a.b::boom",
        "::error title=NO-GO%3A gate ci-cd::1 of 2 cases failed.",
    ]


def test_no_test_is_a_warning() -> None:
    empty = report(totals={"total": 0, "passed": 0, "failed": 0, "skipped": 0, "error": 0}, failures=[])
    assert github_commands(empty, [], root=None) == [
        "::warning title=unit%3A no test::Zero tests prove nothing, and gates hold."
    ]


def test_no_name_of_a_test_is_a_command() -> None:
    failure = {"id": HOSTILE, "message": HOSTILE, "file": HOSTILE, "line": 1}
    verdict = VERDICT | {"sentence": HOSTILE}
    lines = github_commands(report(failures=[failure], warnings=[HOSTILE]), [verdict], root="/w")
    assert len(lines) == 3
    for line in lines:
        assert len(line.splitlines()) == 1
        properties, _, _ = line[2:].partition("::")
        assert properties.split(" ")[0] in {"error", "warning"}
        assert "file=" not in properties
        assert properties.count(",") == 0
    for line in in_a_log(HOSTILE), in_a_log("::error::x"), in_a_log("  ::stop-commands::x"):
        assert len(line.splitlines()) == 1
        assert "##[" not in line
        assert not line.strip().startswith("::")


def test_at_most_ten_failures_are_annotated() -> None:
    failures = [{"id": f"t{n}", "message": None, "file": None, "line": None} for n in range(20)]
    lines = github_commands(report(failures=failures), [], root=None)
    assert len(lines) == 10
    assert lines[0] == "::error title=unit%3A t0::It failed."


@pytest.mark.parametrize(
    ("path", "relative"),
    [
        ("tests/a.py", "tests/a.py"), ("./spec/a.rb", "spec/a.rb"), ("/w/shop/src/a.js", "src/a.js"),
        ("file:///w/shop/a.dart", "a.dart"), ("test\\a_test.dart", "test/a_test.dart"), ("/etc/passwd", None),
        ("../other/a.py", None), ("C:\\Users\\a.cs", None), ("https://evil.example.test/a", None), ("a\nb", None),
        ("", None), (None, None),
    ],
)  # fmt: skip
def test_a_place_outside_of_the_repository_is_no_place(path: str | None, relative: str | None) -> None:
    assert relative_path(path, "/w/shop") == relative


def test_the_summary_of_a_step_holds_names_as_code_and_nothing_else() -> None:
    failure = {"id": HOSTILE, "message": HOSTILE, "file": None, "line": None}
    text = step_summary(report(failures=[failure]), [VERDICT], commit="4f1c2ab")
    line = next(one for one in text.splitlines() if one.startswith("- "))
    assert line.startswith("- `` t`x`::add-mask")
    assert line.endswith(" ``")
    assert "2 cases: 1 passed, 1 failed, 0 skipped." in text
    assert "**NO-GO** gate `ci-cd`: `1 of 2 cases failed.`" in text
    assert "1. `backend`: `fix a.b`" in text


def test_gitlabs_report_names_files_of_the_repository_alone() -> None:
    failures = [report()["failures"][0], {"id": "c", "message": None, "file": "/etc/passwd", "line": 1}]
    found = json.loads(code_quality(report(failures=failures), root="/w/shop"))
    assert [(one["location"], one["severity"]) for one in found] == [
        ({"path": "tests/a.py", "lines": {"begin": 3}}, "major")
    ]
    assert len(found[0]["fingerprint"]) == 64
