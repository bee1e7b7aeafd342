"""What the doors of evidence share: which record is asked for, and what the policies are asked about it."""

from typing import Annotated

from fastapi import Depends, Query, Request

from tidegate.edge.authority import Target
from tidegate.edge.caller import Caller, permit
from tidegate.edge.providers import provide
from tidegate.evidence.records.model import EvidenceRecord
from tidegate.evidence.records.ports import EvidenceFilter
from tidegate.evidence.records.schemas import about_evidence
from tidegate.evidence.records.service import EvidenceBook

__all__ = ["Asked", "Book", "found", "reviewing"]

Book = Annotated[EvidenceBook, provide(EvidenceBook)]
_Text = Annotated[str, Query(max_length=200)]


async def found(request: Request, caller: Caller, book: EvidenceBook, evidence_id: str) -> EvidenceRecord:
    """Return the record of a route, if the caller may ask about it."""
    record = await book.get(caller.workspace, evidence_id)
    await permit(request, caller, about_evidence(record))
    return record


async def _filter(
    kind: _Text = "", release: _Text = "", commit: _Text = "", service: Annotated[str, Query(max_length=512)] = ""
) -> EvidenceFilter:
    return EvidenceFilter(kind, release, commit, service)


Asked = Annotated[EvidenceFilter, Depends(_filter)]


def reviewing(record: EvidenceRecord) -> Target:
    """Return what the policies are asked about a review: its authors among it."""
    return Target(services=about_evidence(record).services, authors=frozenset(record.authors))
