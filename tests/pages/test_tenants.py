"""Tenants: is any of them unlike the others?"""

import csv
import io

import pytest
from tests.pages.conftest import Site
from tests.pages.documents import Document
from tests.pages.signal_worlds import make_open_alert
from tests.pages.worlds import HARBOR, NOW

from tidegate.signals import NANO_PER_USD, Family, Totals


def add(site: Site, tenant: str, *, requests: int = 100, failures: int = 1, denied: int = 0, cost: int = 1) -> None:
    values = {"service": "api", "tenant": tenant}
    site.signals.add(HARBOR, Family.REQUEST, NOW, Totals(count=requests, failure_count=failures), **values)
    site.signals.add(HARBOR, Family.TENANT, NOW, Totals(count=requests, denied_count=denied), **values)
    runs = Totals(count=10, priced_count=10, cost_nano_usd=cost * NANO_PER_USD)
    site.signals.add(HARBOR, Family.AI_RUN, NOW, runs, **values)


@pytest.fixture(autouse=True)
def crowd(site: Site) -> None:
    for number in range(9):
        add(site, f"tenant-{number}")


def order_of(page: Document) -> list[str]:
    return [link.rpartition("/")[2] for link in page.links if link.startswith("/tenants/")]


async def test_the_furthest_from_the_median_stands_first_with_its_distance(site: Site) -> None:
    add(site, "dear", cost=12)
    page = await site.open("/tenants")
    assert order_of(page)[0] == "dear"
    row = next(row for row in page.all("tr") if "dear" in row.text).text
    assert "12 USD \N{MULTIPLICATION SIGN}12 the median high" in row


async def test_one_denial_where_others_have_none_is_seen(site: Site) -> None:
    add(site, "curious", denied=40)
    page = await site.open("/tenants")
    assert order_of(page)[0] == "curious"
    assert "40 median 0 high" in next(row for row in page.all("tr") if "curious" in row.text).text


async def test_a_rate_over_too_little_is_shown_and_not_compared(site: Site) -> None:
    add(site, "tiny", requests=2, failures=2)
    row = next(row for row in (await site.open("/tenants")).all("tr") if "tiny" in row.text).text
    assert "100%" in row
    assert "100% \N{MULTIPLICATION SIGN}" not in row


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("sort=tenant", "a"),
        ("sort=tenant&order=desc", "zz"),
        ("sort=requests", "zz"),
        ("sort=requests&order=asc", "a"),
        ("q=TENANT-3", "tenant-3"),
    ],
)
async def test_the_order_and_the_filter_stand_in_the_address(site: Site, query: str, first: str) -> None:
    add(site, "a", requests=30)
    add(site, "zz", requests=900)
    assert order_of(await site.open(f"/tenants?{query}"))[0] == first


@pytest.mark.parametrize("sort", ["outlier", "tenant", "requests", "costUsd"])
async def test_pages_go_through_all_tenants_once(site: Site, sort: str) -> None:
    for number in range(40):
        add(site, f"more-{number}", requests=number + 1, cost=number % 5)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await site.browser.get(
            "/api/v1/tenants",
            params={"sort": sort, "limit": "7", "cursor": cursor} if cursor else {"sort": sort, "limit": "7"},
        )
        body = answer.json()
        seen += [item["tenant"] for item in body["items"]]
        cursor = body["nextCursor"]
    assert len(seen) == len(set(seen)) == 49


async def test_ten_thousand_tenants_are_a_page_and_a_count(site: Site) -> None:
    for number in range(10_000):
        site.signals.add(HARBOR, Family.REQUEST, NOW, Totals(count=number % 97 + 1), tenant=f"t{number}", service="api")
    page = await site.open("/tenants")
    assert "10,009 tenants in 24h" in page.main.text
    assert len(order_of(page)) == 50
    assert "Next tenants" in page.main.text


async def test_more_tenants_than_are_told_apart_are_not_said_to_be_all(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.signals.tenants.service._MOST", 5)
    assert "the largest 5 tenants of more in 24h" in (await site.open("/tenants")).main.text


async def test_a_tenant_shows_its_families_alerts_and_the_way_to_runs_and_logs(site: Site) -> None:
    site.watcher.alerts = [make_open_alert(1, tenant="tenant-1"), make_open_alert(2, tenant="tenant-2")]
    page = await site.open("/tenants/tenant-1")
    assert page.one("h1").text == "Tenant tenant-1"
    assert {"/ai-runs?tenant=tenant-1", "/logs?tenant=tenant-1", "/signals?tenant=tenant-1"} <= set(page.links)
    assert "/alerts/alr_00001" in page.links
    assert "/alerts/alr_00002" not in page.links
    assert page.one("tr", id="family-request")


async def test_a_tenant_that_nothing_came_of_says_so(site: Site) -> None:
    assert "Nothing of this tenant came in 24h." in (await site.open("/tenants/nobody")).main.text


async def test_a_name_with_a_slash_has_its_page(site: Site) -> None:
    add(site, "a/b?c")
    page = await site.open("/tenants/a%2Fb%3Fc")
    assert page.one("h1").text == "Tenant a/b?c"


async def test_nobody_is_told_apart_without_names(site: Site) -> None:
    site.signals.counted.clear()
    site.signals.add(HARBOR, Family.REQUEST, NOW, Totals(count=5), service="api")
    assert "Nothing in 24h names a tenant." in (await site.open("/tenants")).main.text


async def test_the_table_as_csv_does_nothing_in_a_spreadsheet(site: Site) -> None:
    add(site, "=HYPERLINK(1)")
    answer = await site.browser.get("/api/v1/tenants?format=csv&sort=tenant")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert rows[0]["tenant"] == "'=HYPERLINK(1)"
    assert rows[1]["requests"] == "100"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("sort=size", "sort"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("order=up", "order"),
        ("cursor=%21", "cursor"),
        ("cursor=YWJj", "cursor"),
        ("range=2h", "range"),
        ("nonsense=1", "nonsense"),
    ],
)
async def test_a_bad_query_is_refused_with_its_field(site: Site, query: str, field: str) -> None:
    answer = await site.browser.get(f"/api/v1/tenants?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_an_engine_that_is_away_is_said(site: Site) -> None:
    site.signals.is_away = True
    assert "Tenants cannot be compared now." in (await site.open("/tenants")).main.text
    assert "This tenant cannot be compared now." in (await site.open("/tenants/tenant-1")).main.text
