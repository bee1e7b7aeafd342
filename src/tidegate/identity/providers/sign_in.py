"""Signing in by a provider: the code flow with PKCE, begun and ended in one browser.

What a sign-in needs when it comes back is sealed into a cookie of the browser that began it: nothing is stored for who
only begins. Its state is used up in the store when it comes back, before anything is asked of the provider.
Each workspace has a redirect address of its own, so a code that one provider gave never goes to another one (RFC 9700,
section 4.4), and the name of the provider beside the code is checked where it is sent (RFC 9207).
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hmac import compare_digest
from urllib.parse import quote, urlencode

from tidegate.audit import ActorKind, AuditTrail, Deed, Outcome
from tidegate.identity.model import ProviderSession, SigningKey
from tidegate.identity.providers.admission import Admission
from tidegate.identity.providers.discovery import Discovery, Metadata
from tidegate.identity.providers.errors import (
    ProviderNotFoundError,
    ProviderSignInRefusedError,
    ProviderUnavailableError,
)
from tidegate.identity.providers.id_tokens import Expected, key_for, name_of_session, proven_at, verify
from tidegate.identity.providers.model import SECRET_PURPOSE, SIGN_IN_LENGTH, Asserted, Provider, Reason, own_path
from tidegate.identity.providers.ports import ProviderStore
from tidegate.identity.sessions.service import SessionService
from tidegate.kernel import Clock, WorkspaceId
from tidegate.storage.envelopes import EnvelopeInvalidError, Envelopes

__all__ = ["CameBack", "ProviderSignIn", "SignInParts", "SignedIn", "Started", "proving_key"]

_COOKIE_PURPOSE = "sign-in by a provider"
_MAX_COOKIE_CHARACTERS = 4_096
_MAX_CODE_CHARACTERS = 4_096
_MAX_GROUPS_READ = 1_000
_FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Started:
    """Where the browser goes, and what it keeps until it comes back."""

    url: str
    cookie: str = field(repr=False)
    is_secure: bool
    """Whether people open tidegate over TLS."""


@dataclass(frozen=True, slots=True)
class CameBack:
    """What a browser brings from a provider."""

    state: str = ""
    code: str = field(default="", repr=False)
    issuer: str | None = None
    is_error: bool = False
    cookie: str = field(default="", repr=False)
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that began."""

    session: str = field(repr=False)
    member: str
    next: str
    is_secure: bool


@dataclass(frozen=True, slots=True)
class _Begun:
    state: str
    nonce: str
    verifier: str
    issuer: str
    client_id: str
    redirect_uri: str
    next: str
    until: float
    proven_since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInParts:
    """What people sign in with."""

    store: ProviderStore
    discovery: Discovery
    admission: Admission
    sessions: SessionService
    envelopes: Envelopes
    trail: AuditTrail
    key: SigningKey
    clock: Clock


