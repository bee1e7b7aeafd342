"""Signs what outsiders verify: Ed25519, one key an installation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tidegate.audit.canonical import KEY_PREFIX, handover_bytes, head_bytes, key_name_of, seal_bytes
from tidegate.audit.model import ChainPlace, SignedHead
from tidegate.kernel import WorkspaceId, format_utc

__all__ = ["AuditKey", "AuditKeySource"]


class AuditKeySource(Protocol):
    """Knows the key that signs now; asked with each use, so that a rotation is taken up at once."""

    def current(self) -> "AuditKey": ...


@dataclass(frozen=True)
class AuditKey:
    """The key of the audit, made from 32 secret bytes."""

    seed: bytes = field(repr=False)
    handovers: tuple[Mapping[str, Any], ...] = ()
    """Lines that vouch for this key in the name of those before it, the oldest first; exports hold them."""

    def current(self) -> "AuditKey":
        """Return itself; part of `AuditKeySource`."""
        return self

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

    def sign(self, content: bytes) -> bytes:
        return self._private.sign(content)

    def sign_head(self, workspace: WorkspaceId, place: ChainPlace, *, count: int, signed_at: datetime) -> SignedHead:
        unsigned = SignedHead(workspace, place.seq, count, place.hash, signed_at, self.name, b"")
        signature = self.sign(head_bytes(unsigned.as_canonical()))
        return SignedHead(workspace, place.seq, count, place.hash, signed_at, self.name, signature)

    def sign_seal(self, seal: dict[str, Any]) -> str:
        return self.sign(seal_bytes(seal)).hex()

    def hand_over(self, successor: "AuditKey", *, ends_at: datetime) -> dict[str, Any]:
        """Return the line by which this key vouches for `successor`, and that one for this."""
        handover = {"from": self.public_text, "to": successor.public_text, "endsAt": format_utc(ends_at)}
        signed = handover_bytes(handover)
        return {
            "kind": "handover",
            "handover": handover,
            "signature": self.sign(signed).hex(),
            "accepted": successor.sign(signed).hex(),
        }
