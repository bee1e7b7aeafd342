"""What each door's operations are called by the policies: operation -> action `noun:verb`, and groups of actions.

An operation without a row is refused. `tidegate.cedarschema` has the same actions and groups; a test pins the two.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["ACTIONS", "GROUPS", "OPERATIONS", "PUBLIC", "action_of", "operations_of"]

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "self": ("appearance:set", "me:read", "sessions:end", "sessions:read"),
    "read": (
        "alerts:read",
        "board:read",
        "evidence:read",
        "gates:read",
        "gates:validate",
        "isolation:read",
        "live:listen",
        "logs:read",
        "prices:read",
        "prices:validate",
        "recounts:read",
        "releases:read",
        "retention:read",
        "runbooks:read",
        "runs:read",
        "schemas:read",
        "signals:read",
        "telemetry:read",
        "tenants:read",
        "traces:read",
        "workspace:read",
    ),
    "send": ("evaluations:send", "telemetry:ingest"),
    "write": (
        "alerts:acknowledge",
        "alerts:silence",
        "deliveries:replay",
        "drills:rehearse",
        "evidence:attach",
        "evidence:report",
        "gates:define",
        "gates:evaluate",
        "handoffs:answer",
        "isolation:report",
        "prices:set",
        "recounts:request",
        "releases:create",
        "retention:set",
        "rollouts:pause",
        "runbooks:draft",
    ),
    "decide": ("gates:decide", "overrides:request", "releases:freeze", "rollouts:abort", "rollouts:promote"),
    "approve": ("evidence:review", "gates:approve", "gates:waive", "overrides:approve"),
    "administer": (
        "audit:export",
        "audit:read",
        "authz:explain",
        "erasures:read",
        "invitations:read",
        "invitations:revoke",
        "members:change",
        "members:invite",
        "members:read",
        "members:remove",
        "service-accounts:create",
        "service-accounts:read",
        "telemetry:erase",
        "tokens:create",
        "tokens:read",
        "tokens:revoke",
        "tokens:rotate",
        "workspace:rename",
    ),
    "own": ("owners:change", "workspace:delete"),
    "never": ("audit:edit",),
}
"""Each action in exactly one group. Some have no door yet: the floor speaks of them before there is one."""

ACTIONS: Final = frozenset(action for actions in GROUPS.values() for action in actions)

PUBLIC: Final[Mapping[str, str]] = {
    "GET /healthz": "says that the process lives, and nothing else",
    "GET /readyz": "says whether the engines answer",
    "GET /assets/{file}": "style sheets and scripts of the package, the same for all",
    "HEAD /assets/{file}": "the same",
    "GET /sign-in": "who is not signed in has to be able to",
    "POST /sign-in": "the link proves who it is",
}
"""Operations that ask nobody who is calling, each with its reason."""

OPERATIONS: Final[Mapping[str, str]] = {
    # Telemetry. These doors are no routes of the application.
    "POST /v1/traces": "telemetry:ingest",
    "POST /v1/logs": "telemetry:ingest",
    "POST /v1/metrics": "telemetry:ingest",
    "GRPC /opentelemetry.proto.collector.trace.v1.TraceService/Export": "telemetry:ingest",
    "GRPC /opentelemetry.proto.collector.logs.v1.LogsService/Export": "telemetry:ingest",
    "GRPC /opentelemetry.proto.collector.metrics.v1.MetricsService/Export": "telemetry:ingest",
    "POST /api/v1/evaluations": "evaluations:send",
    "GET /api/v1/telemetry/stats": "telemetry:read",
    "GET /api/v1/retention": "retention:read",
    "PUT /api/v1/retention": "retention:set",
    "GET /api/v1/traces": "traces:read",
    "GET /api/v1/traces/{trace_id}": "traces:read",
    "GET /api/v1/traces/{trace_id}/spans/{span_id}": "traces:read",
    "GET /traces": "traces:read",
    "GET /traces/{trace_id}": "traces:read",
    "GET /traces/{trace_id}/rows": "traces:read",
    "GET /traces/{trace_id}/spans/{span_id}": "traces:read",
    "DELETE /api/v1/traces/{trace_id}": "telemetry:erase",
    "DELETE /api/v1/tenants/{tenant}/telemetry": "telemetry:erase",
    "GET /api/v1/erasures": "erasures:read",
    "GET /api/v1/erasures/{erasure_id}": "erasures:read",
    "GET /api/v1/logs": "logs:read",
    "GET /logs": "logs:read",
    # Signals.
    "GET /metrics": "signals:read",
    "GET /metrics/{family}": "signals:read",
    "GET /api/v1/signals": "signals:read",
    "GET /api/v1/signals/health": "signals:read",
    "GET /api/v1/signals/{family}/series": "signals:read",
    "GET /api/v1/signals/{family}/quantiles": "signals:read",
    "GET /api/v1/signals/{family}/by": "signals:read",
    "GET /signals": "signals:read",
    "GET /signals/{family}": "signals:read",
    "GET /api/v1/runs": "runs:read",
    "GET /api/v1/runs/{trace_id}/{span_id}": "runs:read",
    "GET /ai-runs": "runs:read",
    "GET /ai-runs/compare": "runs:read",
    "GET /ai-runs/{trace_id}/{span_id}": "runs:read",
    "GET /api/v1/tenants": "tenants:read",
    "GET /api/v1/tenants/{tenant}": "tenants:read",
    "GET /tenants": "tenants:read",
    "GET /tenants/{tenant}": "tenants:read",
    "GET /api/v1/prices": "prices:read",
    "GET /api/v1/prices/explain": "prices:read",
    "GET /api/v1/prices/overrides": "prices:read",
    "PUT /api/v1/prices/overrides": "prices:set",
    "POST /api/v1/prices/validate": "prices:validate",
    "GET /api/v1/recounts": "recounts:read",
    "GET /api/v1/recounts/{recount_id}": "recounts:read",
    "POST /api/v1/recounts": "recounts:request",
    # Alerts and runbooks.
    "GET /alerts/{family}": "alerts:read",
    "GET /api/v1/alerts": "alerts:read",
    "GET /api/v1/alerts/{alert_id}": "alerts:read",
    "GET /alerts": "alerts:read",
    "GET /alerts/{alert_id}": "alerts:read",
    "GET /api/v1/runbooks": "runbooks:read",
    "GET /api/v1/runbooks/{slug}": "runbooks:read",
    "GET /runbooks": "runbooks:read",
    "GET /runbooks/{slug}": "runbooks:read",
    # Releases, evidence, gates.
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
    "POST /api/v1/gates": "gates:define",
    "POST /api/v1/gates/validate": "gates:validate",
    "POST /api/v1/gates/{gate_id}/decisions": "gates:evaluate",
    "GET /api/v1/schemas": "schemas:read",
    "GET /api/v1/schemas/{name}": "schemas:read",
    # Open pages, and what people set for themselves.
    "GET /events": "live:listen",
    "POST /appearance": "appearance:set",
    "POST /sign-out": "sessions:end",
}


def action_of(operation: str) -> str | None:
    """Return what `operation` is to the policies; an action is one of itself."""
    return OPERATIONS.get(operation) or (operation if operation in ACTIONS else None)


def operations_of(action: str) -> tuple[str, ...]:
    """Return the operations that are this action."""
    return tuple(operation for operation, found in OPERATIONS.items() if found == action)
