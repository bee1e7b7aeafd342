"""What proving credentials needs from the state store."""

from datetime import datetime
from typing import Protocol

from tidegate.identity.acting import Visit
from tidegate.identity.model import Session, Token
from tidegate.kernel import WorkspaceId


class CredentialStore(Protocol):
    """Looks credentials up by hash. Each look-up first asks for the workspace, then reads inside it.

    What belongs to a deleted workspace is not found.
    """

    async def find_token(self, token_hash: bytes) -> Token | None: ...

    async def rehash_token(self, workspace: WorkspaceId, old: bytes, new: bytes, *, key_name: str) -> None:
        """Store a token's hash under another key; nothing happens when it is stored so already."""
        ...

    async def find_session(self, session_hash: bytes) -> Session | None:
        """Return a session that nobody ended; whether it is over by itself, it says itself."""
        ...

    async def note_use_of_token(self, workspace: WorkspaceId, token_id: str, *, now: datetime) -> None:
        """Write down that it was used, unless that was done within the last minute."""
        ...

    async def note_use_of_session(self, workspace: WorkspaceId, session_id: str, *, now: datetime) -> None: ...

    async def redeem_link(
        self, link_hash: bytes, *, session_hash: bytes, session_id: str, visit: Visit, now: datetime
    ) -> Session | None:
        """Use up a sign-in link and open the session, in one transaction; `None` when the link proves nothing."""
        ...

    async def find_workspace_of_link(self, link_hash: bytes) -> WorkspaceId | None: ...

    async def end_session(self, workspace: WorkspaceId, session_hash: bytes, *, now: datetime) -> None: ...
