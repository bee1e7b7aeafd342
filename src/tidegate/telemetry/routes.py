"""The OTLP/HTTP door. Raw ASGI: the framework's request machinery would cost 100 µs at 300 kB."""

import asyncio
from typing import TYPE_CHECKING

import msgspec

from tidegate.edge.caller import Authenticator, Caller, Scope
from tidegate.edge.problems import problem_of
from tidegate.edge.requests import request_id_of
from tidegate.kernel import Clock, ForbiddenError, TidegateError, UnauthenticatedError
from tidegate.telemetry.admission import Admission, BodiesInFlight
from tidegate.telemetry.content import ContentPolicy
from tidegate.telemetry.errors import BodyTooLargeError, ContentTypeError
from tidegate.telemetry.model import SpanRow
from tidegate.telemetry.otlp import DEFAULT_POLICY, MAX_BODY_BYTES, expand, parse_json, parse_protobuf, rows_of
from tidegate.telemetry.service import IngestService

if TYPE_CHECKING:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from starlette.types import ASGIApp, Receive, Send
    from starlette.types import Scope as AsgiScope

TRACES_PATH = "/v1/traces"
_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"
_PATIENCE_BYTES = 8 * MAX_BODY_BYTES
_JSON_AT_ONCE_BYTES = 64 * 1024  # 10 ms
_ROWS_PER_TURN = 256  # 5 ms of work: other requests are served in between


class OtlpTraces:
    """Answers `POST /v1/traces` and passes everything else on. 200 means stored and synced."""

    def __init__(
        self,
        app: "ASGIApp",
        *,
        ingest: IngestService,
        authenticator: Authenticator,
        clock: Clock,
        bodies: BodiesInFlight | None = None,
        policy: ContentPolicy = DEFAULT_POLICY,
    ) -> None:
        self._app = app
        self._policy = policy
        self._ingest = ingest
        self._authenticator = authenticator
        self._clock = clock
        self._one_large_json = asyncio.Lock()
        self._bodies = bodies or BodiesInFlight()

    async def __call__(self, scope: "AsgiScope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http" or scope["path"] != TRACES_PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            content_type = await self._export(scope, receive)
        except TidegateError as error:
            status, headers, body = problem_of(error, request_id=request_id_of(scope))
            headers["connection"] = "close"  # the rest of a body that was not read is no request
            await answer(send, status, headers, msgspec.json.encode(body))
            return
        # An empty ExportTraceServiceResponse: everything was accepted.
        await answer(send, 200, {"content-type": content_type}, b"" if content_type == _PROTOBUF else b"{}")

    async def _export(self, scope: "AsgiScope", receive: "Receive") -> str:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        caller = await self._caller_of(headers.get(b"authorization", ""))
        content_type = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        if content_type not in {_PROTOBUF, _JSON}:
            raise ContentTypeError(content_type)
        self._ingest.refuse_if_full(caller.workspace)
        async with self._bodies.admitted(caller.workspace) as admission:
            sent = await read_body(receive, admission)
            body = expand(sent, headers.get(b"content-encoding", "").strip().lower())
            if body is not sent:
                admission.hold(len(body))
            await self._store(caller, body, content_type)
        return _JSON if content_type == _JSON else _PROTOBUF

    async def _store(self, caller: Caller, body: bytes, content_type: str) -> None:
        request = parse_protobuf(body) if content_type == _PROTOBUF else await self._parse_json(body)
        received_ns = int(self._clock.now().timestamp() * 1_000_000) * 1_000
        rows: list[SpanRow] = []
        for row in rows_of(
            request, caller.workspace, received_ns, policy=self._policy, may_replay=caller.may(Scope.WRITE)
        ):
            rows.append(row)
            if len(rows) % _ROWS_PER_TURN == 0:
                await asyncio.sleep(0)
        await self._ingest.accept(caller.workspace, rows, size_bytes=len(body))

    async def _parse_json(self, body: bytes) -> "ExportTraceServiceRequest":
        """Read JSON: 2 MB take 0.4 s in Python, so larger ones are read one at a time, while others are served."""
        if len(body) <= _JSON_AT_ONCE_BYTES:
            return parse_json(body)
        async with self._one_large_json:
            return await asyncio.to_thread(parse_json, body)

    async def _caller_of(self, authorization: str) -> Caller:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthenticatedError(
                "Send an ingest token as `Authorization: Bearer <token>`, for example by OTEL_EXPORTER_OTLP_HEADERS."
            )
        caller = await self._authenticator.caller_of_token(token.strip())
        if not (caller.may(Scope.INGEST) or caller.may(Scope.WRITE)):
            raise ForbiddenError(f"Sending telemetry needs the scope `ingest`; this token has `{caller.scope}`.")
        return caller


async def read_body(receive: "Receive", admission: Admission) -> bytes:
    """Return the body.

    What is too large is read on and thrown away, within a bound: a sender that is cut off while it writes sees a broken
    connection, sends the same again, and never learns why.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in admission.chunks(receive):
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            admission.hold(len(chunk))
            chunks.append(chunk)
        else:
            chunks.clear()
        if size > _PATIENCE_BYTES:
            break
    if size > MAX_BODY_BYTES:
        raise BodyTooLargeError(limit_bytes=MAX_BODY_BYTES, expanded=False)
    return b"".join(chunks)


async def answer(send: "Send", status: int, headers: dict[str, str], body: bytes) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    pairs.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
