"""What surrounds every request: ids in and out, one SERVER span, one log line, and an answer when code breaks."""

import json
import logging
import re
import secrets
import time
from typing import cast

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from examples.harbor.service.telemetry import RequestFacts

logger = logging.getLogger("harbor.request")

# Letters, digits and the marks that ids are made with: nothing that could break a log line or a header.
SAFE_ID = re.compile(r"[A-Za-z0-9._:=+/@-]{1,128}")
FACTS = "harbor.facts"


def facts_of(scope: Scope) -> RequestFacts:
    return cast("RequestFacts", scope[FACTS])


def accepted_id(sent: str | None) -> str | None:
    """Return a caller's id when it is safe to repeat, else `None`."""
    return sent if sent is not None and SAFE_ID.fullmatch(sent) else None


class RequestTelemetry:
    """Pure ASGI, because the span has to cover the sending of the answer.

    A `traceparent` of the caller is not followed: a stranger could switch sampling off with it.
    """

    def __init__(self, app: ASGIApp, *, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = accepted_id(headers.get("x-request-id")) or f"req_{secrets.token_hex(12)}"
        correlation_id = accepted_id(headers.get("x-correlation-id")) or request_id
        facts = RequestFacts(request_id=request_id, correlation_id=correlation_id)
        scope[FACTS] = facts
        started = time.perf_counter()
        with self._tracer.start_as_current_span(
            scope["method"], kind=SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ) as span:
            status = await self._serve(scope, receive, send)
            _describe(span, scope, facts, status)
            # Within the span, so that the line is found by it.
            _log(scope, facts, status, duration_ms=(time.perf_counter() - started) * 1000)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Run the application and return the status that was answered."""
        facts = facts_of(scope)
        statuses: list[int] = []

        async def send_with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = facts.request_id
                headers["x-correlation-id"] = facts.correlation_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_ids)
        except Exception:
            logger.exception("unexpected failure", extra={"facts": facts.log_fields()})
            facts.error_code = "internal_error"
            if not statuses:
                await _send_internal_error(send_with_ids, facts)
        return statuses[0] if statuses else 500


async def _send_internal_error(send: Send, facts: RequestFacts) -> None:
    message = "Harbor could not answer. The request id names the log line."
    body = {"code": "internal_error", "message": message, "requestId": facts.request_id}
    await send(
        {
            "type": "http.response.start",
            "status": 500,
            "headers": [(b"content-type", b"application/json")],
        }
    )
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def _describe(span: Span, scope: Scope, facts: RequestFacts, status: int) -> None:
    route = getattr(scope.get("route"), "path", None)
    span.update_name(f"{scope['method']} {route}" if route else scope["method"])
    span.set_attributes(
        {
            "http.request.method": scope["method"],
            "http.response.status_code": status,
            "url.path": scope["path"],
            "url.scheme": scope["scheme"],
            **facts.span_attributes(),
        }
    )
    if route:
        span.set_attribute("http.route", route)
    # A refused caller is no failure of the service: only 5xx makes a server span an error (HTTP conventions).
    if status >= 500:
        span.set_attribute("error.type", facts.error_code or str(status))
        span.set_status(Status(StatusCode.ERROR))


def _log(scope: Scope, facts: RequestFacts, status: int, *, duration_ms: float) -> None:
    level = logging.ERROR if status >= 500 else logging.WARNING if status >= 400 else logging.INFO
    fields = {**facts.log_fields(), "status": status, "durationMs": round(duration_ms, 3)}
    logger.log(level, "%s %s", scope["method"], scope["path"], extra={"facts": fields})
