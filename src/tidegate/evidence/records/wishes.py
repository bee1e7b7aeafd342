"""What use cases of evidence are asked for, and answer with. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tidegate.evidence.records.model import JSON, EvidenceRecord, EvidenceSubject

__all__ = ["AddedEvidence", "EvidenceWish", "Reading"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceWish:
    """Evidence as somebody offers it."""

    kind: str
    title: str
    owner: str
    subject: EvidenceSubject
    """Its release is a name or an id."""
    content: bytes | None = None
    uri: str | None = None
    digest: str | None = None
    produced_at: datetime | None = None
    provisional_until: datetime | None = None
    gate: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class AddedEvidence:
    record: EvidenceRecord
    is_new: bool
    """False when the same had been received before."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from content."""

    summary: Mapping[str, JSON] = field(default_factory=dict)
    signers: tuple[str, ...] = ()
    """Fingerprints of the known keys that signed it."""
