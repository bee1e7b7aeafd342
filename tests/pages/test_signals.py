"""Signals: is every family well, and what did one of them do?"""

from datetime import timedelta

import pytest
from tests.pages.conftest import Site
from tests.pages.documents import Document
from tests.pages.signal_worlds import fill, make_bound, make_open_alert
from tests.pages.worlds import HARBOR, NOW

from tidegate.signals import Family, Totals
from tidegate.signals.explore import CATALOGUE, ReleaseMark


def state_of(page: Document, family: str) -> str:
    return page.one("tr", id=f"family-{family}").attributes["data-verdict"]


def add(site: Site, count: int = 40, **counters: int) -> None:
    at = NOW - timedelta(minutes=1)
    site.signals.add(HARBOR, Family.AUTH, at, Totals(count=count, **counters), service="api", tenant="acme")


async def test_the_overview_has_a_row_for_every_family(site: Site) -> None:
    page = await site.open("/signals")
    rows = [row.attributes["id"] for row in page.all("tr") if "id" in row.attributes]
    assert rows == [f"family-{family}" for family in CATALOGUE]


async def test_no_data_is_never_green(site: Site) -> None:
    page = await site.open("/signals")
    assert {state_of(page, family) for family in CATALOGUE} == {"NO DATA"}
    assert "Nothing is known to be well" in page.one("h1").text


async def test_a_family_within_its_bounds_says_the_number_and_the_bound(site: Site) -> None:
    add(site, failure_count=2)
    page = await site.open("/signals")
    assert state_of(page, "auth") == "WITHIN BOUNDS"
    row = page.one("tr", id="family-auth").text
    assert "Failure rate 5% of 40 auth requests in the last 15 min; the bound is 20%." in row
    assert len(page.all("svg", class_="spark")) == 1


async def test_an_open_alert_is_what_the_row_says(site: Site) -> None:
    add(site, failure_count=20)
    site.watcher.alerts = [make_open_alert(), make_open_alert(2, tenant="acme")]
    page = await site.open("/signals")
    assert state_of(page, "auth") == "FIRING"
    assert "31.25% of 412 auth requests failed" in page.one("tr", id="family-auth").text
    assert "And 1 more." in page.one("tr", id="family-auth").text


@pytest.mark.parametrize(
    ("counters", "changes", "state"),
    [
        pytest.param({"count": 19}, {"rules": [make_bound()]}, "TOO LITTLE DATA", id="below the minimum count"),
        pytest.param({"distrusted_count": 1}, {}, "DISTRUSTED", id="more than 1 % cannot be believed"),
        pytest.param({}, {"is_watched": False}, "STALE", id="nobody evaluates the rules"),
        pytest.param({}, {"is_away": True}, "STALE", id="alerts cannot be read"),
        pytest.param({}, {"rules": []}, "NO RULE", id="no rule"),
        pytest.param({"failure_count": 8}, {}, "ABOVE BOUND", id="together above what no subject is alone"),
    ],
)
async def test_what_is_not_known_to_be_well_is_not_green(
    site: Site, counters: dict[str, int], changes: dict[str, object], state: str
) -> None:
    add(site, **counters)
    for name, value in changes.items():
        setattr(site.watcher, name, value)
    assert state_of(await site.open("/signals"), "auth") == state


async def test_an_engine_that_is_away_is_said_in_place(site: Site) -> None:
    site.signals.is_away = True
    page = await site.open("/signals")
    assert state_of(page, "auth") == "NO DATA"
    assert "does not answer for the moment" in page.one("tr", id="family-auth").text
    page = await site.open("/signals/auth")
    assert "These figures cannot be shown now." in page.main.text
    assert not page.all("tg-chart")


async def test_a_family_shows_a_sentence_figures_and_charts_with_their_tables(site: Site) -> None:
    fill(site.signals)
    page = await site.open("/signals/auth")
    assert page.one("h1").text == "Failure rate 6.22% of 2,574 auth requests in 1h; the bound is 20%."
    charts = page.all("figure")
    assert [chart.attributes["id"] for chart in charts] == ["chart-failures", "chart-unauthorized", "chart-volume"]
    assert len(page.all("table", role="table")) == len(charts)
    assert "Rose from" in charts[0].text
    assert "at 13:43 UTC" in charts[0].text
    assert "P1 auth_failure_rate_high: 20%" in charts[0].text
    cells = [cell for cell in page.all("td") if "data-v" in cell.attributes]
    assert len(cells) == (1 + 1 + 2) * 121


