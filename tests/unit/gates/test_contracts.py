"""The published schemas are what the models say, and their shape changes only on purpose."""

import re
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import yaml

from tidegate.alerts import load_rules
from tidegate.gates import GateReader
from tidegate.gates.catalogues import BuiltInRunbooks, LoadedRules
from tidegate.gates.contracts import contract_names, generate_contract, read_contract
from tidegate.gates.gate_files import parse_gate_file
from tidegate.gates.shipped import template_files
from tidegate.signals import Family, Totals, figures_of

SHAPES = {
    "gate": ["apiVersion", "kind", "id", "title", "sprint", "owner", "onWarning", "score", "maxWaiver", "checks"],
    "prices": ["apiVersion", "kind", "currency", "prices"],
    "rules": ["apiVersion", "kind", "metadata", "plans", "rules"],
    "ReleaseGate": ["id", "title", "sprint", "owner", "version", "policyDigest", "appliedAt", "problem", "checks"],
    "ReleaseGateEvidenceInput": [
        "gate", "release", "commit", "kind", "title", "uri", "body", "digest", "producedAt", "owner",
        "provisionalUntil", "encoding", "repository", "service", "subjectDigest", "runId",
    ],
    "AuthzRegressionRun": [
        "suite", "service", "commit", "runId", "startedAt", "finishedAt", "cases", "totals", "signature",
    ],
    "ReleaseGateDashboardCheckStatus": [
        "check", "kind", "outcome", "reason", "value", "bound", "measuredAt", "staleAfter", "evidence", "runbook",
        "waived",
    ],
    "ReleaseGateDashboard": [
        "gate", "release", "verdict", "sentence", "decidedAt", "verifiedAt", "policyDigest", "checks", "toReachGo",
        "approvals", "waivers", "override",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", contract_names())
def test_the_published_file_is_what_the_model_says(name: str) -> None:
    assert read_contract(name) == generate_contract(name)


@pytest.mark.parametrize("name", contract_names())
def test_the_published_file_is_a_schema_of_the_agreed_shape_that_refuses_unknown_fields(name: str) -> None:
    schema = read_contract(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert list(schema["properties"]) == SHAPES[name]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("name", ["auth-shell", "tenant-isolation", "ai-action"])
def test_the_gates_of_the_package_fit_the_published_schema(name: str) -> None:
    text = (resources.files("tidegate.gates") / "templates" / f"{name}.yaml").read_text()
    jsonschema.validate(yaml.safe_load(text), read_contract("gate"))


ROOT = Path(__file__).parents[3]
READER = GateReader(alerts=LoadedRules(load_rules()), runbooks=BuiltInRunbooks())


def test_the_gates_of_harbor_are_those_of_the_package_for_one_service_and_a_shorter_quiet() -> None:
    harbor = [
        READER.read(parse_gate_file(path.read_bytes())) for path in sorted(ROOT.glob("examples/harbor/gates/*.yaml"))
    ]
    shipped = [READER.read(file) for file in template_files()]
    assert [gate.id for gate in harbor] == [gate.id for gate in shipped]
    assert [[check.id for check in gate.checks] for gate in harbor] == [
        [check.id for check in gate.checks] for gate in shipped
    ]
    assert {check.spec.service for gate in harbor for check in gate.checks} == {"harbor"}


def test_the_example_and_the_figures_of_the_reference_page_are_right() -> None:
    page = (ROOT / "docs/reference/gate-file.md").read_text()
    example = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert example is not None
    assert len(READER.read(parse_gate_file(example.group(1).encode())).checks) == 3
    for family in Family:
        assert set(figures_of(family, Totals())) <= set(re.findall(r"`(\w+)`", page))
