"""No secret reaches what is stored of spans, wherever in them it stands and whatever lies beside it in their bytes."""

import time
from collections.abc import Callable

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.factories import make_request, make_span
from tests.span_rows import batch_of, read
from tests.unit.telemetry.logs.records import NOW_NS, make_logs, make_record
from tests.unit.telemetry.points.metrics import make_metric, make_metrics

from tidegate.identity.model import TOKEN_PREFIX
from tidegate.kernel import WorkspaceId
from tidegate.telemetry.content import MAX_VALUE_CHARACTERS, Content, ContentPolicy, without_secrets
from tidegate.telemetry.logs.decode import rows_of as log_rows_of
from tidegate.telemetry.points.decode import rows_of as point_rows_of
from tidegate.telemetry.records import Arrival
from tidegate.telemetry.span_block import block_of

AWS_KEY = "AKIA" + "Q3" * 8
SECRET = f"password={AWS_KEY}"


def stored(span: Span, content: Content = Content.REDACT) -> bytes:
    columns = read(make_request(span), NOW_NS, policy=ContentPolicy(content))
    assert columns is not None
    return columns.spans[0]


@pytest.mark.parametrize("length", [*range(20, 260), 1_000, 8_000])
def test_a_secret_is_found_whatever_its_length_looks_like_in_the_bytes_before_it(length: int) -> None:
    secret = "sk-" + "a" * (length - 3)
    assert secret.encode() not in stored(make_span(attributes={"k": secret, "z": "x"}))


def test_a_secret_is_found_whatever_field_follows_it() -> None:
    assert AWS_KEY.encode() not in stored(make_span(attributes={"k": AWS_KEY, "z": "x"}))


def nested(levels: int) -> AnyValue:
    value = AnyValue(string_value=SECRET)
    for _ in range(levels):
        outer = AnyValue()
        outer.array_value.values.append(value)
        value = outer
    return value


def twice() -> AnyValue:
    value = AnyValue()
    for text in (SECRET, "harmless"):
        value.kvlist_value.values.add(key="k").value.string_value = text
    return value


@pytest.mark.parametrize("key", ["k", "gen_ai.input.messages"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(nested(3), id="in lists"),
        pytest.param(nested(20), id="deeper than values are read"),
        pytest.param(twice(), id="under a key that comes again"),
        pytest.param(AnyValue(bytes_value=SECRET.encode()), id="in bytes"),
    ],
)
@pytest.mark.parametrize("content", Content)
def test_a_secret_is_masked_in_values_of_every_shape(value: AnyValue, key: str, content: Content) -> None:
    span = make_span()
    span.attributes.add(key=key).value.CopyFrom(value)
    assert AWS_KEY.encode() not in stored(span, content)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(AnyValue(bytes_value=b"write to jane@example.org"), id="in bytes"),
        pytest.param(nested(20), id="deeper than values are read"),
    ],
)
def test_personal_data_is_masked_in_prompts_of_every_shape(value: AnyValue) -> None:
    span = make_span()
    raw = value.SerializeToString().replace(SECRET.encode(), b"jane@example.org".ljust(len(SECRET)))
    span.attributes.add(key="gen_ai.input.messages").value.ParseFromString(raw)
    assert b"jane@example.org" in span.SerializeToString()
    assert b"jane@example.org" not in stored(span)


def in_event_key(span: Span) -> None:
    span.events.add(name="login").attributes.add(key="authorization").value.string_value = AWS_KEY[::-1]


def in_link_key(span: Span) -> None:
    span.links.add(trace_id=b"1" * 16, span_id=b"2" * 8).attributes.add(key="cookie").value.string_value = AWS_KEY[::-1]


@pytest.mark.parametrize("content", Content)
@pytest.mark.parametrize("put", [in_event_key, in_link_key])
def test_what_a_key_calls_a_secret_is_masked_in_events_and_links(put: Callable[[Span], None], content: Content) -> None:
    span = make_span()
    put(span)
    assert AWS_KEY[::-1].encode() not in stored(span, content)


def test_prompts_of_links_are_dropped_with_the_others() -> None:
    span = make_span()
    link = span.links.add(trace_id=b"1" * 16, span_id=b"2" * 8)
    link.attributes.add(key="gen_ai.input.messages").value.string_value = "hidden words"
    assert b"hidden" not in stored(span, Content.DROP)


@pytest.mark.parametrize("content", [Content.REDACT, Content.DROP])
def test_personal_data_in_the_words_of_a_status_is_masked_in_the_span_as_in_its_column(content: Content) -> None:
    span = make_span()
    span.status.message = "no account of jane@example.org"
    assert b"jane@example.org" not in stored(span, content)


