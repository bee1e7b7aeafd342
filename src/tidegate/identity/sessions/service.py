"""Signing in with a password, and the sessions that come of it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tidegate.audit import ActorKind, Deed
from tidegate.edge.caller import Role
from tidegate.identity.acting import Acting, Visit
from tidegate.identity.attempts import Attempts
from tidegate.identity.errors import EmailInvalidError, PasswordWrongError, WorkspaceSuspendedError
from tidegate.identity.members.model import email_of
from tidegate.identity.model import SESSION_LENGTH, USER_AGENT_CHARACTERS, Holder, ProviderSession, Session, SigningKey
from tidegate.identity.passwords import Passwords
from tidegate.identity.sessions.errors import (
    NoPersonError,
    SessionEndedError,
    SessionNotFoundError,
    WorkspaceUnnamedError,
)
from tidegate.identity.sessions.failures import SignInFailures
from tidegate.identity.sessions.ports import Account, SessionStore
from tidegate.kernel import Clock, IdFactory, TidegateError, WorkspaceId

_MOST_SESSIONS = 200


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody who signs in gives, and from where."""

    email: str
    password: str = field(repr=False)
    workspace: str = ""
    """Empty: the only one."""
    address: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInParts:
    """What people sign in with."""

    store: SessionStore
    passwords: Passwords
    attempts: Attempts
    key: SigningKey
    ids: IdFactory
    clock: Clock
    failures: SignInFailures
    on_taken_away: Callable[[], None]
    """Called when sessions ended, so that this process knows it at once."""


