"""The HTTP doors of logs and metrics: forms, refusals, partial success; what is stored is kept in a list."""

import gzip
import json
import resource
import sys
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from tests.authority import shipped_authorizer
from tests.unit.telemetry.logs.records import Everything, make_logs, make_record
from tests.unit.telemetry.points.metrics import make_counter, make_metric, make_metrics
from tests.unit.telemetry.test_grpc_door import Tokens

from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.telemetry.admission import BodiesInFlight
from tidegate.telemetry.errors import IngestFullError
from tidegate.telemetry.model import Batch, Signal
from tidegate.telemetry.receiving import LOGS, MAX_JSON_BYTES, MAX_RECORD_BYTES, MAX_RECORDS, POINTS, RecordsReceiver
from tidegate.telemetry.routes import OtlpDoor
from tidegate.telemetry.salvage import bytes_field
from tidegate.testing import FakeClock

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PROTOBUF = "application/x-protobuf"
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress}


class Kept:
    """What was accepted, as rows."""

    def __init__(self) -> None:
        self.batches: list[tuple[WorkspaceId, Batch]] = []
        self.trouble: Exception | None = None

    async def accept(self, workspace: WorkspaceId, batch: Batch) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.batches.append((workspace, batch))

    def refuse_if_full(self, workspace: WorkspaceId) -> None:
        if isinstance(self.trouble, IngestFullError):
            raise self.trouble

    def rows(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for _, batch in self.batches for line in batch.payload.splitlines()]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def client(kept: Kept) -> httpx.AsyncClient:
    receivers = {
        kind.signal: RecordsReceiver(kind, ingest=kept, policy=Everything(), clock=FakeClock())
        for kind in (LOGS, POINTS)
    }

    async def elsewhere(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    door = OtlpDoor(
        elsewhere, receivers=receivers, authenticator=Tokens(), authorizer=shipped_authorizer(), bodies=BodiesInFlight()
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://tidegate.test")


async def post(
    client: httpx.AsyncClient,
    path: str,
    body: bytes,
    *,
    form: str = PROTOBUF,
    token: str | None = "ingest",  # noqa: S107 - a made-up one
    **more: str,
) -> httpx.Response:
    headers = {"content-type": form} | ({"authorization": f"Bearer {token}"} if token else {}) | more
    return await client.post(path, content=body, headers=headers)


@pytest.mark.parametrize("form", ["protobuf", "json", "gzip", "deflate", "zstd"])
@pytest.mark.parametrize("path", ["/v1/logs", "/v1/metrics"])
async def test_what_is_sent_is_accepted_in_every_form(
    client: httpx.AsyncClient, kept: Kept, path: str, form: str
) -> None:
    request = make_logs(make_record("one")) if path == "/v1/logs" else make_metrics(make_counter(1))
    if form == "json":
        answer = await post(client, path, json_format.MessageToJson(request).encode(), form="application/json")
        assert answer.json() == {}
    else:
        body = request.SerializeToString()
        more = {"content-encoding": form} if form in PACKERS else {}
        answer = await post(client, path, PACKERS.get(form, bytes)(body), **more)
        assert answer.content == b""
    assert answer.status_code == 200
    ((workspace, batch),) = kept.batches
    (row,) = kept.rows()
    assert (workspace, batch.row_count, row["workspace"]) == ("acme", 1, "acme")
    assert batch.signal is (Signal.LOGS if path == "/v1/logs" else Signal.POINTS)
    assert batch.seconds == {row["second"]: 1}


async def test_ids_in_json_are_hexadecimal(client: httpx.AsyncClient, kept: Kept) -> None:
    record = {"timeUnixNano": "5", "body": {"stringValue": "x"}, "traceId": "5B8EFFF798038103D269B633813FC60C"}
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record | {"unknown": 1}]}]}]}
    assert (await post(client, "/v1/logs", json.dumps(body).encode(), form="application/json")).status_code == 200
    assert kept.rows()[0]["trace_id"] == "5b8efff798038103d269b633813fc60c"


