"""Spans read a column at a time say what each of them says when it is read by itself, attribute by attribute."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.factories import NANO, make_request, make_span
from tests.span_rows import row_at, rows_of

from tidegate.kernel import WorkspaceId
from tidegate.telemetry import semconv
from tidegate.telemetry import spans as spans_module
from tidegate.telemetry.content import Content, ContentPolicy
from tidegate.telemetry.meaning import NO_USAGE, cost_of, first_chunk_of, first_of, gen_ai_of, usage_of
from tidegate.telemetry.sent import Letter, Sent, sent_in
from tidegate.telemetry.span_block import block_of
from tidegate.telemetry.span_columns import BodySpans, Extent
from tidegate.telemetry.span_events import event_of
from tidegate.telemetry.span_reading import SpanReader
from tidegate.telemetry.span_room import ReadingRoom
from tidegate.telemetry.span_table import SpanDamagedError, SpanTable
from tidegate.telemetry.spans import read_together
from tidegate.telemetry.values import MAX_VALUE_CHARACTERS, text_of

NOW_NS = 1_700_000_002 * NANO
KEYS = sorted({key for keys in semconv.SPAN_FIELDS.values() for key in keys})
DOCUMENTS = ["retrieval.documents.0.document.id", "retrieval.documents.1.document.content"]
WORDS = [
    "", "0", "1", "7", "401", "true", "false", "LLM", "chat", "retrieval", "execute_tool", "openai", "[]", "[1]", "é",
    "a\0b", "timeout", "content_filter", "denied", "/auth/login", "w" * 600, "0.25", "USD", "1e400",
]  # fmt: skip


def any_value(plain: object) -> AnyValue:
    if isinstance(plain, bool):
        return AnyValue(bool_value=plain)
    if isinstance(plain, int):
        return AnyValue(int_value=plain)
    if isinstance(plain, float):
        return AnyValue(double_value=plain)
    if isinstance(plain, bytes):
        return AnyValue(bytes_value=plain)
    if isinstance(plain, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(one) for one in plain]))
    return AnyValue() if plain is None else AnyValue(string_value=str(plain))


values = st.one_of(
    st.sampled_from(WORDS),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 9),
    st.booleans(),
    st.floats(),
    st.binary(max_size=3),
    st.lists(st.sampled_from(["stop", "content_filter"]), max_size=2),
    st.none(),
)
pairs = st.lists(
    st.tuples(st.sampled_from(KEYS) | st.sampled_from(["other", "gen_ai.input.messages", *DOCUMENTS]), values),
    max_size=12,
)
spans = st.lists(st.tuples(pairs, st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=6)


def span_of(attributes: list[tuple[str, object]], kind: int, status: int) -> Span:
    span = make_span(kind=kind)
    span.status.code = status  # type: ignore[assignment] - a whole number is one
    del span.attributes[:]
    span.attributes.extend(KeyValue(key=key, value=any_value(value)) for key, value in attributes)
    return span


def expected(span: Span) -> dict[str, Any]:
    """Return what one span says, read by itself."""
    said = {pair.key: text_of(pair.value, MAX_VALUE_CHARACTERS) for pair in span.attributes}
    if any(key in said for key in semconv.ROUTE):
        said = {key: value for key, value in said.items() if key not in semconv.URL_PATH}
    tenant = first_of(said, semconv.TENANT)
    event = event_of(said, kind=span.kind, status=span.status.code, has_tenant=bool(tenant))
    gen_ai = gen_ai_of(said, status=span.status.code)
    usage = usage_of(
        first_of(said, semconv.INPUT_TOKENS),
        first_of(said, semconv.OUTPUT_TOKENS),
        first_of(said, semconv.CACHED_TOKENS),
        first_of(said, semconv.CACHE_WRITE_TOKENS),
        first_of(said, semconv.REASONING_TOKENS),
    )
    return {
        **{name: getattr(event, name) for name in event.__slots__},
        **gen_ai._asdict(),
        **(usage if gen_ai.role else NO_USAGE)._asdict(),
        "cost_nano_usd": cost_of(said) if gen_ai.role else None,
        "ttfc_ns": first_chunk_of(said) if gen_ai.role else 0,
        "tenant": tenant,
        "request_id": first_of(said, semconv.REQUEST_ID),
        "correlation_id": first_of(said, semconv.CORRELATION_ID),
        "client_address": first_of(said, semconv.CLIENT_ADDRESS) if event.families & 1 else "",
        "conversation_id": first_of(said, semconv.CONVERSATION) if gen_ai.role else "",
    }


@settings(max_examples=300, deadline=None)
@given(spans)
def test_spans_read_together_say_what_each_says_alone(
    drawn: list[tuple[list[tuple[str, object]], int, int]],
) -> None:
    sent = [span_of(*one) for one in drawn]
    rows = rows_of(make_request(*sent), NOW_NS)
    for span, row in zip(sent, rows, strict=True):
        told = expected(span)
        assert {name: getattr(row, name) for name in told} == told


@settings(max_examples=60, deadline=None)
@given(spans)
def test_a_block_says_what_the_columns_say(drawn: list[tuple[list[tuple[str, object]], int, int]]) -> None:
    sent, letter = Sent(), Letter(NOW_NS)
    for one in drawn:
        sent.add(*sent_in(make_request(span_of(*one)).SerializeToString(), letter, ContentPolicy(), may_replay=False))
    columns, _ = read_together(sent, SpanReader(ContentPolicy()))
    assert columns is not None
    half = (len(columns) + 1) // 2
    bodies = [
        (WorkspaceId("a"), BodySpans([Extent(columns, half, len(columns))])),
        (WorkspaceId("b"), BodySpans([Extent(columns, 0, half)])),
    ]
    names, block = block_of([body for body in bodies if len(body[1])])
    assert len(names) == len(set(names))
    assert block


def test_a_value_that_is_damaged_costs_only_its_span() -> None:
    good = make_span().SerializeToString()
    damaged = good + bytes.fromhex("4a0a0a016112052a03ffffff")  # a list that is none
    letter = Letter(NOW_NS)
    sent = Sent([good, damaged, good])
    source = next(
        iter(sent_in(make_request(make_span()).SerializeToString(), letter, ContentPolicy(), may_replay=False))
    )
    sent.sources, sent.where = source.sources * 3, [(0, 0, number) for number in range(3)]
    columns, rows = read_together(sent, SpanReader(ContentPolicy()))
    assert (rows.tolist(), letter.refusals.count) == ([0, 2], 1)
    assert letter.refusals.first.startswith("resourceSpans.0.scopeSpans.0.spans.1: A span cannot be read")
    assert columns is not None


@pytest.mark.parametrize("content", list(Content))
def test_personal_data_in_one_prompt_does_not_touch_its_neighbours(content: Content) -> None:
    prompts = ["write to a@example.org", "nothing here", ["write to b@example.org"]]
    sent = [span_of([("gen_ai.input.messages", prompt)], 3, 0) for prompt in prompts]
    rows = rows_of(make_request(*sent), NOW_NS, policy=ContentPolicy(content))
    kept = [row.attributes.get("gen_ai.input.messages") for row in rows]
    assert (
        kept
        == {
            Content.KEEP: ["write to a@example.org", "nothing here", '["write to b@example.org"]'],
            Content.REDACT: ["write to [redacted]", "nothing here", '["write to [redacted]"]'],
            Content.DROP: [None, None, None],
        }[content]
    )


async def test_bodies_that_wait_together_are_read_together_and_each_gets_its_own() -> None:
    room = ReadingRoom(SpanReader(ContentPolicy()))
    letters = [Letter(NOW_NS) for _ in range(3)]
    bad = make_span(name="bad")
    bad.span_id = b"short"
    requests = [make_request(make_span(name="one")), make_request(bad, make_span(name="two")), make_request(bad)]
    found = await asyncio.gather(
        *(
            room.read(
                WorkspaceId(f"w{number}"),
                *sent_in(request.SerializeToString(), letter, ContentPolicy(), may_replay=False),
            )
            for number, (request, letter) in enumerate(zip(requests, letters, strict=True))
        )
    )
    assert [extent and row_at(extent.columns, extent.start).name for extent in found] == ["one", "two", None]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].columns is found[1].columns
    assert [letter.refusals.count for letter in letters] == [0, 1, 1]


def test_what_no_span_says_is_left_to_the_defaults_of_the_table() -> None:
    (sent,) = sent_in(
        make_request(make_span(attributes={"tenant.id": "acme"})).SerializeToString(),
        Letter(NOW_NS),
        ContentPolicy(),
        may_replay=False,
    )
    columns, _ = read_together(sent, SpanReader(ContentPolicy()))
    assert columns is not None
    names, _ = block_of([(WorkspaceId("a"), BodySpans([Extent(columns, 0, 1)]))])
    assert {"tool", "cost_nano_usd", "input_tokens"}.isdisjoint(names)
    assert {"workspace", "trace_id", "second", "precedence", "tenant", "span"} <= set(names)


def test_spans_that_cannot_be_read_together_though_each_can_are_no_endless_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Picky(SpanTable):
        def __init__(self, raw_spans: list[bytes]) -> None:
            if len(raw_spans) == 2:
                raise SpanDamagedError
            super().__init__(raw_spans)

    monkeypatch.setattr(spans_module, "SpanTable", Picky)
    body = make_request(make_span(), make_span()).SerializeToString()
    (sent,) = sent_in(body, Letter(NOW_NS), ContentPolicy(), may_replay=False)
    with pytest.raises(SpanDamagedError):
        read_together(sent, SpanReader(ContentPolicy()))