class ProviderSignIn:
    """Begins and ends sign-ins by the provider of a workspace."""

    def __init__(self, parts: SignInParts) -> None:
        self._parts = parts

    async def provider_of(self, workspace: WorkspaceId) -> Provider:
        """Return the provider; of a workspace that is unknown, suspended or deleted there is none either.

        Raises:
            ProviderNotFoundError: there is none.
        """
        found = await self._parts.store.find_provider(workspace)
        if found is None:
            raise ProviderNotFoundError
        return found

    async def begin(self, workspace: WorkspaceId, *, next_path: str, is_proof: bool = False) -> Started:
        """Return where the browser goes to sign in; for a proof the provider is to ask the person again.

        Raises:
            ProviderNotFoundError: the workspace has no provider.
            ProviderUnavailableError: the provider does not answer.
        """
        provider = await self.provider_of(workspace)
        metadata = await self._parts.discovery.metadata_of(provider.issuer)
        now = self._parts.clock.now()
        begun = _Begun(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            issuer=provider.issuer,
            client_id=provider.client_id,
            redirect_uri=provider.redirect_uri,
            next=own_path(next_path),
            until=(now + SIGN_IN_LENGTH).timestamp(),
            proven_since=now.timestamp() if is_proof else None,
        )
        wanted = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": provider.redirect_uri,
            "scope": "openid email profile" + (" groups" if provider.group_roles else ""),
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": _unpadded(hashlib.sha256(begun.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        if is_proof:
            # `max_age` obliges the provider to say when the person proved it; `prompt` has it ask at all.
            wanted |= {"prompt": "login", "max_age": "0"}
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        sealed = self._parts.envelopes.seal(workspace, _COOKIE_PURPOSE, json.dumps(asdict(begun)).encode())
        return Started(
            f"{metadata.authorization_endpoint}{joint}{urlencode(wanted)}", _unpadded(sealed), _is_secure(provider)
        )

    async def finish(self, workspace: WorkspaceId, came: CameBack) -> SignedIn:
        """Prove who came back and begin a session under a new secret.

        Raises:
            ProviderNotFoundError: the workspace has no provider.
            ProviderSignInRefusedError: nothing is proven, or nobody is let in; recorded with its reason.
            ProviderUnavailableError: the provider does not answer.
            TidegateError: as `SessionService.open`.
        """
        provider = await self.provider_of(workspace)
        try:
            begun = await self._used_up(workspace, provider, came)
            asserted = await self._asserted(workspace, provider, begun, came)
            member = await self._parts.admission.admit(workspace, provider, asserted)
        except ProviderSignInRefusedError as error:
            await self._parts.trail.record(workspace, _refusal(provider, error.reason))
            raise
        session = await self._parts.sessions.open(
            workspace,
            member,
            user_agent=came.user_agent,
            how="provider",
            provider=ProviderSession(asserted.issuer, asserted.session, asserted.proven_at),
        )
        return SignedIn(session, member, begun.next, _is_secure(provider))

    async def _used_up(self, workspace: WorkspaceId, provider: Provider, came: CameBack) -> _Begun:
        """Return the sign-in that this browser began; it comes back once."""
        begun = self._begun(workspace, came.cookie)
        if not (came.state and compare_digest(came.state.encode(), begun.state.encode())):
            raise ProviderSignInRefusedError(Reason.STATE_WRONG if came.state else Reason.STATE_MISSING)
        now, until = self._parts.clock.now(), datetime.fromtimestamp(begun.until, tz=UTC)
        if now >= until:
            raise ProviderSignInRefusedError(Reason.STATE_EXPIRED)
        hashes = self._parts.key.hashes_of(begun.state)
        if not await self._parts.store.use_state(workspace, hashes, now=now, until=until):
            raise ProviderSignInRefusedError(Reason.STATE_USED)
        known = (provider.issuer, provider.client_id, provider.redirect_uri)
        if known != (begun.issuer, begun.client_id, begun.redirect_uri):
            raise ProviderSignInRefusedError(Reason.PROVIDER_CHANGED)
        return begun

    def _begun(self, workspace: WorkspaceId, cookie: str) -> _Begun:
        if not cookie:
            raise ProviderSignInRefusedError(Reason.STATE_MISSING)
        try:
            sealed = base64.urlsafe_b64decode(cookie[:_MAX_COOKIE_CHARACTERS] + "==")
            return _Begun(**json.loads(self._parts.envelopes.open(workspace, _COOKIE_PURPOSE, sealed)))
        except (ValueError, EnvelopeInvalidError) as error:
            raise ProviderSignInRefusedError(Reason.STATE_WRONG) from error

    async def _asserted(self, workspace: WorkspaceId, provider: Provider, begun: _Begun, came: CameBack) -> Asserted:
        metadata = await self._parts.discovery.metadata_of(provider.issuer)
        # First: what comes from another provider is not even read as an error of this one.
        if came.issuer != provider.issuer and (came.issuer is not None or metadata.names_itself):
            raise ProviderSignInRefusedError(Reason.ISSUER_WRONG)
        if came.is_error:
            raise ProviderSignInRefusedError(Reason.PROVIDER_ERROR)
        if not 0 < len(came.code) <= _MAX_CODE_CHARACTERS:
            raise ProviderSignInRefusedError(Reason.CODE_MISSING)
        answer = await self._redeem(workspace, provider, metadata, begun=begun, code=came.code)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderSignInRefusedError(Reason.TOKEN_UNREADABLE)
        since = None if begun.proven_since is None else datetime.fromtimestamp(begun.proven_since, tz=UTC)
        expected = Expected(provider.issuer, provider.client_id, begun.nonce, self._parts.clock.now(), since)
        claims = verify(token, await proving_key(self._parts.discovery, provider.issuer, token), expected)
        lacks = "email" not in claims or (provider.group_roles and provider.groups_claim not in claims)
        access = answer.get("access_token")
        if lacks and metadata.userinfo_endpoint is not None and isinstance(access, str):
            claims = await self._with_userinfo(metadata.userinfo_endpoint, access, claims)
        return _asserted_of(provider, claims)

    async def _redeem(
        self, workspace: WorkspaceId, provider: Provider, metadata: Metadata, *, begun: _Begun, code: str
    ) -> Mapping[str, object]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": begun.redirect_uri,
            "client_id": provider.client_id,
            "code_verifier": begun.verifier,
        }
        headers = dict(_FORM)
        if provider.client_secret is not None:
            secret = self._parts.envelopes.open(workspace, SECRET_PURPOSE, provider.client_secret).decode()
            if metadata.takes_basic:
                pair = f"{quote(provider.client_id, safe='')}:{quote(secret, safe='')}"  # RFC 6749, section 2.3.1
                headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
            else:
                form["client_secret"] = secret
        try:
            return await self._parts.discovery.fetch(
                "POST", metadata.token_endpoint, headers=headers, body=urlencode(form).encode()
            )
        except ProviderUnavailableError as error:
            if error.is_answer:
                raise ProviderSignInRefusedError(Reason.CODE_REFUSED) from error
            raise

    async def _with_userinfo(self, url: str, access: str, claims: Mapping[str, object]) -> dict[str, object]:
        if not access.isascii() or not access.isprintable():
            raise ProviderSignInRefusedError(Reason.TOKEN_UNREADABLE)
        found = await self._parts.discovery.fetch("GET", url, headers={"authorization": f"Bearer {access}"})
        if found.get("sub") != claims["sub"]:
            raise ProviderSignInRefusedError(Reason.SUBJECT_WRONG)
        return {**found, **claims}


