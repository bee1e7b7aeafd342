"""What tokens need from the state store."""

from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.identity.model import Token
from tidegate.kernel import TokenId, WorkspaceId

Position = tuple[datetime, str]


class TokenStore(Protocol):
    """Tokens of workspaces. Each write is committed together with what is recorded of it."""

    async def list_tokens(
        self, workspace: WorkspaceId, *, member: str | None, after: Position | None, limit: int
    ) -> list[Token]:
        """Return tokens, those of `member` or all, the first first."""
        ...

    async def find_token(self, workspace: WorkspaceId, token_id: str) -> Token | None: ...

    async def add_token(self, workspace: WorkspaceId, token: Token, token_hash: bytes, *, deed: Deed) -> None:
        """Store it.

        Raises:
            MemberNotFoundError: its member was removed meanwhile.
        """
        ...

    async def rotate_token(
        self, workspace: WorkspaceId, old: Token, new: Token, token_hash: bytes, *, deed: Deed
    ) -> None:
        """Store `new` in the place of `old`, which works until its overlap ends.

        Raises:
            TokenRotatedError: that was done before.
            TokenEndedError: the old one was revoked meanwhile.
        """
        ...

    async def revoke_token(self, workspace: WorkspaceId, token_id: TokenId, *, now: datetime, deed: Deed) -> bool:
        """Revoke it; false when somebody else did."""
        ...
