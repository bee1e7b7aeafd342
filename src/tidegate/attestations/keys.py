"""Keys that sign and that signatures are checked with: Ed25519, and ECDSA on P-256 with SHA-256.

A key is known by the SHA-256 of its SubjectPublicKeyInfo, never by a name that somebody gives it: two names are one
key.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from tidegate.attestations.errors import KeyUnreadableError

__all__ = ["MAX_PEM_BYTES", "PrivateKey", "PublicKey", "new_private_key", "read_private_key", "read_public_key"]

MAX_PEM_BYTES: Final = 4 * 1024  # the longer of the two has 180
_ECDSA: Final = ec.ECDSA(hashes.SHA256())
# Points of small order (RFC 7748, section 6, and their other encodings), without the bit of the sign: what "verifies"
# under them was signed by nobody.
_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(text)
    for text in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that signatures are checked with."""

    pem: str
    """As we write it: the same for the same key."""
    algorithm: str
    """`ed25519` or `ecdsa-p256`."""
    fingerprint: str
    """`sha256:` and the SHA-256 of the SubjectPublicKeyInfo in DER."""
    _key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey = field(repr=False, compare=False)

    def is_signed(self, signature: bytes, message: bytes) -> bool:
        """Return whether `signature` over `message` is this key's."""
        try:
            if isinstance(self._key, ed25519.Ed25519PublicKey):
                self._key.verify(signature, message)
            else:
                self._key.verify(signature, message, _ECDSA)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key that signs."""

    public: PublicKey
    _key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    def sign(self, message: bytes) -> bytes:
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        return self._key.sign(message, _ECDSA)

    def pem(self) -> bytes:
        """Return the key itself: a secret."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def new_private_key() -> PrivateKey:
    """Return a fresh Ed25519 key."""
    key = ed25519.Ed25519PrivateKey.generate()
    return PrivateKey(_public_of(key.public_key()), key)


def read_public_key(pem: str | bytes) -> PublicKey:
    """Return the public key in `pem`.

    Raises:
        KeyUnreadableError: it is none, of another kind, or one under which anything would verify.
    """
    data = pem.encode(errors="replace") if isinstance(pem, str) else pem
    if b"PRIVATE" in data:
        raise KeyUnreadableError("it is a private key, which nobody else should ever see. Make a new one.")
    try:
        key = load_pem_public_key(_bounded(data))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyUnreadableError("it is no public key.") from None
    if isinstance(key, ed25519.Ed25519PublicKey) or (
        isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    ):
        return _public_of(key)
    raise KeyUnreadableError("it is of another kind.")


def read_private_key(pem: bytes) -> PrivateKey:
    """Return the private key in `pem`, which has no passphrase.

    Raises:
        KeyUnreadableError: it is none, of another kind, or has a passphrase.
    """
    try:
        key = load_pem_private_key(_bounded(pem), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyUnreadableError("it is no private key without a passphrase.") from None
    if isinstance(key, ed25519.Ed25519PrivateKey) or (
        isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    ):
        return PrivateKey(_public_of(key.public_key()), key)
    raise KeyUnreadableError("it is of another kind.")


def _bounded(pem: bytes) -> bytes:
    if len(pem) > MAX_PEM_BYTES:
        raise KeyUnreadableError("it is longer than any key.")
    return pem


def _public_of(key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey) -> PublicKey:
    if isinstance(key, ed25519.Ed25519PublicKey):
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        if raw[:31] + bytes([raw[31] & 0x7F]) in _SMALL_ORDER:
            raise KeyUnreadableError("anything would verify under it.")
        algorithm = "ed25519"
    else:
        algorithm = "ecdsa-p256"
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return PublicKey(pem, algorithm, f"sha256:{hashlib.sha256(der).hexdigest()}", key)
