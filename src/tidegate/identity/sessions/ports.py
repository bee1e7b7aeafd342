"""What signing in and sessions need from the state store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.identity.model import Session
from tidegate.kernel import WorkspaceId


@dataclass(frozen=True, slots=True)
class Account:
    """What is known under an e-mail address; of nobody it looks the same, without a password."""

    person: str
    password_hash: str | None
    """`None` for nobody, and for who was deactivated."""
    workspaces: Sequence[WorkspaceId]


class SessionStore(Protocol):
    """Accounts and sessions. Each write is committed together with what is recorded of it."""

    async def find_account(self, email: str) -> Account:
        """Return the account of this address, with as many questions to the store whether there is one or not."""
        ...

    async def find_own_account(self, workspace: WorkspaceId, person: str) -> tuple[str, Account] | None:
        """Return e-mail address and account of a member."""
        ...

    async def open_session(self, workspace: WorkspaceId, session: Session, session_hash: bytes, *, deed: Deed) -> bool:
        """Open the session; false, and nothing done, when its holder is no active member of an active workspace."""
        ...

    async def renew_session(
        self, workspace: WorkspaceId, session_id: str, session_hash: bytes, *, now: datetime, deed: Deed
    ) -> bool:
        """Write that its holder was proven now, under another secret; false when it ended."""
        ...

    async def is_suspended(self, workspace: WorkspaceId) -> bool: ...

    async def list_sessions(
        self, workspace: WorkspaceId, *, member: str | None, now: datetime, limit: int
    ) -> list[Session]:
        """Return the newest open sessions of a member; of `None` those that the operator's links opened."""
        ...

    async def find_session(self, workspace: WorkspaceId, session_id: str) -> Session | None:
        """Return a session that nobody ended."""
        ...

    async def end_session(self, workspace: WorkspaceId, session_id: str, *, now: datetime, deed: Deed) -> bool:
        """End it; false when somebody else did."""
        ...

    async def set_password(
        self, account: Account, password_hash: str, *, kept_session: str | None, now: datetime, deed: Deed
    ) -> None:
        """Set the password and end all other sessions of the person, in every workspace."""
        ...
