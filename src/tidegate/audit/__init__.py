"""Who did what: an append-only record a workspace, chained by hashes."""

from tidegate.audit.model import ActorKind, Deed, Outcome
from tidegate.audit.ports import AuditTrail

__all__ = ["ActorKind", "AuditTrail", "Deed", "Outcome"]
