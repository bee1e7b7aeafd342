"""Which attribute of an event means what, as data; docs/reference/events.md says the same to people.

The first key that is there wins. `tidegate.…` is our own name; the others are what conventions and libraries use.
"""

from collections.abc import Mapping
from typing import Final

EVENT_NAME: Final = ("event.name", "tidegate.event.name")
OUTCOME: Final = ("tidegate.outcome", "event.outcome", "outcome")
CLIENT_ADDRESS: Final = (
    "client.address",
    "tidegate.client.address",
    "source.address",
    "http.client_ip",
    "net.sock.peer.addr",
    "net.peer.ip",
    "network.peer.address",
)
AUTH_METHOD: Final = ("tidegate.auth.method", "auth.method")
DENIAL_CLASS: Final = ("tidegate.denial.class", "denial.class")
PRINCIPAL_TENANT: Final = ("tidegate.principal.tenant", "principal.tenant")
TARGET_TENANT: Final = ("tidegate.target.tenant", "target.tenant")
GRANT: Final = ("tidegate.grant",)
LIFECYCLE_ACTION: Final = ("tidegate.lifecycle.action", "lifecycle.action")
LIFECYCLE_OUTCOME: Final = ("tidegate.lifecycle.outcome", "lifecycle.outcome")
ATTEMPT: Final = ("tidegate.attempt", "job.attempt", "delivery.attempt", "messaging.delivery.attempt")
DURATION_MS: Final = ("tidegate.duration_ms", "duration_ms", "event.duration_ms")

QUEUE: Final = ("tidegate.queue", "job.queue", "messaging.destination.name", "queue.name")
STAGE: Final = ("tidegate.pipeline.stage", "job.stage", "pipeline.stage")
WAIT_MS: Final = ("tidegate.wait_ms", "job.wait_ms", "messaging.wait_ms")

ENDPOINT: Final = (
    "tidegate.endpoint",
    "delivery.endpoint",
    "webhook.endpoint",
    "tidegate.connector.name",
    "server.address",
)
SIGNATURE: Final = ("tidegate.signature", "delivery.signature", "webhook.signature")
DUPLICATE_EFFECT: Final = ("tidegate.duplicate_effect", "delivery.duplicate_effect")

SUBJECT_KIND: Final = ("tidegate.subject.kind", "access_sync.subject.kind", "subject.kind")
RESOURCE: Final = ("tidegate.resource", "tidegate.target.resource", "access_sync.resource")
EXPECTED: Final = ("tidegate.access.expected", "access_sync.expected", "expected.state")
ACTUAL: Final = ("tidegate.access.actual", "access_sync.actual", "actual.state")
LAG_S: Final = ("tidegate.lag_s", "access_sync.lag_s")

METER: Final = ("tidegate.meter", "usage.meter", "meter.name")
QUANTITY: Final = ("tidegate.quantity", "usage.quantity")
LIMIT: Final = ("tidegate.limit", "usage.limit")

POLICY: Final = ("tidegate.policy.id", "policy.id", "gen_ai.security.policy.id")
DECISION: Final = ("tidegate.policy.decision", "policy.decision", "policy.effect", "tidegate.outcome", "decision")

# The last word of an event's name, or the value of its outcome, in lower case.
_SUCCESS: Final = ("success", "succeeded", "successful", "ok", "accepted", "allowed", "granted", "signed_in")
_FAILURE: Final = ("failure", "failed", "fail", "error", "rejected", "denied", "refused", "invalid")
AUTH_OUTCOMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(_SUCCESS, "success"),
    **dict.fromkeys(_FAILURE, "failure"),
    "unauthorized": "unauthorized",
    "unauthenticated": "unauthorized",
    "forbidden": "unauthorized",
}
_OK: Final = dict.fromkeys((*_SUCCESS, "done", "completed", "delivered", "in_sync", "recorded", "applied"), "ok")
_FAILED: Final = dict.fromkeys((*_FAILURE, "timeout", "timed_out"), "failed")
JOB_OUTCOMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(_OK, "done"),
    **_FAILED,
    **dict.fromkeys(("retry", "retried", "retrying", "requeued"), "retry"),
    **dict.fromkeys(("dead_letter", "dead_lettered", "deadletter", "dead"), "dead_letter"),
    **dict.fromkeys(("sent", "enqueued", "queued", "created", "published", "submitted"), "sent"),
}
DELIVERY_OUTCOMES: Final[Mapping[str, str]] = {
    **_OK,
    **_FAILED,
    **dict.fromkeys(("dead_letter", "dead_lettered", "deadletter", "dead"), "dead_letter"),
}
SYNC_OUTCOMES: Final[Mapping[str, str]] = {**_OK, **_FAILED, "drift": "ok"}
USAGE_OUTCOMES: Final[Mapping[str, str]] = {
    **_OK,
    **dict.fromkeys(("refused", "rejected", "denied", "limited", "exceeded"), "refused"),
}
LIFECYCLE_OUTCOMES: Final[Mapping[str, str]] = {
    **_OK,
    **_FAILED,
    **dict.fromkeys(("out_of_order", "out-of-order"), "out_of_order"),
}
DECISIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("allow", "allowed", "permit", "permitted", "ok", "true"), "allow"),
    **dict.fromkeys(("deny", "denied", "block", "blocked", "forbid", "false"), "deny"),
}
DENIAL_CLASSES: Final = frozenset({"cross_tenant", "membership", "role", "unauthenticated"})
SIGNATURES: Final = frozenset({"valid", "invalid", "missing"})
TRUE: Final = frozenset({"true", "1", "yes"})
