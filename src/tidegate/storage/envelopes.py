"""Secrets as they are stored: sealed under a key that is not in the database, for one workspace and one purpose.

An envelope is `version, length of the key's name, the key's name, nonce, sealed text`. Version, name, workspace and
purpose are authenticated with it: an envelope that was moved to another row does not open.
"""

import os
from typing import ClassVar, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.kernel.keyring import Keyring

__all__ = ["EnvelopeInvalidError", "Envelopes"]

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

    def __init__(self, keyring: Keyring) -> None:
        if any(not 0 < len(name.encode()) <= _MAX_NAME_BYTES for name in keyring.keys):
            raise ValueError("a key has a name of 1 to 255 bytes")
        self._keyring = keyring

    def seal(self, workspace: WorkspaceId, purpose: str, plain: bytes) -> bytes:
        """Return `plain` so that it opens only for this workspace and purpose."""
        name = self._keyring.current.encode()
        head = _VERSION + bytes([len(name)]) + name
        nonce = os.urandom(_NONCE_BYTES)
        return head + nonce + AESGCM(self._keyring.key).encrypt(nonce, plain, _bound_to(head, workspace, purpose))

    def open(self, workspace: WorkspaceId, purpose: str, sealed: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            EnvelopeInvalidError: it was altered, sealed for another workspace or purpose, or its key is gone.
        """
        head, name = _head_of(sealed)
        key = self._keyring.keys.get(name)
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
        return sealed if _head_of(sealed)[1] == self._keyring.current else self.seal(workspace, purpose, plain)


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