FIELDS: dict[str, Callable[[Span], object]] = {
    "name": lambda span: setattr(span, "name", SECRET),
    "trace state": lambda span: setattr(span, "trace_state", SECRET),
    "status message": lambda span: setattr(span.status, "message", SECRET),
    "event name": lambda span: span.events.add(name=SECRET),
    "link": lambda span: span.links.add(trace_id=b"1" * 16, span_id=b"2" * 8, trace_state=SECRET),
    "key": lambda span: span.attributes.add(key=SECRET),
    "route": lambda span: span.attributes.add(key="http.route").value.__setattr__("string_value", SECRET),
    "error": lambda span: span.attributes.add(key="error.type").value.__setattr__("string_value", SECRET),
    "request id": lambda span: span.attributes.add(key="tidegate.request_id").value.__setattr__("string_value", SECRET),
    "tenant": lambda span: span.attributes.add(key="tenant.id").value.__setattr__("string_value", SECRET),
    "field of a later protocol": lambda span: span.MergeFromString(
        b"\xa2\x06" + bytes([len(SECRET)]) + SECRET.encode()
    ),
}


@pytest.mark.parametrize("field", FIELDS)
def test_no_column_holds_a_secret(field: str) -> None:
    span = make_span()
    FIELDS[field](span)
    assert AWS_KEY.encode() in span.SerializeToString()
    _, block = block_of([(WorkspaceId("acme"), batch_of(make_request(span), NOW_NS).payload)])
    assert AWS_KEY.encode() not in block


@pytest.mark.parametrize("where", ["service.name", "service.version", "tenant.id", "other", SECRET])
def test_no_column_of_a_resource_holds_a_secret(where: str) -> None:
    request = make_request(make_span())
    request.resource_spans[0].resource.attributes.add(key=where).value.string_value = SECRET
    request.resource_spans[0].scope_spans[0].scope.name = SECRET
    _, block = block_of([(WorkspaceId("acme"), batch_of(request, NOW_NS).payload)])
    assert AWS_KEY.encode() not in block


def test_a_token_of_tidegate_itself_is_a_secret() -> None:
    token = TOKEN_PREFIX + "aB3" * 12
    assert without_secrets(f"curl -H token:{token} -v") == "curl -H token:[redacted] -v"
    assert token.encode() not in stored(make_span(attributes={"k": token}))


def test_looking_for_secrets_takes_time_in_proportion_to_the_text() -> None:
    # The beginning of a JSON web token over and over, and never its end: a backtracking search looks at all that
    # follows, again from each of them.
    text = "-eyJ" * (4 * MAX_VALUE_CHARACTERS)
    began = time.process_time()
    assert without_secrets(text) == text
    assert without_secrets(f"{text} {SECRET}") == f"{text} [redacted]"
    assert time.process_time() - began < 0.5  # 5 s by backtracking, 2 ms without


RECORDS: dict[str, LogRecord] = {
    "body": make_record(SECRET),
    "key": make_record("x", {SECRET: "y"}),
    "event name": make_record("x", event_name=f"job.{SECRET}"),
    "severity": make_record("x", severity_text=SECRET),
    "route": make_record("x", {"http.request.method": "GET", "http.route": SECRET, "http.response.status_code": 200}),
    "tenant": make_record("x", {"tenant.id": SECRET}),
    "request id": make_record("x", {"tidegate.request_id": SECRET}),
    "queue": make_record("x", {"messaging.destination.name": SECRET}, event_name="job.done"),
    "line of a web server": make_record(f'203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] "GET /{SECRET} HTTP/1.1" 200 5'),
}


@pytest.mark.parametrize("where", RECORDS)
def test_no_column_of_a_log_record_holds_a_secret(where: str) -> None:
    request = make_logs(RECORDS[where], service=SECRET, **{SECRET: "x"})
    request.resource_logs[0].scope_logs[0].scope.name = SECRET
    arrival = Arrival(workspace=WorkspaceId("acme"), received_ns=NOW_NS, policy=ContentPolicy())
    (row,) = log_rows_of(request, arrival)
    assert AWS_KEY not in repr(row)


def test_no_column_of_a_metric_point_holds_a_secret() -> None:
    metric = make_metric("sum", SECRET, as_int=1, attributes={SECRET: "x", "tenant.id": SECRET, "k": SECRET})
    metric.unit = SECRET
    exemplar = metric.sum.data_points[0].exemplars.add(as_int=1)
    exemplar.filtered_attributes.add(key="k").value.string_value = SECRET
    request = make_metrics(metric, service=SECRET, **{SECRET: "x"})
    request.resource_metrics[0].scope_metrics[0].scope.name = SECRET
    arrival = Arrival(workspace=WorkspaceId("acme"), received_ns=NOW_NS, policy=ContentPolicy())
    (row,) = point_rows_of(request, arrival)
    assert AWS_KEY not in repr(row)
