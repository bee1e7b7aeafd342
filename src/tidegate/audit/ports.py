"""What others ask of the audit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tidegate.audit.model import ActorKind, AuditRecord, ChainPlace, Deed, Entry, Outcome, SignedHead
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection


class AuditTrail(Protocol):
    """Records deeds, each exactly once, in the order in which they were committed."""

    async def append(self, workspace: WorkspaceId, deed: Deed, *, within: Connection) -> None:
        """Record `deed` in a transaction of `workspace` that is open: both are committed, or neither.

        Call it last: it holds the workspace's chain until the transaction ends.

        Raises:
            UnavailableError: the state store does not answer for the moment.
        """
        ...

    async def record(self, workspace: WorkspaceId, deed: Deed) -> None:
        """Record `deed` by itself, together with what others record meanwhile; it is committed when this returns.

        A refusal is counted instead when its actor was refused the same action more than twenty times within this
        minute: those are one record with their number, committed when the minute ends.

        Raises:
            UnavailableError: the state store does not answer for the moment; nothing was recorded, or it is not known.
        """
        ...

    async def record_read(self, workspace: WorkspaceId, deed: Deed) -> None:
        """Record that something was read or exported, before it is shown.

        The first time in a minute is committed when this returns; what the same actor reads by the same action until
        the minute ends is counted, and is one record with its number then.

        Raises:
            UnavailableError: the state store does not answer for the moment; nothing may be shown.
        """
        ...


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which records are asked for; `None` and an empty text ask for all."""

    actor: str = ""
    member: str = ""
    actor_kind: ActorKind | None = None
    action: str = ""
    """A whole action, or its beginning: `tokens:`."""
    target: str = ""
    outcome: Outcome | None = None
    start: datetime | None = None
    end: datetime | None = None


class AuditStore(Protocol):
    """Where records are found."""

    async def list_records(
        self, workspace: WorkspaceId, asked: AuditFilter, *, below: int | None, limit: int
    ) -> list[AuditRecord]:
        """Return at most `limit` records with a sequence number below `below`, the newest first."""
        ...

    async def read_chain(self, workspace: WorkspaceId, *, after: int, up_to: int, limit: int) -> list[AuditRecord]:
        """Return at most `limit` records behind the place `after`, the oldest first."""
        ...

    async def find_head(self, workspace: WorkspaceId) -> ChainPlace | None:
        """Return the end of the chain, `None` when nothing was recorded yet."""
        ...

    async def list_signed_heads(
        self, workspace: WorkspaceId, *, after: int, up_to: int, limit: int
    ) -> list[SignedHead]:
        """Return at most `limit` heads with a sequence number above `after`, the oldest first."""
        ...


class ChainStore(AuditStore, Protocol):
    """Where chains grow and heads are signed."""

    async def write(
        self, waiting: Sequence[tuple[WorkspaceId, Sequence[Entry]]], *, recorded_at: datetime
    ) -> list[WorkspaceId]:
        """Record entries of several workspaces in one transaction; return the workspaces that were left out.

        Left out, with nothing written, is who has no chain yet and whose chain somebody else holds for the moment:
        one transaction that waits must not keep the others waiting.
        """
        ...

    async def write_one(self, workspace: WorkspaceId, entries: Sequence[Entry], *, recorded_at: datetime) -> None:
        """Record entries of one workspace; waits for its chain, and begins it when there is none."""
        ...

    async def list_unsigned(self) -> list[WorkspaceId]:
        """Return the workspaces whose chain grew since its last signed head."""
        ...

    async def count_up_to(self, workspace: WorkspaceId, seq: int) -> int:
        """Return how many records stand in the chain up to `seq`; counted, not read from the number."""
        ...

    async def find_last_signed(self, workspace: WorkspaceId) -> SignedHead | None:
        """Return the newest signed head."""
        ...

    async def add_signed_head(self, workspace: WorkspaceId, head: SignedHead) -> None:
        """Store a signed head; one of the same place is kept as it is."""
        ...
