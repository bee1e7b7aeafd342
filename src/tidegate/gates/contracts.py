"""The published JSON Schemas: files of the package, equal to what the models say (a test compares them)."""

import json
from functools import cache
from importlib import resources
from typing import Any

from pydantic import BaseModel

from tidegate.alerts.rule_sets import RuleFile
from tidegate.evidence import ReleaseGateEvidenceInput
from tidegate.gates.errors import SchemaNotFoundError
from tidegate.gates.gate_files import GateFile
from tidegate.gates.schemas import (
    ReleaseGate,
    ReleaseGateDashboard,
    ReleaseGateDashboardCheckStatus,
)
from tidegate.isolation import AuthzRegressionRun
from tidegate.signals.prices import PriceFile

__all__ = ["MODELS", "contract_names", "generate_contract", "read_contract"]

MODELS: dict[str, tuple[type[BaseModel], str]] = {
    "gate": (GateFile, "validation"),
    "prices": (PriceFile, "validation"),
    "rules": (RuleFile, "validation"),
    "ReleaseGate": (ReleaseGate, "serialization"),
    "ReleaseGateEvidenceInput": (ReleaseGateEvidenceInput, "validation"),
    "AuthzRegressionRun": (AuthzRegressionRun, "validation"),
    "ReleaseGateDashboardCheckStatus": (ReleaseGateDashboardCheckStatus, "serialization"),
    "ReleaseGateDashboard": (ReleaseGateDashboard, "serialization"),
}
_FOLDER = "json_schemas"
_VERSION = "v1"


def contract_names() -> tuple[str, ...]:
    return tuple(MODELS)


@cache
def read_contract(name: str) -> dict[str, Any]:
    """Return a published schema.

    Raises:
        SchemaNotFoundError: there is none of this name.
    """
    if name not in MODELS:
        raise SchemaNotFoundError(name, ", ".join(MODELS))
    file = resources.files("tidegate.gates") / _FOLDER / f"{name}.{_VERSION}.json"
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


def generate_contract(name: str) -> dict[str, Any]:
    """Return the schema that the model of `name` has now."""
    model, mode = MODELS[name]
    schema = model.model_json_schema(by_alias=True, mode="serialization" if mode == "serialization" else "validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"/api/{_VERSION}/schemas/{name}",
        **schema,
        "title": name,
    }
