"""Logs and metric points from a sender to search and stats, over HTTP and gRPC, and through a crash."""

import json
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from tests.e2e.server import PATIENCE_S, Server, free_port, wait_until
from tests.unit.telemetry.logs.records import make_logs, make_record
from tests.unit.telemetry.points.metrics import make_counter, make_metrics

PROTOBUF = {"Content-Type": "application/x-protobuf"}
LOGS_METHOD = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("records"))
    server.otlp_grpc_port = free_port()
    server.start()
    yield server
    server.stop()


class Sender:
    def __init__(self, server: Server, workspace: str) -> None:
        server.cli("workspace", "create", workspace)
        self.server = server
        self.ingest = server.token("ingest", workspace)
        self.read = server.token("read", workspace)

    def post(self, path: str, body: bytes) -> tuple[int, Any]:
        return self.server.call("POST", path, token=self.ingest, body=body, headers=PROTOBUF)

    def stats(self) -> dict[str, Any]:
        status, found = self.server.get("/api/v1/telemetry/stats", self.read)
        return found if status == 200 else {}

    def bodies(self, query: str = "") -> list[str]:
        status, page = self.server.get(f"/api/v1/logs?{query}", self.read)
        assert status == 200, page
        return [item["body"] for item in page["items"]]


def record(body: str, *, ago_s: float = 1, **changes: Any) -> Any:
    return make_record(body, time_unix_nano=time.time_ns() - round(ago_s * 1e9), **changes)


def test_a_record_that_was_answered_200_is_found_at_once_and_counts_once(place: Server) -> None:
    sender = Sender(place, "one")
    first, second, third = (record(f"line {n}", ago_s=10 - n) for n in range(3))
    for request in (make_logs(first, second), make_logs(first, third), make_logs(third, first)):
        assert sender.post("/v1/logs", request.SerializeToString())[0] == 200
    assert sender.bodies() == ["line 2", "line 1", "line 0"]
    stats = sender.stats()
    assert (stats["logs"], stats["spans"], stats["metricPoints"]) == (3, 0, 0)
    assert stats["lastLogAt"].endswith("Z")


def test_metric_points_count_once(place: Server) -> None:
    sender = Sender(place, "points")
    body = make_metrics(make_counter(1, time_unix_nano=time.time_ns())).SerializeToString()
    for _ in range(3):
        assert sender.post("/v1/metrics", body)[0] == 200
    assert sender.stats()["metricPoints"] == 1


def test_the_sdk_sends_over_grpc(place: Server) -> None:
    sender = Sender(place, "grpc")
    common: dict[str, Any] = {
        "endpoint": f"127.0.0.1:{place.otlp_grpc_port}",
        "insecure": True,
        "headers": {"authorization": f"Bearer {sender.ingest}"},
        "timeout": 120,
    }
    traces = TracerProvider()
    traces.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(**common)))
    traces.get_tracer("t").start_span("one").end()
    traces.shutdown()
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(**common), export_interval_millis=60_000)
    meters = MeterProvider(metric_readers=[reader])
    meters.get_meter("m").create_counter("sold").add(3)
    meters.shutdown()
    with grpc.insecure_channel(common["endpoint"]) as channel:
        body = make_logs(record("over gRPC")).SerializeToString()
        metadata = (("authorization", f"Bearer {sender.ingest}"),)
        assert channel.unary_unary(LOGS_METHOD)(body, metadata=metadata, timeout=PATIENCE_S) == b""
    assert sender.bodies() == ["over gRPC"]

    def all_three() -> bool:
        stats = sender.stats()
        return (stats["spans"], stats["logs"], stats["metricPoints"]) == (1, 1, 1)

    wait_until(all_three, what="one of each")


def test_nothing_that_was_answered_200_is_lost_by_a_crash(place: Server) -> None:
    sender = Sender(place, "crash")
    kept = [f"kept {n}" for n in range(5)]
    for body in kept:
        assert sender.post("/v1/logs", make_logs(record(body)).SerializeToString())[0] == 200
    place.kill()
    place.start()
    assert sorted(sender.bodies()) == kept
    wait_until(lambda: "logs" in sender.stats(), what="figures after the restart")
    assert sender.stats()["logs"] == 5


def test_secrets_are_not_stored(place: Server) -> None:
    sender = Sender(place, "secrets")
    attributes = {"http.request.header.authorization": "Bearer abc", "note": "fine"}
    line = "login with password=hunter22 and Bearer abcdefghijklmnop"
    assert sender.post("/v1/logs", make_logs(record(line, attributes=attributes)).SerializeToString())[0] == 200
    _, page = place.get("/api/v1/logs", sender.read)
    (item,) = page["items"]
    assert item["body"] == "login with [redacted] and [redacted]"
    assert item["attributes"] == {"http.request.header.authorization": "[redacted]", "note": "fine"}


def test_the_command_finds_and_counts(place: Server) -> None:
    sender = Sender(place, "command")
    sender.post("/v1/logs", make_logs(record("needle in the hay"), record("hay")).SerializeToString())
    found = place.cli("log", "search", "NEEDLE", token=sender.read)
    assert found.stdout.endswith("needle in the hay\n"), found.stderr
    page = json.loads(place.cli("log", "search", "--json", token=sender.read).stdout)
    assert len(page["items"]) == 2
    assert json.loads(place.cli("stats", "--json", token=sender.read).stdout)["logs"] == 2


def test_the_banner_says_where_grpc_is(place: Server) -> None:
    assert f"OTLP/gRPC  http://127.0.0.1:{place.otlp_grpc_port}" in place.log
