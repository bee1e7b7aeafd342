"""Silences, and taking alerts on, for people."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from tidegate.alerts.paging.answers import Preview, SilenceWish
from tidegate.alerts.paging.model import Silence, SilenceState, parse_matcher
from tidegate.alerts.paging.service import CareService, PagingService, SilenceService
from tidegate.alerts.schemas import about_alert
from tidegate.alerts.service import AlertService
from tidegate.audit.doing import Writing
from tidegate.edge.caller import Caller, CurrentCaller, Role, Scope, Writer, permit
from tidegate.edge.csrf import FormProven
from tidegate.edge.html import PageRenderer, Pages, page_router
from tidegate.edge.marks import MARKS, Mark
from tidegate.edge.problems import answer_for
from tidegate.edge.providers import provide
from tidegate.kernel import (
    DEFAULT_LIMIT,
    AlertId,
    InvalidInputError,
    TidegateError,
    UnavailableError,
    parse_duration,
)

__all__ = ["router"]

router = page_router()
Alerts = Annotated[AlertService, provide(AlertService)]
Silences = Annotated[SilenceService, provide(SilenceService)]
Cares = Annotated[CareService, provide(CareService)]
Pagings = Annotated[PagingService, provide(PagingService)]
_MARKS = {
    SilenceState.ACTIVE: MARKS["hold"],
    SilenceState.PENDING: MARKS["pending"],
    SilenceState.EXPIRED: MARKS["inactive"],
}
_WORDS = {SilenceState.ACTIVE: "HOLDS", SilenceState.PENDING: "WAITS", SilenceState.EXPIRED: "OVER"}
_MAX_LENGTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class SilenceView:
    silence: Silence
    mark: Mark
    may_confirm: bool


@dataclass(frozen=True, slots=True)
class SilenceForm:
    """The form as it was filled in."""

    matchers: Annotated[str, Form(max_length=4_000)] = ""
    reason: Annotated[str, Form(max_length=1_000)] = ""
    length: Annotated[str, Form(max_length=20)] = "2h"
    covers_all: Annotated[str, Form(max_length=3)] = ""
    step: Annotated[str, Form(max_length=10)] = "preview"


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with the form."""

    message: str
    code: str
    field: str | None
    status: int


@dataclass(frozen=True, slots=True)
class Desk:
    request: Request
    silences: SilenceService
    paging: PagingService
    pages: PageRenderer


async def _desk(request: Request, silences: Silences, paging: Pagings, pages: Pages) -> Desk:
    return Desk(request, silences, paging, pages)


AtDesk = Annotated[Desk, Depends(_desk)]


@router.get("/silences")
async def show_silences(
    caller: CurrentCaller,
    desk: AtDesk,
    *,
    matchers: Annotated[str, Query(max_length=4_000)] = "",
    state: Annotated[str, Query(pattern="^(open|all)$")] = "open",
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
) -> Response:
    """Show what nobody is told of for a while, by whose word, and a form for more."""
    return await _page(desk, caller, given=SilenceForm(matchers=matchers), with_expired=state == "all", cursor=cursor)


@router.post("/silences", dependencies=[FormProven])
async def make_silence(caller: Writer, by: Writing, desk: AtDesk, form: Annotated[SilenceForm, Depends()]) -> Response:
    """Show what a silence would cover; asked once more, make it."""
    try:
        wish = _wish_of(form, desk)
        if form.step != "make":
            preview = await desk.silences.preview(caller.workspace, wish.matchers)
            return await _page(desk, caller, given=form, preview=preview)
        await desk.silences.create(caller.workspace, wish, by=by)
    except UnavailableError:
        raise
    except TidegateError as error:
        wrong = Wrong(error.message, error.code, _field_of(error.field), answer_for(error).status)
        return await _page(desk, caller, given=form, wrong=wrong)
    return RedirectResponse("/silences", 303)


@router.post("/silences/{silence_id}/confirm", dependencies=[FormProven])
async def confirm_silence(silence_id: str, caller: Writer, by: Writing, silences: Silences) -> Response:
    """Stand for a silence as a second person."""
    await silences.confirm(caller.workspace, silence_id, by=by)
    return RedirectResponse("/silences", 303)


