"""What a credential that is narrowed to services or environments has to name, operation by operation. Pure.

One rule: whatever it asks for has to say which of its services, and of its environments, it is about. Where a request
cannot say so, it is about all of them, and refused. An operation without a row here is one of those.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from tidegate.edge.authority import UNNAMED, Target
from tidegate.identity.policy.actions import GROUPS, OPERATIONS

__all__ = ["ABOUT_NONE", "ENVIRONMENT", "FOUND", "NAMED", "SERVICE", "about", "takes"]

SERVICE: Final = "service"
ENVIRONMENT: Final = "environment"
_BOTH: Final = frozenset({SERVICE, ENVIRONMENT})
_SERVICE: Final = frozenset({SERVICE})

NAMED: Final[Mapping[str, frozenset[str]]] = {
    "GET /api/v1/traces": _SERVICE,
    "GET /traces": _SERVICE,
    "GET /api/v1/logs": _SERVICE,
    "GET /logs": _SERVICE,
    "GET /api/v1/runs": _SERVICE,
    "GET /ai-runs": _SERVICE,
    "GET /api/v1/evidence": _SERVICE,
    "GET /evidence": _SERVICE,
    "GET /api/v1/alerts": _SERVICE,
    "GET /alerts": _SERVICE,
    "GET /api/v1/objectives": _SERVICE,
    "GET /slos": _SERVICE,
    "GET /api/v1/signals/{family}/series": _BOTH,
    "GET /api/v1/signals/{family}/quantiles": _BOTH,
    "GET /api/v1/signals/{family}/by": _BOTH,
}
"""What the query names, and the answer is filtered by."""

FOUND: Final = frozenset({
    "POST /v1/traces",
    "POST /v1/logs",
    "POST /v1/metrics",
    "GRPC /opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "GRPC /opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "GRPC /opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "POST /api/v1/evaluations",
    "POST /api/v1/releases",
    "GET /api/v1/releases/{name_or_id}",
    "POST /release/authz-regression",
    "GET /release/authz-regression/latest",
    "GET /release/authz-regression/runs/{run_id}",
    "POST /api/v1/ci/reports",
    "GET /api/v1/ci/reports/latest",
    "GET /api/v1/ci/reports/{report_id}",
    "POST /api/v1/evidence",
    "GET /api/v1/evidence/{evidence_id}",
    "GET /api/v1/evidence/{evidence_id}/body",
    "POST /api/v1/evidence/{evidence_id}/reviews",
    "POST /api/v1/evidence/{evidence_id}/fetch",
    "POST /api/v1/evidence/{evidence_id}/verify",
    "DELETE /api/v1/evidence/{evidence_id}",
    "GET /evidence/{evidence_id}",
    "POST /evidence/{evidence_id}/review",
    "POST /evidence/{evidence_id}/fetch",
    "POST /evidence/{evidence_id}/withdraw",
    "GET /api/v1/alerts/{alert_id}",
    "GET /alerts/{alert_id}",
    # The door puts what the credential is narrowed to, to every selector.
    "GET /prometheus/api/v1/query",
    "POST /prometheus/api/v1/query",
    "GET /prometheus/api/v1/query_range",
    "POST /prometheus/api/v1/query_range",
    "GET /prometheus/api/v1/series",
    "POST /prometheus/api/v1/series",
    "GET /prometheus/api/v1/labels",
    "POST /prometheus/api/v1/labels",
    "GET /prometheus/api/v1/label/{name}/values",
    "GET /api/v1/alerts/{alert_id}/pages",
    "POST /api/v1/alerts/{alert_id}/acknowledge",
    "POST /api/v1/alerts/{alert_id}/assign",
    "POST /api/v1/alerts/{alert_id}/notes",
    "POST /alerts/{alert_id}/acknowledge",
    "POST /alerts/{alert_id}/assign",
    "POST /api/v2/alerts",
    "GET /api/v1/objectives/{objective}",
    "GET /slos/{objective}",
})  # fmt: skip
"""What the body names, or what is found: the door asks the policies once more when it knows."""

_OPEN_ACTIONS: Final = frozenset({
    *GROUPS["self"],
    *GROUPS["mint"],
    "evidence-keys:read",
    "gates:validate",
    "members:read",
    "prices:read",
    "prices:validate",
    "retention:read",
    "runbooks:read",
    "schemas:read",
    "service-accounts:read",
    "tools:call",  # each tool asks again, as the operation that it is
    "workspace:read",
})  # fmt: skip
ABOUT_NONE: Final = frozenset({operation for operation, action in OPERATIONS.items() if action in _OPEN_ACTIONS}) | {
    "GET /api/v1/signals",
    "GET /prometheus/api/v1/metadata",
    "GET /prometheus/api/v1/status/buildinfo",
}
"""What is about no service: oneself, one's tokens (never wider than the credential), and what is the same for all."""


def about(operation: str, named: Target) -> Target:
    """Return what a request of somebody who is narrowed is about, from what it names."""
    if operation not in OPERATIONS or operation in FOUND or operation in ABOUT_NONE:
        return named
    taken = takes(operation)
    return replace(
        named,
        services=named.services if SERVICE in taken and named.services else frozenset({UNNAMED}),
        environments=named.environments if ENVIRONMENT in taken and named.environments else frozenset({UNNAMED}),
    )


def takes(operation: str) -> frozenset[str]:
    """Return what the query of an operation can name."""
    return NAMED.get(operation, frozenset())
