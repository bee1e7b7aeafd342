"""Evidence over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tidegate.audit.doing import Reading, Writing
from tidegate.edge.bodies import JSON, parse_json, read_body
from tidegate.edge.caller import CurrentCaller, CurrentWorkspace, Writer, permit
from tidegate.evidence.records.asking import Asked, Book, found, reviewing
from tidegate.evidence.records.errors import EvidenceTooLargeError
from tidegate.evidence.records.model import EvidenceRecord
from tidegate.evidence.records.schemas import (
    MAX_BODY_CHARACTERS,
    EvidenceOut,
    EvidencePageOut,
    ReleaseGateEvidenceInput,
    ReviewIn,
    WithdrawalIn,
    about_wish,
)
from tidegate.identity.doors import body_of, read_wish
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT, TooLargeError

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/evidence", tags=["evidence"])
# A body of 1 MB, of which JSON may write every second character in two, and what stands around it.
_MAX_REQUEST_BYTES = 2 * MAX_BODY_CHARACTERS


@router.post("", status_code=201, openapi_extra=body_of(ReleaseGateEvidenceInput))
async def add_evidence(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request, response: Response, caller: Writer, book: Book, by: Writing
) -> EvidenceOut:
    """Receive evidence: 201; 200 when the same run of its subject was received before; 409 with other content."""
    try:
        content = await read_body(request, JSON, limit_bytes=_MAX_REQUEST_BYTES)
    except TooLargeError as error:
        raise EvidenceTooLargeError from error
    wish = parse_json(ReleaseGateEvidenceInput, content).wish()
    await permit(request, caller, about_wish(*await book.resolve(caller.workspace, wish.subject)))
    added = await book.add(caller.workspace, wish, by=by)
    response.status_code = 201 if added.is_new else 200
    return EvidenceOut.of(added.record, now=book.now())


@router.get("")
async def list_evidence(  # noqa: PLR0917 - FastAPI passes them by name
    workspace: CurrentWorkspace,
    book: Book,
    asked: Asked,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> EvidencePageOut:
    """List evidence, the newest receipt first."""
    page = await book.list_records(workspace, asked=asked, limit=limit, cursor=cursor)
    return EvidencePageOut.of_all(page, now=book.now())


@router.get("/{evidence_id}")
async def show_evidence(evidence_id: str, request: Request, caller: CurrentCaller, book: Book) -> EvidenceOut:
    """Return one record as it stands now."""
    return EvidenceOut.of(await found(request, caller, book, evidence_id), now=book.now())


@router.get("/{evidence_id}/body", response_class=Response)
async def download_evidence(  # noqa: PLR0917 - FastAPI passes them by name
    evidence_id: str, request: Request, caller: CurrentCaller, book: Book, reading: Reading
) -> Response:
    """Return the content as a file, byte for byte. 409 when it is not kept here, or is not what was stored."""
    await found(request, caller, book, evidence_id)
    record, content = await book.content(caller.workspace, evidence_id)
    await reading.export("evidence:read", f"evidence/{evidence_id}")
    return file_of(record, content)


@router.post("/{evidence_id}/reviews", openapi_extra=body_of(ReviewIn))
async def review_evidence(  # noqa: PLR0917 - FastAPI passes them by name
    evidence_id: str, request: Request, caller: Writer, book: Book, by: Writing
) -> EvidenceOut:
    """Accept or refuse evidence, as another person than those who made it; the last word of each counts."""
    wish = await read_wish(request, ReviewIn)
    record = await found(request, caller, book, evidence_id)
    await permit(request, caller, reviewing(record))
    reviewed = await book.review(caller.workspace, evidence_id, verdict=wish.verdict, note=wish.note, by=by)
    return EvidenceOut.of(reviewed, now=book.now())


@router.post("/{evidence_id}/fetch", status_code=202)
async def fetch_evidence(  # noqa: PLR0917 - FastAPI passes them by name
    evidence_id: str, request: Request, caller: Writer, book: Book, by: Writing
) -> EvidenceOut:
    """Fetch its link again: what it says now is compared with what it said."""
    await found(request, caller, book, evidence_id)
    return EvidenceOut.of(await book.refetch(caller.workspace, evidence_id, by=by), now=book.now())


@router.post("/{evidence_id}/verify")
async def verify_evidence(  # noqa: PLR0917 - FastAPI passes them by name
    evidence_id: str, request: Request, caller: Writer, book: Book, by: Writing
) -> EvidenceOut:
    """Check its bytes, and the signatures of an attestation against the keys that are known now."""
    await found(request, caller, book, evidence_id)
    return EvidenceOut.of(await book.verify(caller.workspace, evidence_id, by=by), now=book.now())


@router.delete("/{evidence_id}", openapi_extra=body_of(WithdrawalIn))
async def withdraw_evidence(  # noqa: PLR0917 - FastAPI passes them by name
    evidence_id: str, request: Request, caller: Writer, book: Book, by: Writing
) -> EvidenceOut:
    """Take it back. It stays as a tombstone: what it stood for is open until new evidence comes."""
    wish = await read_wish(request, WithdrawalIn)
    await found(request, caller, book, evidence_id)
    withdrawn = await book.withdraw(caller.workspace, evidence_id, reason=wish.reason, by=by)
    return EvidenceOut.of(withdrawn, now=book.now())


def file_of(record: EvidenceRecord, content: bytes) -> Response:
    """Return content as a file that no browser opens by itself, whatever is in it."""
    return Response(
        content,
        media_type="application/octet-stream",
        headers={
            "content-disposition": f'attachment; filename="{record.id}.bin"',
            "x-content-type-options": "nosniff",
            "content-security-policy": "sandbox; default-src 'none'",
            "cache-control": "no-store",
            "etag": f'"{record.digest}"',
        },
    )
