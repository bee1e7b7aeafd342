"""What a run did, from its spans."""

from dataclasses import replace
from typing import Any

import pytest
from tests.pages.trace_worlds import agent_details, make_detail, make_line, make_log, make_run
from tests.telemetry_rows import TRACE, span_id

from tidegate.signals.ai_runs.model import MAX_STEPS, RunDetail, describe
from tidegate.signals.ai_runs.views import cost_of, policy_of, sentence_of
from tidegate.telemetry.traces import LogLine, SpanDetail, SpanEvent, lay_out

FAILED = make_run(1, outcome="failed", error_code="rate_limit", agent_name="assistant")


def described(details: list[SpanDetail], *logs: LogLine, run: Any = FAILED, number: int = 1) -> RunDetail | None:
    trace = lay_out(TRACE, [detail.line for detail in details])
    return describe(run, trace, {one.line.span_id: one for one in details}, logs, span_id=span_id(number))


def known(details: list[SpanDetail], *logs: LogLine, **about: Any) -> RunDetail:
    found = described(details, *logs, **about)
    assert found is not None
    return found


def test_the_cause_is_the_deepest_step_with_the_runs_error() -> None:
    detail = known(agent_details())
    assert detail.cause is not None
    assert detail.cause.label == "gpt-4o-mini"
    assert sentence_of(detail) == "assistant failed after 1.2 s: rate_limit in model gpt-4o-mini."


def test_an_attempt_that_a_later_one_made_good_is_no_cause() -> None:
    detail = known(agent_details(), run=make_run(1, outcome="failed", error_code="timeout"))
    assert detail.cause is not None
    assert detail.cause.label == "gpt-4o-mini"
    assert [(step.attempt, step.attempt_count, step.is_made_good) for step in detail.tools] == [
        (1, 2, True), (2, 2, False),
    ]  # fmt: skip


def test_two_good_calls_of_one_tool_are_no_attempts() -> None:
    tool = {"parent": 1, "role": "step", "operation": "execute_tool", "tool": "t", "run_outcome": "ok"}
    lines = [make_line(1, role="agent"), make_line(2, **tool), make_line(3, start_ms=9, **tool)]
    detail = known([make_detail(line) for line in lines], run=make_run(1))
    assert [step.attempt_count for step in detail.tools] == [1, 1]


def test_documents_scores_and_content_are_found() -> None:
    detail = known(agent_details(text="hello"))
    assert [(one.document_id, one.score, one.source) for one in detail.documents] == [
        ("doc-7", "0.91", "handbook"), ("doc-9", "0.4", "handbook"),
    ]  # fmt: skip
    assert [(score.name, score.value, score.label) for score in detail.scores] == [("groundedness", 0.42, "low")]
    assert [len(content.parts) for content in detail.contents] == [1, 1, 1]
    assert detail.is_masked


def test_documents_in_other_spellings_are_found() -> None:
    attributes = {"retrieval.documents.0.document.id": "a", "retrieval.documents.0.document.score": "1",
                  "retrieval.documents.1.document.content": "text"}  # fmt: skip
    line = make_line(1, role="agent", operation="retrieval")
    detail = known([make_detail(line, attributes=attributes)], run=make_run(1))
    assert [one.document_id for one in detail.documents] == ["a", ""]


@pytest.mark.parametrize("text", ["[{", "7", '[1, "x"]', '{"id": 1}'])
def test_documents_that_cannot_be_read_are_none(text: str) -> None:
    line = make_line(1, role="agent")
    detail = make_detail(line, attributes={"gen_ai.retrieval.documents": text})
    assert known([detail], run=make_run(1)).documents == ()


def test_scores_come_from_logs_and_evaluation_spans_as_well() -> None:
    log = make_log(event_name="gen_ai.evaluation.result", families=1_024, object="toxicity", detail="low",
                   amount_micro=125_000)  # fmt: skip
    foreign = make_log(event_name="gen_ai.evaluation.result", span_id="f" * 16, object="of another run")
    line = make_line(2, parent=1, role="step", families=1_024)
    details = [make_detail(make_line(1, role="agent")), make_detail(line, object="recall", amount_micro=500_000)]
    scores = known(details, log, foreign, run=make_run(1)).scores
    assert [(score.name, score.value) for score in scores] == [("recall", 0.5), ("toxicity", 0.125)]


@pytest.mark.parametrize("text", ["nan", "inf", "x", ""])
def test_a_score_that_is_no_number_is_none(text: str) -> None:
    event = SpanEvent("gen_ai.evaluation.result", 0, {"gen_ai.evaluation.score.value": text})
    detail = make_detail(make_line(1, role="agent"), events=(event,))
    assert [score.value for score in known([detail], run=make_run(1)).scores] == [None]


def test_a_run_that_is_not_counted_yet_says_so_and_what_its_span_says() -> None:
    detail = known([replace(one) for one in agent_details()], run=None, number=6)
    assert (detail.is_counted, detail.run.input_tokens, cost_of(detail.run)) == (False, 1_200, "unpriced")


@pytest.mark.parametrize("number", [2, 4, 77])
def test_what_is_no_agent_and_no_inference_is_no_run(number: int) -> None:
    assert described(agent_details(), run=None, number=number) is None


def test_a_run_of_very_many_steps_is_cut_and_says_so() -> None:
    steps = [make_line(n, parent=1, role="step", operation="execute_tool") for n in range(2, MAX_STEPS + 102)]
    detail = known([make_detail(line) for line in (make_line(1, role="agent"), *steps)], run=make_run(1))
    assert (len(detail.steps), detail.hidden_step_count) == (MAX_STEPS, 101)


def test_a_missing_parent_is_said() -> None:
    assert known([make_detail(make_line(1, parent=9, role="agent"))], run=make_run(1)).is_root_missing
    assert known(agent_details(), run=make_run(1, is_parent_missing=1)).is_root_missing


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "unpriced"),
        ({"is_priced": 1, "cost_nano_usd": 0}, "0.00 USD"),
        ({"is_priced": 1, "cost_nano_usd": 1}, "0.000000001 USD"),
        ({"is_priced": 1, "cost_nano_usd": 12_345_678_900_000_000}, "12,345,678.90 USD"),
    ],
)
def test_costs_are_written_to_the_last_known_digit_and_none_is_no_zero(change: dict[str, int], text: str) -> None:
    assert cost_of(make_run(1, **change)) == text


def test_what_policies_did_is_said() -> None:
    assert policy_of(known(agent_details())) == "1 guardrail let it pass"
    blocked = make_line(2, parent=1, role="step", operation="guardrail", name="pii", run_outcome="policy_blocked")
    details = [make_detail(make_line(1, role="agent", run_outcome="ok")), make_detail(blocked)]
    detail = known(details, run=make_run(1, outcome="policy_blocked", agent_name="a"))
    assert policy_of(detail) == "Blocked by pii"
    assert sentence_of(detail) == "a was blocked by a policy after 1.2 s in guardrail pii."
    assert policy_of(known(details[:1], run=make_run(1, outcome="policy_blocked"))) == "Blocked"
    assert policy_of(known(details[:1], run=make_run(1))) == "No guardrail ran"
