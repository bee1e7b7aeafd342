import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tidegate.app.cli import cli

RULES = "groups: [{name: g, rules: [{alert: Down, expr: up == 0}]}]"
TESTS = """
rule_files: ["*.rules.yml"]
tests:
- interval: 1m
  input_series: [{series: up, values: 1 0}]
  alert_rule_test: [{eval_time: 1m, alertname: Down, exp_alerts: [%s]}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.rules.yml").write_text(RULES)
    (tmp_path / "good.yml").write_text(TESTS % "{}")
    (tmp_path / "bad.yml").write_text(TESTS % "")
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["rule", *map(str, arguments)])


def test_tests_that_pass_exit_with_zero_and_say_success(folder: Path) -> None:
    result = run("test", folder / "good.yml")
    assert (result.exit_code, result.stdout) == (0, f"Unit Testing:  {folder / 'good.yml'}\n  SUCCESS\n\n")


def test_one_test_that_fails_fails_the_run_and_is_said(folder: Path) -> None:
    result = run("test", folder / "good.yml", folder / "bad.yml")
    assert result.exit_code == 1
    assert "  SUCCESS\n" in result.stdout
    assert "    alertname: Down, time: 1m, \n        exp:[], \n        got:[\n" in result.stdout


def test_a_rule_outside_the_subset_fails_its_tests_by_name(folder: Path) -> None:
    (folder / "a.rules.yml").write_text(RULES.replace("up == 0", "'deriv(up[5m]) > 0'"))
    found = json.loads(run("test", "--json", folder / "good.yml").stdout)
    assert found[0]["passed"] is False
    assert "a.rules.yml: group g, rule 1, Down: `deriv` at line 1, column 1" in found[0]["failures"][0]


def test_a_file_that_cannot_be_read_fails_with_its_reason(folder: Path) -> None:
    (folder / "broken.yml").write_text("tests: [")
    result = run("test", folder / "broken.yml")
    assert result.exit_code == 1
    assert "The file cannot be read" in result.stdout


def test_an_import_says_for_each_rule_what_becomes_of_it(folder: Path) -> None:
    file = folder / "mixed.yml"
    file.write_text("groups: [{name: g, rules: [{alert: A, expr: up == 0}, {alert: B, expr: 'topk(1, up)'}]}]")
    rows = json.loads(run("import", file, "--check", "--json").stdout)
    assert [(row["name"], row["verdict"], row["code"]) for row in rows] == [
        ("g/A", "taken", None),
        ("g/B", "refused", "promql_not_supported"),
    ]
    assert run("import", file, "--check").exit_code == 1
    assert run("import", folder / "a.rules.yml", "--check", "--format", "prometheus").exit_code == 0


def test_text_of_a_file_never_reaches_the_terminal_as_a_command(folder: Path) -> None:
    (folder / "a.rules.yml").write_text(
        json.dumps({"groups": [{"name": "g\u001b[2J", "rules": [{"record": "\u001b"}]}]})
    )
    assert "\u001b" not in run("import", folder / "a.rules.yml", "--check").output
    assert "\u001b" not in run("test", folder / "good.yml").output
