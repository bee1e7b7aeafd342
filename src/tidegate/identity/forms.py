"""What the pages of identity share: how a refusal stands beside its field, and how a session begins in a browser."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from tidegate.edge.caller import SESSION_COOKIE, is_over_tls
from tidegate.edge.html import PageRenderer
from tidegate.edge.problems import answer_for
from tidegate.identity.acting import Visit
from tidegate.identity.model import SESSION_LENGTH, USER_AGENT_CHARACTERS
from tidegate.kernel import TidegateError, TooManyRequestsError

__all__ = [
    "MAX_PASSWORD_FIELD",
    "Problem",
    "address_of",
    "base_url_of",
    "begin_session",
    "leading",
    "render_with",
    "user_agent_of",
    "visit_of",
]

MAX_PASSWORD_FIELD = 1_024  # beyond the longest password, so that too long a one is answered in words


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a form was not done."""

    message: str
    code: str
    field: str | None
    status: int
    retry_after_s: float | None = None

    @classmethod
    def of(cls, error: TidegateError, *, field: str | None = None) -> "Problem":
        """Return what `error` says, beside `field` unless it names one itself."""
        wait = error.retry_after_s if isinstance(error, TooManyRequestsError) else None
        return cls(error.message, error.code, error.field or field, answer_for(error).status, wait)

    def on(self, answer: Response) -> Response:
        """Return `answer` with what this problem adds to its headers."""
        if self.retry_after_s is not None:
            answer.headers["retry-after"] = str(max(1, round(self.retry_after_s)))
        return answer


def render_with(
    pages: PageRenderer,
    request: Request,
    template: str,
    *,
    problem: Problem | None,
    **values: Any,  # noqa: ANN401 - what a template takes
) -> Response:
    """Return a page with the problem, if there is one: its status and headers are those of the answer."""
    answer = pages.render(request, template, status=problem.status if problem else 200, problem=problem, **values)
    return problem.on(answer) if problem else answer


def begin_session(request: Request, secret: str, *, path: str = "/", is_secure: bool = False) -> Response:
    """Return the way to `path`, with the cookie of a session that begins, or goes on under another secret.

    `is_secure`: people open this over TLS, although the request cannot show it.
    """
    answer = leading(path)
    answer.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=int(SESSION_LENGTH.total_seconds()),
        path="/",
        secure=is_secure or is_over_tls(request),
        httponly=True,
        samesite="lax",
    )
    return answer


def leading(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303, {"cache-control": "no-store"})


def address_of(request: Request) -> str:
    """Return the network address that speaks to us; what a header says of another one proves nothing."""
    return request.client.host if request.client else ""


def user_agent_of(request: Request) -> str:
    text = request.headers.get("user-agent", "")
    return "".join(letter for letter in text if letter.isprintable())[:USER_AGENT_CHARACTERS]


def visit_of(request: Request) -> Visit:
    return Visit(address_of(request), user_agent_of(request))


def base_url_of(request: Request) -> str:
    return str(request.base_url).rstrip("/")
