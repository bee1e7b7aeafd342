"""Prices over HTTP: who may look and set, what is answered, what is refused."""

import httpx
import pytest
from tests.api.prices.conftest import Api

FILE = """
apiVersion: tidegate/v1
kind: Prices
prices:
  - {provider: openai, model: gpt-4o, input: 2, output: 8, tiers: [{aboveInputTokens: 1000, input: 4}]}
  - {provider: acme, model: acme-1, input: 0.5, output: 1.5}
"""
READS = ["/api/v1/prices", "/api/v1/prices/overrides", "/api/v1/prices/explain?provider=openai&model=gpt-4o"]
WRITE = "/api/v1/prices/overrides"


@pytest.mark.parametrize(("method", "path"), [*(("GET", one) for one in READS), ("PUT", WRITE)])
async def test_nobody_is_answered_without_a_token(client: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await client.request(method, path)).status_code == 401


@pytest.mark.parametrize(("method", "path"), [*(("GET", one) for one in READS), ("PUT", WRITE)])
async def test_a_token_for_telemetry_may_neither_look_nor_set(api: Api, method: str, path: str) -> None:
    api.scope = "ingest"
    assert (await api.call(method, path)).status_code == 403


async def test_a_reader_may_look_and_not_set(api: Api) -> None:
    api.scope = "read"
    assert (await api.put(FILE)).status_code == 403
    assert [(await api.get(path)).status_code for path in READS] == [200, 200, 200]


async def test_prices_are_set_shown_and_explained(api: Api) -> None:
    applied = await api.put(FILE)
    assert applied.status_code == 201
    assert (applied.json()["version"], applied.json()["isNew"]) == (1, True)
    assert (await api.put(FILE)).status_code == 200
    shown = (await api.get(WRITE)).json()
    assert [own["model"] for own in shown["prices"]] == ["gpt-4o", "acme-1"]
    assert shown["priceVersion"] == applied.json()["priceVersion"] != "genai-prices-0.2.3"
    explained = (
        await api.get(
            "/api/v1/prices/explain",
            provider="OpenAI",
            model="gpt-4o",
            inputTokens="2000",
            cachedInputTokens="500",
            outputTokens="100",
        )
    ).json()
    assert explained["costUsd"] == "0.0088"  # 2,000 at 4 and 100 at 8 dollars a million
    assert explained["costNanoUsd"] == 8_800_000
    assert (explained["source"], explained["aboveInputTokens"]) == ("override", 1000)
    assert [(part["part"], part["count"], part["costUsd"]) for part in explained["parts"]] == [
        ("input", 1500, "0.006"),
        ("cacheRead", 500, "0.002"),
        ("output", 100, "0.0008"),
    ]


async def test_what_has_no_price_is_said_to_be_unpriced(api: Api) -> None:
    unknown = (await api.get("/api/v1/prices/explain", provider="acme", model="gpt-4o", inputTokens="5")).json()
    assert (unknown["isPriced"], unknown["costUsd"], unknown["costNanoUsd"]) == (False, None, None)
    assert unknown["reason"].endswith("unpriced.")


async def test_the_price_of_an_earlier_day_is_explained_with_at(api: Api) -> None:
    of = {"provider": "anthropic", "model": "claude-opus-4-6", "inputTokens": "300000"}
    before = (await api.get("/api/v1/prices/explain", at="2026-03-01T00:00:00Z", **of)).json()
    after = (await api.get("/api/v1/prices/explain", at="2026-04-01T00:00:00Z", **of)).json()
    assert (before["costUsd"], after["costUsd"]) == ("3", "1.5")


async def test_the_list_is_read_page_by_page_with_each_price_once(api: Api) -> None:
    await api.put(FILE)
    cursor, names, pages = None, [], 0
    while pages == 0 or cursor:
        page = (await api.get("/api/v1/prices", limit="200", **({"cursor": cursor} if cursor else {}))).json()
        names += [(one["source"], one["provider"], one["model"]) for one in page["items"]]
        cursor, pages = page["nextCursor"], pages + 1
    assert names[:2] == [("override", "openai", "gpt-4o"), ("override", "acme", "acme-1")]
    assert len(names) == len(set(names)) > 2_000


async def test_the_list_is_filtered(api: Api) -> None:
    await api.put(FILE)
    own = (await api.get("/api/v1/prices", source="override", provider="OpenAI")).json()["items"]
    assert [(one["model"], one["rates"]["input"], one["tiers"][0]["input"]) for one in own] == [("gpt-4o", "2", "4")]
    groks = (await api.get("/api/v1/prices", provider="xai", model="GROK-4")).json()["items"]
    assert {one["provider"] for one in groks} == {"x-ai"}
    assert all("grok-4" in one["model"] for one in groks)


async def test_another_workspace_sees_none_of_it(api: Api, stranger: Api) -> None:
    await api.put(FILE)
    assert (await stranger.get(WRITE)).json()["version"] == 0
    assert (await stranger.get("/api/v1/prices", source="override")).json()["items"] == []
    found = (await stranger.get(READS[2], provider="openai", model="gpt-4o", inputTokens="1000")).json()
    assert found["source"] == "bundled"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (FILE.replace("input: 0.5", "input: -0.5"), "prices.1.input"),
        (FILE.replace("input: 0.5", "input: .nan"), "prices.1.input"),
        (FILE.replace("input: 0.5", "input: 50000"), "prices.1.input"),
        (FILE.replace("acme-1", "acme-1, unit: per_word"), "prices.1.unit"),
        (FILE.replace("provider: acme, model: acme-1", "provider: OpenAI, model: GPT-4o"), "prices.1"),
        ("{", "body"),
        ("", "body"),
    ],
)
async def test_nonsense_is_refused_with_its_field_and_nothing_half_done(api: Api, text: str, field: str) -> None:
    await api.put(FILE)
    refused = await api.put(text)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "price_file_invalid", field)
    checked = await api.call(
        "POST", "/api/v1/prices/validate", content=text, headers={"content-type": "application/yaml"}
    )
    assert checked.status_code == 422
    assert (await api.get(WRITE)).json()["version"] == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"model": ""}, "model"),
        ({"model": "m", "inputTokens": "-1"}, "inputTokens"),
        ({"model": "m", "inputTokens": "1e3"}, "inputTokens"),
        ({"model": "m", "inputTokens": str(2**41)}, "inputTokens"),
        ({"model": "m", "at": "yesterday"}, "at"),
        ({"model": "m", "at": "2026-01-01T00:00:00"}, "at"),
        ({"model": "m", "colour": "red"}, "colour"),
    ],
)
async def test_a_bad_question_is_refused_with_its_field(api: Api, query: dict[str, str], field: str) -> None:
    refused = await api.get("/api/v1/prices/explain", **query)
    assert (refused.status_code, refused.json()["field"]) == (422, field)


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "201"}, {"cursor": "?"}, {"source": "rumour"}])
async def test_a_bad_list_is_refused(api: Api, query: dict[str, str]) -> None:
    assert (await api.get("/api/v1/prices", **query)).status_code == 422