async def test_a_bound_is_drawn_only_where_it_means_what_the_chart_shows(site: Site) -> None:
    fill(site.signals)
    bounds = {bound.text: bound.attributes["value"] for bound in (await site.open("/signals/auth")).all("data")}
    assert bounds == {
        "P1 auth_failure_rate_high: 20%": "0.2",
        "P1 auth_unauthorized_spike: 10 in 15m": "",
    }


async def test_how_long_requests_took_is_a_chart_of_quantiles_with_its_bound_table_and_file(site: Site) -> None:
    fill(site.signals)
    site.watcher.rules.append(make_bound("core_latency_high", family=Family.REQUEST, figure="p95Ms", threshold=500.0))
    page = await site.open("/signals/request")
    (chart,) = [figure for figure in page.all("figure") if figure.attributes["id"] == "chart-duration"]
    assert "p95 duration: steady at 100 ms." in chart.text
    heads = [head.text for head in page.all("th", scope="col")]
    assert heads[-4:] == ["p95 duration", "Median duration", "p99 duration", "Mean duration"]
    assert {bound.text: bound.attributes["value"] for bound in page.all("data")} == {
        "P1 core_latency_high: 500 ms": "500.0"
    }
    assert any("figures=p95Ms,p50Ms,p99Ms,meanMs" in link for link in page.links)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("tenant=acme", "Durations are kept without tenant"),
        ("by=status", "Durations are not kept by status"),
        ("by=tenant", "Durations are not kept by tenant"),
    ],
)
async def test_where_durations_are_not_kept_the_page_says_so_instead_of_an_empty_chart(
    site: Site, query: str, words: str
) -> None:
    fill(site.signals)
    page = await site.open(f"/signals/request?{query}")
    assert "chart-duration" not in [figure.attributes["id"] for figure in page.all("figure")]
    assert words in page.main.text


async def test_the_running_bucket_is_in_the_table_and_no_drop_in_the_chart(site: Site) -> None:
    fill(site.signals)
    page = await site.open("/signals/auth")
    (newest, *_) = [row for row in page.all("tr") if "so far" in row.text]
    assert newest
    volume = [cell for cell in page.all("td") if "data-v" in cell.attributes]
    assert {cell.attributes["data-v"] for cell in volume[-242:][:2]} == {""}


@pytest.mark.parametrize("preset", ["15m", "1h", "6h", "24h", "7d", "30d"])
async def test_each_range_stands_in_the_address_and_stays_within_its_points(site: Site, preset: str) -> None:
    fill(site.signals)
    page = await site.open(f"/signals/auth?range={preset}&service=harbor-api")
    assert page.one("a", href=f"/signals/auth?service=harbor-api&range={preset}").attributes["aria-current"] == "page"
    assert len([row for row in page.all("tr") if row.text.startswith("2026")]) <= 3 * 200


async def test_an_own_range_shows_what_lay_in_it(site: Site) -> None:
    fill(site.signals)
    page = await site.open("/signals/auth?from=2026-02-07T13:10:00Z&to=2026-02-07T13:20:00Z")
    assert "auth requests in 10m" in page.one("h1").text
    assert "data-live" not in page.main.attributes


