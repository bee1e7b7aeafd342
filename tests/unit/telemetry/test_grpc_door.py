"""The gRPC door, called by the SDK's own exporters and by raw calls."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from tests.authority import shipped_authorizer
from tests.unit.telemetry.logs.records import make_logs, make_record

from tidegate.edge.caller import Caller, Scope
from tidegate.kernel import TidegateError, TooManyRequestsError, UnauthenticatedError, UnavailableError, WorkspaceId
from tidegate.telemetry.admission import BodiesInFlight
from tidegate.telemetry.grpc_door import GrpcDoor
from tidegate.telemetry.model import Signal
from tidegate.telemetry.receiving import RecordsMalformedError
from tidegate.telemetry.records import Refusals

LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
HEADERS = {"authorization": "Bearer ingest"}
REQUESTS: dict[Signal, type[Any]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.POINTS: ExportMetricsServiceRequest,
}


class Tokens:
    """Tokens are called as their scope."""

    async def caller_of_token(self, token: str) -> Caller:
        if token not in set(Scope):
            raise UnauthenticatedError("This token is not valid.")
        return Caller(WorkspaceId("acme"), Scope(token), "tok_1", by_session=False)

    async def caller_of_session(self, session: str) -> Caller:
        raise AssertionError(session)


class Heap:
    """Keeps the bodies of one signal, or refuses as it is told."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.trouble: Exception | None = None
        self.is_passing = False
        """Whether the trouble is over after one call."""
        self.refusal_count = 0
        self.refused = 0

    def refuse_if_full(self, caller: Caller) -> None:
        return

    async def receive(self, caller: Caller, body: bytes, *, is_json: bool) -> Refusals:
        assert not is_json
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None if self.is_passing else self.trouble
            self.refusal_count += 1
            raise trouble
        self.bodies.append(body)
        refusals = Refusals()
        if self.refused:
            refusals.add("too many attributes", count=self.refused)
        return refusals


class Site:
    def __init__(self, port: int, heaps: dict[Signal, Heap]) -> None:
        self.target = f"127.0.0.1:{port}"
        self.heaps = heaps

    async def call(self, body: bytes, *, method: str = LOGS, token: str | None = "ingest") -> Any:  # noqa: S107
        async with grpc.aio.insecure_channel(self.target) as channel:
            metadata = (("authorization", f"Bearer {token}"),) if token else ()
            return await channel.unary_unary(method)(body, metadata=metadata, timeout=10)

    async def refused(self, body: bytes = b"", **changes: Any) -> grpc.aio.AioRpcError:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self.call(body, **changes)
        return refused.value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    heaps = {signal: Heap() for signal in Signal}
    door = GrpcDoor(heaps, authenticator=Tokens(), authorizer=shipped_authorizer(), bodies=BodiesInFlight())
    port = free_port()
    assert await door.open(port)
    yield Site(port, heaps)
    await door.close()


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_the_sdks_own_exporters_send_all_three_signals(site: Site, compression: grpc.Compression) -> None:
    common: dict[str, Any] = {
        "endpoint": site.target, "insecure": True, "headers": HEADERS, "compression": compression, "timeout": 5,
    }  # fmt: skip

    def send() -> None:
        traces = TracerProvider()
        traces.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(**common)))
        traces.get_tracer("t").start_span("one").end()
        traces.shutdown()
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(**common), export_interval_millis=60_000)
        meters = MeterProvider(metric_readers=[reader])
        meters.get_meter("m").create_counter("sold").add(3)
        meters.shutdown()
        logs = OTLPLogExporter(**common)
        # A record as the log SDK hands it over would do; the exporter's own call takes bytes just as well.
        logs._client.Export(make_logs(make_record("said")), metadata=tuple(HEADERS.items()), timeout=5)
        logs.shutdown()

    await asyncio.to_thread(send)
    for signal, heap in site.heaps.items():
        (body,) = heap.bodies
        assert REQUESTS[signal].FromString(body).ListFields(), signal


