"""What approvals and overrides need."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from tidegate.audit import Doer
from tidegate.gates.approvals.model import FunctionHolders
from tidegate.gates.model import Approval, Dashboard, Gate, Override, Said
from tidegate.kernel import Cursor, GateId, Page, ReleaseId, WorkspaceId
from tidegate.releases import Release


class Gates(Protocol):
    """What approvals have to know of gates."""

    async def get_gate(self, workspace: WorkspaceId, gate_id: GateId) -> Gate: ...

    async def dashboard(self, workspace: WorkspaceId, gate_id: GateId, *, release: str | None = None) -> Dashboard: ...


class Makers(Protocol):
    """Knows who made what a release rests on."""

    async def find_makers(
        self, workspace: WorkspaceId, *, release_id: ReleaseId, evidence: Collection[str]
    ) -> frozenset[str]:
        """Return the members who created the release or sent a piece of evidence, behind whatever credential."""
        ...


class Releases(Protocol):
    async def get(self, workspace: WorkspaceId, name_or_id: str) -> Release: ...


class Sayings(Protocol):
    async def read_said(self, workspace: WorkspaceId, gate_id: GateId, release_id: ReleaseId, *, now: datetime) -> Said:
        """Return what people said about a release at a gate."""
        ...


class Functions(Protocol):
    async def list_functions(self, workspace: WorkspaceId) -> tuple[FunctionHolders, ...]:
        """Return the functions that somebody holds, by name."""
        ...

    async def set_holders(
        self, workspace: WorkspaceId, holders: FunctionHolders, *, named_at: datetime, by: Doer
    ) -> None:
        """Make these the holders, and no others, and record who did.

        Raises:
            FunctionInvalidError: one of them is no person of the workspace.
        """
        ...

    async def find_name(self, workspace: WorkspaceId, member: str | None) -> str | None:
        """Return the name of an active person of the workspace, `None` for whom it is not one."""
        ...

    async def speaks_for(self, workspace: WorkspaceId, member: str, role: str) -> bool:
        """Return whether an active person of the workspace has this access role or holds this function."""
        ...


class ApprovalStore(Protocol):
    async def add(self, workspace: WorkspaceId, approval: Approval, *, by: Doer) -> None:
        """Store it and record who gave it, both or neither; one at a time for a gate and a release.

        Raises:
            ApprovalOutdatedError: a decision was recorded meanwhile that is about something else.
            AlreadyApprovedError: one of this person stands.
        """
        ...

    async def withdraw(
        self, workspace: WorkspaceId, gate_id: GateId, approval_id: str, *, at: datetime, by: Doer
    ) -> Approval:
        """End it, and record who did.

        Raises:
            ApprovalNotFoundError: the gate has none of this id.
            NotYoursError: somebody else gave it.
            ApprovalWithdrawnError: it was withdrawn before.
        """
        ...


class OverrideStore(Protocol):
    async def add(self, workspace: WorkspaceId, override: Override, *, by: Doer) -> None:
        """Store a request and record who asked, both or neither."""
        ...

    async def confirm(self, workspace: WorkspaceId, override: Override, *, service: str, by: Doer) -> None:
        """Put it in force, open its alert, arrange for its end and record who confirmed: all or nothing.

        Raises:
            GateOverrideNotOpenError: somebody else was first, or it is over.
        """
        ...

    async def end(
        self, workspace: WorkspaceId, gate_id: GateId, override_id: str, *, at: datetime, by: Doer
    ) -> Override:
        """End it before its time with its alert, and record who did.

        Raises:
            GateOverrideNotFoundError: the gate has none of this id.
            GateOverrideEndedError: somebody ended it before, or it is over.
        """
        ...

    async def find(self, workspace: WorkspaceId, gate_id: GateId, override_id: str) -> Override | None: ...

    async def page(
        self, workspace: WorkspaceId, gate_id: GateId | None, *, limit: int, cursor: Cursor | None
    ) -> Page[Override]:
        """Return overrides, newest first."""
        ...
