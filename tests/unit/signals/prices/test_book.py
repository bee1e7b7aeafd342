"""Quotes: the bundled list, exactly; a workspace's own prices before it; nothing that is not known."""

import random
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from genai_prices import Usage as ListUsage
from genai_prices.data import providers

from tidegate.signals.prices.book import PriceBook
from tidegate.signals.prices.bundled import BundledPrices
from tidegate.signals.prices.model import Overrides, PriceEntry, Tier, Usage, UsdRates

NOW_S = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
BUNDLED = BundledPrices()
PLAIN = PriceBook(BUNDLED)


def usage(provider: str, model: str, **changes: int) -> Usage:
    of = {"at_s": NOW_S, "input_tokens": 0, "cached_input_tokens": 0, "cache_write_tokens": 0, "output_tokens": 0}
    return Usage(provider, model, **(of | changes))


def book(*entries: PriceEntry) -> PriceBook:
    return PriceBook(BUNDLED, Overrides(1, "sha256:0123456789abcdef", entries, None))


def cost(of: Usage, by: PriceBook = PLAIN) -> int | None:
    return by.quote(of).cost_nano_usd


@pytest.mark.parametrize(
    ("of", "nano_usd"),
    [
        # 1,000 at 2.50 and 500 at 10 dollars a million
        pytest.param(usage("openai", "gpt-4o", input_tokens=1_000, output_tokens=500), 7_500_000, id="plain"),
        # 600 at 2.50, 400 at 1.25
        pytest.param(
            usage("openai", "gpt-4o", input_tokens=1_000, cached_input_tokens=400), 2_000_000, id="cached input"
        ),
        # 700 at 3, 100 at 0.30, 200 at 3.75, 10 at 15
        pytest.param(
            usage(
                "anthropic",
                "claude-sonnet-4-5",
                input_tokens=1_000,
                cached_input_tokens=100,
                cache_write_tokens=200,
                output_tokens=10,
            ),
            3_030_000,
            id="cache read and cache write",
        ),
        # 200,000 tokens are still short
        pytest.param(
            usage("google", "gemini-2.5-pro", input_tokens=200_000, output_tokens=1_000), 260_000_000, id="a short call"
        ),
        # one token more: all of them at 2.50, output at 15
        pytest.param(
            usage("google", "gemini-2.5-pro", input_tokens=200_001, output_tokens=1_000), 515_002_500, id="a long call"
        ),
        pytest.param(usage("openai", "text-embedding-3-small", input_tokens=1_000_000), 20_000_000, id="embeddings"),
        # 1 token at 0.02 dollars a million is 0.02 nano a thousandth: 20 nano
        pytest.param(usage("openai", "text-embedding-3-small", input_tokens=1), 20, id="one token"),
    ],
)
def test_a_call_costs_what_the_list_says(of: Usage, nano_usd: int) -> None:
    assert cost(of) == nano_usd


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [
        ("OpenAI", "openai"),
        ("openai.chat", "openai"),
        ("az.ai.openai", "azure"),
        ("azure.ai.openai", "azure"),
        ("azure-openai.responses", "azure"),
        ("azure.ai.inference", "azure"),
        ("anthropic.messages", "anthropic"),
        ("aws.bedrock", "aws"),
        ("amazon-bedrock", "aws"),
        ("AWS", "aws"),
        ("vertex_ai", "google"),
        ("gemini", "google"),
        ("gcp.gen_ai", "google"),
        ("gcp.vertex_ai", "google"),
        ("google.vertex.chat", "google"),
        ("google.generative-ai", "google"),
        ("xai", "x-ai"),
        ("x_ai", "x-ai"),
        ("mistral_ai", "mistral"),
        ("mistralai", "mistral"),
        ("moonshot_ai", "moonshotai"),
        ("Cohere", "cohere"),
        ("groq.chat", "groq"),
        ("deepseek", "deepseek"),
        ("perplexity", "perplexity"),
    ],
)
def test_a_provider_is_known_in_every_spelling(spelled: str, meant: str) -> None:
    listed = next(one for one in providers if one.id == meant)
    model = next(
        one.id for one in listed.models if (BUNDLED.listed(meant, one.id)) and listed.find_model(one.id) is one
    )
    asked = usage(spelled, model, input_tokens=1_000, output_tokens=1)
    assert PLAIN.explain(asked).cell == PLAIN.explain(asked._replace(provider=meant)).cell
    assert PLAIN.explain(asked).cell is not None


