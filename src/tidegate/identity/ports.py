"""What identity needs from the state store."""

from datetime import datetime
from typing import Protocol

from tidegate.identity.model import Token
from tidegate.kernel import WorkspaceId


class CredentialStore(Protocol):
    """Looks credentials up by hash. Each look-up first asks for the workspace, then reads inside it."""

    async def find_token(self, token_hash: bytes) -> Token | None: ...

    async def find_session(self, session_hash: bytes, *, now: datetime) -> WorkspaceId | None:
        """Return the workspace of a session that lives at `now`."""
        ...

    async def redeem_link(
        self, link_hash: bytes, *, session_hash: bytes, now: datetime, session_ends_at: datetime
    ) -> WorkspaceId | None:
        """Use up a sign-in link and open the session, in one transaction; `None` when the link proves nothing."""
        ...

    async def end_session(self, workspace: WorkspaceId, session_hash: bytes, *, now: datetime) -> None: ...