async def test_json_and_protobuf_of_one_record_are_one_record(client: httpx.AsyncClient, kept: Kept) -> None:
    request = make_logs(make_record("x", {"a": 1, "b": [True, 2.5]}, trace_id=b"\1" * 16))
    document = json_format.MessageToDict(request)
    document["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["traceId"] = "01" * 16
    await post(client, "/v1/logs", json.dumps(document).encode(), form="application/json")
    await post(client, "/v1/logs", request.SerializeToString())
    first, second = kept.rows()
    assert first["log_id"] == second["log_id"]


@pytest.mark.parametrize("form", [PROTOBUF, "application/json"])
async def test_a_bad_record_is_refused_alone_and_named(client: httpx.AsyncClient, kept: Kept, form: str) -> None:
    request = make_metrics(make_counter(1), make_metric("exponential_histogram", scale=99))
    body = request.SerializeToString() if form == PROTOBUF else json_format.MessageToJson(request).encode()
    answer = await post(client, "/v1/metrics", body, form=form)
    assert answer.status_code == 200
    said = ExportMetricsServiceResponse()
    if form == PROTOBUF:
        said.ParseFromString(answer.content)
    else:
        json_format.ParseDict(answer.json(), said)
    assert said.partial_success.rejected_data_points == 1
    assert "metrics.1.dataPoints.0 of 'queue.depth': a scale of 99" in said.partial_success.error_message
    assert len(kept.rows()) == 1


async def test_one_text_that_is_not_utf_8_does_not_cost_the_others(client: httpx.AsyncClient, kept: Kept) -> None:
    body = make_logs(make_record("good"), make_record("BAD!")).SerializeToString().replace(b"BAD!", b"\xff\xfe\xfd\xfc")
    answer = await post(client, "/v1/logs", body)
    said = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, said.rejected_log_records) == (200, 1)
    assert "not UTF-8" in said.error_message
    assert [row["body"] for row in kept.rows()] == ["good"]


async def test_a_record_that_is_nested_too_deep_is_refused_alone_and_told_so(
    client: httpx.AsyncClient, kept: Kept
) -> None:
    value = b""
    for _ in range(90):
        value = bytes_field(5, bytes_field(1, value))  # AnyValue.array_value, ArrayValue.values
    good = make_record("good").SerializeToString()
    records = bytes_field(2, good) + bytes_field(2, bytes_field(5, value))
    answer = await post(client, "/v1/logs", bytes_field(1, bytes_field(2, records)))
    said = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, said.rejected_log_records) == (200, 1)
    assert "nested too deep" in said.error_message
    assert [row["body"] for row in kept.rows()] == ["good"]


@pytest.mark.parametrize(
    ("body", "more", "status", "code"),
    [
        (b"\x0a\xff\xff", {}, 400, "otlp_records_malformed"),
        (b"{", {"form": "application/json"}, 400, "otlp_records_malformed"),
        (b'{"resourceLogs": 1}', {"form": "application/json"}, 400, "otlp_records_malformed"),
        (b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "xy"}]}]}]}', {"form": "application/json"},
         400, "otlp_records_malformed"),
        (make_logs(make_record("BAD!")).SerializeToString().replace(b"BAD!", b"\xff" * 4), {}, 400,
         "otlp_records_malformed"),
        (b"{}", {"form": "text/plain"}, 415, "content_type_unsupported"),
        (b"x", {"content-encoding": "br"}, 415, "content_encoding_unsupported"),
        (b"x", {"content-encoding": "gzip"}, 400, "otlp_malformed"),
        (gzip.compress(b"\0" * (65 * 2**20)), {"content-encoding": "gzip"}, 413, "body_too_large"),
        (zlib.compress(b"\0" * (65 * 2**20)), {"content-encoding": "deflate"}, 413, "body_too_large"),
        (zstd.compress(b"\0" * (65 * 2**20)), {"content-encoding": "zstd"}, 413, "body_too_large"),
        (b"no zstd", {"content-encoding": "zstd"}, 400, "otlp_malformed"),
        (b"\0" * (17 * 2**20), {}, 413, "body_too_large"),
        (gzip.compress(b"{}" + b" " * MAX_JSON_BYTES), {"form": "application/json", "content-encoding": "gzip"}, 413,
         "body_too_large"),
        (make_logs(*[make_record()] * (MAX_RECORDS + 1)).SerializeToString(), {}, 413, "records_too_many"),
        (make_logs(*[make_record("x")] * 20_000, big="r" * 8_000).SerializeToString(), {}, 413, "records_too_many"),
        (b"", {"token": None}, 401, "unauthenticated"),
        (b"", {"token": "read"}, 403, "forbidden"),
        (make_logs(make_record("x"), **{"tidegate.replayed": True}).SerializeToString(), {}, 403, "replay_not_allowed"),
    ],
)  # fmt: skip
async def test_what_is_refused_says_why_and_nothing_is_stored(
    client: httpx.AsyncClient, kept: Kept, body: bytes, more: dict[str, Any], status: int, code: str
) -> None:
    answer = await post(client, "/v1/logs", body, **more)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert kept.batches == []


