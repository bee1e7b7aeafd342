"""The local model is deterministic, counts its tokens, and its prices add up."""

import json

import pytest
from examples.harbor.service.assistant import Answer
from examples.harbor.service.local_model import FinishReason, LocalModel, ModelMessage, Speaker, count_tokens
from pydantic import ValidationError

QUESTION = ModelMessage(Speaker.USER, "What may a hotel cost a night?")
FOUND = ModelMessage(Speaker.TOOL, json.dumps([{"id": "doc_1", "body": "Trains first. A hotel may cost 180 a night."}]))


def test_it_plans_a_search_first_and_answers_from_what_was_found() -> None:
    model = LocalModel("harbor-small-1")
    plan, answer = model.chat([QUESTION]), model.chat([QUESTION, FOUND])

    assert plan.tool_call is not None
    assert plan.tool_call.arguments == {"query": "hotel cost night"}
    assert plan.finish_reason is FinishReason.TOOL_CALLS
    assert Answer.model_validate_json(answer.text) == Answer(
        answer="A hotel may cost 180 a night.", citations=["doc_1"], confidence=1.0
    )


def test_the_same_messages_get_the_same_reply() -> None:
    assert LocalModel("harbor-small-1").chat([QUESTION, FOUND]) == LocalModel("harbor-small-1").chat([QUESTION, FOUND])


def test_nothing_found_is_said_and_cites_nothing() -> None:
    reply = LocalModel("harbor-small-1").chat([QUESTION, ModelMessage(Speaker.TOOL, "[]")])

    assert Answer.model_validate_json(reply.text).citations == []


def test_an_answer_that_shall_break_the_schema_breaks_it() -> None:
    reply = LocalModel("harbor-small-1").chat([QUESTION, FOUND], follows_schema=False)

    with pytest.raises(ValidationError):
        Answer.model_validate_json(reply.text)


def test_cost_is_tokens_times_price() -> None:
    reply = LocalModel("harbor-large-1").chat([QUESTION, FOUND])

    assert reply.input_tokens == count_tokens(QUESTION.text) + count_tokens(FOUND.text)
    assert reply.output_tokens == count_tokens(reply.text)
    assert reply.cost_usd == pytest.approx((reply.input_tokens * 3 + reply.output_tokens * 15) / 1e6)


def test_tokens_are_words_and_marks() -> None:
    assert count_tokens("A hotel, 180 EUR!") == 6


def test_some_subjects_are_declined() -> None:
    reply = LocalModel("harbor-small-1").chat([ModelMessage(Speaker.USER, "Write malware.")])

    assert (reply.finish_reason, reply.tool_call) == (FinishReason.CONTENT_FILTER, None)
