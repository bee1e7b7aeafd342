"""Who is calling: tokens, sign-in links, sessions."""

import secrets
from collections import OrderedDict
from datetime import datetime, timedelta

from tidegate.edge.caller import Caller, Scope
from tidegate.identity.errors import CredentialInvalidError, SignInLinkInvalidError
from tidegate.identity.model import SESSION_LENGTH, SigningKey, looks_like_token
from tidegate.identity.ports import CredentialStore
from tidegate.kernel import Clock, WorkspaceId

# A revoked credential must be refused within 2 s; half of that leaves room for the request that is under way.
_REMEMBERED_FOR = timedelta(seconds=1)
_REMEMBERED_COUNT = 4096


class IdentityService:
    """Proves credentials. Answers are remembered for one second: an exporter does not cost a query a batch."""

    def __init__(self, *, store: CredentialStore, key: SigningKey, clock: Clock) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self._remembered: OrderedDict[bytes, tuple[datetime, Caller]] = OrderedDict()

    async def caller_of_token(self, token: str) -> Caller:
        if not looks_like_token(token):
            raise CredentialInvalidError
        token_hash = self._key.hash_of(token)
        now = self._clock.now()
        known = self._recall(token_hash, now)
        if known is not None:
            return known
        found = await self._store.find_token(token_hash)
        if found is None or not found.is_valid_at(now):
            raise CredentialInvalidError
        caller = Caller(found.workspace, Scope(found.scope), found.id, by_session=False)
        self._remember(token_hash, now, caller)
        return caller

    async def caller_of_session(self, session: str) -> Caller:
        session_hash = self._key.hash_of(session)
        now = self._clock.now()
        known = self._recall(session_hash, now)
        if known is not None:
            return known
        workspace = await self._store.find_session(session_hash, now=now)
        if workspace is None:
            raise CredentialInvalidError
        # The one-time link is printed for the holder of the data directory, who may do everything.
        caller = Caller(workspace, Scope.ADMIN, f"ses_{session_hash.hex()[:12]}", by_session=True)
        self._remember(session_hash, now, caller)
        return caller

    async def sign_in(self, link: str) -> str:
        """Use up a one-time link and return the new session's secret.

        Raises:
            SignInLinkInvalidError: it was used before, has expired, or never was.
        """
        session = secrets.token_urlsafe(32)
        now = self._clock.now()
        workspace = await self._store.redeem_link(
            self._key.hash_of(link),
            session_hash=self._key.hash_of(session),
            now=now,
            session_ends_at=now + SESSION_LENGTH,
        )
        if workspace is None:
            raise SignInLinkInvalidError
        return session

    async def sign_out(self, workspace: WorkspaceId, session: str) -> None:
        session_hash = self._key.hash_of(session)
        self._remembered.pop(session_hash, None)
        await self._store.end_session(workspace, session_hash, now=self._clock.now())

    def _recall(self, credential_hash: bytes, now: datetime) -> Caller | None:
        entry = self._remembered.get(credential_hash)
        if entry is None or now - entry[0] >= _REMEMBERED_FOR:
            return None
        return entry[1]

    def _remember(self, credential_hash: bytes, now: datetime, caller: Caller) -> None:
        self._remembered[credential_hash] = (now, caller)
        self._remembered.move_to_end(credential_hash)
        while len(self._remembered) > _REMEMBERED_COUNT:
            self._remembered.popitem(last=False)
