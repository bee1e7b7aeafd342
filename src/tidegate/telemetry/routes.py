"""The OTLP/HTTP door. Raw ASGI: the framework's request machinery would cost 100 µs at 300 kB."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tidegate.edge.authority import Authorizer
from tidegate.edge.caller import Authenticator, Caller
from tidegate.edge.problems import problem_of
from tidegate.edge.requests import request_id_of
from tidegate.kernel import TidegateError
from tidegate.telemetry.admission import Admission, BodiesInFlight
from tidegate.telemetry.encodings import ACCEPTED, expand
from tidegate.telemetry.errors import BodyTooLargeError, ContentEncodingError, ContentTypeError
from tidegate.telemetry.model import Signal
from tidegate.telemetry.otlp import MAX_BODY_BYTES
from tidegate.telemetry.receiving import partial_success
from tidegate.telemetry.records import Refusals
from tidegate.telemetry.senders import Senders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Send
    from starlette.types import Scope as AsgiScope

TRACES_PATH: Final = "/v1/traces"
PATHS: Final[Mapping[str, Signal]] = {
    TRACES_PATH: Signal.TRACES,
    "/v1/logs": Signal.LOGS,
    "/v1/metrics": Signal.POINTS,
}
_RESPONSES: Final[Mapping[Signal, type[Any]]] = {
    Signal.TRACES: ExportTraceServiceResponse,
    Signal.LOGS: ExportLogsServiceResponse,
    Signal.POINTS: ExportMetricsServiceResponse,
}
_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_PATIENCE_BYTES: Final = 8 * MAX_BODY_BYTES
_HOW: Final = "Send an ingest token as `Authorization: Bearer <token>`, for example by OTEL_EXPORTER_OTLP_HEADERS."


class Receiver(Protocol):
    """What reads and stores bodies of one signal."""

    def refuse_if_full(self, caller: Caller) -> None: ...

    async def receive(self, caller: Caller, body: bytes, *, is_json: bool) -> Refusals: ...


class OtlpDoor:
    """Answers `POST /v1/traces`, `/v1/logs` and `/v1/metrics`, and passes everything else on.

    200 means stored and synced, but for what the answer counts as refused.
    """

    def __init__(
        self,
        app: "ASGIApp",
        *,
        receivers: Mapping[Signal, Receiver],
        authenticator: Authenticator,
        authorizer: Authorizer,
        bodies: BodiesInFlight,
    ) -> None:
        self._app = app
        self._receivers = receivers
        self._senders = Senders(authenticator, authorizer)
        self._bodies = bodies

    async def __call__(self, scope: "AsgiScope", receive: "Receive", send: "Send") -> None:
        signal = PATHS.get(scope.get("path", "")) if scope["type"] == "http" else None
        if signal is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            content_type, body = await self._export(signal, scope, receive)
        except TidegateError as error:
            status, headers, problem = problem_of(error, request_id=request_id_of(scope))
            if isinstance(error, ContentEncodingError):
                headers["accept-encoding"] = ACCEPTED  # RFC 9110 section 12.5.3: what this door would have read
            headers["connection"] = "close"  # the rest of a body that was not read is no request
            await answer(send, status, headers, msgspec.json.encode(problem))
            return
        await answer(send, 200, {"content-type": content_type}, body)

    async def _export(self, signal: Signal, scope: "AsgiScope", receive: "Receive") -> tuple[str, bytes]:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        operation, request_id = f"POST {scope['path']}", request_id_of(scope)
        caller = await self._senders.sender_of(
            headers.get(b"authorization", ""), operation, how=_HOW, request_id=request_id
        )
        content_type = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        if content_type not in {_PROTOBUF, _JSON}:
            raise ContentTypeError(content_type)
        is_json = content_type == _JSON
        receiver = self._receivers[signal]
        receiver.refuse_if_full(caller)
        async with self._bodies.admitted(caller.workspace) as admission:
            sent = await read_body(receive, admission)
            body = expand(sent, headers.get(b"content-encoding", "").strip().lower())
            if body is not sent:
                admission.hold(len(body))
            await self._senders.check_body(caller, operation, body, is_json=is_json, request_id=request_id)
            refusals = await receiver.receive(caller, body, is_json=is_json)
        said = partial_success(signal, refusals)
        if is_json:
            return _JSON, msgspec.json.encode(said)
        written: bytes = json_format.ParseDict(said, _RESPONSES[signal]()).SerializeToString()
        return _PROTOBUF, written


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
