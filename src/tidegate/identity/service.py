"""Who is calling: tokens, sign-in links, sessions."""

import contextlib
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta

from tidegate.edge.caller import Caller, Scope
from tidegate.identity.acting import Visit
from tidegate.identity.errors import CredentialInvalidError, SignInLinkInvalidError, WorkspaceSuspendedError
from tidegate.identity.model import (
    USER_AGENT_CHARACTERS,
    Session,
    SigningKey,
    Token,
    is_use_to_note,
    looks_like_token,
)
from tidegate.identity.ports import CredentialStore
from tidegate.identity.roles import narrowed, widest
from tidegate.identity.sessions.failures import SignInFailures
from tidegate.kernel import Clock, IdFactory, RandomIds, UnavailableError, WorkspaceId

# A revoked credential must be refused within 2 s; half of that leaves room for the request that is under way.
_REMEMBERED_FOR = timedelta(seconds=1)
_REMEMBERED_COUNT = 4096
_RANDOM_IDS = RandomIds()


class IdentityService:
    """Proves credentials. Answers are remembered for one second: an exporter does not cost a query a batch.

    That memory is the only one: whoever is removed, lowered, deactivated or revoked is refused when it is over.
    """

    def __init__(
        self,
        *,
        store: CredentialStore,
        key: SigningKey,
        clock: Clock,
        ids: IdFactory = _RANDOM_IDS,
        failures: SignInFailures | None = None,
    ) -> None:
        self._store = store
        self._failures = failures
        self._key = key
        self._clock = clock
        self._ids = ids
        self._remembered: OrderedDict[bytes, tuple[datetime, Caller]] = OrderedDict()

    async def caller_of_token(self, token: str) -> Caller:
        if not looks_like_token(token):
            raise CredentialInvalidError
        token_hash = self._key.hash_of(token)
        now = self._clock.now()
        known = self._recall(token_hash, now)
        if known is not None:
            return known
        found = await self._find_token(token)
        if found is None or not found.is_valid_at(now):
            raise CredentialInvalidError
        caller = caller_of_found_token(found)
        if is_use_to_note(found.last_used_at, now):
            # A store that cannot write for the moment does not keep anybody out.
            with contextlib.suppress(UnavailableError):
                await self._store.note_use_of_token(found.workspace, found.id, now=now)
        self._remember(token_hash, now, caller)
        return caller

    async def caller_of_session(self, session: str) -> Caller:
        session_hash = self._key.hash_of(session)
        now = self._clock.now()
        known = self._recall(session_hash, now)
        if known is not None:
            return known
        found = await self._find_session(session)
        if found is None or not found.is_valid_at(now):
            raise CredentialInvalidError
        caller = caller_of_found_session(found)
        if is_use_to_note(found.last_used_at, now):
            with contextlib.suppress(UnavailableError):
                await self._store.note_use_of_session(found.workspace, found.id, now=now)
        self._remember(session_hash, now, caller)
        return caller

    async def sign_in(self, link: str, *, user_agent: str = "", address: str = "") -> str:
        """Use up a one-time link and return the new session's secret.

        Raises:
            SignInLinkInvalidError: it was used before, has expired, or never was.
        """
        session = secrets.token_urlsafe(32)
        visit = Visit(address, user_agent[:USER_AGENT_CHARACTERS])
        hashes = self._key.hashes_of(link)
        for link_hash in hashes:
            opened = await self._store.redeem_link(
                link_hash,
                session_hash=self._key.hash_of(session),
                session_id=self._ids.new_id("ses"),
                visit=visit,
                now=self._clock.now(),
            )
            if opened is not None:
                return session
        # Of a link that never was nobody knows a workspace; of one that was used or is too old, it is known.
        for link_hash in hashes:
            workspace = await self._store.find_workspace_of_link(link_hash)
            if workspace is not None and self._failures is not None:
                self._failures.note([workspace], None, how="link", visit=visit)
        raise SignInLinkInvalidError

    async def sign_out(self, workspace: WorkspaceId, session: str) -> None:
        for session_hash in self._key.hashes_of(session):
            self._remembered.pop(session_hash, None)
            await self._store.end_session(workspace, session_hash, now=self._clock.now())

    def forget(self) -> None:
        """Prove every credential anew: something was taken away just now, and this process knows it at once."""
        self._remembered.clear()

    async def _find_token(self, token: str) -> Token | None:
        """Return what is stored of a token; one that an earlier key hashed goes over to the current one."""
        current, *earlier = self._key.hashes_of(token)
        found = await self._store.find_token(current)
        if found is not None or not earlier:
            return found
        for old in earlier:
            found = await self._store.find_token(old)
            if found is not None:
                # A store that cannot write for the moment leaves it to the next use.
                with contextlib.suppress(UnavailableError):
                    await self._store.rehash_token(found.workspace, old, current, key_name=self._key.name)
                return found
        return await self._store.find_token(current)  # another process may have taken it over meanwhile

    async def _find_session(self, session: str) -> Session | None:
        for session_hash in self._key.hashes_of(session):
            found = await self._store.find_session(session_hash)
            if found is not None:
                return found
        return None

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


def caller_of_found_token(token: Token) -> Caller:
    if token.is_suspended:
        raise WorkspaceSuspendedError
    scope: Scope | None = Scope(token.scope)
    if token.holder is not None:
        scope = narrowed(Scope(token.scope), token.holder.role)
    if scope is None:
        raise CredentialInvalidError
    return Caller(
        workspace=token.workspace,
        scope=scope,
        actor=token.id,
        by_session=False,
        member=token.holder.id if token.holder else None,
        role=token.holder.role if token.holder else None,
        services=token.services,
        environments=token.environments,
        quotas=token.quotas,
    )


def caller_of_found_session(session: Session) -> Caller:
    if session.is_suspended:
        raise WorkspaceSuspendedError
    holder = session.holder
    return Caller(
        workspace=session.workspace,
        # Without a member: the one-time link is printed for the holder of the data directory, who may do everything.
        scope=Scope.ADMIN if holder is None else widest(holder.role),
        actor=session.id,
        by_session=True,
        member=holder.id if holder else None,
        role=holder.role if holder else None,
        proven_at=session.proven_at,
        quotas=session.quotas,
    )
