"""Known keys on the wire."""

from typing import Annotated, Self

from pydantic import StringConstraints

from tidegate.edge.wire import Utc, WireModel
from tidegate.evidence.keys.model import EvidenceKey


class EvidenceKeyIn(WireModel):
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$")]
    public_key: Annotated[str, StringConstraints(min_length=1, max_length=4_096)]
    """Ed25519 or ECDSA P-256, in PEM."""
    expires_at: Utc | None = None
    """From then on nothing is signed by it."""


class EvidenceKeyOut(WireModel):
    id: str
    name: str
    algorithm: str
    fingerprint: str
    """SHA-256 of the key: what signatures are known by."""
    public_key: str
    added_at: Utc
    added_by: str
    expires_at: Utc | None

    @classmethod
    def of(cls, key: EvidenceKey) -> Self:
        return cls(
            id=key.id,
            name=key.name,
            algorithm=key.public.algorithm,
            fingerprint=key.public.fingerprint,
            public_key=key.public.pem,
            added_at=key.added_at,
            added_by=key.added_by,
            expires_at=key.expires_at,
        )


class EvidenceKeyListOut(WireModel):
    items: tuple[EvidenceKeyOut, ...]
