"""What each door's operations are called by the policies: operation -> action `noun:verb`, and groups of actions.

An operation without a row is refused. `tidegate.cedarschema` has the same actions and groups; a test pins the two.
"""

from collections.abc import Mapping
from typing import Final

from tidegate.identity.policy.operations import OPERATIONS
from tidegate.identity.policy.public import PUBLIC

__all__ = ["ACTIONS", "FRESH", "GROUPS", "OPERATIONS", "PUBLIC", "action_of", "operations_of"]

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "self": (
        "appearance:set",
        "me:read",
        "passkeys:add",
        "passkeys:read",
        "passkeys:remove",
        "passwords:change",
        "sessions:end",
        "sessions:prove",
        "sessions:read",
        "tokens:read",
        "tokens:revoke",
    ),
    "read": (
        "alertmanagers:read",
        "alerts:read",
        "pages:read",
        "prometheus-sources:read",
        "routing:read",
        "routing:test",
        "silences:preview",
        "silences:read",
        "board:read",
        "channels:read",
        "deliveries:read",
        "evidence:read",
        "evidence-keys:read",
        "gates:read",
        "gates:validate",
        "incidents:read",
        "isolation:read",
        "limits:read",
        "live:listen",
        "logs:read",
        "members:read",
        "objectives:read",
        "prices:read",
        "prices:validate",
        "recounts:read",
        "releases:read",
        "retention:read",
        "rules:read",
        "rules:validate",
        "runbooks:read",
        "runs:read",
        "schedules:read",
        "schemas:read",
        "service-accounts:read",
        "signals:read",
        "telemetry:read",
        "tenants:read",
        "tools:call",
        "traces:read",
        "workspace:read",
    ),
    "send": ("evaluations:send", "telemetry:ingest"),
    "write": (
        "alerts:acknowledge",
        "alerts:assign",
        "alerts:receive",
        "alerts:silence",
        "routing:set",
        "channels:test",
        "deliveries:replay",
        "drills:rehearse",
        "evidence:attach",
        "evidence:check",
        "evidence:report",
        "evidence:withdraw",
        "gates:define",
        "gates:evaluate",
        "handoffs:answer",
        "incidents:change",
        "incidents:open",
        "isolation:report",
        "objectives:set",
        "prices:set",
        "recounts:request",
        "releases:create",
        "retention:set",
        "rollouts:pause",
        "rules:set",
        "runbooks:draft",
    ),
    "mint": ("tokens:create", "tokens:rotate"),
    "decide": (
        "gates:decide",
        "objectives:except",
        "overrides:request",
        "releases:freeze",
        "rollouts:abort",
        "rollouts:promote",
    ),
    "approve": ("evidence:review", "gates:approve", "gates:waive", "overrides:approve"),
    "provision": ("scim:read", "scim:write"),
    "administer": (
        "alertmanagers:remove",
        "alertmanagers:set",
        "audit:export",
        "audit:read",
        "authz:explain",
        "channels:add",
        "channels:change",
        "channels:remove",
        "channels:rotate",
        "channels:validate",
        "erasures:read",
        "evidence-keys:add",
        "evidence-keys:remove",
        "identity-provider:read",
        "identity-provider:remove",
        "identity-provider:set",
        "identity-provider:test",
        "invitations:read",
        "invitations:withdraw",
        "limits:set",
        "members:change",
        "members:invite",
        "members:remove",
        "prometheus-sources:remove",
        "prometheus-sources:set",
        "prometheus-sources:test",
        "provisioning:read",
        "provisioning:set",
        "schedules:remove",
        "schedules:set",
        "service-accounts:create",
        "telemetry:erase",
        "tokens:make-admin",
        "workspace:rename",
    ),
    "own": ("members:make-owner", "workspace:delete"),
    "never": ("audit:edit",),
}
"""Each action in exactly one group. Some have no door yet: the floor speaks of them before there is one."""

FRESH: Final = frozenset(
    {
        *GROUPS["approve"],
        *GROUPS["own"],
        "identity-provider:remove",
        "identity-provider:set",
        "passkeys:add",
        "passkeys:remove",
        "passwords:change",
        "provisioning:set",
        "tokens:make-admin",
    }
)
"""What people do only within ten minutes of proving who they are; `floor.cedar` says it, a test pins the two."""

ACTIONS: Final = frozenset(action for actions in GROUPS.values() for action in actions)


def action_of(operation: str) -> str | None:
    """Return what `operation` is to the policies; an action is one of itself."""
    return OPERATIONS.get(operation) or (operation if operation in ACTIONS else None)


def operations_of(action: str) -> tuple[str, ...]:
    """Return the operations that are this action."""
    return tuple(operation for operation, found in OPERATIONS.items() if found == action)
