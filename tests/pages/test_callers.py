"""Who may see a page: nobody, somebody of too little scope, somebody of another workspace, the right one."""

import pytest
from tests.pages.conftest import Site
from tests.pages.gate_worlds import make_gate, make_release
from tests.pages.trace_worlds import agent_details, make_log, make_run
from tests.pages.worlds import HARBOR, INGEST_TOKEN, NOW, OTHER_SESSION, make_alert
from tests.telemetry_rows import TRACE, span_id

from tidegate.gates import CheckOutcome
from tidegate.signals import Family, Totals

PAGES = [
    "/",
    "/gates/tenant-isolation",
    "/alerts",
    "/alerts/alr_00001",
    "/runbooks",
    "/runbooks/auth_failure_rate_high",
    "/traces",
    f"/traces/{TRACE}",
    f"/traces/{TRACE}?span={span_id(1)}",
    f"/traces/{TRACE}/rows",
    f"/traces/{TRACE}/spans/{span_id(1)}",
    "/ai-runs",
    f"/ai-runs/{TRACE}/{span_id(1)}",
    f"/ai-runs/compare?a={TRACE}/{span_id(1)}&b={TRACE}/{span_id(6)}",
]
SIGNALS = ["/signals", "/signals/auth", "/signals/auth?by=service", "/tenants", "/tenants/secret-tenant"]
LISTS = {"/", "/alerts", "/traces", "/ai-runs", *SIGNALS}
OF_A_WORKSPACE = [*(path for path in PAGES if not path.startswith("/runbooks")), *SIGNALS]
every_page = pytest.mark.parametrize("path", [*PAGES, *SIGNALS])


@pytest.fixture(autouse=True)
def harbor(site: Site) -> None:
    site.alerts.alerts[HARBOR] = [make_alert(1, service="secret-service")]
    site.releases.candidates[HARBOR] = make_release("secret-release")
    site.gates.found[HARBOR] = [make_gate("tenant-isolation", CheckOutcome.FAILED, title="Secret gate")]
    site.traces.put(*agent_details(name="secret agent", text="secret words"))
    site.traces.logs[HARBOR, TRACE] = [make_log(body="secret line")]
    site.runs.runs[HARBOR] = [make_run(1, tenant="secret-tenant")]
    totals = Totals(count=1_234)
    site.signals.add(HARBOR, Family.AUTH, NOW, totals, service="secret-service", tenant="secret-tenant")
    site.signals.add(HARBOR, Family.REQUEST, NOW, totals, service="secret-service", tenant="secret-tenant")


@every_page
async def test_anonymous_is_sent_to_sign_in(site: Site, path: str) -> None:
    site.sign_in_as(None)
    answer = await site.browser.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


@every_page
async def test_an_ended_session_is_sent_to_sign_in(site: Site, path: str) -> None:
    site.sign_in_as("ended")
    answer = await site.browser.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


@every_page
async def test_an_open_page_whose_session_ended_goes_to_sign_in_as_a_whole(site: Site, path: str) -> None:
    site.sign_in_as("ended")
    answer = await site.browser.get(path, headers={"hx-request-type": "partial"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in")


@every_page
async def test_a_token_that_may_only_send_is_told_what_it_lacks(site: Site, path: str) -> None:
    site.sign_in_as(None)
    page = await site.open(path, status=403, authorization=f"Bearer {INGEST_TOKEN}")
    assert "scope read" in page.main.text
    assert "ingest" in page.main.text


@pytest.mark.parametrize("path", OF_A_WORKSPACE)
async def test_another_workspace_sees_nothing_of_this_one(site: Site, path: str) -> None:
    site.sign_in_as(OTHER_SESSION)
    answer = await site.browser.get(path)
    assert answer.status_code == (200 if path in LISTS else 404)
    assert "secret" not in answer.text.lower().replace("secret-tenant", "")
    assert "1,234" not in answer.text


@every_page
async def test_the_right_one_sees_the_page(site: Site, path: str) -> None:
    page = await site.open(path)
    assert "harbor" in page.one("footer").text


@every_page
async def test_answers_differ_by_who_asks_and_are_kept_by_nobody(site: Site, path: str) -> None:
    answer = await site.browser.get(path)
    assert answer.headers["cache-control"] == "no-store"
    assert {"cookie", "authorization"} <= {name.strip() for name in answer.headers["vary"].split(",")}
