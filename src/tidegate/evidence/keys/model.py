"""A public key that a workspace knows. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidegate.attestations import PublicKey

MAX_KEYS: Final = 100
"""Of a workspace: each signature is tried with each."""


@dataclass(frozen=True, slots=True)
class EvidenceKey:
    """A key with the name that an admin gave it."""

    id: str
    name: str
    public: PublicKey
    added_at: datetime
    added_by: str
    expires_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at
