"""DSSE v1.0.2: envelopes of bytes with their type, signed together.

`keyid` is a hint that nobody signed; it is written and never read for a decision. Of t signatures that are needed, each
counts once a key: a key that signs twice, or stands there under two names, is one.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.attestations.errors import EnvelopeUnreadableError, SignaturesInsufficientError
from tidegate.attestations.keys import PrivateKey, PublicKey
from tidegate.attestations.strict_json import JSON, read_json
from tidegate.kernel import canonical_json

__all__ = [
    "Envelope",
    "EnvelopeSignature",
    "Verified",
    "pae",
    "read_envelope",
    "sign",
    "signers_of",
    "verify",
    "write_envelope",
]

MAX_SIGNATURES: Final = 32  # each is tried with each key; people who sign one thing are fewer
_MAX_TYPE: Final = 200


@dataclass(frozen=True, slots=True)
class EnvelopeSignature:
    """One signature, with what somebody says about its key."""

    signature: bytes
    key_id: str = ""
    """A hint; never trusted."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Bytes, what they are, and signatures over both that nobody has checked yet."""

    payload: bytes
    payload_type: str
    signatures: tuple[EnvelopeSignature, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """Bytes that enough keys signed."""

    payload: bytes
    payload_type: str
    keys: tuple[PublicKey, ...]
    """Those that signed, each once."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed: DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b" ".join((b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload))


def sign(payload: bytes, payload_type: str, keys: Iterable[PrivateKey]) -> Envelope:
    """Return `payload` signed by each key; keyed by fingerprint."""
    message = pae(payload_type, payload)
    made = tuple(EnvelopeSignature(key.sign(message), key.public.fingerprint) for key in keys)
    return Envelope(payload, payload_type, made)


def signers_of(envelope: Envelope, keys: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
    """Return the keys among `keys` that signed, each once, in the order given."""
    message = pae(envelope.payload_type, envelope.payload)
    unique = {key.fingerprint: key for key in keys}
    return tuple(
        key for key in unique.values() if any(key.is_signed(each.signature, message) for each in envelope.signatures)
    )


def verify(envelope: Envelope, keys: Sequence[PublicKey], *, threshold: int = 1) -> Verified:
    """Return the payload with the keys that signed it, when they are at least `threshold` different ones.

    Raises:
        SignaturesInsufficientError: fewer did.
    """
    if threshold < 1:
        raise ValueError("a threshold below 1 verifies nothing")
    found = signers_of(envelope, keys)
    if len(found) < threshold:
        raise SignaturesInsufficientError(len(found), threshold)
    return Verified(envelope.payload, envelope.payload_type, found)


def write_envelope(envelope: Envelope) -> bytes:
    """Return the envelope as canonical JSON with standard base64: one text for one envelope."""
    return canonical_json(
        {
            "payload": base64.b64encode(envelope.payload).decode(),
            "payloadType": envelope.payload_type,
            "signatures": [
                {"keyid": each.key_id, "sig": base64.b64encode(each.signature).decode()} for each in envelope.signatures
            ],
        }
    )


def read_envelope(data: bytes) -> Envelope:
    """Return the envelope in `data`. Names that DSSE does not know are left alone, as it asks for.

    Raises:
        EnvelopeUnreadableError: it is none, or could be read in two ways.
    """
    try:
        found = read_json(data)
    except ValueError as error:
        raise EnvelopeUnreadableError(str(error)) from None
    if not isinstance(found, dict):
        raise EnvelopeUnreadableError("it is no JSON object.")
    payload_type = _text(found, "payloadType")
    if not payload_type or len(payload_type) > _MAX_TYPE:
        raise EnvelopeUnreadableError(f"`payloadType` has none or more than {_MAX_TYPE} characters.")
    signatures = found.get("signatures")
    if not isinstance(signatures, list) or not signatures:
        raise EnvelopeUnreadableError("it has no `signatures`.")
    if len(signatures) > MAX_SIGNATURES:
        raise EnvelopeUnreadableError(f"it has {len(signatures)} signatures; {MAX_SIGNATURES} are read.")
    return Envelope(_bytes(found, "payload"), payload_type, tuple(_signature(each) for each in signatures))


def _signature(found: JSON) -> EnvelopeSignature:
    if not isinstance(found, dict):
        raise EnvelopeUnreadableError("a signature is no JSON object.")
    key_id = found.get("keyid")
    return EnvelopeSignature(_bytes(found, "sig"), key_id[:_MAX_TYPE] if isinstance(key_id, str) else "")


def _text(found: dict[str, JSON], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str):
        raise EnvelopeUnreadableError(f"`{name}` is missing or no text.")
    return value


def _bytes(found: dict[str, JSON], name: str) -> bytes:
    """Read base64 of either alphabet. One that is mixed, or has bits behind the last byte, would be a second text."""
    text = _text(found, name)
    is_url_safe = "-" in text or "_" in text
    padded = text + "=" * (-len(text) % 4)
    try:
        if not text.isascii():
            raise ValueError(name)
        value = base64.b64decode(padded, altchars=b"-_" if is_url_safe else None, validate=True)
    except (binascii.Error, ValueError):
        raise EnvelopeUnreadableError(f"`{name}` is no base64.") from None
    encoded = (base64.urlsafe_b64encode if is_url_safe else base64.b64encode)(value).decode()
    if encoded != padded:
        raise EnvelopeUnreadableError(f"`{name}` is no base64.")
    return value
