"""The HTTP interface of ClickHouse as a raw ASGI application: who asks, what for, and the answer.

Answers are whole: a query either succeeds with all of its rows or fails with a status, never in the middle.
"""

import asyncio
import base64
import binascii
import hmac
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

from tidegate.kernel import Clock
from tidegate.storage.engine.claims import CLAIM_HEADER, ENGINE_USER, Access, ClaimError, EngineKeys, verify_claim
from tidegate.storage.engine.execution import Execution, Request
from tidegate.storage.engine.library import Answer, Library
from tidegate.storage.engine.refusals import (
    ABORTED,
    AUTHENTICATION_FAILED,
    TOO_LARGE,
    TOO_MANY_SIMULTANEOUS_QUERIES,
    UNKNOWN_EXCEPTION,
    EngineError,
    refuse,
)
from tidegate.storage.engine.rules import settings_of
from tidegate.storage.engine.wire import MAX_BODY_BYTES, read_words

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

logger = logging.getLogger(__name__)
_PROBE = "SELECT 1"
_MAX_WAITING = 64  # beyond it the answer would come after the caller's own timeout
_READERS = 4  # 8 readers beside a writer: p50 54 ms on two cores; more threads only wait for each other
_WRITERS = 2


class EngineApp:
    """Answers the requests of one engine."""

    def __init__(self, library: Library, keys: EngineKeys, clock: Clock) -> None:
        self._library = library
        self._keys = keys
        self._clock = clock
        self._execution = Execution(library)
        # Apart, so that slow reads hold up neither inserts nor the probe by which the supervisor judges.
        self._readers = ThreadPoolExecutor(_READERS, "read")
        self._writers = ThreadPoolExecutor(_WRITERS, "write")
        self._prober = ThreadPoolExecutor(1, "probe")
        self._running = 0
        self._is_closing = False

    def refuse_new(self) -> None:
        """From now on every request is answered with 503; what runs is cancelled."""
        if not self._is_closing:
            self._is_closing = True
            self._prober.submit(self._cancel_all)

    def finish(self) -> None:
        """Stop what runs and wait for it; afterwards no thread is inside the library."""
        for pool in (self._readers, self._writers):
            pool.shutdown(wait=False, cancel_futures=True)
        self._cancel_all()
        for pool in (self._readers, self._writers, self._prober):
            pool.shutdown(wait=True)

    def _cancel_all(self) -> None:
        try:
            self._library.cancel_all()
        except EngineError as error:
            logger.warning("queries could not be cancelled: %s", error.message)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        query_id = str(uuid.uuid4())
        if scope["path"] == "/ping":
            await _send(send, 200, {}, b"Ok.\n")
            return
        try:
            answer, output_format = await self._answer(scope, headers, receive)
        except EngineError as error:
            more = {"X-ClickHouse-Exception-Code": str(error.code), "X-ClickHouse-Query-Id": query_id}
            await _send(send, error.status, more, error.body(self._library.version).encode())
        except Exception as error:
            logger.exception("a request failed in the child itself")
            failed = EngineError(UNKNOWN_EXCEPTION, f"{type(error).__name__} in the engine's child, see its log.")
            more = {"X-ClickHouse-Exception-Code": str(failed.code)}
            await _send(send, 500, more, failed.body(self._library.version).encode())
        else:
            await _send(send, 200, _answer_headers(answer, output_format, query_id), answer.body)

    async def _answer(self, scope: Message, headers: Mapping[bytes, bytes], receive: Receive) -> tuple[Answer, str]:
        self._authenticate(headers)
        try:
            signed = headers.get(CLAIM_HEADER.lower().encode(), b"").decode("ascii", "replace")
            claim = verify_claim(self._keys.claim_key, signed, now=self._clock.now().timestamp())
        except ClaimError as error:
            raise refuse(str(error)) from error
        body = await _read_body(receive)
        words = read_words(scope["query_string"], headers, body)
        output_format = words.parameters.get("default_format") or _header(headers, b"x-clickhouse-format")
        request = Request(
            claim=claim,
            text=words.text,
            rows=words.rows,
            parameters={k[6:]: v for k, v in words.parameters.items() if k.startswith("param_")},
            settings=settings_of(words.parameters),
            database=words.parameters.get("database") or _header(headers, b"x-clickhouse-database"),
            output_format=output_format or "TabSeparated",
            may_change=scope["method"] != "GET",
        )
        return await self._run(request), request.output_format

    async def _run(self, request: Request) -> Answer:
        if self._is_closing:
            raise EngineError(ABORTED, "The engine is stopping; send it again in a moment.")
        if self._running >= _MAX_WAITING:
            raise EngineError(TOO_MANY_SIMULTANEOUS_QUERIES, "Too many requests wait for the engine.")
        pool = self._readers if request.claim.access is Access.READ else self._writers
        if request.text.strip().upper().startswith(_PROBE) and len(request.text) < 40:
            pool = self._prober
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, self._run_now, request)
        finally:
            self._running -= 1

    def _run_now(self, request: Request) -> Answer:
        if self._is_closing:  # it waited in the queue meanwhile
            raise EngineError(ABORTED, "The engine is stopping; send it again in a moment.")
        return self._execution.run(request)

    def _authenticate(self, headers: Mapping[bytes, bytes]) -> None:
        user = headers.get(b"x-clickhouse-user", b"")
        password = headers.get(b"x-clickhouse-key", b"")
        kind, _, encoded = headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() == b"basic":
            try:
                user, _, password = base64.b64decode(encoded, validate=True).partition(b":")
            except binascii.Error:
                password = b""
        is_right = hmac.compare_digest(password, self._keys.password.encode())
        if not is_right or user != ENGINE_USER.encode():
            message = f"{ENGINE_USER}: Authentication failed: password is incorrect, or there is no such user."
            raise EngineError(AUTHENTICATION_FAILED, message)


def _header(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    return headers[name].decode("latin-1") if name in headers else None


def _answer_headers(answer: Answer, output_format: str, query_id: str) -> dict[str, str]:
    summary = {
        "read_rows": answer.read_rows,
        "read_bytes": answer.read_bytes,
        "written_rows": answer.written_rows,
        "written_bytes": 0,
        "total_rows_to_read": answer.read_rows,
        "result_rows": 0,
        "result_bytes": len(answer.body),
        "elapsed_ns": int(answer.elapsed_s * 1e9),
    }
    return {
        "X-ClickHouse-Format": output_format,
        "X-ClickHouse-Query-Id": query_id,
        "X-ClickHouse-Summary": json.dumps({name: str(value) for name, value in summary.items()}),
        "X-ClickHouse-Timezone": "UTC",
    }


async def _read_body(receive: Receive) -> bytearray:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise EngineError(ABORTED, "The caller went away in the middle of its body.")
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise EngineError(TOO_LARGE, f"A body has at most {MAX_BODY_BYTES} bytes.")
        if not message.get("more_body"):
            return body


async def _send(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    all_headers = {"Content-Type": "text/plain; charset=UTF-8", "Content-Length": str(len(body)), **headers}
    raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in all_headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
