"""Passkeys in a browser: signing in with one, and making and removing one's own.

The script `passkeys.js` asks for options, hands them to the browser, and sends the answer by an ordinary form.
"""

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import JSONResponse, Response

from tidegate.edge.caller import is_over_tls
from tidegate.edge.csrf import FormProven, OwnOrigin
from tidegate.edge.html import Pages, page_router
from tidegate.edge.providers import provide
from tidegate.identity.account_pages import AtAccount, account_page
from tidegate.identity.doors import ActingReader
from tidegate.identity.forms import Problem, address_of, begin_session, leading, visit_of
from tidegate.identity.passkeys.ceremonies import MAX_ANSWER_CHARACTERS
from tidegate.identity.passkeys.model import CHALLENGE_LENGTH
from tidegate.identity.passkeys.service import Asked, PasskeyService
from tidegate.identity.sign_in_page import sign_in_page
from tidegate.kernel import TidegateError, UnavailableError

__all__ = ["Answered", "Passkeys", "asking", "forgetting", "router", "secret_of"]

_COOKIE = "tidegate_passkey"
_MAX_SECRET_CHARACTERS = 100  # ours have 43
router = page_router()
Passkeys = Annotated[PasskeyService, provide(PasskeyService)]
Answered = Annotated[str, Form(max_length=4 * MAX_ANSWER_CHARACTERS)]  # beyond what is read, to be answered in words


@router.post("/sign-in/passkey/options", dependencies=[OwnOrigin])
async def ask_to_sign_in(request: Request, passkeys: Passkeys) -> Response:
    """Return what the browser is to ask its authenticators; the same for everybody."""
    return asking(request, await passkeys.begin_sign_in(address=address_of(request)))


@router.post("/sign-in/passkey", dependencies=[OwnOrigin])
async def sign_in_with_passkey(
    request: Request, passkeys: Passkeys, pages: Pages, *, credential: Answered = ""
) -> Response:
    """Believe the passkey and begin a session under a new secret."""
    try:
        session = await passkeys.sign_in(secret_of(request), credential, visit=visit_of(request))
    except UnavailableError:
        raise
    except TidegateError as error:
        return forgetting(await sign_in_page(request, pages, problem=Problem.of(error)))
    return forgetting(begin_session(request, session))


@router.post("/account/passkeys/options", dependencies=[FormProven])
async def ask_for_new_passkey(request: Request, by: ActingReader, passkeys: Passkeys) -> Response:
    """Return what the browser is to ask an authenticator to make."""
    return asking(request, await passkeys.begin_adding(by.caller.workspace, by=by))


@router.post("/account/passkeys", dependencies=[FormProven])
async def add_passkey(
    by: ActingReader,
    account: AtAccount,
    *,
    passkey_name: Annotated[str, Form(max_length=256)] = "",
    credential: Answered = "",
) -> Response:
    """Keep a passkey that the browser has made."""
    secret, workspace = secret_of(account.request), by.caller.workspace
    try:
        await account.passkeys.add(workspace, secret, credential, name=passkey_name, by=by)
    except UnavailableError:
        raise
    except TidegateError as error:
        field = "passkey_name" if error.field == "name" else None
        problem = Problem(error.message, error.code, field, Problem.of(error).status)
        return forgetting(await account_page(account, by, problem=problem, given={"passkey_name": passkey_name}))
    return forgetting(leading("/account?done=passkey"))


@router.post("/account/passkeys/{passkey_id}/remove", dependencies=[FormProven])
async def remove_passkey(passkey_id: str, by: ActingReader, passkeys: Passkeys) -> Response:
    """Remove a passkey of one's own."""
    await passkeys.remove(by.caller.workspace, passkey_id, by=by)
    return leading("/account?done=passkey-removed")


def asking(request: Request, asked: Asked) -> Response:
    """Return the options, with the cookie that ties their answer to this browser."""
    answer = JSONResponse(asked.options, headers={"cache-control": "no-store"})
    answer.set_cookie(
        _COOKIE,
        asked.secret,
        max_age=int(CHALLENGE_LENGTH.total_seconds()),
        path="/",
        secure=is_over_tls(request),
        httponly=True,
        samesite="strict",
    )
    return answer


def secret_of(request: Request) -> str:
    return request.cookies.get(_COOKIE, "")[:_MAX_SECRET_CHARACTERS]


def forgetting(answer: Response) -> Response:
    """Return `answer`, with which the browser forgets what it was asked: the challenge is used up."""
    answer.delete_cookie(_COOKIE, path="/", httponly=True, samesite="strict")
    return answer
