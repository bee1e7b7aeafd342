from typing import Any

import pytest
from tests.factories import NANO, make_request, make_span
from tests.span_rows import rows_of

from tidegate.telemetry.content import is_content
from tidegate.telemetry.meaning import NO_GEN_AI, gen_ai_of, is_auth_route

ERROR = 2
NOW_NS = 1_700_000_002 * NANO


def row_of(attributes: dict[str, str]) -> Any:
    (row,) = rows_of(make_request(make_span(attributes={"gen_ai.operation.name": "chat"} | attributes)), NOW_NS)
    return row


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.usage.input_tokens": "10",
                "gen_ai.usage.output_tokens": "3",
            },
            id="current",
        ),
        pytest.param(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.usage.prompt_tokens": "10",
                "gen_ai.usage.completion_tokens": "3",
            },
            id="before 1.27",
        ),
        pytest.param(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "openai",
                "llm.model_name": "gpt-4o",
                "llm.token_count.prompt": "10",
                "llm.token_count.completion": "3",
            },
            id="openinference",
        ),
    ],
)
def test_every_spelling_means_the_same(attributes: dict[str, str]) -> None:
    found = gen_ai_of(attributes, status=0)
    assert (found.role, found.operation, found.provider, found.model) == ("inference", "chat", "openai", "gpt-4o")
    row = row_of(attributes)
    assert (row.input_tokens, row.output_tokens, row.run_outcome) == (10, 3, "ok")


def test_a_span_without_an_operation_is_no_part_of_a_run() -> None:
    assert gen_ai_of({"db.system.name": "postgresql"}, status=ERROR) == NO_GEN_AI


@pytest.mark.parametrize(
    ("attributes", "status", "outcome"),
    [
        ({}, 0, "ok"),
        ({}, ERROR, "failed"),
        ({"error.type": "timeout"}, 0, "failed"),
        ({"error.type": "validation_error"}, ERROR, "validation_error"),
        ({"error.type": "schema_mismatch"}, ERROR, "validation_error"),
        ({"error.type": "content_filter"}, ERROR, "policy_blocked"),
        ({"gen_ai.response.finish_reasons": '["content_filter"]'}, 0, "policy_blocked"),
        ({"gen_ai.response.finish_reasons": '["stop"]'}, 0, "ok"),
        ({"guardrail.result": "block"}, 0, "policy_blocked"),
        ({"guardrail.result": "allow"}, 0, "ok"),
        ({"validation_passed": "false"}, 0, "validation_error"),
        ({"error.type": "cancelled"}, ERROR, "cancelled"),
    ],
)
def test_outcomes(attributes: dict[str, str], status: int, outcome: str) -> None:
    assert gen_ai_of({"gen_ai.operation.name": "chat"} | attributes, status=status).run_outcome == outcome


@pytest.mark.parametrize(
    ("attributes", "nano_usd"),
    [
        ({}, None),
        ({"gen_ai.usage.cost": "0.25"}, 250_000_000),
        ({"gen_ai.usage.cost.amount": "0.5", "gen_ai.usage.cost.currency": "USD"}, 500_000_000),
        ({"gen_ai.usage.cost.amount": "0.5", "gen_ai.usage.cost.currency": "EUR"}, None),
        ({"llm.cost.prompt": "0.1", "llm.cost.completion": "0.2"}, 300_000_000),
        ({"llm.cost.prompt": "0.1", "llm.cost.completion": "nan"}, None),
        ({"gen_ai.usage.cost": "nan"}, None),
        ({"gen_ai.usage.cost": "-1"}, None),
        ({"gen_ai.usage.cost": "1e300"}, None),
        ({"gen_ai.usage.cost": "free"}, None),
    ],
)
def test_the_senders_figure_is_taken_when_it_can_be_believed(attributes: dict[str, str], nano_usd: int | None) -> None:
    assert row_of(attributes).cost_nano_usd == nano_usd


def test_cached_tokens_that_the_sender_left_out_of_input_are_added() -> None:
    found = row_of({"gen_ai.usage.input_tokens": "10", "gen_ai.usage.cache_read.input_tokens": "90"})
    assert (found.input_tokens, found.cached_input_tokens) == (100, 90)


@pytest.mark.parametrize("text", ["-1", "nan", "1e99", "many", "99999999999999999999"])
def test_absurd_token_counts_are_zero(text: str) -> None:
    assert row_of({"gen_ai.usage.input_tokens": text}).input_tokens == 0


@pytest.mark.parametrize(
    ("route", "answer"),
    [("/auth/login", True), ("/login", True), ("/sessions", True), ("/authors", False), ("/api/token", False)],
)  # fmt: skip
def test_auth_routes(route: str, *, answer: bool) -> None:
    assert is_auth_route(route) is answer


@pytest.mark.parametrize(
    "key", ["gen_ai.prompt", "gen_ai.completion.1.content", "llm.input_messages.0.message.content"]
)
def test_content_is_known_by_its_key(key: str) -> None:
    assert is_content(key)
