"""Secrets as they are stored: sealed under a key that is not in the database, for one workspace and one purpose.

An envelope is `version, length of the key's name, the key's name, nonce, sealed text`. Version, name, workspace and
purpose are authenticated with it: an envelope that was moved to another row does not open.
"""

import os
from collections.abc import Callable
from typing import ClassVar, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.kernel.keyring import Keyring

__all__ = ["EnvelopeInvalidError", "Envelopes", "envelope_head"]

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12  # NIST SP 800-38D; random ones are safe for 2^32 envelopes of a key
_MAX_NAME_BYTES: Final = 255


class EnvelopeInvalidError(UnavailableError):
    """One answer for what was altered, belongs elsewhere, or was sealed under a key that is gone."""

    code: ClassVar[str] = "envelope_invalid"

    def __init__(self) -> None:
        super().__init__(
            "A stored secret does not open: it was altered, or `secrets/envelopes.key` is not the one that sealed it. "
            "Restore that file from a backup, or set the secret again."
        )


class Envelopes:
    """Seals and opens under the keys of a keyring: the current one seals, each of them opens."""

    def __init__(self, keyring: Keyring | Callable[[], Keyring]) -> None:
        """Take the keys, or what is asked for them with each use: then a new key is taken up without a restart."""
        self._keyring_now = keyring if callable(keyring) else lambda: keyring
        if any(not 0 < len(name.encode()) <= _MAX_NAME_BYTES for name in self._keyring_now().keys):
            raise ValueError("a key has a name of 1 to 255 bytes")

    def seal(self, workspace: WorkspaceId, purpose: str, plain: bytes) -> bytes:
        """Return `plain` so that it opens only for this workspace and purpose."""
        keyring = self._keyring_now()
        head = envelope_head(keyring.current)
        nonce = os.urandom(_NONCE_BYTES)
        return head + nonce + AESGCM(keyring.key).encrypt(nonce, plain, _bound_to(head, workspace, purpose))

    def open(self, workspace: WorkspaceId, purpose: str, sealed: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            EnvelopeInvalidError: it was altered, sealed for another workspace or purpose, or its key is gone.
        """
        head, name = _head_of(sealed)
        key = self._keyring_now().keys.get(name)
        if key is None:
            raise EnvelopeInvalidError
        nonce = sealed[len(head) : len(head) + _NONCE_BYTES]
        text = sealed[len(head) + _NONCE_BYTES :]
        try:
            return AESGCM(key).decrypt(nonce, text, _bound_to(head, workspace, purpose))
        except (InvalidTag, ValueError) as error:
            raise EnvelopeInvalidError from error

    def reseal(self, workspace: WorkspaceId, purpose: str, sealed: bytes) -> bytes:
        """Return the same secret under the current key; unchanged when it is under that one.

        Raises:
            EnvelopeInvalidError: as `open`.
        """
        plain = self.open(workspace, purpose, sealed)
        return sealed if _head_of(sealed)[1] == self._keyring_now().current else self.seal(workspace, purpose, plain)


def envelope_head(key_name: str) -> bytes:
    """Return how everything begins that was sealed under a key: what is counted by, without opening anything."""
    name = key_name.encode()
    return _VERSION + bytes([len(name)]) + name


def _head_of(sealed: bytes) -> tuple[bytes, str]:
    """Return the part before the nonce, and the name of the key that stands in it."""
    if sealed[:1] != _VERSION or len(sealed) < 2 or len(sealed) < 2 + sealed[1]:
        raise EnvelopeInvalidError
    head = sealed[: 2 + sealed[1]]
    try:
        return head, head[2:].decode()
    except UnicodeDecodeError as error:
        raise EnvelopeInvalidError from error


def _bound_to(head: bytes, workspace: WorkspaceId, purpose: str) -> bytes:
    parts = (head, workspace.encode(), purpose.encode())
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
