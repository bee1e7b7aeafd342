"""The published schemas are what the models say, and their shape changes only on purpose."""

from importlib import resources

import jsonschema
import pytest
import yaml

from tidegate.gates.contracts import contract_names, generate_contract, read_contract

SHAPES = {
    "gate": ["apiVersion", "kind", "id", "title", "sprint", "owner", "onWarning", "checks"],
    "ReleaseGate": ["id", "title", "sprint", "owner", "version", "policyDigest", "appliedAt", "problem", "checks"],
    "ReleaseGateEvidenceInput": [
        "gate", "release", "commit", "kind", "title", "uri", "body", "digest", "producedAt", "owner",
        "provisionalUntil",
    ],
    "AuthzRegressionRun": [
        "suite", "service", "commit", "runId", "startedAt", "finishedAt", "cases", "totals", "signature",
    ],
    "ReleaseGateDashboardCheckStatus": [
        "check", "kind", "outcome", "reason", "value", "bound", "measuredAt", "staleAfter", "evidence", "runbook",
    ],
    "ReleaseGateDashboard": [
        "gate", "release", "verdict", "sentence", "decidedAt", "verifiedAt", "policyDigest", "checks", "toReachGo",
        "approvals", "waivers",
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
