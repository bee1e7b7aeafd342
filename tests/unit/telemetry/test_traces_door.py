"""The door of traces: what is stored, what is refused alone, and which events of spans become log records."""

import gzip
import resource
import secrets
from typing import Any

import httpx
import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.authority import shipped_authorizer
from tests.factories import make_request, make_span
from tests.unit.telemetry.test_grpc_door import Tokens
from tests.unit.telemetry.test_records_door import Kept, post

from tidegate.telemetry.admission import BodiesInFlight
from tidegate.telemetry.content import Content, ContentPolicy
from tidegate.telemetry.model import Signal
from tidegate.telemetry.receiving import MAX_JSON_BYTES
from tidegate.telemetry.routes import OtlpDoor
from tidegate.telemetry.span_receiver import SpanReceiver
from tidegate.testing import FakeClock

PATH = "/v1/traces"
AT_NS = 1_700_000_000_000_000_000


def client_of(kept: Kept, content: Content = Content.REDACT) -> httpx.AsyncClient:
    async def elsewhere(*_: object) -> None:
        raise AssertionError

    receiver = SpanReceiver(ingest=kept, policy=ContentPolicy(content), clock=FakeClock())
    door = OtlpDoor(
        elsewhere,
        receivers={Signal.TRACES: receiver},
        authenticator=Tokens(),
        authorizer=shipped_authorizer(),
        bodies=BodiesInFlight(),
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://tidegate.test")


def records_of(kept: Kept) -> list[dict[str, Any]]:
    batches = [batch for _, batch in kept.batches if batch.signal is Signal.LOGS]
    return [msgspec.json.decode(line) for batch in batches for line in batch.payload.splitlines()]


async def test_what_is_good_is_stored_and_what_is_bad_is_told() -> None:
    kept = Kept()
    body = make_request(make_span(), make_span(span_id=b"short"), make_span()).SerializeToString()
    answer = await post(client_of(kept), PATH, body)
    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, told.rejected_spans) == (200, 1)
    assert told.error_message.startswith("resourceSpans.0.scopeSpans.0.spans.1: spanId")
    assert [batch.row_count for _, batch in kept.batches] == [2]


async def test_text_that_is_not_utf8_costs_its_span_alone() -> None:
    kept = Kept()
    body = make_request(make_span(), make_span(name="AAAA")).SerializeToString()
    answer = await post(client_of(kept), PATH, body.replace(b"AAAA", b"\xff\xfe\xfd\xfc"))
    assert ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans == 1
    assert [batch.row_count for _, batch in kept.batches] == [1]


@pytest.mark.parametrize(
    "body",
    [make_request(make_span()).SerializeToString()[:-3], b"\x0a\x05ab", b"\xff"],
    ids=["cut off", "too short", "no field"],
)
async def test_what_cannot_be_read_at_all_is_refused(body: bytes) -> None:
    assert (await post(client_of(Kept()), PATH, body)).status_code == 400


async def test_named_events_of_spans_become_log_records_that_count_once_however_often_they_come() -> None:
    kept = Kept()
    span = make_span(attributes={"tenant.id": "acme"})
    for name, key, value in (
        ("policy.decision", "decision", "deny"),
        ("gen_ai.security.finding", "gen_ai.security.verdict.type", "block"),
        ("exception", "exception.type", "X"),
    ):
        event = span.events.add(name=name, time_unix_nano=AT_NS)
        event.attributes.add(key=key).value.string_value = value
        event.attributes.add(key="policy.id").value.string_value = "pol-7"
    for _ in range(2):
        await post(client_of(kept), PATH, make_request(span).SerializeToString())
    rows = records_of(kept)
    assert [(row["object"], row["outcome"], row["tenant"], row["service"]) for row in rows] == [
        ("pol-7", "deny", "acme", "harbor")
    ] * 4
    assert len({row["log_id"] for row in rows}) == 2
    assert {row["span_id"] for row in rows} == {span.span_id.hex()}


async def test_an_evaluation_counts_also_where_its_words_are_dropped() -> None:
    kept = Kept()
    span = make_span()
    event = span.events.add(name="gen_ai.evaluation.result", time_unix_nano=AT_NS)
    event.attributes.add(key="gen_ai.evaluation.name").value.string_value = "groundedness"
    event.attributes.add(key="gen_ai.evaluation.score.value").value.double_value = 0.5
    event.attributes.add(key="gen_ai.evaluation.explanation").value.string_value = "hidden words"
    await post(client_of(kept, Content.DROP), PATH, make_request(span).SerializeToString())
    (row,) = records_of(kept)
    assert (row["object"], row["amount_micro"]) == ("groundedness", 500_000)
    assert "hidden" not in str(row)


@pytest.mark.parametrize("where", ["resource", "scope"])
async def test_a_resource_or_scope_that_is_damaged_costs_its_own_spans_alone(where: str) -> None:
    kept = Kept()
    request = make_request(make_span(), make_span())
    holder = request.resource_spans[0]
    holder.scope_spans[0].scope.name = "AAAA" if where == "scope" else ""
    holder.resource.attributes.add(key="AAAA" if where == "resource" else "k")
    request.MergeFrom(make_request(make_span()))
    answer = await post(client_of(kept), PATH, request.SerializeToString().replace(b"AAAA", b"\xff\xfe\xfd\xfc"))
    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, told.rejected_spans) == (200, 2)
    assert told.error_message.startswith("resourceSpans.0.scopeSpans.0: its resource or scope cannot be read")
    assert [batch.row_count for _, batch in kept.batches] == [1]


@pytest.mark.parametrize(
    ("resource_bytes", "tenant_bytes", "spans", "events"),
    [
        pytest.param(900_000, 0, 200, 1, id="a large resource under many spans"),
        pytest.param(0, 3_000_000, 1, 1_000, id="a large tenant beside many events"),
        pytest.param(0, 0, 100, 1_000, id="many events"),
    ],
)
async def test_events_of_spans_take_no_more_memory_than_log_records_may(
    resource_bytes: int, tenant_bytes: int, spans: int, events: int
) -> None:
    kept = Kept()
    span = make_span(attributes={"tenant.id": "t" * tenant_bytes})
    for _ in range(events):
        span.events.add(name="job.done", time_unix_nano=AT_NS)
    sent = []
    for _ in range(spans):
        span.span_id = secrets.token_bytes(8)
        sent.append(Span.FromString(span.SerializeToString()))
    body = make_request(
        *sent, **{f"k{number}": "x" * 8_000 for number in range(resource_bytes // 8_000)}
    ).SerializeToString()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = await post(client_of(kept), PATH, body)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 250 * 1024  # KiB; gigabytes without a bound
    is_stored = tenant_bytes > 0  # its events are few, and a name of a tenant is short
    assert (answer.status_code, bool(kept.batches)) == ((200, True) if is_stored else (413, False))


async def test_json_is_read_up_to_a_size_that_can_be_held() -> None:
    body = gzip.compress(b"{}" + b" " * MAX_JSON_BYTES)
    answer = await post(client_of(Kept()), PATH, body, form="application/json", **{"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