async def test_a_partial_success_says_how_many_and_what_was_wrong(site: Site) -> None:
    site.heaps[Signal.LOGS].refused = 2
    answer = ExportLogsServiceResponse.FromString(await site.call(b""))
    assert answer.partial_success.rejected_log_records == 2
    assert answer.partial_success.error_message == "too many attributes (and 1 more)"
    site.heaps[Signal.LOGS].refused = 0
    assert await site.call(b"") == b""


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (None, grpc.StatusCode.UNAUTHENTICATED),
        ("wrong", grpc.StatusCode.UNAUTHENTICATED),
        ("read", grpc.StatusCode.PERMISSION_DENIED),
    ],
)
async def test_without_a_fitting_token_nobody_gets_in(site: Site, token: str | None, code: grpc.StatusCode) -> None:
    assert (await site.refused(token=token)).code() is code
    assert site.heaps[Signal.LOGS].bodies == []


@pytest.mark.parametrize("scope", ["ingest", "write", "admin"])
async def test_who_may_send(site: Site, scope: str) -> None:
    assert await site.call(b"", token=scope) == b""


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (RecordsMalformedError("the protobuf cannot be read."), grpc.StatusCode.INVALID_ARGUMENT),
        (RuntimeError("a mistake of ours"), grpc.StatusCode.INTERNAL),
    ],
)
async def test_what_sending_again_cannot_cure_is_not_to_be_sent_again(
    site: Site, trouble: Exception, code: grpc.StatusCode
) -> None:
    site.heaps[Signal.LOGS].trouble = trouble
    error = await site.refused()
    assert error.code() is code
    assert "a mistake of ours" not in (error.details() or "")
    assert b"RetryInfo" not in dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")


@pytest.mark.parametrize(
    "trouble", [TooManyRequestsError("Full.", retry_after_s=2.0), UnavailableError("Stopped.", retry_after_s=2.0)]
)
async def test_what_may_pass_says_when_to_come_again(site: Site, trouble: TidegateError) -> None:
    site.heaps[Signal.LOGS].trouble = trouble
    error = await site.refused()
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    status = Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    assert (status.code, status.message) == (14, trouble.message)
    info = RetryInfo()
    assert status.details[0].Unpack(info)
    assert info.retry_delay == Duration(seconds=2)


async def test_the_sdks_exporter_sends_again_what_may_pass(site: Site) -> None:
    heap = site.heaps[Signal.TRACES]
    heap.trouble, heap.is_passing = UnavailableError("Stopped.", retry_after_s=1.0), True

    def send() -> SpanExportResult:
        provider = TracerProvider()
        exporter = OTLPSpanExporter(endpoint=site.target, insecure=True, headers=HEADERS, timeout=10)
        span = provider.get_tracer("t").start_span("one")
        span.end()
        return exporter.export([span])  # type: ignore[list-item]

    assert await asyncio.to_thread(send) is SpanExportResult.SUCCESS
    assert (len(heap.bodies), heap.refusal_count) == (1, 1)


async def test_a_message_that_is_too_large_is_refused(site: Site) -> None:
    error = await site.refused(b"\0" * (17 * 2**20))
    assert error.code() in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT}


async def test_a_message_that_unpacks_to_too_much_is_refused(site: Site) -> None:
    async with grpc.aio.insecure_channel(site.target, compression=grpc.Compression.Gzip) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary(LOGS)(b"\0" * (40 * 2**20), metadata=tuple(HEADERS.items()), timeout=10)
    assert refused.value.code() in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT}
    assert site.heaps[Signal.LOGS].bodies == []


async def test_other_methods_are_unknown(site: Site) -> None:
    error = await site.refused(method="/grpc.health.v1.Health/Check")
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_port_that_others_have_is_left_to_them() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        door = GrpcDoor(
            {Signal.LOGS: Heap()}, authenticator=Tokens(), authorizer=shipped_authorizer(), bodies=BodiesInFlight()
        )
        assert not await door.open(other.getsockname()[1])
        await door.close()
