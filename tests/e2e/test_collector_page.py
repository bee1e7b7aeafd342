"""The Collector configuration that people copy: whole, and its exporters reach a server with what they would send."""

import gzip
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf.message import Message
from tests.e2e.server import PATIENCE_S, Server, wait_until
from tests.factories import auth_span, make_request
from tests.unit.telemetry.logs.records import make_logs, make_record
from tests.unit.telemetry.points.metrics import make_counter, make_metrics

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "collector.md"
METHODS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
LINE = "Dec 10 07:13:43 host sshd[24227]: Failed password for root from 203.0.113.9 port 42393 ssh2"


@pytest.fixture(scope="module")
def configuration() -> dict[str, Any]:
    (text,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def bodies() -> Mapping[str, Message]:
    """Return what each pipeline carries, as of now."""
    now_ns = time.time_ns()
    return {
        "traces": make_request(auth_span(200, at_ns=now_ns)),
        "metrics": make_metrics(make_counter(1, time_unix_nano=now_ns)),
        "logs": make_logs(make_record(LINE, time_unix_nano=0, observed_time_unix_nano=now_ns), service="sshd"),
    }


def test_everything_that_is_named_is_defined(configuration: dict[str, Any]) -> None:
    used: dict[str, set[str]] = {"receivers": set(), "processors": set(), "exporters": set()}
    assert set(configuration["service"]["pipelines"]) == set(METHODS)
    for pipeline in configuration["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            used[kind] |= set(names)
        assert pipeline["processors"][0] == "memory_limiter"
    for kind, names in used.items():
        assert names <= set(configuration[kind]), kind
    assert set(configuration["service"]["extensions"]) == set(configuration["extensions"])
    stored = [each.get("storage") for each in configuration["receivers"].values() if "include" in each]
    stored.append(configuration["exporters"]["otlp_http"]["sending_queue"]["storage"])
    assert set(stored) <= set(configuration["extensions"])


def test_the_collector_leaves_our_ports_to_us(configuration: dict[str, Any]) -> None:
    for protocol in configuration["receivers"]["otlp"]["protocols"].values():
        assert protocol["endpoint"].rpartition(":")[2] not in {"4317", "4318", "8420"}
    assert configuration["exporters"]["otlp_http"]["endpoint"].endswith(":8420")
    assert configuration["exporters"]["otlp_grpc"]["endpoint"].endswith(":4317")


@pytest.mark.parametrize("exporter", ["otlp_http", "otlp_grpc"])
def test_what_an_exporter_sends_is_stored_and_counted(
    server: Server, configuration: dict[str, Any], exporter: str
) -> None:
    workspace = exporter.replace("_", "-")
    server.cli("workspace", "create", workspace)
    token, read = server.token("ingest", workspace), server.token("read", workspace)
    written = configuration["exporters"][exporter]
    authorization = written["headers"]["authorization"].replace("${env:TIDEGATE_INGEST_TOKEN}", token)
    assert written["compression"] == "gzip"
    for signal in configuration["service"]["pipelines"]:
        body = bodies()[signal].SerializeToString()
        if exporter == "otlp_http":
            headers = {
                "Content-Type": "application/x-protobuf",
                "Content-Encoding": "gzip",
                "Authorization": authorization,
            }
            assert server.call("POST", f"/v1/{signal}", body=gzip.compress(body), headers=headers)[0] == 200
        else:
            target = written["endpoint"].replace("4317", str(server.otlp_grpc_port))
            with grpc.insecure_channel(target, compression=grpc.Compression.Gzip) as channel:
                call = channel.unary_unary(METHODS[signal])
                assert call(body, metadata=(("authorization", authorization),), timeout=PATIENCE_S) == b""

    def counted() -> bool:
        found = server.get("/api/v1/telemetry/stats", read)[1]
        return (found["spans"], found["logs"], found["metricPoints"]) == (1, 1, 1)

    wait_until(counted, what="one of each signal")
    (item,) = server.get("/api/v1/logs?service=sshd", read)[1]["items"]
    assert (item["families"], item["body"]) == (["auth"], LINE)
