"""`/api/v1/signals`: who may ask, what is answered, what is refused."""

import csv
import io
from datetime import timedelta

import pytest
from tests.pages.conftest import Site
from tests.pages.signal_worlds import fill
from tests.pages.worlds import HARBOR, INGEST_TOKEN, NOW, OTHER_SESSION

from tidegate.signals import Family, Totals
from tidegate.signals.explore import CATALOGUE

PATHS = [
    "/api/v1/signals",
    "/api/v1/signals/health",
    "/api/v1/signals/auth/series",
    "/api/v1/signals/auth/quantiles",
    "/api/v1/signals/auth/by",
    "/api/v1/tenants",
    "/api/v1/tenants/acme",
]


@pytest.fixture(autouse=True)
def hour(site: Site) -> None:
    fill(site.signals)


@pytest.mark.parametrize("path", PATHS)
async def test_callers(site: Site, path: str) -> None:
    assert (await site.browser.get(path)).status_code == 200
    site.sign_in_as(None)
    assert (await site.browser.get(path)).status_code == 401
    refused = await site.browser.get(path, headers={"authorization": f"Bearer {INGEST_TOKEN}"})
    assert refused.status_code == 403
    site.sign_in_as(OTHER_SESSION)
    other = (await site.browser.get(path)).text
    assert "harbor" not in other
    assert "zephyr" not in other


async def test_the_catalogue_names_families_figures_dimensions_and_rules(site: Site) -> None:
    families = (await site.browser.get("/api/v1/signals")).json()["families"]
    assert [entry["family"] for entry in families] == list(CATALOGUE)
    auth = next(entry for entry in families if entry["family"] == "auth")
    assert {"name": "failureRate", "label": "Failure rate", "unit": "rate"} in auth["figures"]
    assert {"name": "route", "label": "Route"} in auth["dimensions"]
    assert auth["rules"][0]["code"] == "auth_failure_rate_high"


async def test_a_series_adds_up_to_the_window(site: Site) -> None:
    series = (await site.browser.get("/api/v1/signals/auth/series?range=1h&step=60s&figures=requestCount")).json()
    window = (await site.browser.get("/api/v1/signals/auth/by?range=1h")).json()
    (line,) = series["lines"]
    assert list(line["figures"]) == ["requestCount"]
    assert len(line["figures"]["requestCount"]) == len(series["starts"]) == 61
    assert sum(line["figures"]["requestCount"]) == 60 * 40 + sum(minute % 7 for minute in range(60))
    assert window["totals"]["requestCount"] <= sum(line["figures"]["requestCount"])


async def test_a_bucket_without_events_counts_none_and_has_no_rate(site: Site) -> None:
    site.signals.counted.clear()
    (line,) = (await site.browser.get("/api/v1/signals/auth/series?range=15m")).json()["lines"]
    assert set(line["figures"]["requestCount"]) == {0}
    assert set(line["figures"]["failureRate"]) == {None}


async def test_a_split_has_a_line_for_each_of_the_largest(site: Site) -> None:
    fill(site.signals, tenant="beta", route="/token")
    fill(site.signals, tenant="beta", route="/token")
    answer = (await site.browser.get("/api/v1/signals/auth/series?by=tenant&limit=1")).json()
    assert [line["key"] for line in answer["lines"]] == ["beta"]
    table = (await site.browser.get("/api/v1/signals/auth/by?by=route")).json()
    assert [item["key"] for item in table["items"]] == ["/token", "/login"]


async def test_quantiles_are_of_all_or_by_a_dimension_and_never_by_tenant(site: Site) -> None:
    (whole,) = (await site.browser.get("/api/v1/signals/request/quantiles")).json()["items"]
    assert (whole["key"], whole["p95Ms"]) == ("", 100.0)
    by_route = (await site.browser.get("/api/v1/signals/request/quantiles?by=route")).json()["items"]
    assert [item["key"] for item in by_route] == ["/login"]
    for other in ("tenant", "error_code", "status"):
        assert (await site.browser.get(f"/api/v1/signals/request/quantiles?by={other}")).json()["items"] == []
    assert (await site.browser.get("/api/v1/signals/auth/quantiles")).json()["items"] == []


async def test_a_series_has_quantiles_of_each_bucket(site: Site) -> None:
    slow = NOW - timedelta(minutes=10, seconds=5)
    site.signals.add(HARBOR, Family.REQUEST, slow, Totals(count=9), route="/login", duration_ms=900.0)
    path = "/api/v1/signals/request/series?range=1h&step=60s&figures=p50Ms,p95Ms,meanMs"
    answer = (await site.browser.get(path)).json()
    (figures,) = [line["figures"] for line in answer["lines"]]
    at = [place for place, start in enumerate(answer["starts"]) if start == "2026-02-07T13:52:00Z"]
    assert [figures["p50Ms"][place] for place in at] == [100.0]
    assert [figures["p95Ms"][place] for place in at] == [900.0]
    assert figures["p95Ms"].count(100.0) == 59
    by_route = (await site.browser.get(f"{path}&by=route")).json()["lines"]
    assert [line["figures"]["p95Ms"] for line in by_route] == [figures["p95Ms"]]
    for query in ("tenant=acme", "by=tenant", "by=status"):
        for line in (await site.browser.get(f"{path}&{query}")).json()["lines"]:
            assert set(line["figures"]["p95Ms"]) == {None}


