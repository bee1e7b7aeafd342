"""Three recorded runs of an OpenAI-Agents service: every span, every token and every failed tool call counted."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.e2e.server import Server
from tests.factories import key_values, make_request, make_span
from tests.real.sender import PROTOBUF, Replayer, Sender

pytestmark = pytest.mark.real

SPANS, RUNS, TOKENS, FAILED_TOOL_CALLS = 58, 3, 10_002, 3
_MICRO = 1_000  # nanoseconds; the recording's own resolution


@pytest.fixture(scope="module")
def recording(agent_run_lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in agent_run_lines if line.strip()]


@pytest.fixture
def to_now_ns(recording: list[dict[str, Any]]) -> int:
    """By how much to shift the recording so that its last span ends now.

    Its times are months old, and a clock more than a day off is distrusted: stored, and left out of every signal.
    One shift for all spans keeps durations and order, which decide what is a later attempt of the same step.
    """
    return time.time_ns() - max(unix_ns(line["end_time"]) for line in recording)


def unix_ns(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * _MICRO


def span_id_of(recorded: str) -> bytes:
    """Return 8 bytes for an id of 12: OTLP knows no other length."""
    return hashlib.sha256(bytes.fromhex(recorded)).digest()[:8]


def span_of(line: Mapping[str, Any], shift_ns: int) -> Span:
    parent = line["parent_span_id"]
    span = make_span(
        trace_id=bytes.fromhex(line["trace_id"]),
        span_id=span_id_of(line["span_id"]),
        parent_span_id=span_id_of(parent) if parent else b"",
        name=line["name"],
        kind=Span.SpanKind.Value(line["kind"]),
        start_time_unix_nano=unix_ns(line["start_time"]) + shift_ns,
        end_time_unix_nano=unix_ns(line["end_time"]) + shift_ns,
        status=Status.StatusCode.Value(line["status"]["code"]),
    )
    span.status.message = line["status"]["message"]
    # An attribute whose value is null was not set: OTLP has no null.
    span.attributes.extend(key_values({k: v for k, v in line["attributes"].items() if v is not None}))
    return span


def bodies_of(recording: Iterable[Mapping[str, Any]], shift_ns: int) -> Iterator[bytes]:
    """Yield a body a trace, in the order of the recording: children before their parents, as exporters send them."""
    traces: dict[str, list[Span]] = {}
    for line in recording:
        traces.setdefault(line["trace_id"], []).append(span_of(line, shift_ns))
    for spans in traces.values():
        yield make_request(*spans, service="halo-openai-agents-demo").SerializeToString()


def send(sender: Sender, bodies: Iterable[bytes]) -> None:
    for body in bodies:
        status, answer = sender.post(body, PROTOBUF)
        assert status == 200, answer


def figures_in(recording: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Count the recording itself, by the labels of the service that wrote it."""
    counted = {"spans": 0, "tokens": 0, "failedToolCalls": 0}
    for line in recording:
        attributes = line["attributes"]
        counted["spans"] += 1
        if attributes["openinference.span.kind"] == "LLM":
            counted["tokens"] += attributes["llm.token_count.prompt"] + attributes["llm.token_count.completion"]
        if attributes["openinference.span.kind"] == "TOOL" and line["status"]["code"] == "STATUS_CODE_ERROR":
            counted["failedToolCalls"] += 1
    return counted


def test_the_recording_is_the_one_that_these_tests_are_about(recording: list[dict[str, Any]]) -> None:
    assert figures_in(recording) == {"spans": SPANS, "tokens": TOKENS, "failedToolCalls": FAILED_TOOL_CALLS}
    assert len({line["trace_id"] for line in recording}) == RUNS
    assert len({span_id_of(line["span_id"]) for line in recording}) == SPANS


def test_every_span_and_token_is_counted_once(server: Server, recording: list[dict[str, Any]], to_now_ns: int) -> None:
    sender = Sender(server, "halo")
    bodies = list(bodies_of(recording, to_now_ns))
    send(sender, [*bodies, *reversed(bodies)])
    sender.wait_stored(SPANS)
    figures = sender.get("/metrics/ai")["totals"]
    # Each turn and each task repeats the usage of the calls below it: adding those would count 30,006.
    assert figures["inputTokens"] + figures["outputTokens"] == TOKENS
    assert (figures["inputTokens"], figures["outputTokens"]) == (9_420, 582)
    assert figures["runCount"] == RUNS
    assert figures["distrustedCount"] == 0
    # The service says no cost: it is unknown, never nothing.
    assert (figures["unpricedRunCount"], figures["averageCostPerRunUsd"]) == (RUNS, None)


def test_a_run_fails_by_a_tool_call_that_was_never_made_good_in_its_turn(
    server: Server, recording: list[dict[str, Any]], to_now_ns: int
) -> None:
    sender = Sender(server, "halo-outcomes")
    send(sender, bodies_of(recording, to_now_ns))
    sender.wait_stored(SPANS)
    failing_traces = {line["trace_id"] for line in recording if line["status"]["code"] == "STATUS_CODE_ERROR"}
    figures = sender.get("/metrics/ai")["totals"]
    # Three tool calls failed, in two of the runs. Each was the only one of its turn, and the calls that went well
    # later stand in other turns: other parents, so no later attempts of the same step.
    assert len(failing_traces) == 2
    assert figures["failedCount"] == len(failing_traces)
    assert figures["failureRate"] == pytest.approx(2 / 3)
    assert figures["policyBlockedCount"] == figures["validationErrorCount"] == figures["cancelledCount"] == 0


def test_spans_that_come_one_by_one_count_the_same(
    server: Server, recording: list[dict[str, Any]], to_now_ns: int
) -> None:
    sender = Sender(server, "halo-one-by-one")
    send(sender, (make_request(span_of(line, to_now_ns)).SerializeToString() for line in recording))
    sender.wait_stored(SPANS)
    figures = sender.get("/metrics/ai")["totals"]
    assert figures["inputTokens"] + figures["outputTokens"] == TOKENS
    assert (figures["runCount"], figures["failedCount"]) == (RUNS, 2)


def test_as_recorded_months_ago_it_is_stored_and_believed_for_no_signal(
    server: Server, recording: list[dict[str, Any]]
) -> None:
    sender = Sender(server, "halo-as-recorded")
    send(sender, bodies_of(recording, 0))
    sender.wait_stored(SPANS)
    figures = sender.get("/metrics/ai")["totals"]
    assert (figures["runCount"], figures["inputTokens"], figures["outputTokens"]) == (0, 0, 0)
    assert figures["distrustedCount"] > 0


def test_replayed_it_counts_at_its_own_time(replayer: Replayer, data_folder: Path) -> None:
    replayer.replay(data_folder / "agent-runs-halo", "otlp-json")
    replayer.wait_counted("ai", "runCount", RUNS)
    figures = replayer.window("ai", "2026-04-24T18:00:00Z", "2026-04-24T19:00:00Z")
    assert (figures["runCount"], figures["failedCount"]) == (RUNS, 2)
    assert figures["inputTokens"] + figures["outputTokens"] == TOKENS
    tools = replayer.totals("tool_call")
    assert tools["failedCount"] == FAILED_TOOL_CALLS
