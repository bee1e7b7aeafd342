import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.factories import NANO, auth_span, make_request, make_span
from tests.span_rows import read, rows_of

from tidegate.edge.caller import Caller, Scope
from tidegate.kernel import TidegateError, WorkspaceId
from tidegate.telemetry.content import Content, ContentPolicy
from tidegate.telemetry.errors import (
    OtlpMalformedError,
    ReplayNotAllowedError,
    SpanInvalidError,
    SpansTooManyError,
)
from tidegate.telemetry.families import FAMILY_BITS
from tidegate.telemetry.model import Batch
from tidegate.telemetry.otlp import parse_json
from tidegate.telemetry.pieces import MAX_SPANS
from tidegate.telemetry.records import Refusals
from tidegate.telemetry.span_block import block_of
from tidegate.telemetry.span_columns import BodySpans, Extent
from tidegate.telemetry.span_receiver import SpanReceiver
from tidegate.telemetry.values import MAX_ATTRIBUTES, MAX_VALUE_CHARACTERS
from tidegate.testing import FakeClock

NOW_NS = 1_700_000_002 * NANO


def row_of(span: Span, **resource: Any) -> Any:
    return next(iter(rows_of(make_request(span, **resource), NOW_NS)))


def test_a_span_keeps_its_identity_times_and_origin() -> None:
    row = row_of(make_span(trace_id=b"\1" * 16, span_id=b"\2" * 8), **{"service.version": "7"})
    assert (row.trace_id, row.span_id, row.second) == ("01" * 16, "02" * 8, 1_700_000_001)
    assert (row.service, row.release, row.distrusted) == ("harbor", "7", 0)


def test_a_sign_in_is_a_request_an_auth_event_and_its_tenants() -> None:
    row = row_of(auth_span(401, at_ns=NOW_NS))
    assert (row.http_method, row.route, row.http_status, row.tenant) == ("POST", "/auth/login", 401, "acme")
    assert row.families == FAMILY_BITS["request"] + FAMILY_BITS["auth"] + FAMILY_BITS["tenant"]


def test_a_client_call_to_an_auth_route_is_no_auth_request_of_ours() -> None:
    assert row_of(auth_span(401, at_ns=NOW_NS, kind=Span.SPAN_KIND_CLIENT)).families == 0


def test_a_replay_needs_a_token_that_may_write() -> None:
    request = make_request(make_span(), **{"tidegate.replayed": "true"})
    with pytest.raises(ReplayNotAllowedError):
        list(rows_of(request, NOW_NS))
    assert [row.replayed for row in rows_of(request, NOW_NS, may_replay=True)] == [1]


def test_a_replayed_span_is_believed_however_old_it_is() -> None:
    old = make_span(start_time_unix_nano=NANO, end_time_unix_nano=2 * NANO)
    request = make_request(old, **{"tidegate.replayed": "true"})
    assert [row.distrusted for row in rows_of(request, NOW_NS, may_replay=True)] == [0]


@pytest.mark.parametrize(
    ("trace_state", "weight_milli", "is_sampled"),
    [
        pytest.param("", 1_000, 0, id="all of them"),
        pytest.param("ot=th:8", 2_000, 0, id="every second one"),
        pytest.param("vendor=x,ot=rv:1;th:c", 4_000, 0, id="every fourth one, among others"),
        pytest.param("ot=p:3", 1_000, 1, id="sampled, nobody knows how"),
        pytest.param("ot=th:zz", 1_000, 1, id="sampled, by nonsense"),
    ],
)
def test_a_sampled_span_stands_for_several(trace_state: str, weight_milli: int, is_sampled: int) -> None:
    span = make_span()
    span.trace_state = trace_state
    row = row_of(span)
    assert (row.weight_milli, row.is_sampled) == (weight_milli, is_sampled)


SPOKEN = {
    "gen_ai.operation.name": "chat",
    "gen_ai.input.messages": "write to jane@example.org with key sk-live-0123456789abcdef",
    "gen_ai.prompt.0.content": "hello",
    "gen_ai.prompt.name": "support-v3",
    "gen_ai.completion.0.finish_reason": "stop",
    "authorization": "Bearer abcdefghijklmnop",
}


def kept(content: Content) -> Mapping[str, str]:
    rows = rows_of(make_request(make_span(attributes=SPOKEN)), NOW_NS, policy=ContentPolicy(content))
    return next(iter(rows)).attributes


