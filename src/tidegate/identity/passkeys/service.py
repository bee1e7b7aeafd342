"""Making passkeys, and proving with one who somebody is: to sign in, or again in a session that is open."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from tidegate.identity.acting import Acting, Visit
from tidegate.identity.attempts import Attempts
from tidegate.identity.model import SigningKey
from tidegate.identity.passkeys import ceremonies
from tidegate.identity.passkeys.ceremonies import Answer, AnswerInvalidError
from tidegate.identity.passkeys.errors import (
    PasskeyNotFoundError,
    PasskeyRefusedError,
    PasskeysUnavailableError,
    TooManyPasskeysError,
)
from tidegate.identity.passkeys.model import (
    CHALLENGE_LENGTH,
    MAX_NAME_CHARACTERS,
    MOST_PASSKEYS,
    Challenge,
    Passkey,
    Purpose,
    RelyingParty,
    user_handle_of,
)
from tidegate.identity.passkeys.ports import PasskeyStore
from tidegate.identity.sessions.errors import NoPersonError
from tidegate.identity.sessions.failures import SignInFailures
from tidegate.identity.sessions.service import SessionService
from tidegate.kernel import Clock, IdFactory, InvalidInputError, WorkspaceId

__all__ = ["Asked", "PasskeyParts", "PasskeyService"]

_HOW = "passkey"
_CHALLENGE_BYTES = 32


class Asked(NamedTuple):
    """What the browser is asked, and the secret that ties the answer to it."""

    secret: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyParts:
    """What passkeys are made and proved with."""

    store: PasskeyStore
    sessions: SessionService
    failures: SignInFailures
    attempts: Attempts
    party: RelyingParty | None
    """`None`: browsers have no passkeys at the address of this installation."""
    key: SigningKey
    ids: IdFactory
    clock: Clock


class PasskeyService:
    """Makes, lists and removes passkeys, and believes them."""

    def __init__(self, parts: PasskeyParts) -> None:
        self._parts = parts

    @property
    def party(self) -> RelyingParty | None:
        return self._parts.party

    async def begin_sign_in(self, *, address: str) -> Asked:
        """Ask for any passkey of this installation; nobody is named, so nobody can be found out.

        Raises:
            PasskeysUnavailableError: there are none at this address.
            TooManyAttemptsError: too much from there proved nothing.
        """
        party = self._party()
        self._parts.attempts.begin_from(address)
        secret, challenge = await self._challenge(Purpose.SIGN_IN)
        return Asked(secret, ceremonies.request_options(party, challenge))

    async def sign_in(self, secret: str, text: str, *, visit: Visit) -> str:
        """Believe a passkey and return the secret of a new session in its workspace.

        Raises:
            PasskeyRefusedError: it proves nothing; all causes have one answer.
            PasswordWrongError, WorkspaceSuspendedError: as `SessionService.open`.
        """
        parts = self._parts
        passkey = await self._believed(secret, text, Purpose.SIGN_IN, visit=visit)
        parts.attempts.succeed_from(visit.address)
        return await parts.sessions.open(
            passkey.workspace, passkey.member, user_agent=visit.user_agent, address=visit.address, how=_HOW
        )

    async def begin_proving(self, workspace: WorkspaceId, *, visit: Visit, by: Acting) -> Asked:
        """Ask the person of a session for one of their passkeys.

        Raises:
            NoPersonError: no person stands behind the session.
            PasskeysUnavailableError: there are none at this address.
            TooManyAttemptsError: too much from there proved nothing.
        """
        party, member = self._party(), _person_of(by)
        self._parts.attempts.begin_from(visit.address)
        known = await self._parts.store.list_passkeys(workspace, member)
        secret, challenge = await self._challenge(Purpose.PROVE, by)
        return Asked(secret, ceremonies.request_options(party, challenge, known=known))

    async def prove(self, workspace: WorkspaceId, secret: str, text: str, *, visit: Visit, by: Acting) -> str:
        """Note that the person of the session proved who they are, and return the session's new secret.

        Raises:
            PasskeyRefusedError: it proves nothing, or is of another person or workspace.
            NoPersonError, SessionEndedError: as `SessionService.renew`.
        """
        member = _person_of(by)
        passkey = await self._believed(secret, text, Purpose.PROVE, visit=visit, by=by)
        if (passkey.workspace, passkey.member) != (workspace, member):
            raise PasskeyRefusedError
        self._parts.attempts.succeed_from(visit.address)
        return await self._parts.sessions.renew(workspace, how=_HOW, visit=visit, by=by)

    async def begin_adding(self, workspace: WorkspaceId, *, by: Acting) -> Asked:
        """Ask for a new passkey of the person who is signed in.

        Raises:
            NoPersonError: no person stands behind the session.
            PasskeysUnavailableError: there are none at this address.
            TooManyPasskeysError: the person has enough.
        """
        party, member = self._party(), _person_of(by)
        names = await self._parts.store.find_account_name(workspace, member)
        if names is None:
            raise NoPersonError
        known = await self._known(workspace, member)
        secret, challenge = await self._challenge(Purpose.ADD, by)
        # People choose by these words, and may be members of several workspaces.
        shown = (f"{names[0]} ({workspace})", names[1])
        handle = user_handle_of(workspace, member)
        return Asked(secret, ceremonies.creation_options(party, challenge, handle=handle, names=shown, known=known))

    async def add(self, workspace: WorkspaceId, secret: str, text: str, *, name: str, by: Acting) -> Passkey:
        """Keep a passkey that was made just now.

        Raises:
            InvalidInputError: the name is no name.
            PasskeyRefusedError: it was not made for us, now, in this browser, with its person verified.
            PasskeyExistsError: it is known already.
            TooManyPasskeysError: the person has enough.
        """
        parts, party, member = self._parts, self._party(), _person_of(by)
        called = _named(name)
        now = parts.clock.now()
        challenge = await self._take(secret, Purpose.ADD, by)
        await self._known(workspace, member)
        try:
            if challenge is None:
                raise AnswerInvalidError("its challenge was answered before, is too old, or of another browser")
            made = ceremonies.verified_key(party, challenge.value, text)
        except AnswerInvalidError as error:
            raise PasskeyRefusedError from error
        passkey = Passkey(
            id=parts.ids.new_id("pk"),
            workspace=workspace,
            member=member,
            name=called,
            credential=made.credential,
            public_key=made.public_key,
            sign_count=made.sign_count,
            created_at=now,
        )
        deed = by.deed("passkeys:add", f"passkey/{passkey.id}", name=called)
        await parts.store.add_passkey(workspace, passkey, deed=deed)
        return passkey

    async def list_passkeys(self, workspace: WorkspaceId, *, by: Acting) -> Sequence[Passkey]:
        """Return the passkeys of who asks, the oldest first; who is no person has none."""
        member = by.caller.member
        return [] if member is None else await self._parts.store.list_passkeys(workspace, member)

    async def remove(self, workspace: WorkspaceId, passkey_id: str, *, by: Acting) -> None:
        """Remove a passkey of one's own: it proves nothing any more. Sessions that it opened go on.

        Raises:
            NoPersonError: no person stands behind the session.
            PasskeyNotFoundError: they have none of this id.
        """
        parts, member = self._parts, _person_of(by)
        deed = by.deed("passkeys:remove", f"passkey/{passkey_id}")
        if not await parts.store.remove_passkey(workspace, member, passkey_id, now=parts.clock.now(), deed=deed):
            raise PasskeyNotFoundError(passkey_id)

    async def _believed(
        self, secret: str, text: str, purpose: Purpose, *, visit: Visit, by: Acting | None = None
    ) -> Passkey:
        """Return the passkey that gave this answer; what goes wrong is noted where its member is known."""
        parts, party = self._parts, self._party()
        challenge = await self._take(secret, purpose, by)
        passkey: Passkey | None = None
        try:
            answer = ceremonies.answered_by(text)
            passkey = await parts.store.find_by_credential(answer.credential)
            if passkey is None:
                raise AnswerInvalidError("nobody has it")
            count = _count_of(party, challenge, answer, passkey, is_named=purpose is not Purpose.SIGN_IN)
            if not await parts.store.note_use(passkey.workspace, passkey, sign_count=count, now=parts.clock.now()):
                raise AnswerInvalidError("it was used twice at once: one of the two may be a copy")
        except AnswerInvalidError as error:
            self._refuse(passkey, error, visit=visit)
        return passkey

    def _refuse(self, passkey: Passkey | None, error: AnswerInvalidError, *, visit: Visit) -> NoReturn:
        if passkey is not None:
            about = {"why": str(error), "passkey": passkey.id}
            self._parts.failures.note([passkey.workspace], passkey.member, how=_HOW, visit=visit, about=about)
        raise PasskeyRefusedError from error

    async def _challenge(self, purpose: Purpose, by: Acting | None = None) -> tuple[str, bytes]:
        parts = self._parts
        secret, value, now = secrets.token_urlsafe(32), secrets.token_bytes(_CHALLENGE_BYTES), parts.clock.now()
        challenge = Challenge(value, purpose, by.caller.actor if by else "", now + CHALLENGE_LENGTH)
        await parts.store.add_challenge(parts.key.hash_of(secret), challenge, now=now)
        return secret, value

    async def _take(self, secret: str, purpose: Purpose, by: Acting | None) -> Challenge | None:
        parts = self._parts
        session = by.caller.actor if by else ""
        return await parts.store.take_challenge(
            parts.key.hash_of(secret), purpose, session=session, now=parts.clock.now()
        )

    async def _known(self, workspace: WorkspaceId, member: str) -> list[Passkey]:
        known = await self._parts.store.list_passkeys(workspace, member)
        if len(known) >= MOST_PASSKEYS:
            raise TooManyPasskeysError
        return known

    def _party(self) -> RelyingParty:
        if self._parts.party is None:
            raise PasskeysUnavailableError
        return self._parts.party


def _count_of(
    party: RelyingParty, challenge: Challenge | None, answer: Answer, passkey: Passkey, *, is_named: bool
) -> int:
    if challenge is None:
        raise AnswerInvalidError("its challenge was answered before, is too old, or of another browser")
    # Authenticators say whose it is when nobody was named; when somebody was, they may leave it out.
    if answer.user_handle != passkey.user_handle and not (is_named and answer.user_handle is None):
        raise AnswerInvalidError("it is of another member")
    return ceremonies.verified_count(party, challenge.value, answer, passkey)


def _person_of(by: Acting) -> str:
    if not by.caller.by_session or by.caller.member is None:
        raise NoPersonError
    return by.caller.member


def _named(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        raise InvalidInputError(f"A name has 1 to {MAX_NAME_CHARACTERS} characters.", field="name")
    return name
