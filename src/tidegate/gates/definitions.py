"""Gates written back as the YAML of a gate file, with every default spelled out. Pure."""

from typing import Any

import yaml

from tidegate.gates.model import Check, Gate
from tidegate.kernel import format_duration

__all__ = ["definition_of"]


def definition_of(gate: Gate) -> str:
    """Return the definition in force. Applying it changes nothing but what severities have become: codes."""
    file: dict[str, Any] = {
        "apiVersion": "tidegate/v1",
        "kind": "Gate",
        "id": str(gate.id),
        "title": gate.title,
        "sprint": gate.sprint,
        "owner": gate.owner,
        "onWarning": "hold" if gate.holds_on_warning else "go",
        "score": {"pass": gate.score.passing, "warning": gate.score.warning} if gate.score else None,
        "maxWaiver": format_duration(gate.max_waiver),
        "checks": [_without_nothing(_check(check, gate)) for check in gate.checks],
    }
    return yaml.safe_dump(_without_nothing(file), sort_keys=False, allow_unicode=True, width=100)


def _check(check: Check, gate: Gate) -> dict[str, Any]:
    return {
        "id": check.id,
        "title": check.title,
        "kind": check.kind.value,
        "owner": check.owner,
        "required": check.required,
        "weight": check.weight if gate.score else None,
        "runbook": check.runbook,
        **check.spec.define(),
    }


def _without_nothing(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
