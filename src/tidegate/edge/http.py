"""What the HTTP doors share: the application with its error answers."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tidegate.edge.authority import Authorizer
from tidegate.edge.caller import Authenticator
from tidegate.edge.limits import RequestLimits
from tidegate.edge.openapi import describe_answers
from tidegate.edge.problems import CONTENT_TYPE, problem_body, problem_of
from tidegate.edge.requests import request_id_of
from tidegate.kernel import TidegateError, UnavailableError

__all__ = ["ErrorShape", "build_http_app"]

ErrorShape = Callable[[int, str, dict[str, str]], JSONResponse]
"""How a protocol of its own says status, words and headers: `app.state.error_shapes` has them by the path it is below.

For what no route answers: the routes of such a protocol say their errors themselves.
"""

_log = structlog.get_logger("tidegate.http")
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


def build_http_app(  # noqa: PLR0913 - what the doors share
    *,
    version: str,
    authenticator: Authenticator,
    authorizer: Authorizer,
    services: Mapping[type[Any], object],
    limits: RequestLimits | None = None,
    cursor_key: bytes | None = None,
    lifespan: Any = None,  # noqa: ANN401 - Starlette's type is a union of three protocols
) -> FastAPI:
    """Return an application that answers every error as a problem document; routers are added by `app`.

    `cursor_key` is the same in every process that answers at one address; without one it is of this process alone.
    """
    application = _Application(
        title="tidegate", version=version, docs_url=None, redoc_url=None, lifespan=lifespan, redirect_slashes=False
    )
    application.state.authenticator = authenticator
    application.state.authorizer = authorizer
    application.state.limits = limits
    application.state.cursor_key = cursor_key or secrets.token_bytes(32)
    application.state.services = dict(services)
    application.state.error_shapes = {}
    application.add_exception_handler(TidegateError, _answer_known)
    application.add_exception_handler(RequestValidationError, _answer_invalid)
    application.add_exception_handler(HTTPException, _answer_http)
    application.add_exception_handler(Exception, _answer_unexpected)
    return application


class _Application(FastAPI):
    """Describes its answers as they are."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = describe_answers(super().openapi())
        return self.openapi_schema


async def _answer_known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TidegateError)  # noqa: S101 - registered for this family only
    status, headers, body = problem_of(error, request_id=request_id_of(request.scope))
    if isinstance(error, UnavailableError):
        _log.warning("unavailable", path=request.url.path, detail=error.message, cause=repr(error.__cause__))
    return JSONResponse(body, status, headers)


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    field = ".".join(place[1:]) or place[0]
    more = f" (and {len(error.errors()) - 1} more)" if len(error.errors()) > 1 else ""
    body = problem_body(
        422, "Invalid input", "invalid_input", f"{field}: {first['msg']}{more}", request_id_of(request.scope), field
    )
    return JSONResponse(body, 422, {"content-type": CONTENT_TYPE, "cache-control": "no-store"})


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    shapes: Mapping[str, ErrorShape] = request.app.state.error_shapes
    for prefix, shape in shapes.items():
        if f"{request.url.path}/".startswith(f"{prefix}/"):
            return shape(error.status_code, str(error.detail), dict(error.headers or {}))
    code = _HTTP_CODES.get(error.status_code, "http_error")
    body = problem_body(error.status_code, str(error.detail), code, str(error.detail), request_id_of(request.scope))
    return JSONResponse(body, error.status_code, {**(error.headers or {}), "content-type": CONTENT_TYPE})


async def _answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("unexpected", path=request.url.path, requestId=request_id_of(request.scope), exc_info=error)
    body = problem_body(
        500,
        "Internal error",
        "internal_error",
        "Something failed that should not. The log has the cause under this request id.",
        request_id_of(request.scope),
    )
    return JSONResponse(body, 500, {"content-type": CONTENT_TYPE})
