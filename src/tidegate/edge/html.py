"""What the HTML doors share: one renderer, one layout, errors as pages.

Templates lie in the folder `html` of the slice that shows them and are named `slice/page.html`.
"""

import gzip
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.types import Message

from tidegate.edge.appearance import Appearance, appearance_of
from tidegate.edge.authority import NotPermittedError, StepUpRequiredError
from tidegate.edge.caller import SESSION_COOKIE, Caller, Scope, is_own_path, requires
from tidegate.edge.csrf import new_form_token
from tidegate.edge.masking import MASK, tokens_in, without_tokens
from tidegate.edge.moments import absolute, relative
from tidegate.edge.problems import answer_for
from tidegate.edge.providers import provide
from tidegate.edge.requests import request_id_of
from tidegate.edge.static import Assets, packaged_assets
from tidegate.kernel import (
    Clock,
    InvalidInputError,
    MalformedError,
    TidegateError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    format_utc,
)

__all__ = ["PROVE_PATH", "SIGN_IN_PATH", "PageRenderer", "Pages", "SignedIn", "page_router"]

SIGN_IN_PATH = "/sign-in"
PROVE_PATH = "/account/prove"
_TEMPLATE = re.compile(r"([a-z_]+)/([a-z_]+\.html)")
_COMPRESSED_FROM_BYTES = 1_024  # below, the header costs more than it saves
_MAX_FORM_BYTES = 64 * 1024  # the largest form of ours has three short fields
_COMPRESSION = 5  # 200 gates: 3 ms; level 9 takes twice as long for 4 % less
# Control characters, and those that turn the direction of text, so that a name cannot pose as another one.
_DECEPTIVE = dict.fromkeys([*range(9), *range(11, 32), 127, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_log = structlog.get_logger("tidegate.pages")


@dataclass(frozen=True, slots=True)
class Shell:
    """What the layout needs, whatever the page."""

    layout: str
    section: str
    path: str
    """Address of this page with its query."""
    caller: Caller | None
    form_token: str
    appearance: Appearance
    version: str
    now: datetime
    is_live: bool
    """Whether the page asks again for its contents."""
    notices: Sequence[str]
    """What concerns the whole installation, said above the contents of every page."""
    topics: str
    """What it listens to, with commas: topics of `edge.live`."""


class PageRenderer:
    """Turns a template and its values into an answer: the whole page, or its contents for a page that is open."""

    def __init__(self, *, version: str, clock: Clock, notices: Callable[[], Sequence[str]] = tuple) -> None:
        self._version = version
        self._clock = clock
        self._notices = notices
        self._templates = _packaged_templates()

    def now(self) -> datetime:
        return self._clock.now()

    def render(
        self,
        request: Request,
        template: str,
        *,
        section: str = "",
        status: int = 200,
        is_live: bool = False,
        topics: str = "gates,alerts,signals",
        **values: object,
    ) -> Response:
        """Return the page; `section` is the entry of the navigation that it belongs to."""
        session = request.cookies.get(SESSION_COOKIE)
        caller = getattr(request.state, "caller", None)
        shell = Shell(
            layout="edge/fragment.html" if _wants_contents(request) else "edge/layout.html",
            section=section,
            path=_path_of(request),
            caller=caller,
            form_token=new_form_token(session) if session else "",
            appearance=appearance_of(request),
            version=self._version,
            now=self._clock.now(),
            is_live=is_live,
            notices=self._notices() if caller else (),
            topics=topics,
        )
        text = self._templates.get_template(template).render(shell=shell, **values)
        # A page shows a new token once; one that somebody put into the address is shown nowhere.
        for token in tokens_in(unquote(str(request.url))):
            text = text.replace(token, MASK)
        body = text.encode()
        # Private to one session, and never to be seen again by "back" after signing out.
        headers = {"cache-control": "no-store", "vary": "cookie, authorization, hx-request-type, accept-encoding"}
        if len(body) >= _COMPRESSED_FROM_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
            body = gzip.compress(body, compresslevel=_COMPRESSION)
            headers["content-encoding"] = "gzip"
        return HTMLResponse(body, status, headers)

    def render_error(self, request: Request, error: Exception) -> Response:
        """Return the page that says what went wrong, why, and what to do next."""
        known = error if isinstance(error, TidegateError) else None
        answer = answer_for(known) if known else None
        response = self.render(
            request,
            "edge/error.html",
            status=answer.status if answer else 500,
            heading=answer.title if answer else "Internal error",
            message=without_tokens(known.message)
            if known
            else "Something failed that should not. The log has the cause under this request id.",
            code=known.code if known else "internal_error",
            request_id=request_id_of(request.scope),
            policy_ids=known.policy_ids if isinstance(known, NotPermittedError) else (),
        )
        if isinstance(known, UnavailableError):
            response.headers["retry-after"] = str(max(1, round(known.retry_after_s)))
        return response


Pages = Annotated[PageRenderer, provide(PageRenderer)]
SignedIn = Depends(requires(Scope.READ))
"""Dependency of a page that shows the same to everybody who is signed in."""


class PageRoute(APIRoute):
    """A route for people: whoever is not signed in is shown where to; errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_for_people(request: Request) -> Response:
            pages: PageRenderer = request.app.state.services[PageRenderer]
            try:
                return await handle(await _with_small_body(request) if request.method == "POST" else request)
            except UnauthenticatedError as error:
                return to_proof(request) if isinstance(error, StepUpRequiredError) else to_sign_in(request)
            except TidegateError as error:
                return pages.render_error(request, error)
            except RequestValidationError as error:
                return pages.render_error(request, _invalid(error))
            except HTTPException as error:  # what the framework says of a form that it cannot read
                return pages.render_error(request, MalformedError(f"The form cannot be read: {error.detail}."))
            except Exception as error:  # noqa: BLE001 - the top of a door; logged with its traceback
                _log.exception("unexpected", path=request.url.path, requestId=request_id_of(request.scope))
                return pages.render_error(request, error)

        return handle_for_people


async def _with_small_body(request: Request) -> Request:
    """Return `request` with its form in memory.

    The framework reads forms before it asks who is calling, a gigabyte of fields or any file on disk: anybody could
    fill the machine.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MAX_FORM_BYTES:
            raise TooLargeError(f"A form has at most {_MAX_FORM_BYTES // 1024} KB.")

    async def receive() -> Message:
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return Request(request.scope, receive)


def page_router() -> APIRouter:
    """Return the router of a `pages.py`."""
    return APIRouter(route_class=PageRoute, include_in_schema=False, default_response_class=HTMLResponse)


def to_sign_in(request: Request) -> Response:
    """Return the way to the sign-in page. A page that is open goes there as a whole, not inside its contents."""
    return _leading(request, SIGN_IN_PATH)


def to_proof(request: Request) -> Response:
    """Return the way to where a person proves again who they are; it leads back to the page that this was done on."""
    path = _path_of(request) if request.method == "GET" else _page_before(request)
    return _leading(request, f"{PROVE_PATH}?{urlencode({'next': path})}")


def _page_before(request: Request) -> str:
    """Return the page of ours that a form was sent from; its contents are gone, and are given again."""
    before = urlsplit(request.headers.get("referer", ""))
    path = f"{before.path}?{before.query}" if before.query else before.path
    return path if before.netloc == request.headers.get("host") and is_own_path(path) else "/account"


def _leading(request: Request, path: str) -> Response:
    if _wants_contents(request):
        return Response(status_code=401, headers={"hx-redirect": path, "cache-control": "no-store"})
    return RedirectResponse(path, 303, {"cache-control": "no-store"})


def build_environment(assets: Assets) -> Environment:
    """Return where all templates are found; everything that is put into one is escaped."""
    environment = Environment(
        loader=FunctionLoader(_load),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_readable,
    )
    environment.globals["asset"] = assets.url_of
    environment.filters |= {
        "absolute": absolute,
        "relative": relative,
        "utc": format_utc,
        "with_code": with_code,
        "segment": lambda text: quote(str(text), safe=""),
    }
    return environment


@cache
def _packaged_templates() -> Environment:
    """Return the templates of the package, compiled once a process."""
    return build_environment(packaged_assets())


def with_code(text: str) -> Markup:
    """Return `text` escaped, with what stands between backticks as code."""
    parts = [_readable(part) for part in text.split("`")]
    if len(parts) % 2 == 0:
        return escape(_readable(text))
    return Markup().join(
        Markup("<code>{}</code>").format(part) if position % 2 else escape(part) for position, part in enumerate(parts)
    )


def _load(name: str) -> str | None:
    match = _TEMPLATE.fullmatch(name)
    if match is None:
        return None
    slice_name, file_name = match.groups()
    return (resources.files(f"tidegate.{slice_name}") / "html" / file_name).read_text(encoding="utf-8")


def _readable(value: object) -> object:
    return value.translate(_DECEPTIVE) if type(value) is str else value


def _wants_contents(request: Request) -> bool:
    return request.headers.get("hx-request-type") == "partial"


def _path_of(request: Request) -> str:
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def _invalid(error: RequestValidationError) -> TidegateError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    return InvalidInputError(f"{field}: {first['msg']}.", field=field)
