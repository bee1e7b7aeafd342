"""Gates written back as the YAML of a gate file, with every default spelled out. Pure."""

from typing import Any

import yaml

from tidegate.gates.model import Check, CheckSpec, Gate, QuietSpec, RegressionSpec, SignalSpec
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
        "checks": [_without_nothing(_check(check)) for check in gate.checks],
    }
    return yaml.safe_dump(_without_nothing(file), sort_keys=False, allow_unicode=True, width=100)


def _check(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "title": check.title,
        "kind": check.kind.value,
        "owner": check.owner,
        "required": check.required,
        "runbook": check.runbook,
        **_spec(check.spec),
    }


def _spec(spec: CheckSpec) -> dict[str, Any]:
    match spec:
        case SignalSpec():
            return {
                "family": spec.family.value,
                "window": format_duration(spec.window),
                "expression": spec.expression,
                "warn": spec.warn_expression,
                "minCount": spec.min_count,
                "service": spec.service,
                "tenant": spec.tenant,
                "version": "release" if spec.is_release_only else None,
            }
        case QuietSpec():
            return {"codes": list(spec.codes), "for": format_duration(spec.quiet_for), "service": spec.service}
        case RegressionSpec():
            return {
                "source": spec.source.value,
                "suite": spec.suite,
                "maxAge": format_duration(spec.max_age),
                "service": spec.service,
                "requireCrossTenantNegatives": spec.requires_cross_tenant_negatives or None,
                "allowSkipped": spec.allows_skipped,
            }


def _without_nothing(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
