"""Signatures of webhooks by Standard Webhooks 1.0.0. Pure."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

__all__ = ["PREFIX", "headers_of", "is_secret", "key_of", "new_secret", "sign", "verify"]

PREFIX: Final = "whsec_"
_KEY_BYTES: Final = 32
_MIN_BYTES: Final = 24  # the specification's bounds
_MAX_BYTES: Final = 64
_TOLERANCE_S: Final = 300  # what the libraries of the specification accept, both ways


def new_secret() -> str:
    """Return a secret that nobody else has."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Return whether `text` is a secret as the specification writes it: 24 to 64 bytes in standard base64."""
    try:
        key = key_of(text)
    except ValueError:
        return False
    return _MIN_BYTES <= len(key) <= _MAX_BYTES and base64.b64encode(key).decode() == text.removeprefix(PREFIX)


def key_of(secret: str) -> bytes:
    """Return the bytes that sign.

    Raises:
        ValueError: it is no such secret.
    """
    if not secret.startswith(PREFIX):
        raise ValueError("a secret begins with whsec_")
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret is base64") from error


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature, `v1,…`."""
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode()


def headers_of(live: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of one attempt, signed with every secret that is live."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, message_id, timestamp, body) for secret in live),
    }


def verify(secret: str, headers: dict[str, str], body: bytes, *, now_s: int) -> bool:
    """Return whether a receiver that has `secret` may believe it; what is not understood is not believed."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    if abs(now_s - int(timestamp)) > _TOLERANCE_S:
        return False
    expected = sign(secret, message_id, int(timestamp), body).encode()
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected, each.encode(errors="replace")) for each in given)
