"""The audit of one process: what records, what is asked, and what keeps both."""

from typing import Any, NamedTuple

from tidegate.app.keys import load_audit_key
from tidegate.app.running import Task
from tidegate.app.settings import EdgeSettings
from tidegate.audit import AuditService, AuditTrail, PostgresAuditStore, PostgresAuditTrail
from tidegate.audit.tasks import AuditKeeper
from tidegate.kernel import SystemClock
from tidegate.storage import Database

__all__ = ["Auditing", "build_auditing"]


class Auditing(NamedTuple):
    trail: PostgresAuditTrail
    services: dict[type[Any], object]
    keep: Task


def build_auditing(settings: EdgeSettings, database: Database) -> Auditing:
    """Return the audit; its `keep` has to run, or refusals that were only counted stay in memory."""
    clock, store = SystemClock(), PostgresAuditStore(database)
    trail = PostgresAuditTrail(store=store, clock=clock)
    service = AuditService(store=store, key=load_audit_key(settings.data_dir), clock=clock)
    return Auditing(
        trail, {AuditTrail: trail, AuditService: service}, AuditKeeper(trail=trail, audit=service, clock=clock).run
    )
