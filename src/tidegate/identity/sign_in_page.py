"""The page on which people sign in: by password, by passkey, by a link, and by what else the application offers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response

from tidegate.edge.html import PageRenderer
from tidegate.identity.forms import Problem, render_with
from tidegate.identity.passkeys.model import RelyingParty
from tidegate.identity.passkeys.service import PasskeyService
from tidegate.kernel import WorkspaceId

__all__ = ["PasskeyPlace", "ProofChoices", "SignInChoice", "SignInChoices", "passkey_place", "sign_in_page"]


@dataclass(frozen=True, slots=True)
class SignInChoice:
    """One more way to sign in, as a link."""

    words: str
    """`Sign in with Example`."""
    path: str


SignInChoices = Callable[[Request], Awaitable[Sequence[SignInChoice]]]
"""`app.state.sign_in_choices` is a list of these; without it there are none."""

ProofChoices = Callable[[Request, WorkspaceId, str], Awaitable[Sequence[SignInChoice]]]
"""More ways to prove it again, and then on to a page: `app.state.proof_choices` is a list of these."""


@dataclass(frozen=True, slots=True)
class PasskeyPlace:
    """Whether passkeys work where the page is shown, and else where they do."""

    works_here: bool
    origin: str
    """Empty: nowhere."""


def passkey_place(request: Request) -> PasskeyPlace:
    """Return it of the address by which the browser came: it must be the one that passkeys are made for."""
    service: PasskeyService | None = request.app.state.services.get(PasskeyService)
    party: RelyingParty | None = service.party if service else None
    if party is None:
        return PasskeyPlace(works_here=False, origin="")
    return PasskeyPlace(party.origin.partition("://")[2] == request.headers.get("host"), party.origin)


async def sign_in_page(
    request: Request,
    pages: PageRenderer,
    *,
    link: str = "",
    problem: Problem | None = None,
    email: str = "",
    workspace: str = "",
) -> Response:
    """Return the page; of a one-time link the button that uses it up."""
    choices = [choice for each in getattr(request.app.state, "sign_in_choices", ()) for choice in await each(request)]
    return render_with(
        pages,
        request,
        "identity/sign_in.html",
        link=link,
        problem=problem,
        email=email,
        workspace=workspace,
        choices=choices,
        passkeys=passkey_place(request),
    )
