"""Adding, listing and removing the keys that signatures are checked with."""

from collections.abc import Sequence
from datetime import datetime

from tidegate.attestations import read_public_key
from tidegate.audit import Doer
from tidegate.evidence.keys.errors import EvidenceKeyExpiryError, EvidenceKeyNotFoundError
from tidegate.evidence.keys.model import EvidenceKey
from tidegate.evidence.keys.ports import KeyStore
from tidegate.kernel import Clock, IdFactory, WorkspaceId


class EvidenceKeyService:
    """The keys that a workspace knows."""

    def __init__(self, *, store: KeyStore, ids: IdFactory, clock: Clock) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock

    async def list_keys(self, workspace: WorkspaceId) -> Sequence[EvidenceKey]:
        return await self._store.list_keys(workspace)

    async def add(
        self, workspace: WorkspaceId, name: str, pem: str, *, expires_at: datetime | None = None, by: Doer
    ) -> EvidenceKey:
        """Make a key known.

        Raises:
            KeyUnreadableError: it is no public key that is read here.
            EvidenceKeyExpiryError: it is expired.
            EvidenceKeyExistsError: its name or the key itself is there.
            EvidenceKeyLimitError: there are too many.
        """
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise EvidenceKeyExpiryError
        public = read_public_key(pem)
        key = EvidenceKey(self._ids.new_id("evk"), name, public, now, by.member or by.actor, expires_at)
        deed = by.deed("evidence-keys:add", f"evidence-key/{key.id}", after=public.fingerprint, name=name)
        await self._store.add_key(workspace, key, deed=deed)
        return key

    async def remove(self, workspace: WorkspaceId, name_or_id: str, *, by: Doer) -> None:
        """Forget a key: what it signed is signed by nobody known from now on.

        Raises:
            EvidenceKeyNotFoundError: there is none.
        """
        found = [each for each in await self._store.list_keys(workspace) if name_or_id in {each.id, each.name}]
        if not found:
            raise EvidenceKeyNotFoundError(name_or_id)
        [key] = found
        deed = by.deed("evidence-keys:remove", f"evidence-key/{key.id}", before=key.public.fingerprint, name=key.name)
        if not await self._store.remove_key(workspace, key.id, at=self._clock.now(), deed=deed):
            raise EvidenceKeyNotFoundError(name_or_id)
