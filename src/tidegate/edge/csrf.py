"""Tokens that prove that a form came from our own page.

The token is bound to the session and masked anew for each page: what is compressed together with other text must
not stay the same (BREACH). It adds to SameSite and the Origin check, which cannot see an extension or a proxy.
"""

import hashlib
import hmac
import secrets
from typing import Annotated

from fastapi import Depends, Form, Request

from tidegate.edge.caller import SESSION_COOKIE, is_own_origin
from tidegate.kernel import ForbiddenError

__all__ = ["FormProven", "OwnOrigin", "new_form_token"]

_BYTES = 16
_PURPOSE = b"tidegate form"


class FormTokenInvalidError(ForbiddenError):
    code = "form_token_invalid"

    def __init__(self) -> None:
        super().__init__("This form is older than your session. Go back, reload the page and send it again.")


class OtherOriginError(ForbiddenError):
    code = "other_origin"

    def __init__(self) -> None:
        super().__init__("This form was sent by a page of another origin. Open the link here and try again.")


def new_form_token(session: str) -> str:
    """Return a token for a form of the browser that holds `session`."""
    mask = secrets.token_bytes(_BYTES)
    return (mask + _mixed(mask, _secret_of(session))).hex()


def is_form_token(token: str, session: str) -> bool:
    try:
        given = bytes.fromhex(token)
    except ValueError:
        return False
    return hmac.compare_digest(_mixed(given[:_BYTES], given[_BYTES:]), _secret_of(session))


def _secret_of(session: str) -> bytes:
    return hmac.digest(session.encode(), _PURPOSE, hashlib.sha256)[:_BYTES]


def _mixed(mask: bytes, text: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(mask, text, strict=False))


async def _prove(request: Request, form_token: Annotated[str, Form(max_length=200)] = "") -> None:
    session = request.cookies.get(SESSION_COOKIE, "")
    if not session or not is_form_token(form_token, session):
        raise FormTokenInvalidError


FormProven = Depends(_prove)
"""Dependency of every route that a form of a signed-in person posts to."""


async def _refuse_other_origins(request: Request) -> None:
    if not is_own_origin(request):
        raise OtherOriginError


OwnOrigin = Depends(_refuse_other_origins)
"""Dependency of the route that signs people in: there is no session yet that a token could be bound to, and a page of
another origin must not sign somebody in as somebody else."""
