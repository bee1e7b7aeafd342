"""Tokens, for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Form, Query, Request
from fastapi.responses import Response

from tidegate.edge.authority import StepUpRequiredError
from tidegate.edge.caller import Role, Scope
from tidegate.edge.csrf import FormProven
from tidegate.edge.html import PageRenderer, page_router
from tidegate.edge.providers import provide
from tidegate.identity.acting import Acting
from tidegate.identity.doors import ActingReader, ActingWriter, permit_scope
from tidegate.identity.forms import Problem, base_url_of, leading
from tidegate.identity.members.model import MemberKind
from tidegate.identity.members.service import MemberService
from tidegate.identity.model import Token
from tidegate.identity.roles import is_within, scopes_of
from tidegate.identity.tokens.model import TokenWish
from tidegate.identity.tokens.schemas import MAX_NAMES
from tidegate.identity.tokens.service import TokenService
from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT, InvalidInputError, TidegateError, UnavailableError

__all__ = ["router"]

_PATH = "/tokens"
_DAYS = ("30", "90", "365", "")
router = page_router()


@dataclass(frozen=True, slots=True)
class Desk:
    """What the page is made with."""

    request: Request
    tokens: TokenService
    members: MemberService
    pages: PageRenderer


@dataclass(frozen=True, slots=True)
class TokenForm:
    """The form as it was filled in."""

    name: Annotated[str, Form(max_length=256)] = ""
    scope: Annotated[str, Form(max_length=20)] = ""
    member: Annotated[str, Form(max_length=64)] = ""
    services: Annotated[str, Form(max_length=2_000)] = ""
    environments: Annotated[str, Form(max_length=2_000)] = ""
    days: Annotated[str, Form(max_length=4)] = "90"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows beside the list."""

    problem: Problem | None = None
    given: TokenForm | Mapping[str, str | None] = field(default_factory=TokenForm)
    made: Token | None = None
    secret: str = field(default="", repr=False)


async def _desk(
    request: Request,
    tokens: Annotated[TokenService, provide(TokenService)],
    members: Annotated[MemberService, provide(MemberService)],
    pages: Annotated[PageRenderer, provide(PageRenderer)],
) -> Desk:
    return Desk(request, tokens, members, pages)


AtDesk = Annotated[Desk, Depends(_desk)]


@router.get(_PATH)
async def show_tokens(by: ActingReader, desk: AtDesk, cursor: Annotated[str | None, Query()] = None) -> Response:
    """Show tokens without their secrets."""
    return await _page(desk, by, Shown(), cursor=cursor)


@router.post(_PATH, dependencies=[FormProven])
async def make_token(by: ActingWriter, desk: AtDesk, form: Annotated[TokenForm, Depends()]) -> Response:
    """Make a token; the answer shows its secret, this once."""
    await permit_scope(desk.request, by, form.scope)
    try:
        made, secret = await desk.tokens.create(by.caller.workspace, _wish_of(form, desk), by=by)
    except UnavailableError:
        raise
    except TidegateError as error:
        problem = Problem.of(error)
        return problem.on(await _page(desk, by, Shown(problem, form)))
    return await _page(desk, by, Shown(made=made, secret=secret))


@router.post(f"{_PATH}/{{token_id}}/rotate", dependencies=[FormProven])
async def rotate_token(token_id: str, by: ActingWriter, desk: AtDesk) -> Response:
    """Put another token in the place of this one, which works on for a day."""
    try:
        old = await desk.tokens.get_token(by.caller.workspace, token_id, by=by)
        await permit_scope(desk.request, by, old.scope)
        made, secret = await desk.tokens.rotate(by.caller.workspace, token_id, by=by)
    except (StepUpRequiredError, UnavailableError):
        raise
    except TidegateError as error:
        problem = Problem.of(error)
        return problem.on(await _page(desk, by, Shown(problem)))
    return await _page(desk, by, Shown(made=made, secret=secret))


@router.post(f"{_PATH}/{{token_id}}/revoke", dependencies=[FormProven])
async def revoke_token(token_id: str, by: ActingReader, desk: AtDesk) -> Response:
    """Revoke a token."""
    try:
        await desk.tokens.revoke(by.caller.workspace, token_id, by=by)
    except UnavailableError:
        raise
    except TidegateError as error:
        problem = Problem.of(error)
        return problem.on(await _page(desk, by, Shown(problem)))
    return leading(_PATH)


async def _page(desk: Desk, by: Acting, shown: Shown, *, cursor: str | None = None) -> Response:
    caller = by.caller
    page = await desk.tokens.list_tokens(caller.workspace, limit=DEFAULT_LIMIT, cursor=cursor, by=by)
    may_make = caller.role is not Role.AGENT and caller.may(Scope.WRITE) and (by.is_admin or caller.by_session)
    offered = frozenset(Scope) if caller.role is None else scopes_of(caller.role)
    return desk.pages.render(
        desk.request,
        "identity/tokens.html",
        section="tokens",
        status=shown.problem.status if shown.problem else 200,
        tokens=page.items,
        names=await _names(desk, by),
        next_cursor=page.next_cursor,
        is_admin=by.is_admin,
        may_make=may_make,
        scopes=[(str(scope), str(scope)) for scope in Scope if scope in offered],
        accounts=await _accounts(desk, by) if by.is_admin else (),
        problem=shown.problem,
        given=shown.given,
        made=shown.made,
        made_secret=shown.secret,
        base_url=base_url_of(desk.request),
    )


async def _names(desk: Desk, by: Acting) -> dict[str, str]:
    """Return what members are called; of more than fit on a page the others are shown by their ids."""
    found = await desk.members.list_members(by.caller.workspace, limit=MAX_LIMIT, cursor=None)
    return {each.id: each.name for each in found.items}


async def _accounts(desk: Desk, by: Acting) -> list[tuple[str, str]]:
    """Return for whom tokens can be made, oneself first."""
    found = await desk.members.list_members(
        by.caller.workspace, kind=MemberKind.SERVICE_ACCOUNT, limit=MAX_LIMIT, cursor=None
    )
    own = "the operator" if by.caller.member is None else "you"
    return [("", own), *((each.id, each.name) for each in found.items if is_within(each.role, by.caller.role))]


def _wish_of(form: TokenForm, desk: Desk) -> TokenWish:
    name = form.name.strip()
    if not 1 <= len(name) <= 200:
        raise InvalidInputError("A name has 1 to 200 characters.", field="name")
    if form.scope not in set(Scope):
        raise InvalidInputError(f"{form.scope!r} is no scope.", field="scope")
    if form.days not in _DAYS:
        raise InvalidInputError("It works for 30, 90 or 365 days, or until it is revoked.", field="days")
    return TokenWish(
        scope=Scope(form.scope),
        name=name,
        member=form.member or None,
        services=_names_of(form.services, "services"),
        environments=_names_of(form.environments, "environments"),
        expires_at=desk.pages.now() + timedelta(days=int(form.days)) if form.days else None,
    )


def _names_of(text: str, where: str) -> frozenset[str] | None:
    names = frozenset(filter(None, (part.strip() for part in text.split(","))))
    if len(names) > MAX_NAMES or any(len(name) > 200 for name in names):
        raise InvalidInputError(f"At most {MAX_NAMES} names of at most 200 characters.", field=where)
    return names or None
