"""What happens around each request: ids in and out, safe headers, one log line. Pure ASGI: 0.5 µs, not 92."""

import re
import secrets
import time
from typing import TYPE_CHECKING

import structlog

from tidegate.edge.masking import tokens_in, without_tokens

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["RequestContext", "request_id_of"]

_SAFE_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_CSP = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_SECURITY_HEADERS = [
    (b"content-security-policy", _CSP),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_log = structlog.get_logger("tidegate.http")


class RequestContext:
    """Gives each request its ids, each answer its headers, and the log one line."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = _accepted(headers.get(b"x-request-id"))
        correlation_id = _accepted(headers.get(b"x-correlation-id"), otherwise=request_id)
        scope["tidegate.request_id"] = request_id.decode()
        started = time.perf_counter()
        status = 500

        async def send_with_headers(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id),
                    (b"x-correlation-id", correlation_id),
                    *_SECURITY_HEADERS,
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            _write_line(scope, status, time.perf_counter() - started, correlation_id.decode())


def request_id_of(scope: "Scope") -> str:
    """Return the id under which this request stands in the log and in its answer."""
    found: str = scope.get("tidegate.request_id", "")
    return found


def _accepted(given: bytes | None, *, otherwise: bytes | None = None) -> bytes:
    if given is not None and _SAFE_ID.fullmatch(given) and not tokens_in(given.decode()):
        return given
    return otherwise or secrets.token_hex(16).encode()


def _write_line(scope: "Scope", status: int, duration_s: float, correlation_id: str) -> None:
    # The path alone: a query may hold a one-time link, a header a token; a path does when somebody pasted one there.
    level = "error" if status >= 500 else "warning" if status >= 400 else "info"
    getattr(_log, level)(
        "request",
        method=scope["method"],
        path=without_tokens(scope["path"]),
        status=status,
        durationMs=round(duration_s * 1000, 2),
        requestId=request_id_of(scope),
        correlationId=correlation_id,
    )
