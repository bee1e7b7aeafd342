"""Evidence for people: what there is, whether it counts, and a place to judge it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Query, Request
from fastapi.responses import Response

from tidegate.audit.doing import Writing
from tidegate.edge.caller import Caller, CurrentCaller, Scope, Writer, permit
from tidegate.edge.csrf import FormProven
from tidegate.edge.html import PageRenderer, page_router
from tidegate.edge.providers import provide
from tidegate.evidence.records.asking import Asked, Book, found, reviewing
from tidegate.evidence.records.model import KINDS, EvidenceRecord, ReviewVerdict
from tidegate.evidence.records.service import EvidenceBook
from tidegate.evidence.records.views import view_of
from tidegate.identity.forms import Problem, base_url_of, leading
from tidegate.kernel import DEFAULT_LIMIT, ConflictError, ForbiddenError, InvalidInputError

__all__ = ["router"]

_PATH = "/evidence"
router = page_router()
_Note = Annotated[str, Form(max_length=2_000)]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the pages are made with."""

    request: Request
    book: EvidenceBook
    pages: PageRenderer


async def _desk(
    request: Request,
    book: Book,
    pages: Annotated[PageRenderer, provide(PageRenderer)],
) -> Desk:
    return Desk(request, book, pages)


AtDesk = Annotated[Desk, Depends(_desk)]


@router.get(_PATH)
async def show_list(
    caller: CurrentCaller, desk: AtDesk, asked: Asked, cursor: Annotated[str | None, Query(max_length=1_000)] = None
) -> Response:
    """Show evidence, the newest receipt first."""
    page = await desk.book.list_records(caller.workspace, asked=asked, limit=DEFAULT_LIMIT, cursor=cursor or None)
    now = desk.book.now()
    given = {name: getattr(asked, name) for name in ("kind", "release", "commit", "service") if getattr(asked, name)}
    return desk.pages.render(
        desk.request,
        "evidence/list.html",
        section="evidence",
        is_live=cursor is None,
        topics="gates",
        records=[view_of(each, now=now, viewer=caller.member) for each in page.items],
        given=given,
        kinds=KINDS,
        next_cursor=page.next_cursor,
        base_url=base_url_of(desk.request),
    )


@router.get(f"{_PATH}/{{evidence_id}}")
async def show_one(evidence_id: str, caller: CurrentCaller, desk: AtDesk) -> Response:
    """Show one record: what it is, what is counted in it, who says what of it."""
    record = await found(desk.request, caller, desk.book, evidence_id)
    return _page(desk, caller, record)


@router.post(f"{_PATH}/{{evidence_id}}/review", dependencies=[FormProven])
async def review(
    evidence_id: str,
    caller: Writer,
    by: Writing,
    desk: AtDesk,
    *,
    verdict: Annotated[str, Form()] = "",
    note: _Note = "",
) -> Response:
    """Accept or refuse it, as another person than those who made it."""
    record = await found(desk.request, caller, desk.book, evidence_id)
    await permit(desk.request, caller, reviewing(record))
    try:
        if verdict not in set(ReviewVerdict):
            raise InvalidInputError("Say whether you accept or refuse it.", field="verdict")
        await desk.book.review(caller.workspace, evidence_id, verdict=ReviewVerdict(verdict), note=note.strip(), by=by)
    except (ConflictError, ForbiddenError, InvalidInputError) as error:
        return _page(desk, caller, record, problem=Problem.of(error), note=note)
    return leading(f"{_PATH}/{evidence_id}")


@router.post(f"{_PATH}/{{evidence_id}}/fetch", dependencies=[FormProven])
async def fetch(evidence_id: str, caller: Writer, by: Writing, desk: AtDesk) -> Response:
    """Have its link fetched again."""
    record = await found(desk.request, caller, desk.book, evidence_id)
    try:
        await desk.book.refetch(caller.workspace, evidence_id, by=by)
    except ConflictError as error:
        return _page(desk, caller, record, problem=Problem.of(error))
    return leading(f"{_PATH}/{evidence_id}")


@router.post(f"{_PATH}/{{evidence_id}}/withdraw", dependencies=[FormProven])
async def withdraw(evidence_id: str, caller: Writer, by: Writing, desk: AtDesk, *, reason: _Note = "") -> Response:
    """Take it back, with a reason."""
    record = await found(desk.request, caller, desk.book, evidence_id)
    try:
        if len(reason.strip()) < 3:
            raise InvalidInputError("Say why it is taken back.", field="reason")
        await desk.book.withdraw(caller.workspace, evidence_id, reason=reason.strip(), by=by)
    except (ConflictError, InvalidInputError) as error:
        return _page(desk, caller, record, problem=Problem.of(error))
    return leading(f"{_PATH}/{evidence_id}")


def _page(
    desk: Desk, caller: Caller, record: EvidenceRecord, *, problem: Problem | None = None, note: str = ""
) -> Response:
    return desk.pages.render(
        desk.request,
        "evidence/record.html",
        section="evidence",
        status=problem.status if problem else 200,
        is_live=problem is None,
        topics="gates",
        record=view_of(record, now=desk.book.now(), viewer=caller.member),
        may_write=caller.may(Scope.WRITE),
        problem=problem,
        note=note,
        base_url=base_url_of(desk.request),
    )