class SessionService:
    """Opens, lists and ends the sessions of people."""

    def __init__(self, parts: SignInParts) -> None:
        self._parts = parts

    async def sign_in(self, credentials: Credentials) -> str:
        """Prove a password and return the secret of a new session.

        For who is not known it takes as long and says the same as for a wrong password.

        Raises:
            PasswordWrongError: the two do not go together, or the person was deactivated.
            TooManyAttemptsError: there were too many wrong ones.
            WorkspaceUnnamedError: the person is a member of several workspaces and named none.
            WorkspaceSuspendedError: the workspace is suspended.
        """
        parts = self._parts
        email = _email_as_typed(credentials.email)
        parts.attempts.begin(email, credentials.address)
        account = await parts.store.find_account(email)
        if not await parts.passwords.proves(credentials.password, account.password_hash):
            raise self._failed(PasswordWrongError(), account, credentials)
        parts.attempts.succeed(email, credentials.address)
        try:
            workspace = _workspace_of(account, credentials.workspace)
            return await self.open(
                workspace, account.person, user_agent=credentials.user_agent, address=credentials.address
            )
        except (PasswordWrongError, WorkspaceSuspendedError) as error:
            raise self._failed(error, account, credentials) from error

    async def open(
        self,
        workspace: WorkspaceId,
        person: str,
        *,
        user_agent: str,
        address: str = "",
        how: str = "password",
        provider: ProviderSession | None = None,
    ) -> str:
        """Open a session of a person who was proven just now, and return its secret.

        `how` they were proven, and from where, is recorded; `provider` may end the session, and says when it proved.

        Raises:
            PasswordWrongError: the person is no active member.
            WorkspaceSuspendedError: the workspace is suspended.
        """
        parts = self._parts
        now = parts.clock.now()
        secret = secrets.token_urlsafe(32)
        session = Session(
            id=parts.ids.new_id("ses"),
            workspace=workspace,
            created_at=now,
            expires_at=now + SESSION_LENGTH,
            # Who is still signed in at a provider proved nothing just now, and a proof of the future is none either.
            proven_at=now if provider is None else provider.proven_at and min(provider.proven_at, now),
            # The role is read when the session is used: it may change meanwhile.
            holder=Holder(person, Role.VIEWER, is_active=True),
            user_agent=user_agent[:USER_AGENT_CHARACTERS],
            provider=provider,
        )
        deed = Deed(
            ActorKind.PERSON,
            session.id,
            "sessions:create",
            f"session/{session.id}",
            member=person,
            details={"how": how, **Visit(address, session.user_agent).facts},
        )
        if await parts.store.open_session(workspace, session, parts.key.hash_of(secret), deed=deed):
            return secret
        if await parts.store.is_suspended(workspace):
            raise WorkspaceSuspendedError
        raise PasswordWrongError

    async def prove(self, workspace: WorkspaceId, password: str, *, visit: Visit, by: Acting) -> str:
        """Prove the password again, and return the session's new secret.

        Raises:
            NoPersonError: no person stands behind the session.
            PasswordWrongError: it is not the password.
            TooManyAttemptsError: there were too many wrong ones.
            SessionEndedError: it ended meanwhile.
        """
        parts = self._parts
        email, account = await self._own_account(workspace, by=by)
        parts.attempts.begin(email, visit.address)
        if not await parts.passwords.proves(password, account.password_hash):
            parts.failures.note([workspace], account.person, how="password", visit=visit)
            raise PasswordWrongError
        parts.attempts.succeed(email, visit.address)
        return await self.renew(workspace, how="password", visit=visit, by=by)

    async def renew(self, workspace: WorkspaceId, *, how: str, visit: Visit, by: Acting) -> str:
        """Note that the person of a session proved who they are just now; return the session's new secret.

        The old secret is worth nothing any more: it was given to who proved less.

        Raises:
            NoPersonError: no person stands behind the session.
            SessionEndedError: it ended meanwhile.
        """
        parts = self._parts
        if not by.caller.by_session or by.caller.member is None:
            raise NoPersonError
        session_id, secret = by.caller.actor, secrets.token_urlsafe(32)
        deed = by.deed("sessions:prove", f"session/{session_id}", how=how, **visit.facts)
        renewed = await parts.store.renew_session(
            workspace, session_id, parts.key.hash_of(secret), now=self._now(), deed=deed
        )
        if not renewed:
            raise SessionEndedError
        parts.on_taken_away()
        return secret

    async def list_sessions(self, workspace: WorkspaceId, *, member: str | None, by: Acting) -> list[Session]:
        """Return the open sessions of who asks; an admin may name another `member`.

        Raises:
            SessionNotFoundError: somebody else asks for the sessions of `member`.
        """
        wanted = member or by.caller.member
        if not (by.is_admin or by.is_self(wanted)):
            if member is not None:
                raise SessionNotFoundError(member)
            return []
        now = self._parts.clock.now()
        return await self._parts.store.list_sessions(workspace, member=wanted, now=now, limit=_MOST_SESSIONS)

    async def end(self, workspace: WorkspaceId, session_id: str, *, by: Acting) -> None:
        """End a session: one's own, or as an admin that of a member no higher than oneself.

        Raises:
            SessionNotFoundError: there is none, or it is somebody else's.
            SessionEndedError: it ended at this moment.
            RoleTooHighError: its member's role is higher than that of who asks.
        """
        found = await self._parts.store.find_session(workspace, session_id)
        is_own = found is not None and found.holder is not None and by.is_self(found.holder.id)
        if found is None or not (is_own or by.is_admin):
            raise SessionNotFoundError(session_id)
        if found.holder is not None and not is_own:
            by.refuse_above(found.holder.role)
        deed = by.deed("sessions:end", f"session/{session_id}")
        if not await self._parts.store.end_session(workspace, session_id, now=self._now(), deed=deed):
            raise SessionEndedError
        self._parts.on_taken_away()

    async def change_password(
        self, workspace: WorkspaceId, *, current: str, wanted: str, address: str, by: Acting
    ) -> None:
        """Change one's own password; all other sessions of the person end.

        Raises:
            NoPersonError: no person stands behind the credential.
            PasswordWrongError: `current` is not the password.
            PasswordUnfitError: `wanted` is not good enough.
            TooManyAttemptsError: there were too many wrong ones.
        """
        parts = self._parts
        email, account = await self._own_account(workspace, by=by)
        parts.attempts.begin(email, address)
        if not await parts.passwords.proves(current, account.password_hash):
            raise PasswordWrongError
        parts.attempts.succeed(email, address)
        kept = await parts.passwords.hash_of(wanted, never=(email, current, "tidegate"))
        deed = by.deed("passwords:change", f"member/{account.person}")
        await parts.store.set_password(account, kept, kept_session=by.caller.actor, now=self._now(), deed=deed)
        parts.on_taken_away()

    def _failed(self, error: TidegateError, account: Account, credentials: Credentials) -> TidegateError:
        """Have it recorded and return `error`; of who is unknown there are no workspaces to record it in."""
        visit = Visit(credentials.address, credentials.user_agent)
        why = {"why": error.code}
        self._parts.failures.note(account.workspaces, account.person, how="password", visit=visit, about=why)
        return error

    async def _own_account(self, workspace: WorkspaceId, *, by: Acting) -> tuple[str, Account]:
        member = by.caller.member if by.caller.by_session else None
        found = None if member is None else await self._parts.store.find_own_account(workspace, member)
        if found is None:
            raise NoPersonError
        return found

    def _now(self) -> datetime:
        return self._parts.clock.now()


def _email_as_typed(text: str) -> str:
    """Return the address to look for; what is none is looked for as well, and found to be nobody's."""
    try:
        return email_of(text)
    except EmailInvalidError:
        return text.strip().lower()[:254].replace("\0", "")


def _workspace_of(account: Account, named: str) -> WorkspaceId:
    if named:
        if named not in account.workspaces:
            raise PasswordWrongError
        return WorkspaceId(named)
    if len(account.workspaces) != 1:
        raise WorkspaceUnnamedError(account.workspaces)
    return account.workspaces[0]
