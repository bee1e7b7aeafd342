"""Incidents on pages: over a real state store, with buttons that work without script."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from tests.authority import shipped_authorizer
from tests.contract.incidents.conftest import Harbour, harbour, sea
from tests.pages.test_paging import ORIGIN, Browser, Sessions

from tidegate.alerts.incidents.pages import router
from tidegate.edge.html import PageRenderer
from tidegate.edge.http import build_http_app

__all__ = ["harbour", "sea"]


@pytest.fixture
async def browser(harbour: Harbour) -> AsyncIterator[Browser]:
    services = harbour.services | {PageRenderer: PageRenderer(version="0", clock=harbour.sea.clock)}
    app = build_http_app(
        version="0", authenticator=Sessions(harbour.workspace), authorizer=shipped_authorizer(), services=services
    )
    app.include_router(router)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}) as client:
        yield Browser(client)


async def test_no_incident_says_how_one_begins(browser: Browser) -> None:
    assert "One begins with an alert" in (await browser.open("/incidents")).main.text
    assert "No incident fits" in (await browser.open("/incidents?state=resolved&service=x")).main.text


async def test_an_incident_is_opened_led_and_resolved_with_buttons(browser: Browser, harbour: Harbour) -> None:
    await harbour.join("usr_one")
    await harbour.announce("r-1")
    [alert] = await harbour.sea.fire(tenants=["acme"])
    opened = await browser.send("/incidents", alert_id=alert.id)
    path = opened.headers["location"]
    page = await browser.open(path)
    for words in ("OPEN", "nobody yet", "Release announced", "Fired", "Incident opened", "Launch", "acme"):
        assert words in page.main.text
    assert f"{alert.id}/2" in page.main.text
    assert (await browser.send(f"{path}/facts", sequence="1", lead="me")).status_code == 303
    assert (await browser.send(f"{path}/acknowledge", sequence="2")).status_code == 303
    assert (await browser.send(f"{path}/mitigate", sequence="2")).status_code == 409
    assert (await browser.send(f"{path}/notes", note="rolled back")).status_code == 303
    assert (await browser.send(f"{path}/facts", sequence="4", title="Checkout", severity="P2")).status_code == 303
    page = await browser.open(path)
    for words in ("ACKNOWLEDGED", "Checkout", "P2", "rolled back", "1 of its alerts is open still."):
        assert words in page.main.text
    assert (await browser.send(f"{path}/resolve")).status_code == 409
    assert (await browser.send(f"{path}/resolve", despite="yes")).status_code == 303
    assert "No incident is open." in (await browser.open("/incidents")).main.text
    assert "Checkout" in (await browser.open("/incidents?state=resolved")).main.text
    assert (await browser.send(f"{path}/reopen")).status_code == 303


async def test_incidents_like_it_are_named_with_what_they_share(browser: Browser, harbour: Harbour) -> None:
    [alert] = await harbour.sea.fire(tenants=["acme"])
    await harbour.open(alert, title="The one before")
    await harbour.sea.resolve(alert)
    harbour.sea.clock.advance(timedelta(minutes=1))
    [again] = await harbour.sea.fire(tenants=["acme"])
    page = await browser.open(f"/incidents/{(await harbour.open(again)).id}")
    assert "100 % The one before" in page.main.text
    assert "Shared: rule run_failure_rate_high; service api; tenant acme." in page.main.text


async def test_a_viewer_looks_and_changes_nothing(browser: Browser, harbour: Harbour) -> None:
    incident = await harbour.open(*await harbour.sea.fire())
    viewer = browser.as_("usr_viewer")
    page = await viewer.open(f"/incidents/{incident.id}")
    assert not [form for form in page.all("form") if (form.attributes.get("action") or "").startswith("/incidents")]
    assert (await viewer.send(f"/incidents/{incident.id}/acknowledge")).status_code == 403
    assert (await viewer.send("/incidents", alert_id="alr_x")).status_code == 403


async def test_a_form_without_proof_does_nothing(browser: Browser, harbour: Harbour) -> None:
    incident = await harbour.open(*await harbour.sea.fire())
    for path in ("acknowledge", "notes", "facts"):
        answer = await browser.send(f"/incidents/{incident.id}/{path}", proof=False, note="x", sequence="1")
        assert answer.status_code == 403
    assert (await browser.send("/incidents", proof=False, alert_id="alr_x")).status_code == 403


async def test_text_of_tenants_stays_text(browser: Browser, harbour: Harbour) -> None:
    text = '<script>alert(1)</script>"'
    [alert] = await harbour.sea.fire(service=text, tenants=[text])
    incident = await harbour.open(alert, title=text)
    for path in ("/incidents?state=all", f"/incidents/{incident.id}"):
        page = await browser.open(path)
        assert text in page.main.text
        assert not [script for script in page.all("script") if "src" not in script.attributes]


async def test_what_is_none_and_what_is_unknown_are_pages_of_their_own(browser: Browser) -> None:
    assert "inc_none" in (await browser.open("/incidents/inc_none", status=404)).main.text
    assert (await browser.send("/incidents/inc_none/dance")).status_code == 422
