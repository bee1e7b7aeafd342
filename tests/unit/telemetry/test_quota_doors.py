"""What who sends more than a quota lets through is told, over HTTP and gRPC: when to send the same again."""

from datetime import timedelta

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from tests.authority import shipped_authorizer
from tests.factories import make_request, make_span
from tests.unit.identity.usage import FakeUsage
from tests.unit.telemetry.logs.records import Everything, make_logs, make_record
from tests.unit.telemetry.test_grpc_door import Heap, Site, Tokens, free_port
from tests.unit.telemetry.test_records_door import Kept, post

from tidegate.edge.quotas import Quota, QuotaExceededError
from tidegate.identity.quotas.metering import Meter
from tidegate.telemetry.admission import BodiesInFlight
from tidegate.telemetry.content import ContentPolicy
from tidegate.telemetry.grpc_door import GrpcDoor
from tidegate.telemetry.model import Signal
from tidegate.telemetry.receiving import LOGS, RecordsReceiver
from tidegate.telemetry.routes import OtlpDoor
from tidegate.telemetry.span_receiver import SpanReceiver
from tidegate.testing import FakeClock

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def client(kept: Kept, clock: FakeClock) -> httpx.AsyncClient:
    async def elsewhere(*_: object) -> None:
        raise AssertionError

    quotas = Meter(
        FakeUsage(),
        clock,
        defaults={Quota.SPANS_PER_DAY: 3, Quota.LOGS_PER_SECOND: 1, Quota.LOGS_PER_DAY: 100},
        on_refused=lambda *_: None,
        monotonic=lambda: clock.now().timestamp(),
    )
    spans = SpanReceiver(ingest=kept, policy=ContentPolicy(), clock=clock, quotas=quotas)
    logs = RecordsReceiver(LOGS, ingest=kept, policy=Everything(), clock=clock, quotas=quotas)
    door = OtlpDoor(
        elsewhere,
        receivers={Signal.TRACES: spans, Signal.LOGS: logs},
        authenticator=Tokens(),
        authorizer=shipped_authorizer(),
        bodies=BodiesInFlight(),
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://tidegate.test")


def spans(count: int) -> bytes:
    return make_request(*(make_span() for _ in range(count))).SerializeToString()


async def test_a_body_that_is_more_than_is_left_of_the_day_is_refused_whole(
    client: httpx.AsyncClient, kept: Kept, clock: FakeClock
) -> None:
    assert (await post(client, "/v1/traces", spans(2))).status_code == 200
    answer = await post(client, "/v1/traces", spans(2))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "36000")  # at midnight UTC
    assert (answer.json()["code"], answer.json()["quota"]) == ("quota_exceeded", "spans_per_day")
    assert (await post(client, "/v1/traces", spans(1))).status_code == 200
    assert [batch.row_count for _, batch in kept.batches] == [2, 1]
    clock.advance(timedelta(hours=10))
    assert (await post(client, "/v1/traces", spans(2))).status_code == 200


async def test_a_rate_lets_a_burst_through_and_then_says_when(
    client: httpx.AsyncClient, kept: Kept, clock: FakeClock
) -> None:
    body = make_logs(*(make_record("x") for _ in range(12))).SerializeToString()
    assert (await post(client, "/v1/logs", body)).status_code == 200
    answer = await post(client, "/v1/logs", body)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    clock.advance(timedelta(seconds=2.1))
    assert (await post(client, "/v1/logs", body)).status_code == 200
    assert len(kept.batches) == 2


async def test_over_grpc_it_is_resource_exhausted_with_when_to_come_again() -> None:
    heap = Heap()
    heap.trouble = QuotaExceededError(Quota.SPANS_PER_DAY, subject="", amount=3, retry_after_s=90.2)
    door = GrpcDoor(
        {Signal.TRACES: heap},
        authenticator=Tokens(),
        authorizer=shipped_authorizer(),
        bodies=BodiesInFlight(),
    )
    port = free_port()
    assert await door.open(port)
    try:
        error = await Site(port, {Signal.TRACES: heap}).refused(spans(1), method=TRACES)
    finally:
        await door.close()
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    status, info = Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"]), RetryInfo()
    assert status.details[0].Unpack(info)
    assert info.retry_delay.seconds == 91
