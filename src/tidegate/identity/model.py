"""Tokens and sessions: how they look and what proves them. Pure."""

import hashlib
import hmac
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from tidegate.edge.proven import Role
from tidegate.edge.quotas import NOTHING_SET, QuotasSet
from tidegate.kernel import Keyring, TokenId, WorkspaceId

TOKEN_PREFIX = "tg_"  # noqa: S105 - the public mark of our tokens, so that scanners find leaked ones
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_CHARACTERS = 37  # 37 characters of base62 hold 220 random bits
_CHECK_CHARACTERS = 6  # base62 of a CRC32
HINT_CHARACTERS = len(TOKEN_PREFIX) + 4

SESSION_LENGTH = timedelta(hours=12)
SIGN_IN_LINK_LENGTH = timedelta(minutes=30)
USER_AGENT_CHARACTERS = 200
USE_NOTED_EVERY = timedelta(minutes=1)  # one write a minute and credential, whatever it sends


@dataclass(frozen=True, slots=True)
class Holder:
    """The member behind a credential, as it stands now."""

    id: str
    role: Role
    is_active: bool
    """Whether it was neither removed nor deactivated."""


@dataclass(frozen=True, slots=True)
class Token:
    """A credential as it is stored: what it may do and until when, never the secret itself."""

    id: TokenId
    workspace: WorkspaceId
    scope: str
    hint: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    name: str = ""
    holder: Holder | None = None
    """`None` for a token that the operator made: its scope alone says what it may do."""
    services: frozenset[str] | None = None
    environments: frozenset[str] | None = None
    created_by: str | None = None
    last_used_at: datetime | None = None
    """To the minute."""
    rotated_from: TokenId | None = None
    overlap_ends_at: datetime | None = None
    """When a token that was rotated stops to work."""
    is_suspended: bool = False
    """Whether its workspace is."""
    quotas: QuotasSet = field(default=NOTHING_SET, compare=False)
    """Read when it is proven."""

    @property
    def ends_at(self) -> datetime | None:
        """The first moment in which it does not work any more; `None`: there is none yet."""
        ends = [end for end in (self.revoked_at, self.expires_at, self.overlap_ends_at) if end is not None]
        return min(ends, default=None)

    def is_valid_at(self, moment: datetime) -> bool:
        is_held = self.holder is None or self.holder.is_active
        return is_held and self.revoked_at is None and (self.ends_at is None or moment < self.ends_at)


@dataclass(frozen=True, slots=True)
class ProviderSession:
    """By which provider a session began: it may end it."""

    issuer: str
    id: str | None = None
    """As the provider calls its own session; `None` when it says none."""
    proven_at: datetime | None = None
    """When it last saw a proof of the person; `None` when it does not say."""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in; its secret is not here."""

    id: str
    workspace: WorkspaceId
    created_at: datetime
    expires_at: datetime
    proven_at: datetime | None
    """When the person proved who they are."""
    holder: Holder | None = None
    """`None` for one that a one-time link of the operator opened."""
    user_agent: str = ""
    last_used_at: datetime | None = None
    is_suspended: bool = False
    quotas: QuotasSet = field(default=NOTHING_SET, compare=False)
    provider: ProviderSession | None = None
    """Written when it begins; not read back."""

    def is_valid_at(self, moment: datetime) -> bool:
        return moment < self.expires_at and (self.holder is None or self.holder.is_active)


class SigningKey:
    """The keys under which credentials are hashed: one for new ones, all for those there are. Its name is stored."""

    def __init__(self, name: str, secret: bytes, *, ring: Callable[[], Keyring] | None = None) -> None:
        alone = Keyring(name, {name: secret})
        self._ring = ring or (lambda: alone)

    @classmethod
    def of(cls, ring: Callable[[], Keyring]) -> Self:
        """Return keys that are asked for anew with each use, so that a rotation is taken up at once."""
        return cls(ring().current, ring().key, ring=ring)

    @property
    def name(self) -> str:
        return self._ring().current

    def hash_of(self, credential: str) -> bytes:
        """Return the hash of a new credential."""
        return _keyed_hash(self._ring().key, credential)

    def hashes_of(self, credential: str) -> list[bytes]:
        """Return the hashes that a stored credential may have, under the current key first, then the newest first."""
        ring = self._ring()
        return [_keyed_hash(ring.keys[name], credential) for name in ordered_names(ring)]


def ordered_names(ring: Keyring) -> list[str]:
    """Return the names of the keys, the current one first, then the others from the newest to the oldest."""
    return [ring.current, *(name for name in reversed(list(ring.keys)) if name != ring.current)]


def _keyed_hash(secret: bytes, credential: str) -> bytes:
    return hmac.new(secret, credential.encode(), hashlib.sha256).digest()


def new_token(random_bytes: bytes) -> str:
    """Return a token made of `random_bytes` (at least 32 of them)."""
    number = int.from_bytes(hashlib.sha512(random_bytes).digest(), "big")
    secret = TOKEN_PREFIX + _base62(number)[:_SECRET_CHARACTERS]
    return secret + _check_of(secret)


def looks_like_token(text: str) -> bool:
    """Return whether `text` has the form and check sum of a token: typing errors never reach the database."""
    secret, check = text[:-_CHECK_CHARACTERS], text[-_CHECK_CHARACTERS:]
    return (
        text.isascii()
        and len(secret) == len(TOKEN_PREFIX) + _SECRET_CHARACTERS
        and secret.startswith(TOKEN_PREFIX)
        and hmac.compare_digest(check, _check_of(secret))
    )


def _check_of(secret: str) -> str:
    return _base62(zlib.crc32(secret.encode())).rjust(_CHECK_CHARACTERS, "0")


def _base62(number: int) -> str:
    digits = []
    while number:
        number, rest = divmod(number, 62)
        digits.append(_BASE62[rest])
    return "".join(reversed(digits))


def is_use_to_note(last_used_at: datetime | None, now: datetime) -> bool:
    """Return whether the use of a credential is written down."""
    return last_used_at is None or now - last_used_at >= USE_NOTED_EVERY
