"""What an ID token proves, and to whom (OpenID Connect Core, section 3.1.3.7).

Algorithms are a fixed list of signatures by the provider's private key: `none` and those under a shared secret, which
a public key could be taken for, are not in it. A key is one of those that the provider shows, found by its exact name;
what a token says of keys itself (`jwk`, `jku`, `x5u`, a name that is a path) leads nowhere.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from tidegate.identity.providers.errors import ProviderSignInRefusedError
from tidegate.identity.providers.model import MAX_SUBJECT_CHARACTERS, Reason

__all__ = ["ALGORITHMS", "Expected", "Logout", "key_for", "name_of_session", "proven_at", "verify", "verify_logout"]

ALGORITHMS: Final = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP", "Ed25519": "OKP"}
# A header that nobody here knows is nothing to us, unless it is said to be critical: none of those is.
_REGISTRY: Final = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
_MAX_TOKEN_CHARACTERS: Final = 64 * 1024
_LEEWAY: Final = timedelta(seconds=60)  # clocks of two machines
_OLDEST: Final = timedelta(minutes=15)  # the sign-in that it belongs to began ten minutes ago at most
_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_LOGOUT_KINDS: Final = {"jwt", "logout+jwt", "application/logout+jwt"}
_MIN_RSA_BITS: Final = 2_048
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Logout:
    """That somebody signed out at the provider: a person, one session of its own, or one that is both."""

    issuer: str
    subject: str | None
    session: str | None
    token_id: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What the claims have to be."""

    issuer: str
    client_id: str
    nonce: str
    now: datetime
    proven_since: datetime | None = None
    """Asked for a proof that is no older than this."""