async def test_a_split_is_a_table_and_a_line_each(site: Site) -> None:
    fill(site.signals, tenant="acme", route="/login")
    fill(site.signals, tenant="beta", route="/token")
    page = await site.open("/signals/auth?by=tenant")
    assert "By tenant" in page.main.text
    assert "/signals/auth?tenant=acme" in page.links
    heads = [head.text for head in page.all("th", scope="col")]
    assert heads.count("acme") == heads.count("beta") == 3


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("range=1y", "range:"),
        ("range=1h&from=2026-02-07T13:10:00Z&to=2026-02-07T13:20:00Z", "range:"),
        ("from=2026-02-07T13:10:00Z", "to:"),
        ("from=yesterday&to=2026-02-07T13:20:00Z", "'yesterday' is no moment"),
        ("from=2020-02-07T13:10:00Z&to=2026-02-07T13:20:00Z", "from:"),
        ("by=queue", "by:"),
        ("service=a%00b", "service:"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_its_name(site: Site, query: str, words: str) -> None:
    page = await site.open(f"/signals/auth?{query}", status=422)
    assert words in page.main.text


async def test_a_family_that_there_is_not_is_not_found(site: Site) -> None:
    assert "family_not_found" in (await site.open("/signals/nothing", status=404)).main.text


async def test_notices_say_why_figures_need_care(site: Site) -> None:
    add(site, distrusted_count=4)
    assert "9.09% of what came in has times that cannot be believed" in (await site.open("/signals/auth")).main.text


async def test_releases_stand_beside_the_charts(site: Site) -> None:
    fill(site.signals)
    site.marks.releases = [ReleaseMark("2026.02.1", "production", NOW - timedelta(minutes=22))]
    assert "1 release in this range" in (await site.open("/signals/auth")).main.text


async def test_empty_by_filter_names_the_way_back(site: Site) -> None:
    page = await site.open("/signals/auth?tenant=nobody")
    assert page.one("h1").text == "No auth requests in 1h."


async def test_what_is_shown_is_a_command_and_a_call(site: Site) -> None:
    fill(site.signals)
    page = await site.open("/signals/auth?by=tenant&service=a%20b&range=6h")
    commands = [block.text for block in page.all("pre")]
    assert commands[0] == "tidegate signal query auth --by tenant --service 'a b' --range 6h"
    assert "/api/v1/signals/auth/series?service=a+b&by=tenant&range=6h" in commands[1]


async def test_ai_is_another_name_of_ai_run(site: Site) -> None:
    fill(site.signals)
    assert "AI runs" in (await site.open("/signals/ai")).main.text


async def test_usage_lets_one_pick_a_meter_and_shows_its_amounts(site: Site) -> None:
    fill(site.signals)
    page = await site.open("/signals/usage")
    assert "By meter" in page.main.text
    assert "/signals/usage?meter=tokens" in page.links
    heads = [head.text for head in page.all("th", scope="col")]
    assert heads[:6] == ["Meter", "Events", "Used", "Limit", "Share of the limit", "Refused"]
    assert "chart-quantity" not in [figure.attributes["id"] for figure in page.all("figure")]
    page = await site.open("/signals/usage?meter=tokens")
    assert page.one("h1").text == "tokens: 3,000 in 1h; 30% of the limit of 10,000."
    (first, *_) = page.all("figure")
    assert (first.attributes["id"], "Used per 30s" in first.text) == ("chart-quantity", True)
    assert "tidegate signal query usage --meter tokens --range 1h" in page.main.text
    assert "By meter" not in page.main.text


async def test_runtime_lets_one_pick_a_metric_and_shows_its_values(site: Site) -> None:
    site.points.fill()
    page = await site.open("/signals/runtime")
    assert page.one("h1").text == "Metric points 120 in 1h."
    assert "/signals/runtime?metric=queue.depth" in page.links
    assert [figure.attributes["id"] for figure in page.all("figure")] == ["chart-volume"]
    page = await site.open("/signals/runtime?metric=queue.depth")
    assert page.one("h1").text == "queue.depth: last 0 s, between 0 and 6 s in 1h."
    assert [figure.attributes["id"] for figure in page.all("figure")] == ["chart-value", "chart-volume"]
    page = await site.open("/signals/runtime?metric=process.cpu.time&by=service")
    assert "risen by 118 s" in page.one("h1").text
    assert next(figure.attributes["id"] for figure in page.all("figure")) == "chart-increase"


async def test_runtime_is_known_in_the_overview_as_soon_as_there_are_points(site: Site) -> None:
    site.points.fill()
    page = await site.open("/signals")
    assert state_of(page, "runtime") == "NO RULE"
    assert "30 metric points in the last 15 min" in page.one("tr", id="family-runtime").text
    site.points.hidden_count = 5
    assert state_of(await site.open("/signals"), "runtime") == "DISTRUSTED"


@pytest.mark.parametrize("family", CATALOGUE)
async def test_a_family_without_events_says_where_they_come_from_instead_of_drawing_nothing(
    site: Site, family: str
) -> None:
    page = await site.open(f"/signals/{family}")
    assert "They come from" in page.main.text
    assert not page.all("figure")
    page = await site.open(f"/signals/{family}?tenant=nobody&range=6h")
    assert "Clear filters" in page.main.text
    assert f"/signals/{family}?range=6h" in page.links


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/signals/auth?meter=tokens", "meter:"),
        ("/signals/usage?metric=queue.depth", "metric:"),
        ("/signals/usage?meter=a%00", "meter:"),
    ],
)
async def test_a_family_without_meters_refuses_one(site: Site, path: str, field: str) -> None:
    assert field in (await site.open(path, status=422)).main.text
