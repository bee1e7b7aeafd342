"""What passkeys need from the state store and from sessions."""

from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.identity.passkeys.model import Challenge, Passkey, Purpose
from tidegate.kernel import WorkspaceId


class PasskeyStore(Protocol):
    """Passkeys by workspace, and challenges. Each write is committed together with what is recorded of it."""

    async def add_challenge(self, secret_hash: bytes, challenge: Challenge, *, now: datetime) -> None:
        """Keep a challenge until it is answered or too old; forget those that are."""
        ...

    async def take_challenge(
        self, secret_hash: bytes, purpose: Purpose, *, session: str, now: datetime
    ) -> Challenge | None:
        """Use up the challenge of this browser, whatever comes of it; of two who take it at once, one has it."""
        ...

    async def find_by_credential(self, credential: bytes) -> Passkey | None:
        """Return the passkey of an active member, in whichever workspace it is."""
        ...

    async def list_passkeys(self, workspace: WorkspaceId, member: str) -> list[Passkey]: ...

    async def find_account_name(self, workspace: WorkspaceId, member: str) -> tuple[str, str] | None:
        """Return e-mail address and name of an active member."""
        ...

    async def add_passkey(self, workspace: WorkspaceId, passkey: Passkey, *, deed: Deed) -> None:
        """Keep it.

        Raises:
            PasskeyExistsError: its credential is known already.
        """
        ...

    async def note_use(self, workspace: WorkspaceId, passkey: Passkey, *, sign_count: int, now: datetime) -> bool:
        """Write down its use; false when it was used or removed since it was read."""
        ...

    async def remove_passkey(
        self, workspace: WorkspaceId, member: str, passkey_id: str, *, now: datetime, deed: Deed
    ) -> bool:
        """Remove it; false when the member has none of this id."""
        ...