def test_dropped_prompts_are_not_stored_and_facts_about_them_are() -> None:
    assert set(kept(Content.DROP)) == {
        "gen_ai.operation.name",
        "gen_ai.prompt.name",
        "gen_ai.completion.0.finish_reason",
        "authorization",
    }


def test_redacted_prompts_are_stored_without_secrets_and_personal_data() -> None:
    assert kept(Content.REDACT)["gen_ai.input.messages"] == "write to [redacted] with key [redacted]"
    assert kept(Content.REDACT)["gen_ai.prompt.0.content"] == "hello"


@pytest.mark.parametrize("content", Content)
def test_secrets_are_masked_whatever_is_kept(content: Content) -> None:
    assert kept(content)["authorization"] == "[redacted]"
    assert "sk-live" not in str(kept(content))


def test_kept_prompts_keep_their_names() -> None:
    assert "jane@example.org" in kept(Content.KEEP)["gen_ai.input.messages"]


def test_messages_in_events_are_dropped_with_the_prompts() -> None:
    span = make_span()
    event = span.events.add(name="gen_ai.user.message")
    event.attributes.add(key="content").value.string_value = "hidden words"
    dropped = next(iter(rows_of(make_request(span), NOW_NS, policy=ContentPolicy(Content.DROP))))
    assert "hidden" not in str(dropped.events)
    assert "hidden" in str(row_of(span).events)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param(0, 0, id="no times"),
        pytest.param(NOW_NS, NOW_NS - 1, id="ends before it starts"),
        pytest.param(NOW_NS + 366 * 86_400 * NANO, NOW_NS + 366 * 86_400 * NANO, id="a year ahead"),
        pytest.param(NOW_NS - 366 * 86_400 * NANO, NOW_NS - 366 * 86_400 * NANO, id="a year ago"),
        pytest.param(2**64 - 1, 2**64 - 1, id="the end of time"),
    ],
)
def test_times_that_cannot_be_believed_are_stored_and_distrusted(start: int, end: int) -> None:
    row = row_of(make_span(start_time_unix_nano=start, end_time_unix_nano=end))
    assert row.distrusted == 1
    assert 0 <= row.second < 2**32


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"trace_id": b""}, "traceId", id="no trace id"),
        pytest.param({"trace_id": b"\0" * 16}, "traceId", id="a trace id of zeros"),
        pytest.param({"span_id": b"\1" * 7}, "spanId", id="a short span id"),
        pytest.param({"parent_span_id": b"\1"}, "parentSpanId", id="a short parent id"),
    ],
)
def test_a_span_with_a_wrong_id_is_refused_alone_and_named(changes: dict[str, bytes], field: str) -> None:
    refusals = Refusals()
    rows = rows_of(make_request(make_span(), make_span(**changes)), NOW_NS, refusals=refusals)
    assert (len(rows), refusals.count) == (1, 1)
    assert refusals.first.startswith(f"resourceSpans.0.scopeSpans.0.spans.1: {field} must have")


def test_a_span_with_too_many_attributes_is_refused_alone() -> None:
    refusals = Refusals()
    many = make_span(attributes={f"k{i}": i for i in range(MAX_ATTRIBUTES + 1)})
    assert len(rows_of(make_request(make_span(), many), NOW_NS, refusals=refusals)) == 1
    assert refusals.first == f"resourceSpans.0.scopeSpans.0.spans.1: More than {MAX_ATTRIBUTES} attributes."


def test_a_million_attributes_of_one_name_are_too_many() -> None:
    pair = bytes.fromhex("4a050a016b1200")  # attributes (field 9): key "k", an empty value
    span = make_span().SerializeToString() + pair * 1_000_000
    request = make_request()
    request.resource_spans[0].scope_spans[0].spans.add().ParseFromString(span)
    refusals = Refusals()
    assert rows_of(request, NOW_NS, refusals=refusals) == []
    assert refusals.count == 1


def test_long_values_are_cut() -> None:
    assert len(row_of(make_span(attributes={"k": "x" * 100_000})).attributes["k"]) == MAX_VALUE_CHARACTERS


def test_a_tenant_with_a_nul_in_its_name_is_stored_without_it() -> None:
    assert row_of(make_span(attributes={"tenant.id": "a\0b"})).tenant == "a\ufffdb"