@pytest.mark.parametrize("what", ["series", "quantiles", "by"])
async def test_each_table_is_a_file_as_well(site: Site, what: str) -> None:
    answer = await site.browser.get(f"/api/v1/signals/request/{what}?format=csv")
    assert answer.headers["content-disposition"].startswith('attachment; filename="request-')
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) > 1
    assert len({len(row) for row in rows}) == 1
    assert {"p50Ms", "p95Ms", "p99Ms", "meanMs"} <= set(rows[0])
    assert any(row[rows[0].index("p95Ms")] == "100.0" for row in rows)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("range=2h", "range"),
        ("step=7s", "step"),
        ("step=soon", "step"),
        ("step=1s&range=6h", "step"),
        ("step=1s&range=1h", "step"),
        ("from=2026-02-07T13:00:00Z", "to"),
        ("from=2026-02-07T13:00:00Z&to=2026-02-07T13:00:00Z", "from"),
        ("from=2026-02-07T13:00:00&to=2026-02-07T14:00:00Z", "from"),
        ("from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z", "from"),
        ("by=nothing", "by"),
        ("figures=requestCount,nothing", "figures"),
        ("limit=21", "limit"),
        ("format=xml", "format"),
        ("tenant=a%00", "tenant"),
        ("tennant=a", "tennant"),
        (f"service={'a' * 513}", "service"),
    ],
)
async def test_a_bad_query_is_refused_with_its_field(site: Site, query: str, field: str) -> None:
    answer = await site.browser.get(f"/api/v1/signals/auth/series?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_an_engine_that_is_away_is_a_503(site: Site) -> None:
    site.signals.is_away = True
    answer = await site.browser.get("/api/v1/signals/auth/series")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_usage_of_one_meter_has_its_amounts_and_usage_of_all_has_none(site: Site) -> None:
    path = "/api/v1/signals/usage/by?range=1h"
    assert (await site.browser.get(path)).json()["totals"]["quantity"] is None
    one = (await site.browser.get(f"{path}&meter=tokens")).json()["totals"]
    assert (one["eventCount"], one["quantity"], one["limit"], one["share"]) == (120, 3_000, 10_000, 0.3)
    by_meter = (await site.browser.get(f"{path}&by=meter")).json()["items"]
    assert {item["key"]: item["figures"]["quantity"] for item in by_meter} == {"runs": 3_000, "tokens": 3_000}
    (line,) = (await site.browser.get("/api/v1/signals/usage/series?meter=tokens&figures=quantity")).json()["lines"]
    assert sum(value or 0 for value in line["figures"]["quantity"]) == 3_000


async def test_runtime_of_one_metric_has_its_values(site: Site) -> None:
    site.points.fill()
    path = "/api/v1/signals/runtime/by?range=1h"
    mixed = (await site.browser.get(path)).json()["totals"]
    assert (mixed["pointCount"], mixed["last"]) == (120, None)
    one = (await site.browser.get(f"{path}&metric=queue.depth")).json()["totals"]
    assert (one["pointCount"], one["last"], one["max"], one["increase"]) == (60, 0, 6, None)
    items = (await site.browser.get(f"{path}&by=metric")).json()["items"]
    assert {item["key"]: item["figures"]["increase"] for item in items} == {
        "process.cpu.time": 118,
        "queue.depth": None,
    }
    answer = (await site.browser.get("/api/v1/signals/runtime/series?metric=process.cpu.time&format=csv")).text
    assert answer.splitlines()[0].startswith("start,stepS,key,pointCount,last,min,max,mean,increase")


async def test_what_is_known_of_a_window_only_is_in_no_bucket_and_in_no_split(site: Site) -> None:
    (line,) = (await site.browser.get("/api/v1/signals/auth/series")).json()["lines"]
    assert "distrustedCount" not in line["figures"]
    (item,) = (await site.browser.get("/api/v1/signals/auth/by?by=route")).json()["items"]
    assert "distrustedCount" not in item["figures"]


async def test_the_catalogue_says_which_families_have_something_to_pick(site: Site) -> None:
    families = (await site.browser.get("/api/v1/signals")).json()["families"]
    subjects = {entry["family"]: entry["subject"] for entry in families if entry["subject"]}
    assert subjects == {"usage": "meter", "runtime": "metric"}