@pytest.mark.parametrize(
    ("provider", "model", "as_provider", "as_model"),
    [
        ("openai", "GPT-4o-2024-08-06", "openai", "gpt-4o"),
        ("openai", "gpt-4o-20240806", "openai", "gpt-4o"),
        ("azure.ai.openai", "gpt-4o-2024-08-06", "azure", "gpt-4o"),
        ("gcp.gemini", "models/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("gcp.vertex_ai", "projects/p/locations/l/publishers/google/models/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("gcp.vertex_ai", "claude-3-5-sonnet@20241022", "google", "claude-3-5-sonnet"),
        ("langchain", "gpt-4o", "openai", "gpt-4o"),
        ("", "claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5"),
        ("litellm", "anthropic/claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5"),
        ("openai", "openai/gpt-4o", "openai", "gpt-4o"),
    ],
)
def test_a_model_is_known_in_the_spellings_of_senders(
    provider: str, model: str, as_provider: str, as_model: str
) -> None:
    cell = PLAIN.explain(usage(provider, model, input_tokens=1)).cell
    assert cell is not None
    assert (cell.origin.provider, cell.origin.model) == (as_provider, as_model)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(usage("openai", "gpt-99", input_tokens=5), id="a model nobody lists"),
        pytest.param(usage("my-gateway", "gpt-4o", input_tokens=5), id="a provider nobody lists"),
        pytest.param(usage("", "", input_tokens=5), id="no names"),
        pytest.param(usage("openai", "gpt-4o"), id="no tokens: a sender that does not say them"),
        pytest.param(usage("openai", "whisper-1", input_tokens=5), id="priced by the hour, not by tokens"),
        pytest.param(
            usage("openai", "text-embedding-3-small", input_tokens=5, output_tokens=5), id="no price for output"
        ),
        pytest.param(usage("openai", "o1-pro", input_tokens=2**40, output_tokens=2**40), id="absurd"),
        pytest.param(usage("\x00", "../../etc/passwd" * 100, input_tokens=5), id="hostile names"),
    ],
)
def test_what_is_not_known_is_unpriced_and_never_free(of: Usage) -> None:
    quote = PLAIN.quote(of)
    assert quote.cost_nano_usd is None
    assert quote.price_version == PLAIN.version


def test_cached_tokens_without_a_price_of_their_own_cost_what_input_costs() -> None:
    by = book(PriceEntry("acme", "m", UsdRates(input=Decimal(1), output=Decimal(2))))
    assert cost(usage("acme", "m", input_tokens=100, cached_input_tokens=60, cache_write_tokens=40), by) == 100_000


def test_parts_larger_than_the_whole_cost_once() -> None:
    by = book(PriceEntry("acme", "m", UsdRates(input=Decimal(1), cache_read=Decimal("0.1"))))
    assert cost(usage("acme", "m", input_tokens=100, cached_input_tokens=150), by) == 15_000


def test_half_a_billionth_is_rounded_to_even() -> None:
    by = book(PriceEntry("acme", "m", UsdRates(input=Decimal("0.0005"))))
    assert [cost(usage("acme", "m", input_tokens=tokens), by) for tokens in (1, 2, 3, 4, 5)] == [0, 1, 2, 2, 2]


def test_a_price_of_a_workspace_goes_before_the_list_and_the_more_exact_before_the_other() -> None:
    def priced(provider: str, model: str, usd: int) -> PriceEntry:
        return PriceEntry(provider, model, UsdRates(input=Decimal(usd), output=Decimal(0)))

    by = book(
        priced("*", "gpt-4o*", 1),
        priced("openai", "gpt-4*", 2),
        priced("openai", "gpt-4o", 3),
        priced("*", "gpt-4o", 4),
    )
    asked = [("openai", "gpt-4o"), ("OpenAI", "GPT-4o"), ("openai", "gpt-4o-mini"), ("acme", "gpt-4o"), ("", "gpt-4o")]
    assert [cost(usage(*names, input_tokens=1_000), by) for names in asked] == [
        3_000_000,
        3_000_000,
        2_000_000,
        4_000_000,
        3_000_000,
    ]
    assert cost(usage("anthropic", "claude-sonnet-4-5", input_tokens=1_000), by) == 3_000_000  # of the list
    assert by.version == PLAIN.version + "+0123456789ab"


def test_a_price_counts_from_its_first_to_before_its_last_moment() -> None:
    entry = PriceEntry(
        "openai",
        "gpt-4o",
        UsdRates(input=Decimal(1), output=Decimal(1)),
        valid_from=datetime(2026, 3, 1, tzinfo=UTC),
        valid_to=datetime(2026, 4, 1, tzinfo=UTC),
    )
    march, april = (int(moment.timestamp()) for moment in (entry.valid_from, entry.valid_to) if moment)
    found = [
        cost(usage("openai", "gpt-4o", input_tokens=1_000, at_s=at), book(entry))
        for at in (march - 1, march, april - 1, april)
    ]
    assert found == [2_500_000, 1_000_000, 1_000_000, 2_500_000]


def test_a_tier_fills_its_gaps_from_the_price_and_counts_for_all_tokens() -> None:
    entry = PriceEntry(
        "acme",
        "m",
        UsdRates(input=Decimal(1), output=Decimal(10)),
        tiers=(Tier(100, UsdRates(input=Decimal(2))), Tier(200, UsdRates(input=Decimal(3), output=Decimal(20)))),
    )
    found = [cost(usage("acme", "m", input_tokens=tokens, output_tokens=1), book(entry)) for tokens in (100, 101, 201)]
    assert found == [110_000, 212_000, 623_000]


