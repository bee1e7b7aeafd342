"""What a passkey and a challenge are, and at which address passkeys work. Pure."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from tidegate.kernel import WorkspaceId

CHALLENGE_LENGTH: Final = timedelta(minutes=5)
MOST_PASSKEYS: Final = 20  # of one person: a telephone, a laptop, two keys, and their successors
MAX_NAME_CHARACTERS: Final = 100


class Purpose(StrEnum):
    """What a challenge is answered for; an answer to one is none to another."""

    SIGN_IN = "sign-in"
    ADD = "add"
    PROVE = "prove"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What an authenticator signs, once."""

    value: bytes
    purpose: Purpose
    session: str
    """Id of the session that asked; empty for signing in."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Passkey:
    """A public key of a member; the private one never leaves its authenticator."""

    id: str
    workspace: WorkspaceId
    member: str
    name: str
    credential: bytes
    """The authenticator's own id of it."""
    public_key: bytes
    """COSE."""
    sign_count: int
    """As of its last use; 0 for authenticators that do not count."""
    created_at: datetime
    last_used_at: datetime | None = None

    @property
    def user_handle(self) -> bytes:
        return user_handle_of(self.workspace, self.member)


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """For whom authenticators sign: fixed by the installation's address, never by what a request says."""

    id: str
    origin: str


def user_handle_of(workspace: WorkspaceId, person: str) -> bytes:
    """Return under what an authenticator keeps the passkeys of a member: one a workspace, and nobody's name."""
    return hashlib.sha256(f"{workspace}/{person}".encode()).digest()


def relying_party_of(public_url: str) -> RelyingParty | None:
    """Return for whom passkeys are made at this address; `None`: browsers have none there.

    Browsers know no passkeys of IP addresses. What listens on loopback is reached as `localhost` as well.
    """
    parts = urlsplit(public_url)
    host = (parts.hostname or "").lower()
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is not None:
        if not (address.is_loopback or address.is_unspecified):
            return None
        host = "localhost"
    is_local = host == "localhost" or host.endswith(".localhost")
    if not host or parts.scheme not in {"http", "https"} or (parts.scheme == "http" and not is_local):
        return None
    standard = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in {None, standard} else f":{parts.port}"
    return RelyingParty(host, f"{parts.scheme}://{host}{port}")
