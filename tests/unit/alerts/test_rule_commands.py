"""`tidegate rule`, as far as they need no server."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from tidegate.alerts.rule_sets.commands import rule

HEAD = "apiVersion: tidegate/v1\nkind: Rules\nmetadata: {name: mine}\n"
GOOD = f"{HEAD}rules: [{{code: auth_failure_rate_high, threshold: 0.3}}]\n"
BAD = GOOD.replace("threshold: 0.3", "threshold: 3, runbook: nowhere")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules.yaml"


def test_a_good_file_is_valid_without_a_server(file: Path) -> None:
    file.write_text(GOOD)

    found = CliRunner().invoke(rule, ["check", str(file)])

    assert (found.exit_code, found.output.rpartition(" is ")[2]) == (0, "valid: 1 rules in the set mine\n")


def test_a_wrong_file_names_each_line_and_ends_with_2(file: Path) -> None:
    file.write_text(BAD)

    found = CliRunner().invoke(rule, ["check", str(file)])

    assert found.exit_code == 2
    assert f"{file}:4: rules.0.threshold: 3 is no bound of failureRate" in found.output
    assert f"{file}:4: rules.0.runbook: 'nowhere' does not resolve" in found.output


def test_a_wrong_file_is_said_as_json(file: Path) -> None:
    file.write_text(BAD)

    found = CliRunner().invoke(rule, ["check", str(file), "--json"])
    said = json.loads(found.stdout)

    assert (found.exit_code, said["valid"], [one["line"] for one in said["problems"]]) == (2, False, [4, 4])


def test_the_schema_takes_what_the_reader_takes() -> None:
    schema = json.loads(CliRunner().invoke(rule, ["schema"]).output)

    Draft202012Validator.check_schema(schema)
    entry = {"code": "auth_failure_rate_high", "threshold": 0.3, "for": "5m"}
    document = {"apiVersion": "tidegate/v1", "kind": "Rules", "metadata": {"name": "mine"}, "rules": [entry]}
    assert list(Draft202012Validator(schema).iter_errors(document)) == []
    entry["treshold"] = 1
    assert list(Draft202012Validator(schema).iter_errors(document)) != []