async def test_an_encoding_that_is_not_read_is_answered_with_those_that_are(client: httpx.AsyncClient) -> None:
    answer = await post(client, "/v1/logs", b"x", **{"content-encoding": "snappy"})
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip, deflate, zstd")
    assert "send gzip, deflate, zstd, or none" in answer.json()["detail"]


async def test_a_recording_needs_a_token_that_may_write(client: httpx.AsyncClient, kept: Kept) -> None:
    body = make_logs(make_record("x"), **{"tidegate.replayed": True}).SerializeToString()
    refused = await post(client, "/v1/logs", body)
    assert refused.json()["field"] == "resourceLogs.0.resource.attributes.tidegate.replayed"
    assert (await post(client, "/v1/logs", body, token="write")).status_code == 200
    assert kept.rows()[0]["replayed"] == 1


@pytest.mark.parametrize(("trouble", "status"), [(IngestFullError(), 429), (UnavailableError("Away."), 503)])
async def test_what_may_pass_says_when_to_come_again(
    client: httpx.AsyncClient, kept: Kept, trouble: Exception, status: int
) -> None:
    kept.trouble = trouble
    answer = await post(client, "/v1/logs", make_logs(make_record("x")).SerializeToString())
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "1")


async def test_an_empty_body_is_stored_as_nothing(client: httpx.AsyncClient, kept: Kept) -> None:
    assert (await post(client, "/v1/logs", b"")).status_code == 200
    assert kept.batches == []


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/logs"), ("POST", "/v1/log"), ("POST", "/v1/logs/")])
async def test_everything_else_is_passed_on(client: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await client.request(method, path)).status_code == 404


@pytest.mark.parametrize("path", ["/v1/logs", "/v1/metrics"])
async def test_a_body_of_empty_records_takes_little_memory(client: httpx.AsyncClient, path: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scope = bytes_field(2, bytes_field(2, b"\x12\0" * 2**19) * 10)
    assert (await post(client, path, bytes_field(1, scope))).status_code in {200, 400, 413}
    assert (await post(client, path, bytes_field(1, bytes_field(2, b"\x12\0" * 5 * 2**20)))).status_code == 413
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KiB; parsed at once 450 to 700 MB


async def test_the_records_of_a_large_body_have_their_own_places_and_ids(client: httpx.AsyncClient, kept: Kept) -> None:
    record = make_record("x" * 2_000)
    request = make_logs(*[record] * 1_500)
    request.resource_logs[0].scope_logs[0].log_records[1_400].Clear()
    other = request.resource_logs.add()
    other.scope_logs.add()
    other.scope_logs.add().log_records.add()
    answer = await post(client, "/v1/logs", request.SerializeToString())
    said = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert said.rejected_log_records == 2
    assert said.error_message.startswith("resourceLogs.0.scopeLogs.0.logRecords.1400: it says nothing")
    assert len({row["log_id"] for row in kept.rows()}) == 1_499  # each is another record, though all say the same


async def test_what_is_refused_after_a_resource_without_records_is_named_rightly(client: httpx.AsyncClient) -> None:
    request = make_logs(make_record("x"))
    request.resource_logs.add()
    request.resource_logs.add().scope_logs.add()
    request.resource_logs.add().scope_logs.add().log_records.add()
    answer = await post(client, "/v1/logs", request.SerializeToString())
    said = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert said.error_message.startswith("resourceLogs.3.scopeLogs.0.logRecords.0: it says nothing")


async def test_a_record_that_is_too_large_to_be_parsed_is_refused_alone(client: httpx.AsyncClient, kept: Kept) -> None:
    good = make_record("x").SerializeToString()
    records = [good, b"\x32\0" * (MAX_RECORD_BYTES // 2 + 1), good]
    body = bytes_field(1, bytes_field(2, b"".join(bytes_field(2, record) for record in records)))
    said = ExportLogsServiceResponse.FromString((await post(client, "/v1/logs", body)).content).partial_success
    assert (said.rejected_log_records, said.error_message) == (1, "A record has more than 8 MB.")
    assert len(kept.rows()) == 2
