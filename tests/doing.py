"""Who does things in tests, and a trail that records them for real."""

from dataclasses import dataclass
from typing import Final

from tidegate.audit import ActorKind, AuditTrail, Deed, Doer, PostgresAuditStore, PostgresAuditTrail
from tidegate.kernel import SystemClock, UnavailableError, WorkspaceId
from tidegate.storage import Connection, Database

BY: Final = Doer(ActorKind.TOKEN, "tok_test", request_id="req_test")
DEED: Final = BY.deed("tests:do", "test/1")


def trail_of(database: Database) -> PostgresAuditTrail:
    return PostgresAuditTrail(store=PostgresAuditStore(database), clock=SystemClock())


@dataclass
class BrokenTrail:
    """A trail that does not take the record of what was just written."""

    trail: AuditTrail
    is_broken: bool = True

    async def append(self, workspace: WorkspaceId, deed: Deed, *, within: Connection) -> None:
        if self.is_broken:
            raise UnavailableError("The state store does not answer for the moment. Try again.")
        await self.trail.append(workspace, deed, within=within)

    async def record(self, workspace: WorkspaceId, deed: Deed) -> None:
        await self.trail.record(workspace, deed)

    async def record_read(self, workspace: WorkspaceId, deed: Deed) -> None:
        await self.trail.record_read(workspace, deed)
