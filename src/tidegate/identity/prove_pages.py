"""Proving again who one is, before what needs a fresh proof; then back to do it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Request
from fastapi.responses import Response

from tidegate.edge.caller import is_own_path
from tidegate.edge.csrf import FormProven
from tidegate.edge.html import PROVE_PATH, PageRenderer, page_router
from tidegate.edge.providers import provide
from tidegate.identity.acting import Acting
from tidegate.identity.doors import ActingReader
from tidegate.identity.forms import MAX_PASSWORD_FIELD, Problem, begin_session, render_with, visit_of
from tidegate.identity.passkey_pages import Answered, asking, forgetting, secret_of
from tidegate.identity.passkeys.service import PasskeyService
from tidegate.identity.sessions.service import SessionService
from tidegate.identity.sign_in_page import ProofChoices, passkey_place
from tidegate.kernel import TidegateError, UnavailableError

__all__ = ["router"]

router = page_router()
_Next = Annotated[str, Form(alias="next", max_length=4_000)]
_MAX_NEXT_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Desk:
    """What the page is made with."""

    request: Request
    sessions: SessionService
    passkeys: PasskeyService
    pages: PageRenderer


async def _desk(
    request: Request,
    sessions: Annotated[SessionService, provide(SessionService)],
    passkeys: Annotated[PasskeyService, provide(PasskeyService)],
    pages: Annotated[PageRenderer, provide(PageRenderer)],
) -> Desk:
    return Desk(request, sessions, passkeys, pages)


AtDesk = Annotated[Desk, Depends(_desk)]


@router.get(PROVE_PATH)
async def show_proof(by: ActingReader, desk: AtDesk) -> Response:
    """Ask for the password or a passkey once more. Query: `next`, the own page to go on to."""
    # Read by hand: what is no page of ours leads to the account, and is no error.
    return await _page(desk, by, back_to=desk.request.query_params.get("next", ""))


@router.post(PROVE_PATH, dependencies=[FormProven])
async def prove_with_password(
    by: ActingReader,
    desk: AtDesk,
    *,
    password: Annotated[str, Form(max_length=MAX_PASSWORD_FIELD)] = "",
    back_to: _Next = "",
) -> Response:
    """Prove the password; the session goes on under another secret."""
    try:
        secret = await desk.sessions.prove(by.caller.workspace, password, visit=visit_of(desk.request), by=by)
    except UnavailableError:
        raise
    except TidegateError as error:
        problem = Problem.of(error, field="password" if error.code == "password_wrong" else None)
        return await _page(desk, by, back_to=back_to, problem=problem)
    return begin_session(desk.request, secret, path=_own(back_to))


@router.post(f"{PROVE_PATH}/passkey/options", dependencies=[FormProven])
async def ask_for_proof(by: ActingReader, desk: AtDesk) -> Response:
    """Return what the browser is to ask its authenticators."""
    visit = visit_of(desk.request)
    return asking(desk.request, await desk.passkeys.begin_proving(by.caller.workspace, visit=visit, by=by))


@router.post(f"{PROVE_PATH}/passkey", dependencies=[FormProven])
async def prove_with_passkey(
    by: ActingReader, desk: AtDesk, *, credential: Answered = "", back_to: _Next = ""
) -> Response:
    """Prove it with a passkey of one's own."""
    request, visit = desk.request, visit_of(desk.request)
    try:
        secret = await desk.passkeys.prove(by.caller.workspace, secret_of(request), credential, visit=visit, by=by)
    except UnavailableError:
        raise
    except TidegateError as error:
        return forgetting(await _page(desk, by, back_to=back_to, problem=Problem.of(error)))
    return forgetting(begin_session(request, secret, path=_own(back_to)))


async def _page(desk: Desk, by: Acting, *, back_to: str, problem: Problem | None = None) -> Response:
    asked: Sequence[ProofChoices] = getattr(desk.request.app.state, "proof_choices", ())
    workspace = by.caller.workspace
    choices = [choice for each in asked for choice in await each(desk.request, workspace, _own(back_to))]
    return render_with(
        desk.pages,
        desk.request,
        "identity/prove.html",
        section="account",
        is_person=by.caller.by_session and by.caller.member is not None,
        passkeys=passkey_place(desk.request),
        has_passkey=bool(await desk.passkeys.list_passkeys(by.caller.workspace, by=by)),
        choices=choices,
        back_to=_own(back_to),
        problem=problem,
    )


def _own(path: str) -> str:
    """Return `path` when it is one of ours, else the account: nobody is sent elsewhere with a fresh proof."""
    return path if len(path) <= _MAX_NEXT_CHARACTERS and is_own_path(path) else "/account"