def test_a_price_for_a_request_stands_beside_tokens_and_alone_makes_them_free() -> None:
    both = book(PriceEntry("acme", "m", UsdRates(input=Decimal(1), request=Decimal("0.01"))))
    alone = book(PriceEntry("acme", "m", UsdRates(request=Decimal("0.01"))))
    assert cost(usage("acme", "m", input_tokens=1_000), both) == 11_000_000
    assert cost(usage("acme", "m", input_tokens=1_000, output_tokens=7), alone) == 10_000_000
    assert cost(usage("acme", "m"), alone) == 10_000_000


def test_free_is_a_price() -> None:
    assert (
        cost(usage("acme", "m", input_tokens=9), book(PriceEntry("acme", "m", UsdRates(Decimal(0), Decimal(0))))) == 0
    )


def _moments(model: object) -> Sequence[int]:
    """Return moments around every change of a model's prices."""
    prices = getattr(model, "prices", ())
    found = [NOW_S]
    for price in prices if isinstance(prices, list) else ():
        start = getattr(price.constraint, "start_date", None)
        if start is not None:
            day = int(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp())
            found += [day - 1, day, day + 1]
        for name in ("start_time", "end_time"):
            clock = getattr(price.constraint, name, None)
            if clock is not None:
                second = NOW_S - NOW_S % 86_400 + clock.hour * 3_600 + clock.minute * 60
                found += [second - 1, second, second + 1]
    return found


def test_every_model_costs_what_the_list_itself_calculates_at_every_change_and_tier() -> None:
    rng, compared = random.Random(7), 0
    for provider in providers:
        for model in provider.models:
            plan = BUNDLED.listed(provider.id, model.id)
            if plan is None:
                continue
            for at_s in _moments(model):
                long = rng.choice([1, 1_000, 128_000, 128_001, 200_000, 200_001, 272_001, 1_000_001])
                cached, written, output = rng.randrange(long), 0, rng.randrange(5_000)
                written = rng.randrange(long - cached)
                cell = plan.at(at_s)
                if cell is None or (output and cell.tier_of(long).output < 0) or cell.tier_of(long).input < 0:
                    continue
                reported = ListUsage(
                    input_tokens=long, cache_read_tokens=cached, cache_write_tokens=written, output_tokens=output
                )
                moment = datetime.fromtimestamp(at_s, UTC)
                expected = model.calc_price(reported, provider, genai_request_timestamp=moment).total_price * 10**9
                own = BookOf(plan).quote(long, cached, written, output, at_s)
                assert own == int(expected.to_integral_value(ROUND_HALF_EVEN)), (provider.id, model.id, moment, long)
                compared += 1
    assert compared > 2_500


class BookOf:
    """Quotes from one plan, as a book does."""

    def __init__(self, plan: object) -> None:
        self._book = PriceBook(BUNDLED)
        self._book._plans["p", "m"] = plan  # type: ignore[assignment]  # white box: the plan under test

    def quote(self, input_tokens: int, cached: int, written: int, output_tokens: int, at_s: int) -> int | None:
        return self._book.quote(Usage("p", "m", at_s, input_tokens, cached, written, output_tokens)).cost_nano_usd


def test_a_flood_of_model_names_does_not_fill_the_memory() -> None:
    by = PriceBook(BUNDLED)
    for number in range(70_000):
        by._plans["openai", f"seen-{number}"] = None
    by.quote(usage("openai", "one-more", input_tokens=1))
    assert len(by._plans) == 1


def test_a_quote_takes_at_most_three_microseconds_of_cpu() -> None:
    names = [("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"), ("deepseek", "deepseek-chat")]
    asked = [usage(*name, input_tokens=tokens, output_tokens=9) for name in names for tokens in (10, 300_000)]
    for each in asked:
        PLAIN.quote(each)
    best = 1.0
    for _ in range(5):
        began = time.process_time()
        for _ in range(1_000):
            for each in asked:
                PLAIN.quote(each)
        best = min(best, time.process_time() - began)
    assert best / 1_000 / len(asked) <= 3e-6


def test_nothing_is_loaded_before_the_first_question_and_nothing_is_ever_fetched() -> None:
    code = """
import socket, sys, threading
def refuse(*_, **__): raise AssertionError("the network was asked")
socket.socket.connect = socket.getaddrinfo = refuse
import tidegate.signals.prices.service
assert "genai_prices" not in sys.modules
from tidegate.signals.prices.book import PriceBook
from tidegate.signals.prices.bundled import BundledPrices
from tidegate.signals.prices.model import Usage
quote = PriceBook(BundledPrices()).quote(Usage("openai", "gpt-4o", 1790000000, 1000, 0, 0, 500))
assert quote.cost_nano_usd == 7_500_000, quote
import genai_prices.data_snapshot
assert genai_prices.data_snapshot._custom_snapshot is None
assert threading.active_count() == 1, threading.enumerate()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_list_that_somebody_else_updates_does_not_change_our_prices() -> None:
    from genai_prices.data_snapshot import DataSnapshot, set_custom_snapshot

    set_custom_snapshot(DataSnapshot(providers=[], from_auto_update=True))
    try:
        assert cost(usage("openai", "gpt-4o", input_tokens=1_000), PriceBook(BundledPrices())) == 2_500_000
    finally:
        set_custom_snapshot(None)
