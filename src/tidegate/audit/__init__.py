"""Who did what: an append-only record a workspace, chained by hashes."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.audit.deeds import ITSELF, Doer, deed_of, doer_of
    from tidegate.audit.model import ActorKind, Deed, Outcome
    from tidegate.audit.ports import AuditTrail
    from tidegate.audit.service import AuditService
    from tidegate.audit.signing import AuditKey, AuditKeySource
    from tidegate.audit.store import PostgresAuditStore, append_deed
    from tidegate.audit.trail import PostgresAuditTrail
else:
    __getattr__ = lazily(
        {
            "tidegate.audit.deeds": ("ITSELF", "Doer", "deed_of", "doer_of"),
            "tidegate.audit.model": ("ActorKind", "Deed", "Outcome"),
            "tidegate.audit.ports": ("AuditTrail",),
            "tidegate.audit.service": ("AuditService",),
            "tidegate.audit.signing": ("AuditKey", "AuditKeySource"),
            "tidegate.audit.store": ("PostgresAuditStore", "append_deed"),
            "tidegate.audit.trail": ("PostgresAuditTrail",),
        }
    )

__all__ = [
    "ITSELF",
    "ActorKind",
    "AuditKey",
    "AuditKeySource",
    "AuditService",
    "AuditTrail",
    "Deed",
    "Doer",
    "Outcome",
    "PostgresAuditStore",
    "PostgresAuditTrail",
    "append_deed",
    "deed_of",
    "doer_of",
]
