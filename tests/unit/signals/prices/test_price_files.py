"""The price file: read exactly, refused with the field named."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tidegate.signals.prices.errors import PriceFileInvalidError
from tidegate.signals.prices.model import PriceEntry, Tier, UsdRates
from tidegate.signals.prices.price_files import MAX_FILE_BYTES, PriceFile, body_of, entries_of, parse_price_file

FILE = b"""
apiVersion: tidegate/v1
kind: Prices
prices:
  - provider: az.ai.openai
    model: Our-Deployment
    input: 2.50
    output: "10"
    cacheRead: 1.25e-1
    tiers:
      - {aboveInputTokens: 200000, input: 5}
    from: 2026-03-01
    to: 2026-04-01T12:00:00+02:00
  - provider: "*"
    model: acme-*
    unit: per_token
    input: 0.0000001
"""


def document(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "tidegate/v1",
        "kind": "Prices",
        "prices": [{"provider": "acme", "model": "m", "input": 1, "output": 2} | changes],
    }


def test_a_file_says_what_it_says_to_the_last_digit() -> None:
    assert parse_price_file(FILE) == (
        PriceEntry(
            "azure",
            "our-deployment",
            UsdRates(Decimal("2.5"), Decimal(10), Decimal("0.125")),
            tiers=(Tier(200_000, UsdRates(input=Decimal(5))),),
            valid_from=datetime(2026, 3, 1, tzinfo=UTC),
            valid_to=datetime(2026, 4, 1, 10, tzinfo=UTC),
        ),
        PriceEntry("*", "acme-*", UsdRates(input=Decimal("0.1"))),
    )


def test_what_is_stored_reads_back_the_same() -> None:
    entries = parse_price_file(FILE)
    assert parse_price_file(body_of(entries)) == entries
    assert body_of(parse_price_file(body_of(entries))) == body_of(entries)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"input": -1}, "prices.0.input", id="negative"),
        pytest.param({"output": "-0.01"}, "prices.0.output", id="negative text"),
        pytest.param({"input": float("nan")}, "prices.0.input", id="NaN"),
        pytest.param({"input": "NaN"}, "prices.0.input", id="NaN as text"),
        pytest.param({"input": "sNaN"}, "prices.0.input", id="signalling NaN"),
        pytest.param({"input": float("inf")}, "prices.0.input", id="infinite"),
        pytest.param({"input": True}, "prices.0.input", id="a truth value"),
        pytest.param({"input": [1]}, "prices.0.input", id="a list"),
        pytest.param({"input": "1 dollar"}, "prices.0.input", id="words"),
        pytest.param({"input": 10_001}, "prices.0.input", id="absurd"),
        pytest.param({"input": "1e400"}, "prices.0.input", id="more than absurd"),
        pytest.param({"input": "1e-400"}, "prices.0.input", id="less than a price has digits"),
        pytest.param({"cacheWrite": 20, "unit": "per_thousand_tokens"}, "prices.0.cacheWrite", id="absurd by its unit"),
        pytest.param({"request": 1_001}, "prices.0.request", id="an absurd request"),
        pytest.param({"unit": "per_gallon"}, "prices.0.unit", id="unknown unit"),
        pytest.param({"input": None, "output": None}, "prices.0.input", id="no price"),
        pytest.param({"provider": ""}, "prices.0.provider", id="no provider"),
        pytest.param({"model": "a\nb"}, "prices.0.model", id="control characters"),
        pytest.param({"model": "a*b"}, "prices.0.model", id="a star in the middle"),
        pytest.param({"model": "m" * 201}, "prices.0.model", id="a long name"),
        pytest.param({"from": "2026-02-30"}, "prices.0.from", id="no day"),
        pytest.param({"from": "2026-02-01T10:00:00"}, "prices.0.from", id="no offset"),
        pytest.param({"from": "2026-02-02", "to": "2026-02-01"}, "prices.0.to", id="from after to"),
        pytest.param({"from": "2026-02-02", "to": "2026-02-02"}, "prices.0.to", id="no time at all"),
        pytest.param({"colour": "red"}, "prices.0.colour", id="an unknown field"),
        pytest.param(
            {"tiers": [{"aboveInputTokens": 5, "input": 1}, {"aboveInputTokens": 5, "input": 2}]},
            "prices.0.tiers.1.aboveInputTokens",
            id="tiers that overlap",
        ),
        pytest.param(
            {"tiers": [{"aboveInputTokens": 5, "input": 1}, {"aboveInputTokens": 4, "input": 2}]},
            "prices.0.tiers.1.aboveInputTokens",
            id="tiers that fall",
        ),
        pytest.param(
            {"tiers": [{"aboveInputTokens": 0}]}, "prices.0.tiers.0.aboveInputTokens", id="a tier from nothing"
        ),
        pytest.param(
            {"tiers": [{"aboveInputTokens": 5, "output": -2}]}, "prices.0.tiers.0.output", id="a negative tier"
        ),
        pytest.param(
            {"tiers": [{"aboveInputTokens": 5, "output": 10_001}]}, "prices.0.tiers.0.output", id="an absurd tier"
        ),
    ],
)
def test_nonsense_is_refused_with_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(PriceFileInvalidError) as refused:
        entries_of(document(**changes))
    assert refused.value.field == field


def two(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    both = document(**first)
    both["prices"] += document(**second)["prices"]
    return both


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({}, {}, id="the same twice"),
        pytest.param({}, {"provider": "ACME", "model": "M"}, id="the same in another spelling"),
        pytest.param({"to": "2026-02-02"}, {"from": "2026-02-01"}, id="times that overlap"),
    ],
)
def test_two_prices_for_one_name_and_time_are_refused(first: dict[str, Any], second: dict[str, Any]) -> None:
    with pytest.raises(PriceFileInvalidError) as refused:
        entries_of(two(first, second))
    assert refused.value.field == "prices.1"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"to": "2026-02-02"}, {"from": "2026-02-02"}, id="one after the other"),
        pytest.param({}, {"model": "m*"}, id="a wider name"),
    ],
)
def test_prices_for_other_names_or_times_stand_together(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert len(entries_of(two(first, second))) == 2


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe\x00", id="not UTF-8"),
        pytest.param(b"[" * 5_000, id="deep"),
        pytest.param(b"a: &a [1]\nb: *a", id="an alias"),
        pytest.param(b"kind: Prices\nkind: Prices", id="a key twice"),
        pytest.param(b"#" * (MAX_FILE_BYTES + 1), id="too large"),
        pytest.param(b"- 1", id="a list"),
    ],
)
def test_what_is_no_document_is_refused(text: bytes) -> None:
    with pytest.raises(PriceFileInvalidError) as refused:
        parse_price_file(text)
    assert refused.value.field == "body"


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"currency": "EUR"}, "currency"), ({"kind": "Gate"}, "kind"), ({"apiVersion": "v9"}, "apiVersion")],
)
def test_another_currency_kind_or_version_is_refused(changes: dict[str, str], field: str) -> None:
    with pytest.raises(PriceFileInvalidError) as refused:
        entries_of(document() | changes)
    assert refused.value.field == field


def test_every_field_of_the_file_says_what_it_is() -> None:
    schema = PriceFile.model_json_schema(by_alias=True)
    assert schema["$defs"]["EntryFile"]["properties"]["cacheRead"]["description"]