async def proving_key(discovery: Discovery, issuer: str, token: str) -> Mapping[str, object]:
    """Return the key of the provider that `token` names.

    Raises:
        ProviderSignInRefusedError: it has no such key, or that is no token.
        ProviderUnavailableError: the provider does not answer.
    """
    found = key_for(token, await discovery.keys_of(issuer))
    if found is None:
        found = key_for(token, await discovery.keys_of(issuer, lacking=True))
    if found is None:
        raise ProviderSignInRefusedError(Reason.KEY_UNKNOWN)
    return found


def _asserted_of(provider: Provider, claims: Mapping[str, object]) -> Asserted:
    email, name, groups = claims.get("email"), claims.get("name"), claims.get(provider.groups_claim)
    found = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    return Asserted(
        issuer=provider.issuer,
        subject=str(claims["sub"]),
        email=email if isinstance(email, str) else None,
        is_email_verified=claims.get("email_verified") is True,
        name=name if isinstance(name, str) else "",
        groups=frozenset(group for group in found[:_MAX_GROUPS_READ] if isinstance(group, str)),
        session=name_of_session(claims),
        proven_at=proven_at(claims),
    )


def _refusal(provider: Provider, reason: Reason) -> Deed:
    return Deed(
        ActorKind.PERSON,
        "unknown",
        "sessions:create",
        "identity-provider",
        outcome=Outcome.DENIED,
        details={"reason": reason, "issuer": provider.issuer},
    )


def _is_secure(provider: Provider) -> bool:
    return provider.redirect_uri.startswith("https:")


def _unpadded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()