def test_json_and_protobuf_of_one_request_give_one_row() -> None:
    document = {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "harbor"}}]},
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": "5B8EFFF798038103D269B633813FC60C",
                                "spanId": "EEE19B7EC3C1B174",
                                "name": "GET /",
                                "kind": 2,
                                "startTimeUnixNano": "1700000000000000000",
                                "endTimeUnixNano": "1700000001000000000",
                                "attributes": [{"key": "http.request.method", "value": {"stringValue": "GET"}}],
                                "someNewField": 1,
                            }
                        ]
                    }
                ],
            }
        ]
    }
    span = make_span(
        trace_id=bytes.fromhex("5B8EFFF798038103D269B633813FC60C"),
        span_id=bytes.fromhex("EEE19B7EC3C1B174"),
        attributes={"http.request.method": "GET"},
    )
    from_json = list(rows_of(parse_json(json.dumps(document).encode()), NOW_NS))
    assert from_json == list(rows_of(make_request(span), NOW_NS))


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"x"', b'{"resourceSpans": 3}', b'{"resourceSpans": [{"scopeSpans": [7]}]}', b"\xff\xfe", b"NaN"],
)
def test_json_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(OtlpMalformedError):
        parse_json(body)


def test_json_ids_that_are_not_hexadecimal_are_named() -> None:
    with pytest.raises(SpanInvalidError) as refused:
        parse_json(b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}]}')
    assert refused.value.field == "resourceSpans.0.scopeSpans.0.spans.0.traceId"


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused_with_a_field_and_nothing_else(body: bytes) -> None:
    assert field_refused(parse_json, body) != ""


def field_refused(parse: Callable[[bytes], ExportTraceServiceRequest], body: bytes) -> str | None:
    """Return the field that was refused, or `None` when the body was read."""
    try:
        list(rows_of(parse(body), NOW_NS))
    except TidegateError as refused:
        return refused.field or ""
    return None


def test_more_spans_than_may_wait_are_refused_for_good_and_not_for_later() -> None:
    request = make_request(make_span())
    request.resource_spans[0].scope_spans[0].spans.extend([make_span()] * MAX_SPANS)
    with pytest.raises(SpansTooManyError):
        rows_of(request, NOW_NS)[0]


def test_a_large_resource_is_not_multiplied_by_many_spans() -> None:
    large = {f"k{i}": "x" * MAX_VALUE_CHARACTERS for i in range(100)}
    columns = read(make_request(*(make_span() for _ in range(100)), **large), NOW_NS)
    _, block = block_of([(WorkspaceId("default"), BodySpans([Extent(columns, 0, 100)]))])
    assert len(block) < 2 * 100 * MAX_VALUE_CHARACTERS


def test_bytes_are_cut_as_texts_are() -> None:
    assert len(row_of(make_span(attributes={"k": b"x" * 100_000})).attributes["k"]) == MAX_VALUE_CHARACTERS


def test_names_that_signals_are_grouped_by_are_short_and_the_attribute_stays() -> None:
    row = row_of(make_span(attributes={"tenant.id": "t" * 5_000, "http.route": "/r" * 5_000}))
    assert (len(row.tenant), len(row.attributes["tenant.id"])) == (512, 5_000)
    assert row_of(make_span(), **{"service.version": "v" * 5_000}).release == "v" * 512


class Kept:
    """Keeps what is accepted, with whose it is."""

    def __init__(self) -> None:
        self.owners: list[WorkspaceId] = []

    def refuse_if_full(self, workspace: WorkspaceId) -> None:
        del workspace

    async def accept(self, workspace: WorkspaceId, batch: Batch) -> None:
        assert batch.row_count == 1
        self.owners.append(workspace)


async def test_the_workspace_comes_from_the_caller_whatever_the_span_says() -> None:
    kept = Kept()
    receiver = SpanReceiver(ingest=kept, policy=ContentPolicy(), clock=FakeClock())
    body = make_request(make_span(attributes={"tidegate.workspace": "other", "workspace.id": "acme"}))
    caller = Caller(WorkspaceId("default"), Scope.INGEST, "token", by_session=False)
    await receiver.receive(caller, body.SerializeToString(), is_json=False)
    assert kept.owners == ["default"]
