"""What a request may touch, signed by the one who sends it. Pure: the moment is an argument.

The wire form is `<base64url(json)>.<hex hmac-sha256 of the first part>`.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

CLAIM_HEADER = "X-Tidegate-Claim"
ENGINE_USER = "tidegate"
MAX_WORKSPACES = 1_000  # 64 bytes each stay within a header; one flush joins bodies of a quarter of a second
MAX_WORKSPACE_CHARACTERS = 200


class Access(StrEnum):
    """How far a claim reaches."""

    READ = "read"
    WRITE = "write"
    ERASE = "erase"
    """Delete rows by a condition, and nothing else: what takes telemetry in cannot take it away."""
    ADMIN = "admin"


class ClaimError(Exception):
    """A claim is missing, forged, expired or says nothing; the words are for the caller."""


@dataclass(frozen=True, slots=True)
class Claim:
    """These workspaces, this far, until then."""

    workspaces: tuple[str, ...]
    """Sorted and unique; empty only for `admin`."""
    access: Access
    expires: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class EngineKeys:
    """What is derived from one secret: different labels, so that neither tells the other."""

    password: str
    claim_key: bytes

    @classmethod
    def derive(cls, secret: str) -> "EngineKeys":
        """Return the keys of `secret`, which both sides of the loopback hold.

        Raises:
            ValueError: the secret is too short to be one.
        """
        if len(secret) < 32:  # 128 bits in hex
            message = "The engine's secret needs at least 32 characters of random hex."
            raise ValueError(message)
        return cls(
            password=hmac.digest(secret.encode(), b"tidegate engine http password", "sha256").hex(),
            claim_key=hmac.digest(secret.encode(), b"tidegate engine claim key", "sha256"),
        )


def sign_claim(key: bytes, workspaces: Collection[str], access: Access, *, expires: int) -> str:
    content = {"workspaces": sorted(set(workspaces)), "access": access.value, "expires": expires}
    payload = base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode())
    return f"{payload.decode()}.{_signature(key, payload)}"


def verify_claim(key: bytes, header: str | None, *, now: float) -> Claim:
    """Return what `header` claims, once the signature, the moment and the shape are right.

    Raises:
        ClaimError: anything about it is not as `sign_claim` makes it.
    """
    if not header:
        raise ClaimError(f"The header {CLAIM_HEADER} is missing: every request says which workspaces it is for.")
    payload, _, signature = header.partition(".")
    if not hmac.compare_digest(_signature(key, payload.encode()).encode(), signature.encode()):
        raise ClaimError(f"The signature of {CLAIM_HEADER} is wrong.")
    claim = _read(payload)
    if claim.expires <= now:
        raise ClaimError(f"The {CLAIM_HEADER} has expired.")
    return claim


def _signature(key: bytes, payload: bytes) -> str:
    return hmac.digest(key, payload, "sha256").hex()


def _read(payload: str) -> Claim:
    try:
        content = json.loads(base64.urlsafe_b64decode(payload))
        access = Access(content["access"])
        workspaces, expires = content["workspaces"], content["expires"]
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise ClaimError(f"The {CLAIM_HEADER} is not in its form.") from error
    if not isinstance(expires, int) or not isinstance(workspaces, list) or not all(map(_is_workspace, workspaces)):
        raise ClaimError(f"The {CLAIM_HEADER} is not in its form.")
    if len(workspaces) > MAX_WORKSPACES:
        raise ClaimError(f"A claim names at most {MAX_WORKSPACES} workspaces.")
    if not workspaces and access is not Access.ADMIN:
        raise ClaimError(f"The {CLAIM_HEADER} names no workspace.")
    return Claim(tuple(sorted(set(workspaces))), access, expires)


def _is_workspace(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_WORKSPACE_CHARACTERS and value.isprintable()