@router.post("/silences/{silence_id}/expire", dependencies=[FormProven])
async def expire_silence(silence_id: str, caller: Writer, by: Writing, silences: Silences) -> Response:
    """End a silence now."""
    await silences.expire(caller.workspace, silence_id, by=by)
    return RedirectResponse("/silences", 303)


@router.post("/alerts/{alert_id:alert_id}/acknowledge", dependencies=[FormProven])
async def acknowledge(  # noqa: PLR0917 - FastAPI passes them by name
    alert_id: str, request: Request, caller: Writer, by: Writing, alerts: Alerts, cares: Cares
) -> Response:
    """Say that one has seen to an alert."""
    await _permit(request, caller, alerts, alert_id)
    await cares.acknowledge(caller.workspace, AlertId(alert_id), by=by)
    return RedirectResponse(f"/alerts/{alert_id}", 303)


@router.post("/alerts/{alert_id:alert_id}/assign", dependencies=[FormProven])
async def take_or_leave(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    alert_id: str,
    request: Request,
    caller: Writer,
    by: Writing,
    alerts: Alerts,
    cares: Cares,
    to: Annotated[str, Form(max_length=10)] = "me",
) -> Response:
    """Take an alert on oneself, or leave it to others."""
    await _permit(request, caller, alerts, alert_id)
    await cares.assign(caller.workspace, AlertId(alert_id), caller.member if to == "me" else None, by=by)
    return RedirectResponse(f"/alerts/{alert_id}", 303)


async def _permit(request: Request, caller: Caller, alerts: AlertService, alert_id: str) -> None:
    found = await alerts.get_alert(caller.workspace, AlertId(alert_id))
    await permit(request, caller, about_alert(found.alert))


async def _page(  # noqa: PLR0913 - what the page shows
    desk: Desk,
    caller: Caller,
    *,
    given: SilenceForm,
    preview: Preview | None = None,
    wrong: Wrong | None = None,
    with_expired: bool = False,
    cursor: str | None = None,
) -> Response:
    page = await desk.silences.list_silences(
        caller.workspace, with_expired=with_expired, limit=DEFAULT_LIMIT, cursor=cursor or None
    )
    now = desk.pages.now()
    may_write = caller.may(Scope.WRITE) and caller.role is not Role.AGENT
    return desk.pages.render(
        desk.request,
        "alerts/silences.html",
        section="alerts",
        status=wrong.status if wrong else 200,
        silences=[_view(silence, caller, now=now, may_write=may_write) for silence in page.items],
        next_cursor=page.next_cursor,
        with_expired=with_expired,
        may_write=may_write,
        given=given,
        preview=preview,
        problem=wrong,
        health=await desk.paging.health(caller.workspace),
        base_url=str(desk.request.base_url).rstrip("/"),
    )


def _view(silence: Silence, caller: Caller, *, now: datetime, may_write: bool) -> SilenceView:
    state = silence.state_at(now)
    mark = Mark(_WORDS[state], _MARKS[state].tone, _MARKS[state].glyph)
    is_person = caller.member is not None and caller.member.startswith("usr_")
    may_confirm = may_write and is_person and not silence.is_confirmed and caller.member not in silence.people
    return SilenceView(silence, mark, may_confirm=may_confirm and state is not SilenceState.EXPIRED)


def _wish_of(form: SilenceForm, desk: Desk) -> SilenceWish:
    lines = [line.strip() for line in form.matchers.splitlines() if line.strip()]
    if len(lines) > 32:
        raise InvalidInputError("At most 32 matchers.", field="matchers")
    return SilenceWish(
        matchers=tuple(parse_matcher(line) for line in lines),
        reason=form.reason,
        starts_at=None,
        ends_at=desk.silences.now() + min(parse_duration(form.length.strip(), field="length"), 2 * _MAX_LENGTH),
        covers_all=form.covers_all == "yes",
    )


def _field_of(field: str | None) -> str | None:
    return {"endsAt": "length", "matchers.0": "matchers"}.get(field or "", field)
