"""The OTLP/gRPC door: traces, logs and metrics as bytes, to the same receivers as HTTP.

Contract. OK means stored and synced; a partial success says what was refused alone. UNAVAILABLE with RetryInfo asks to
send the same again, and so does RESOURCE_EXHAUSTED with RetryInfo, of a quota; every other status does not. grpcio
cannot take over a listening socket, so the supervisor keeps the port by a socket that is bound and does not listen, and
the door listens beside it: nobody else gets the port between two lives of this process. grpcio is imported when the
door opens. Measured: 11 MB private and 7 threads at rest.
"""

import asyncio
from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tidegate.edge.authority import Authorizer
from tidegate.edge.caller import Authenticator, Caller
from tidegate.edge.problems import answer_for
from tidegate.edge.quotas import QuotaExceededError
from tidegate.kernel import TidegateError, TooLargeError
from tidegate.telemetry.admission import BodiesInFlight
from tidegate.telemetry.model import Signal
from tidegate.telemetry.records import Refusals
from tidegate.telemetry.salvage import bytes_field, varint_field
from tidegate.telemetry.senders import Senders

if TYPE_CHECKING:
    import grpc

MAX_MESSAGE_BYTES: Final = 16 * 2**20  # as over HTTP
_GRACE_S: Final = 5.0  # as over HTTP: requests under way may finish
_MAX_CALLS: Final = 64  # each holds a message of up to 16 MB; more hear RESOURCE_EXHAUSTED and come again
_MAX_TOLD: Final = 512
_HOW: Final = "Send an ingest token as metadata `authorization: Bearer <token>`."
_DETAILS: Final = "grpc-status-details-bin"
_METHODS: Final = {
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.POINTS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
# gRPC's numbers, by HTTP status; https://grpc.github.io/grpc/core/md_doc_statuscodes.html
_INVALID_ARGUMENT, _PERMISSION_DENIED, _RESOURCE_EXHAUSTED = 3, 7, 8
_INTERNAL, _UNAVAILABLE, _UNAUTHENTICATED = 13, 14, 16
_CODES: Final = {
    400: _INVALID_ARGUMENT,
    413: _INVALID_ARGUMENT,
    415: _INVALID_ARGUMENT,
    422: _INVALID_ARGUMENT,
    401: _UNAUTHENTICATED,
    403: _PERMISSION_DENIED,
    429: _UNAVAILABLE,
    503: _UNAVAILABLE,
}
_log = structlog.get_logger("tidegate.grpc")


class Receiver(Protocol):
    """Stores the bodies of one signal."""

    def refuse_if_full(self, caller: Caller) -> None:
        """Raise what `receive` would raise for a body of any size."""
        ...

    async def receive(self, caller: Caller, body: bytes, *, is_json: bool) -> Refusals:
        """Return what was refused alone; all else is durable."""
        ...


class GrpcDoor:
    """One gRPC server on loopback."""

    def __init__(
        self,
        receivers: Mapping[Signal, Receiver],
        *,
        authenticator: Authenticator,
        authorizer: Authorizer,
        bodies: BodiesInFlight,
    ) -> None:
        self._receivers = receivers
        self._bodies = bodies
        self._senders = Senders(authenticator, authorizer)
        self._server: grpc.aio.Server | None = None

    @property
    def signals(self) -> tuple[Signal, ...]:
        return tuple(self._receivers)

    async def open(self, port: int) -> bool:
        """Listen on 127.0.0.1; return whether the port could be had."""
        import grpc

        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.so_reuseport", 1),  # beside the supervisor's socket, which keeps the port
            ("grpc.max_metadata_size", 16 * 1024),
        ]
        self._server = grpc.aio.server(options=options, maximum_concurrent_rpcs=_MAX_CALLS)
        self._server.add_generic_rpc_handlers((_handlers(self),))
        try:
            bound = self._server.add_insecure_port(f"127.0.0.1:{port}")
        except RuntimeError:
            bound = 0
        if not bound:
            _log.warning("the gRPC port cannot be had", port=port)
            self._server = None
            return False
        await self._server.start()
        return True

    async def run(self, port: int) -> None:
        """Serve until cancelled; without the port, do nothing for as long."""
        try:
            await self.open(port)
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Take no more calls, let those under way finish, then end the others."""
        if self._server is not None:
            await self._server.stop(_GRACE_S)

    async def export(self, signal: Signal, body: bytes, metadata: Mapping[str, str]) -> bytes:
        """Return the answer to one call as bytes.

        Raises:
            TidegateError: nothing was stored.
        """
        if len(body) > MAX_MESSAGE_BYTES:
            raise TooLargeError(f"A message may have {MAX_MESSAGE_BYTES // 2**20} MB. Send smaller batches.")
        operation = f"GRPC {_METHODS[signal]}"
        caller = await self._senders.sender_of(metadata.get("authorization", ""), operation, how=_HOW)
        receiver = self._receivers[signal]
        receiver.refuse_if_full(caller)
        async with self._bodies.admitted(caller.workspace) as admission:
            admission.hold(len(body))
            await self._senders.check_body(caller, operation, body)
            return response_of(signal, await receiver.receive(caller, body, is_json=False))


def _handlers(door: GrpcDoor) -> "grpc.GenericRpcHandler":
    import grpc

    def handler_of(signal: Signal) -> Any:  # noqa: ANN401 - grpcio has no types
        async def export(body: bytes, context: Any) -> bytes:  # noqa: ANN401 - grpcio has no types
            metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
            try:
                return await door.export(signal, body, metadata)
            except TidegateError as error:
                code, details = status_of(error)
                context.set_trailing_metadata(((_DETAILS, details),))
                await context.abort(_code(code), error.message)
            except Exception:  # noqa: BLE001 - the top of a door; the traceback is logged
                _log.exception("unexpected", signal=signal)
                await context.abort(_code(_INTERNAL), "Something failed that should not; the log says what.")
            raise AssertionError  # abort raises

        # Neither reads nor writes messages for us: the receivers take bytes.
        return grpc.unary_unary_rpc_method_handler(export)

    handlers = {_METHODS[signal]: handler_of(signal) for signal in door.signals}

    class Handlers(grpc.GenericRpcHandler):
        def service(self, details: Any) -> Any:  # noqa: ANN401 - grpcio has no types
            return handlers.get(details.method)

    return Handlers()


def _code(number: int) -> Any:  # noqa: ANN401 - grpcio has no types
    import grpc

    return next(code for code in grpc.StatusCode if code.value[0] == number)


def response_of(signal: Signal, refusals: Refusals) -> bytes:
    """Return an Export…ServiceResponse; it is empty when everything was stored."""
    if not refusals.count:
        return b""
    words = refusals.first[:_MAX_TOLD] + (f" (and {refusals.count - 1} more)" if refusals.count > 1 else "")
    answer: Any
    if signal is Signal.TRACES:
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = refusals.count
    elif signal is Signal.LOGS:
        answer = ExportLogsServiceResponse()
        answer.partial_success.rejected_log_records = refusals.count
    else:
        answer = ExportMetricsServiceResponse()
        answer.partial_success.rejected_data_points = refusals.count
    answer.partial_success.error_message = words
    written: bytes = answer.SerializeToString()
    return written


def status_of(error: TidegateError) -> tuple[int, bytes]:
    """Return gRPC's number, and a google.rpc.Status with RetryInfo for what may be sent again."""
    code = _CODES.get(answer_for(error).status, _INTERNAL)
    if isinstance(error, QuotaExceededError):
        code = _RESOURCE_EXHAUSTED  # OTLP: with RetryInfo it may be sent again, without it never
    status = varint_field(1, code) + bytes_field(2, error.message.encode())
    if code in {_UNAVAILABLE, _RESOURCE_EXHAUSTED}:
        delay_s = max(1, ceil(getattr(error, "retry_after_s", 1.0)))
        # google.rpc.RetryInfo.retry_delay is a google.protobuf.Duration, whose first field is seconds.
        retry = bytes_field(1, varint_field(1, delay_s))
        detail = bytes_field(1, b"type.googleapis.com/google.rpc.RetryInfo") + bytes_field(2, retry)
        status += bytes_field(3, detail)
    return code, status
