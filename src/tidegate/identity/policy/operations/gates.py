"""Releases, evidence and gates: operation -> action."""

from collections.abc import Mapping
from typing import Final

__all__ = ["OPERATIONS"]

OPERATIONS: Final[Mapping[str, str]] = {
    "GET /api/v1/releases": "releases:read",
    "GET /api/v1/releases/{name_or_id}": "releases:read",
    "POST /api/v1/releases": "releases:create",
    "GET /release/authz-regression/latest": "isolation:read",
    "GET /release/authz-regression/runs/{run_id}": "isolation:read",
    "POST /release/authz-regression": "isolation:report",
    "GET /api/v1/ci/reports/latest": "evidence:read",
    "GET /api/v1/ci/reports/{report_id}": "evidence:read",
    "POST /api/v1/ci/reports": "evidence:report",
    "GET /": "board:read",
    "GET /api/v1/board": "board:read",
    "GET /release/dashboard": "board:read",
    "GET /gates/{gate_id}": "gates:read",
    "GET /api/v1/gates": "gates:read",
    "GET /api/v1/gates/{gate_id}": "gates:read",
    "GET /api/v1/gates/{gate_id}/decisions": "gates:read",
    "GET /api/v1/gates/{gate_id}/decisions/{decision_id}/diff": "gates:read",
    "POST /api/v1/gates": "gates:define",
    "POST /api/v1/gates/validate": "gates:validate",
    "POST /api/v1/gates/{gate_id}/decisions": "gates:evaluate",
    "GET /gates/{gate_id}/waive": "gates:read",
    "POST /gates/{gate_id}/waive": "gates:waive",
    "POST /gates/{gate_id}/waivers/{waiver_id}/end": "gates:waive",
    "GET /api/v1/waivers": "gates:read",
    "GET /api/v1/gates/{gate_id}/waivers": "gates:read",
    "POST /api/v1/gates/{gate_id}/waivers": "gates:waive",
    "DELETE /api/v1/gates/{gate_id}/waivers/{waiver_id}": "gates:waive",
    "GET /api/v1/schemas": "schemas:read",
    "GET /api/v1/schemas/{name}": "schemas:read",
}