def key_for(token: str, keys: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the key that `token` names, `None` when it is not among `keys`.

    Raises:
        ProviderSignInRefusedError: it is no token, or of no algorithm that is taken.
    """
    header = _header_of(token)
    algorithm = header.get("alg")
    kind = ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    if kind is None:
        raise ProviderSignInRefusedError(Reason.ALGORITHM_WRONG)
    fitting = [
        key
        for key in keys
        if key.get("kty") == kind and key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm
    ]
    if "kid" not in header:
        return fitting[0] if len(fitting) == 1 else None
    return next((key for key in fitting if key.get("kid") == header["kid"]), None)


def verify(token: str, key: Mapping[str, Any], expected: Expected) -> dict[str, Any]:
    """Return the claims of `token`.

    Raises:
        ProviderSignInRefusedError: it proves nothing, or not this.
    """
    claims = _claims_of(token, key)
    now = expected.now
    issued_at, expires_at = _moment(claims, "iat"), _moment(claims, "exp")
    not_before = _moment(claims, "nbf") if "nbf" in claims else now
    nonce = claims.get("nonce")
    subject = claims.get("sub")
    for is_right, reason in (
        (claims.get("iss") == expected.issuer, Reason.ISSUER_WRONG),
        (_is_for(claims, expected.client_id), Reason.AUDIENCE_WRONG),
        (isinstance(nonce, str) and _is_same(nonce, expected.nonce), Reason.NONCE_WRONG),
        (expires_at is not None and now < expires_at + _LEEWAY, Reason.EXPIRED),
        (issued_at is not None and now - _OLDEST <= issued_at, Reason.EXPIRED),
        (issued_at is not None and issued_at <= now + _LEEWAY, Reason.NOT_YET),
        (not_before is not None and not_before <= now + _LEEWAY, Reason.NOT_YET),
        (isinstance(subject, str) and 0 < len(subject) <= MAX_SUBJECT_CHARACTERS, Reason.SUBJECT_WRONG),
        (isinstance(subject, str) and subject.isprintable(), Reason.SUBJECT_WRONG),
        (_is_proven_since(claims, expected.proven_since), Reason.NOT_FRESH),
    ):
        if not is_right:
            raise ProviderSignInRefusedError(reason)
    return claims


def verify_logout(token: str, key: Mapping[str, Any], expected: Expected) -> Logout:
    """Return what a logout token ends (Back-Channel Logout 1.0, section 2.6); `expected.nonce` is no part of it.

    Raises:
        ProviderSignInRefusedError: it proves nothing, or not this; an ID token is none.
    """
    kind = _header_of(token).get("typ", "JWT")
    claims = _claims_of(token, key)
    now = expected.now
    issued_at, expires_at = _moment(claims, "iat"), _moment(claims, "exp")
    events, subject, session, token_id = (claims.get(name) for name in ("events", "sub", "sid", "jti"))
    for is_right, reason in (
        (isinstance(kind, str) and kind.lower() in _LOGOUT_KINDS, Reason.NO_LOGOUT),
        (claims.get("iss") == expected.issuer, Reason.ISSUER_WRONG),
        (_is_for(claims, expected.client_id), Reason.AUDIENCE_WRONG),
        (issued_at is not None and now - _OLDEST <= issued_at, Reason.EXPIRED),
        (issued_at is not None and issued_at <= now + _LEEWAY, Reason.NOT_YET),
        ("exp" not in claims or (expires_at is not None and now < expires_at + _LEEWAY), Reason.EXPIRED),
        (isinstance(events, dict) and isinstance(events.get(_LOGOUT_EVENT), dict), Reason.NO_LOGOUT),
        ("nonce" not in claims, Reason.NO_LOGOUT),
        (_is_name(token_id), Reason.NO_LOGOUT),
        (subject is None or _is_name(subject), Reason.SUBJECT_WRONG),
        (session is None or _is_name(session), Reason.SUBJECT_WRONG),
        (subject is not None or session is not None, Reason.SUBJECT_WRONG),
    ):
        if not is_right:
            raise ProviderSignInRefusedError(reason)
    return Logout(expected.issuer, subject, session, str(token_id))


def proven_at(claims: Mapping[str, Any]) -> datetime | None:
    """Return when the person proved who they are to the provider (`auth_time`), `None` when it does not say."""
    return _moment(claims, "auth_time")


def _is_proven_since(claims: Mapping[str, Any], since: datetime | None) -> bool:
    if since is None:
        return True
    found = proven_at(claims)
    return found is not None and since - _LEEWAY <= found


def name_of_session(claims: Mapping[str, Any]) -> str | None:
    """Return how the provider calls its own session, if it says so in words that can be kept."""
    found = claims.get("sid")
    return found if isinstance(found, str) and _is_name(found) else None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_SUBJECT_CHARACTERS and value.isprintable()


def _is_same(given: str, expected: str) -> bool:
    # JSON can hold half of a surrogate pair, which is no text that could be encoded.
    return compare_digest(given.encode(errors="surrogatepass"), expected.encode())


def _header_of(token: str) -> Mapping[str, Any]:
    if not token.isascii() or len(token) > _MAX_TOKEN_CHARACTERS:
        raise ProviderSignInRefusedError(Reason.TOKEN_UNREADABLE)
    try:
        header = jws.extract_compact(token.encode(), registry=_REGISTRY).headers()
    except _UNREADABLE as error:
        raise ProviderSignInRefusedError(Reason.TOKEN_UNREADABLE) from error
    if "crit" in header:
        raise ProviderSignInRefusedError(Reason.TOKEN_UNREADABLE)
    return header


def _claims_of(token: str, key: Mapping[str, Any]) -> dict[str, Any]:
    algorithm = str(_header_of(token)["alg"])
    try:
        with warnings.catch_warnings():
            # `EdDSA` has a narrower name since RFC 9864; providers write the old one.
            warnings.simplefilter("ignore", SecurityWarning)
            proving = JWKRegistry.import_key(dict(key))
            _refuse_weak(proving)
            return dict(jwt.decode(token, proving, algorithms=[algorithm], registry=_REGISTRY).claims)
    except _UNREADABLE as error:
        raise ProviderSignInRefusedError(Reason.SIGNATURE_WRONG) from error


def _refuse_weak(key: object) -> None:
    if isinstance(key, RSAKey):
        if key.raw_value.key_size < _MIN_RSA_BITS:
            raise ValueError("a key of too few bits")
    elif not isinstance(key, ECKey | OKPKey):
        raise TypeError("a key that others have as well")


def _moment(claims: Mapping[str, Any], name: str) -> datetime | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, tz=UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _is_for(claims: Mapping[str, Any], client_id: str) -> bool:
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client_id not in audiences:
        return False
    if len(audiences) > 1 and "azp" not in claims:
        return False
    return bool(claims.get("azp", client_id) == client_id)
