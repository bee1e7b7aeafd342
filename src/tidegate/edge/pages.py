"""Pages that belong to no slice: how the pages look."""

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from tidegate.edge.appearance import APPEARANCE_COOKIE, Appearance
from tidegate.edge.caller import is_over_tls, is_own_path
from tidegate.edge.csrf import FormProven
from tidegate.edge.html import SignedIn, page_router

__all__ = ["router"]

_COOKIE_LENGTH_S = 365 * 86_400
router = page_router()


@router.post("/appearance", dependencies=[SignedIn, FormProven])
async def choose_appearance(
    request: Request,
    *,
    appearance: Annotated[Appearance, Form()],
    back_to: Annotated[str, Form(max_length=2_000)] = "/",
) -> Response:
    """Keep the choice in this browser and return to the page it was made on."""
    answer = RedirectResponse(back_to if is_own_path(back_to) else "/", 303)
    answer.set_cookie(
        APPEARANCE_COOKIE,
        appearance,
        max_age=_COOKIE_LENGTH_S,
        secure=is_over_tls(request),
        httponly=True,
        samesite="lax",
    )
    return answer
