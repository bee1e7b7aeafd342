"""Signs what outsiders verify: Ed25519, one key an installation."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tidegate.audit.canonical import KEY_PREFIX, head_bytes, key_name_of, seal_bytes
from tidegate.audit.model import ChainPlace, SignedHead
from tidegate.kernel import WorkspaceId

__all__ = ["AuditKey"]


@dataclass(frozen=True)
class AuditKey:
    """The key of the audit, made from 32 secret bytes."""

    seed: bytes = field(repr=False)

    @cached_property
    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @cached_property
    def public_bytes(self) -> bytes:
        return self._private.public_key().public_bytes_raw()

    @property
    def public_text(self) -> str:
        """What outsiders are given: `ed25519:` and 64 hexadecimal digits."""
        return f"{KEY_PREFIX}{self.public_bytes.hex()}"

    @cached_property
    def name(self) -> str:
        return key_name_of(self.public_bytes)

    def sign_head(self, workspace: WorkspaceId, place: ChainPlace, *, count: int, signed_at: datetime) -> SignedHead:
        unsigned = SignedHead(workspace, place.seq, count, place.hash, signed_at, self.name, b"")
        signature = self._private.sign(head_bytes(unsigned.as_canonical()))
        return SignedHead(workspace, place.seq, count, place.hash, signed_at, self.name, signature)

    def sign_seal(self, seal: dict[str, Any]) -> str:
        return self._private.sign(seal_bytes(seal)).hex()
