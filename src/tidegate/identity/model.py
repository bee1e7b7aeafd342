"""Tokens and sessions: how they look and what proves them. Pure."""

import hashlib
import hmac
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from tidegate.kernel import TokenId, WorkspaceId

TOKEN_PREFIX = "tg_"  # noqa: S105 - the public mark of our tokens, so that scanners find leaked ones
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_CHARACTERS = 37  # 37 characters of base62 hold 220 random bits
_CHECK_CHARACTERS = 6  # base62 of a CRC32
HINT_CHARACTERS = len(TOKEN_PREFIX) + 4

SESSION_LENGTH = timedelta(hours=12)
SIGN_IN_LINK_LENGTH = timedelta(minutes=30)


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

    def is_valid_at(self, moment: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or moment < self.expires_at)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key under which credentials are hashed; its name is stored beside each hash."""

    name: str
    secret: bytes

    def hash_of(self, credential: str) -> bytes:
        return hmac.new(self.secret, credential.encode(), hashlib.sha256).digest()


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
