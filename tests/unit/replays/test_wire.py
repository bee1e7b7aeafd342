"""What is written by hand is what the generated classes read."""

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.factories import any_value

from tidegate.replays.model import Log, Severity, Span, SpanEvent, SpanKind, Value
from tidegate.replays.wire import logs_request, rejected_in, traces_request

RESOURCE: dict[str, Value] = {"service.name": "shop", "tidegate.replayed": True}
ATTRIBUTES: dict[str, Value] = {
    "text": "ä\ud800",
    "yes": True,
    "count": 2**62,
    "below": -1,
    "share": 0.25,
    "many": ["a", "b"],
}


def make_span(**changes: object) -> Span:
    facts: dict[str, object] = {
        "trace_id": b"t" * 16,
        "span_id": b"s" * 8,
        "name": "n" * 200,
        "start_ns": 1,
        "end_ns": 1_700_000_000_000_000_001,
        "attributes": ATTRIBUTES,
        "resource": RESOURCE,
    }
    return Span(**(facts | changes))  # type: ignore[arg-type] # a builder takes any change


def test_a_span_arrives_with_all_that_it_says() -> None:
    event = SpanEvent(5, "gen_ai.evaluation.result", {"gen_ai.evaluation.score.value": 1.0})
    sent = make_span(parent_id=b"p" * 8, kind=SpanKind.CLIENT, status=2, status_message="no", events=(event,))

    [group] = ExportTraceServiceRequest.FromString(traces_request([sent])).resource_spans
    assert {pair.key: pair.value for pair in group.resource.attributes} == {
        "service.name": any_value("shop"),
        "tidegate.replayed": any_value(True),
    }
    [span] = group.scope_spans[0].spans
    assert (span.trace_id, span.span_id, span.parent_span_id) == (b"t" * 16, b"s" * 8, b"p" * 8)
    assert (span.name, span.kind, span.start_time_unix_nano) == ("n" * 200, SpanKind.CLIENT, 1)
    assert span.end_time_unix_nano == 1_700_000_000_000_000_001
    assert {pair.key: pair.value for pair in span.attributes} == {
        "text": any_value("ä?"),
        "yes": any_value(True),
        "count": any_value(2**62),
        "below": any_value(-1),
        "share": any_value(0.25),
        "many": any_value(["a", "b"]),
    }
    assert (span.status.code, span.status.message) == (2, "no")
    assert (span.events[0].name, span.events[0].time_unix_nano) == ("gen_ai.evaluation.result", 5)


def test_a_log_record_arrives_with_its_id() -> None:
    log = Log("u1", 7, "hello", {"a": 1}, RESOURCE, Severity.WARN, "WARN", "usage.recorded", b"t" * 16, b"s" * 8)

    [group] = ExportLogsServiceRequest.FromString(logs_request([log])).resource_logs
    [record] = group.scope_logs[0].log_records
    assert (record.time_unix_nano, record.observed_time_unix_nano) == (7, 7)
    assert (record.body.string_value, record.severity_number, record.severity_text) == ("hello", 13, "WARN")
    assert (record.event_name, record.trace_id, record.span_id) == ("usage.recorded", b"t" * 16, b"s" * 8)
    assert record.attributes[0].key == "log.record.uid"
    assert record.attributes[0].value.string_value == "u1"


def test_spans_of_one_resource_share_it() -> None:
    other: dict[str, Value] = {"service.name": "other"}
    request = ExportTraceServiceRequest.FromString(
        traces_request([make_span(), make_span(resource=other), make_span()])
    )
    assert [len(group.scope_spans[0].spans) for group in request.resource_spans] == [2, 1]


def test_a_partial_success_is_read() -> None:
    partial = ExportTracePartialSuccess(rejected_spans=300, error_message="no trace id")
    answer = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    assert rejected_in(answer) == (300, "no trace id")
    assert rejected_in(b"") == (0, "")


@pytest.mark.parametrize("answer", [b"\x0a\xff", b"\x0a\x05a", b"\x80", b"\x0b"])
def test_an_answer_that_is_none_is_told_apart(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|wire type|without end"):
        rejected_in(answer)
