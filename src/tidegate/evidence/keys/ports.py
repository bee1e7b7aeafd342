"""What known keys need from the state store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.evidence.keys.model import EvidenceKey
from tidegate.kernel import WorkspaceId


class KeyStore(Protocol):
    """Keys of a workspace. Each write is committed with what is recorded of it."""

    async def add_key(self, workspace: WorkspaceId, key: EvidenceKey, *, deed: Deed) -> None:
        """Add it.

        Raises:
            EvidenceKeyExistsError: its name or the key itself is there.
            EvidenceKeyLimitError: there are too many.
        """
        ...

    async def remove_key(self, workspace: WorkspaceId, key_id: str, *, at: datetime, deed: Deed) -> bool:
        """Forget it: what it signed is not signed by anybody known any more. False when there is none."""
        ...

    async def list_keys(self, workspace: WorkspaceId) -> Sequence[EvidenceKey]:
        """Return those that are known, by name: there are few."""
        ...
