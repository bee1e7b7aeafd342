"""Where spans lie in a body, and how a large one is read without taking all the memory there is."""

import resource
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import NANO, make_request, make_span
from tests.unit.telemetry.test_records_door import Kept

from tidegate.edge.caller import Caller, Scope
from tidegate.kernel import TidegateError, WorkspaceId
from tidegate.telemetry.content import ContentPolicy
from tidegate.telemetry.errors import OtlpMalformedError, SpansTooManyError
from tidegate.telemetry.pieces import MAX_SPAN_BYTES, MAX_SPANS, chunks_of, places_of
from tidegate.telemetry.records import Refusals
from tidegate.telemetry.salvage import bytes_field
from tidegate.telemetry.sent import Letter, sent_in
from tidegate.telemetry.span_columns import SpanColumns, joined
from tidegate.telemetry.span_reading import SpanReader
from tidegate.telemetry.span_receiver import SpanReceiver
from tidegate.telemetry.spans import read_together
from tidegate.testing import FakeClock

CALLER = Caller(WorkspaceId("acme"), Scope.INGEST, "tok_1", by_session=False)
NOW_NS = 1_700_000_002 * NANO
EMPTY_EVENT, EMPTY_SPAN, EMPTY_RESOURCE = bytes.fromhex("5a00"), bytes.fromhex("1200"), bytes.fromhex("0a00")


def read(body: bytes) -> tuple[SpanColumns | None, Refusals]:
    letter, reader = Letter(NOW_NS), SpanReader(ContentPolicy())
    parts = [read_together(sent, reader)[0] for sent in sent_in(body, letter, reader.policy, may_replay=False)]
    good = [part for part in parts if part is not None]
    return joined(good) if good else None, letter.refusals


def body_of(*spans: bytes) -> bytes:
    return bytes_field(1, bytes_field(2, b"".join(bytes_field(2, span) for span in spans)))


@given(st.lists(st.integers(0, 300), max_size=5))
def test_places_are_where_the_spans_are(sizes: list[int]) -> None:
    request = make_request(*(make_span(name="n" * size) for size in sizes))
    body = request.SerializeToString()
    (place,) = places_of(body)
    found = [body[start:end] for start, end in place.scopes[0].spans]
    assert found == [span.SerializeToString() for span in request.resource_spans[0].scope_spans[0].spans]


def test_a_large_body_is_read_in_pieces_with_the_same_spans() -> None:
    request = make_request(*(make_span(attributes={"k": "x" * 5_000}) for _ in range(1_000)))
    body = request.SerializeToString()
    assert len(list(chunks_of(body, places_of(body)))) > 4
    columns, _ = read(body)
    assert columns is not None
    assert columns.spans == [span.SerializeToString() for span in request.resource_spans[0].scope_spans[0].spans]
    assert {place.service for place in columns.places.values} == {"harbor"}


def test_the_place_of_a_bad_span_in_a_large_body_is_right() -> None:
    spans = [make_span(attributes={"k": "x" * 5_000}) for _ in range(1_000)]
    spans[900].span_id = b"bad"
    _, refusals = read(make_request(*spans).SerializeToString())
    assert refusals.first.startswith("resourceSpans.0.scopeSpans.0.spans.900: spanId")


def test_more_spans_than_may_wait_are_refused_before_they_are_parsed() -> None:
    with pytest.raises(SpansTooManyError):
        read(bytes_field(1, bytes_field(2, EMPTY_SPAN * (MAX_SPANS + 1))))


def test_more_resources_than_anybody_has_are_refused() -> None:
    with pytest.raises(OtlpMalformedError):
        read(EMPTY_RESOURCE * 100_000)


def test_a_span_that_is_too_large_to_be_parsed_is_refused_alone() -> None:
    small = make_span().SerializeToString()
    columns, refusals = read(body_of(small, small + EMPTY_EVENT * (MAX_SPAN_BYTES // 2), small))
    assert (len(columns), refusals.count) == (2, 1)
    assert refusals.first == "resourceSpans.0.scopeSpans.0.spans.1: More than 4 MB."


def test_a_body_of_empty_messages_takes_little_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    hostile = make_span().SerializeToString() + EMPTY_EVENT * 1_500_000
    _, refusals = read(body_of(*[hostile] * 20))
    assert (refusals.count, "events or links" in refusals.first) == (20, True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600 * 1024  # KiB; parsed at once it takes 2 GB


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused_with_a_field_and_nothing_else(body: bytes) -> None:
    assert field_refused(body) != ""


def field_refused(body: bytes) -> str | None:
    """Return the field that was refused, or `None` when the body was read."""
    try:
        read(body)
    except TidegateError as refused:
        return refused.field or ""
    return None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(EMPTY_RESOURCE * 2**20, id="resources"),
        pytest.param(
            bytes_field(1, bytes_field(1, EMPTY_RESOURCE * 2**20) + bytes_field(2, b"\x12\0")), id="a resource"
        ),
    ],
)
async def test_a_body_that_is_refused_costs_no_more_than_one_that_is_read(body: bytes) -> None:
    receiver = SpanReceiver(ingest=Kept(), policy=ContentPolicy(), clock=FakeClock())
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(OtlpMalformedError):
        await receiver.receive(CALLER, body, is_json=False)
    assert time.process_time() - began < 0.5  # 1.2 s when it was read part by part to save what is good
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 * 1024  # KiB; 58 MB for 2 MB of a resource


def test_resources_of_nothing_take_no_more_memory_than_they_are_long() -> None:
    span = bytes_field(2, bytes_field(2, make_span().SerializeToString()))
    hostile = bytes_field(1, bytes_field(1, EMPTY_RESOURCE * (2**19 - 100)) + span) * 12
    before = resident_mib()
    letter = Letter(NOW_NS)
    sent = list(sent_in(hostile, letter, ContentPolicy(), may_replay=False))
    assert sum(map(len, sent)) == 12
    assert resident_mib() - before < 120  # 360 when what was parsed of each was kept


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\x18\0" * 10**6, id="a body"),
        pytest.param(bytes_field(1, b"\x18\0" * 10**6), id="a resource"),
        pytest.param(bytes_field(1, bytes_field(2, b"\x18\0" * 10**6)), id="a scope"),
    ],
)
def test_fields_that_nobody_knows_are_few(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(OtlpMalformedError):
        places_of(body)
    assert time.process_time() - began < 0.1  # minutes, when each was added to a copy of those before
