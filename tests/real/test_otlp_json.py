"""The JSON examples of the OpenTelemetry protocol, sent byte for byte as they are."""

import json
from pathlib import Path

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.e2e.server import Server
from tests.real.sender import JSON, PROTOBUF, Replayer, Sender

pytestmark = pytest.mark.real

OTHERS = ("logs.json", "metrics.json", "events.json")


def spans_in(document: bytes) -> int:
    groups = json.loads(document).get("resourceSpans", [])
    return sum(len(scope["spans"]) for group in groups for scope in group["scopeSpans"])


def protobuf_of(name: str, document: bytes) -> bytes:
    """Return the same logs or metrics as an exporter would send them by mistake to the door for traces."""
    request = ExportMetricsServiceRequest() if name == "metrics.json" else ExportLogsServiceRequest()
    return json_format.Parse(document, request).SerializeToString()


def test_the_example_trace_is_stored_once_however_often_it_comes(server: Server, otlp_json: dict[str, bytes]) -> None:
    sender = Sender(server, "otlp-json")
    body = otlp_json["trace.json"]
    sent = spans_in(body)
    assert sent > 0
    assert sender.post(body, JSON) == (200, {})
    sender.wait_stored(sent)
    assert sender.post(body, JSON) == (200, {})
    # A marker that came later is counted later: once it is seen, the second delivery has been counted as well.
    marker = body.replace(b"EEE19B7EC3C1B174", b"EEE19B7EC3C1B175")
    assert marker != body
    assert sender.post(marker, JSON) == (200, {})
    sender.wait_stored(sent + spans_in(marker))


def test_the_example_of_2018_is_stored_and_believed_for_no_signal(server: Server, otlp_json: dict[str, bytes]) -> None:
    sender = Sender(server, "otlp-json-2018")
    body = otlp_json["trace.json"]
    assert sender.post(body, JSON)[0] == 200
    sender.wait_stored(spans_in(body))
    assert sender.get("/api/v1/telemetry/stats")["lastSpanAt"] is None
    for family in ("request", "auth", "ai"):
        totals = sender.get(f"/metrics/{family}")["totals"]
        assert totals.get("requestCount", totals.get("runCount")) == 0


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_trace_stores_no_span(server: Server, otlp_json: dict[str, bytes], name: str) -> None:
    sender = Sender(server, f"otlp-json-{name.removesuffix('.json')}")
    document = otlp_json[name]
    # JSON: OTLP asks receivers to pass over fields they do not know, so nothing in it is for this door.
    assert sender.post(document, JSON) == (200, {})
    # Protobuf: the field numbers are those of a trace, and its "spans" have no ids: each is refused alone.
    status, problem = sender.post(protobuf_of(name, document), PROTOBUF)
    assert status == 200 or problem["code"] == "otlp_malformed"
    status, problem = sender.post(document, PROTOBUF)
    assert (status, problem["code"]) == (400, "otlp_malformed")
    trace = otlp_json["trace.json"]
    assert sender.post(trace, JSON)[0] == 200
    sender.wait_stored(spans_in(trace))


def test_all_examples_are_replayed_into_their_signals(replayer: Replayer, data_folder: Path, tmp_path: Path) -> None:
    totals = replayer.replay(data_folder / "otlp-json", "otlp-json")
    assert (totals["spans"], totals["logs"]) == (1, 2)
    replayer.replay(data_folder / "otlp-json", "otlp-json", "--restart")
    replayer.wait_stored(spans=1, logs=2)
    replayer.send_marker(tmp_path)
    stats = replayer.stored()
    assert (stats["spans"], stats["logs"], stats["metricPoints"]) == (2, 2, totals["points"])
