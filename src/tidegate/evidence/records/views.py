"""Evidence as people see it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from tidegate.edge.marks import MARKS, Mark
from tidegate.evidence.records.model import ContentState, EvidenceRecord, ReviewVerdict
from tidegate.evidence.records.schemas import EvidenceOut

__all__ = ["EvidenceView", "view_of"]

_WITHDRAWN: Final = replace(MARKS["inactive"], word="WITHDRAWN")
_ALTERED: Final = replace(MARKS["failed"], word="ALTERED")
_FAILED: Final = replace(MARKS["failed"], word="NOT FETCHED")
_EXPIRED: Final = replace(MARKS["stale"], word="EXPIRED")
_REFUSED: Final = replace(MARKS["failed"], word="REFUSED")
_ACCEPTED: Final = replace(MARKS["passed"], word="ACCEPTED")
_PROVISIONAL: Final = replace(MARKS["pending"], word="PROVISIONAL")
_RECEIVED: Final = replace(MARKS["inactive"], word="NOT REVIEWED")


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """One record with its mark and the sentence beside it."""

    out: EvidenceOut
    mark: Mark
    sentence: str
    subject: str
    is_linkable: bool
    """Whether its link may be followed by people."""
    may_be_reviewed: bool
    has_content: bool


def view_of(record: EvidenceRecord, *, now: datetime, viewer: str | None = None) -> EvidenceView:
    out = EvidenceOut.of(record, now=now)
    subject = record.subject
    parts = (
        ("release", subject.release),
        ("commit", subject.commit),
        ("service", subject.service),
        ("repository", subject.repository),
        ("artefact", subject.digest),
    )
    return EvidenceView(
        out,
        _mark_of(record, now),
        _sentence_of(record, out),
        ", ".join(f"{name} {value}" for name, value in parts if value),
        is_linkable=record.uri is not None and record.uri.startswith("https://"),
        may_be_reviewed=out.counts and viewer is not None and viewer not in record.authors,
        has_content=record.has_content,
    )


def _mark_of(record: EvidenceRecord, now: datetime) -> Mark:  # noqa: PLR0911 - one a state, the worst first
    if record.withdrawn_at is not None:
        return _WITHDRAWN
    if not record.is_intact or record.state is ContentState.CHANGED:
        return _ALTERED
    if record.state is ContentState.FAILED:
        return _FAILED
    if record.state is ContentState.PENDING:
        return MARKS["pending"]
    if record.is_expired(now):
        return _EXPIRED
    if any(each.verdict is ReviewVerdict.REFUSED for each in record.valid_reviews):
        return _REFUSED
    if record.provisional_until is not None:
        return _PROVISIONAL
    return _ACCEPTED if record.is_accepted else _RECEIVED


def _sentence_of(record: EvidenceRecord, out: EvidenceOut) -> str:
    if out.reason:
        return f"Gates do not count it: {out.reason.removesuffix('.')}."
    if record.is_accepted:
        count = len(record.valid_reviews)
        return f"{count} {'person' if count == 1 else 'people'} accepted it, and nobody refused it."
    if record.valid_reviews:
        return "Somebody refused it."
    return "Nobody but those who made it has reviewed it."
