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
    "POST /api/v1/evidence": "evidence:attach",
    "GET /api/v1/evidence": "evidence:read",
    "GET /api/v1/evidence/{evidence_id}": "evidence:read",
    "GET /api/v1/evidence/{evidence_id}/body": "evidence:read",
    "POST /api/v1/evidence/{evidence_id}/reviews": "evidence:review",
    "POST /api/v1/evidence/{evidence_id}/fetch": "evidence:check",
    "POST /api/v1/evidence/{evidence_id}/verify": "evidence:check",
    "DELETE /api/v1/evidence/{evidence_id}": "evidence:withdraw",
    "GET /evidence": "evidence:read",
    "GET /evidence/{evidence_id}": "evidence:read",
    "POST /evidence/{evidence_id}/review": "evidence:review",
    "POST /evidence/{evidence_id}/fetch": "evidence:check",
    "POST /evidence/{evidence_id}/withdraw": "evidence:withdraw",
    "GET /api/v1/evidence-keys": "evidence-keys:read",
    "POST /api/v1/evidence-keys": "evidence-keys:add",
    "DELETE /api/v1/evidence-keys/{key_id}": "evidence-keys:remove",
    "GET /": "board:read",
    "GET /api/v1/board": "board:read",
    "GET /release/dashboard": "board:read",
    "GET /gates/{gate_id}": "gates:read",
    "GET /api/v1/gates": "gates:read",
    "GET /api/v1/gates/{gate_id}": "gates:read",
    "GET /api/v1/gates/{gate_id}/decisions": "gates:read",
    "POST /api/v1/gates": "gates:define",
    "POST /api/v1/gates/validate": "gates:validate",
    "POST /api/v1/gates/{gate_id}/decisions": "gates:evaluate",
    "GET /api/v1/schemas": "schemas:read",
    "GET /api/v1/schemas/{name}": "schemas:read",
}
