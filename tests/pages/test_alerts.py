"""Alerts: what burns now, what happened, what to do?"""

from datetime import timedelta

import pytest
from tests.pages.conftest import Site
from tests.pages.worlds import HARBOR, NOW, make_alert

from tidegate.alerts import AlertState, Severity
from tidegate.alerts.alertmanager.model import Sent, opened
from tidegate.kernel import AlertId

P1, P2 = Severity.P1, Severity.P2


async def test_alerts_are_grouped_by_service_the_most_severe_first(site: Site) -> None:
    site.alerts.alerts[HARBOR] = [
        make_alert(1, service="a", severity=P2, age=timedelta(hours=1)),
        make_alert(2, service="b", severity=P2),
        make_alert(3, service="b", severity=P1),
    ]
    page = await site.open("/alerts")
    assert [heading.text for heading in page.all("h2", class_="name")] == ["b", "a"]
    rows = [row.attributes["id"] for row in page.all("tr") if "id" in row.attributes]
    assert rows == ["alr_00003", "alr_00002", "alr_00001"]


async def test_a_row_says_state_value_bound_tenant_since_and_runbook(site: Site) -> None:
    site.alerts.alerts[HARBOR] = [make_alert(1, tenant="acme")]
    row = (await site.open("/alerts")).one("tr", id="alr_00001").text
    for words in ("FIRING P1", "31.25%", "20%", "acme", "4 min ago", "Runbook for auth_failure_rate_high"):
        assert words in row


async def test_alerts_without_an_answer_stand_apart(site: Site) -> None:
    site.alerts.alerts[HARBOR] = [make_alert(1, is_held=True), make_alert(2)]
    page = await site.open("/alerts")
    assert page.one("tr", id="alr_00001").attributes["data-verdict"] == "NO DATA"
    text = page.main.text
    assert text.index("FIRING") < text.index("Open, but there is no answer now") < text.index("NO DATA")


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["alr_00001", "alr_00002"]),
        ("?state=open", ["alr_00001", "alr_00002"]),
        ("?state=firing", ["alr_00001"]),
        ("?state=pending", ["alr_00002"]),
        ("?state=resolved", ["alr_00003"]),
        ("?service=none", []),
    ],
)
async def test_the_address_says_which_alerts_are_shown(site: Site, query: str, shown: list[str]) -> None:
    states = [AlertState.FIRING, AlertState.PENDING, AlertState.RESOLVED]
    site.alerts.alerts[HARBOR] = [make_alert(number, state=state) for number, state in enumerate(states, start=1)]
    page = await site.open(f"/alerts{query}")
    assert sorted(row.attributes["id"] for row in page.all("tr") if "id" in row.attributes) == shown


async def test_what_another_tool_sent_is_shown_as_its_word_and_as_text(site: Site) -> None:
    labels, notes = (("alertname", "<b>Disk"), ("service", "db")), (("summary", "<script>full"),)
    sent = Sent(labels, notes, NOW, NOW + timedelta(minutes=5), is_timeout=True, generator_url="javascript:alert(1)")
    alert = opened(HARBOR, AlertId("alr_00009"), sent, sender="Prometheus", now=NOW).alert
    site.alerts.alerts[HARBOR] = [alert]
    page = await site.open("/alerts/alr_00009")
    text = page.main.text
    for words in ("Sent by Prometheus", "<script>full", "<b>Disk", "javascript:alert(1)", "An alert of another tool"):
        assert words in text
    assert not [link for link in page.all("a") if link.attributes.get("href", "").startswith("javascript")]
    assert "Bound" not in page.one("dl", class_="facts").text
    assert "not told" in (await site.open("/alerts")).one("tr", id="alr_00009").text


async def test_an_unknown_state_is_refused_with_its_name(site: Site) -> None:
    page = await site.open("/alerts?state=none", status=422)
    assert "state" in page.main.text
    assert "invalid_input" in page.main.text


async def test_empty_by_nature_says_how_it_knows(site: Site) -> None:
    page = await site.open("/alerts")
    assert "No alert is open. 6 rules evaluated 1 s ago." in page.main.text


@pytest.mark.parametrize("age", [None, timedelta(minutes=14)])
async def test_an_empty_list_is_not_good_news_when_nobody_watched(site: Site, age: timedelta | None) -> None:
    site.alerts.evaluated_at = NOW - age if age else None
    page = await site.open("/alerts")
    assert "What burns now is not known." in page.main.text
    assert "No alert is open." not in page.main.text
    assert ("14 min ago (limit 10 s)" in page.main.text) is bool(age)


async def test_empty_by_filter_names_the_filter_and_clears_it(site: Site) -> None:
    page = await site.open("/alerts?state=resolved&service=harbor-api")
    assert "No alert with state resolved of service harbor-api" in page.main.text
    assert "/alerts" in page.links


async def test_many_alerts_are_paged(site: Site) -> None:
    site.alerts.alerts[HARBOR] = [make_alert(number, state=AlertState.RESOLVED) for number in range(1, 251)]
    page = await site.open("/alerts?state=resolved")
    assert "/alerts?state=resolved&cursor=200" in page.links
    rest = await site.open("/alerts?state=resolved&cursor=200")
    assert len([row for row in rest.all("tr") if "id" in row.attributes]) == 50


async def test_an_alert_shows_sentence_moves_with_causes_and_its_runbook(site: Site) -> None:
    site.alerts.alerts[HARBOR] = [make_alert(1, state=AlertState.RESOLVED)]
    page = await site.open("/alerts/alr_00001")
    assert page.one("h1").text.startswith("31.25% of 412 auth requests failed on service harbor-api")
    timeline = page.one("ol", class_="timeline").text
    positions = [timeline.index(word) for word in ("Resolved: back within the bound", "Fired", "Bound crossed")]
    assert positions == sorted(positions)
    assert "What to do" in page.main.text
    assert "/runbooks/auth_failure_rate_high" in page.links
    assert "tidegate alert show alr_00001" in page.main.text


async def test_an_alert_whose_runbook_is_gone_says_so(site: Site) -> None:
    site.alerts.alerts[HARBOR] = [make_alert(1, code="of_another_version")]
    page = await site.open("/alerts/alr_00001")
    assert "of_another_version is not in this version" in page.main.text


async def test_an_unknown_alert_is_not_found(site: Site) -> None:
    page = await site.open("/alerts/alr_00099", status=404)
    assert "alert_not_found" in page.main.text


@pytest.mark.parametrize("path", ["/alerts/auth", "/alerts/ai", "/alerts/ai_run", "/alerts/alr_", "/alerts/x"])
async def test_pages_leave_the_routes_of_families_alone(site: Site, path: str) -> None:
    answer = await site.browser.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_when_alerts_cannot_be_read_the_page_is_no_empty_list(site: Site) -> None:
    site.alerts.is_away = True
    page = await site.open("/alerts", status=503)
    assert "No alert is open" not in page.main.text
    assert "tidegate doctor" in page.main.text
