"""What launch polls need."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from tidegate.audit import Doer
from tidegate.gates.model import Dashboard, Gate, Poll, Voice
from tidegate.kernel import Cursor, GateId, Page, ReleaseId, WorkspaceId


class Gates(Protocol):
    async def get_gate(self, workspace: WorkspaceId, gate_id: GateId) -> Gate: ...

    async def dashboard(self, workspace: WorkspaceId, gate_id: GateId, *, release: str | None = None) -> Dashboard: ...


class Makers(Protocol):
    async def find_makers(
        self, workspace: WorkspaceId, *, release_id: ReleaseId, evidence: Collection[str]
    ) -> frozenset[str]: ...


class Functions(Protocol):
    async def find_name(self, workspace: WorkspaceId, member: str | None) -> str | None: ...

    async def speaks_for(self, workspace: WorkspaceId, member: str, role: str) -> bool: ...


class PollStore(Protocol):
    async def open(self, workspace: WorkspaceId, poll: Poll, *, by: Doer) -> None:
        """Store it as the newest of its check and record who opened it, both or neither.

        Raises:
            PollOpenError: one of the same check is open.
            ApprovalOutdatedError: a decision was recorded meanwhile that is about something else.
        """
        ...

    async def answer(self, workspace: WorkspaceId, poll_id: str, voice: Voice, *, by: Doer) -> Poll:
        """Add what a person said, one after the other, and record it.

        Raises:
            PollNotFoundError, PollClosedError: there is none, or none that takes answers.
        """
        ...

    async def close(self, workspace: WorkspaceId, poll_id: str, *, at: datetime, by: Doer) -> Poll:
        """Close it, and record who did.

        Raises:
            PollNotFoundError, PollClosedError: there is none, or it is closed.
        """
        ...

    async def find(self, workspace: WorkspaceId, poll_id: str) -> Poll | None: ...

    async def page(self, workspace: WorkspaceId, *, limit: int, cursor: Cursor | None) -> Page[Poll]:
        """Return polls, newest first."""
        ...
