"""Who was told of an alert, who has it, what is silenced: pages over a real state store."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
from tests.authority import shipped_authorizer
from tests.contract.paging.conftest import Sea, sea
from tests.pages.documents import Document, assert_is_sound

from tidegate.alerts import AlertService
from tidegate.alerts.pages import router as alert_pages
from tidegate.alerts.paging.pages import router as paging_pages
from tidegate.edge.caller import SESSION_COOKIE, Caller, Role, Scope
from tidegate.edge.csrf import new_form_token
from tidegate.edge.html import PageRenderer
from tidegate.edge.http import build_http_app
from tidegate.kernel import UnauthenticatedError, WorkspaceId
from tidegate.signals import SignalReader

__all__ = ["sea"]

ORIGIN = "http://tidegate.test"


@dataclass
class Sessions:
    """Sessions are called as their members."""

    workspace: WorkspaceId

    async def caller_of_token(self, token: str) -> Caller:
        raise UnauthenticatedError("nobody known")

    async def caller_of_session(self, session: str) -> Caller:
        role = Role.VIEWER if session == "usr_viewer" else Role.ENGINEER
        scope = Scope.READ if session == "usr_viewer" else Scope.WRITE
        return Caller(self.workspace, scope, f"ses_{session}", by_session=True, member=session, role=role)


@dataclass
class Browser:
    client: httpx.AsyncClient
    person: str = "usr_one"

    async def open(self, path: str, *, status: int = 200) -> Document:
        answer = await self.client.get(path, headers={"cookie": f"{SESSION_COOKIE}={self.person}"})
        assert answer.status_code == status, answer.text
        document = Document(answer.text)
        assert_is_sound(document)
        return document

    async def send(self, path: str, *, proof: bool = True, **fields: str) -> httpx.Response:
        token = {"form_token": new_form_token(self.person)} if proof else {}
        return await self.client.post(path, data=fields | token, headers={"cookie": f"{SESSION_COOKIE}={self.person}"})

    def as_(self, person: str) -> "Browser":
        return Browser(self.client, person)


@pytest.fixture
async def browser(sea: Sea) -> AsyncIterator[Browser]:
    reader: SignalReader | None = None
    services = sea.paging.services | {
        AlertService: AlertService(rules=(), reader=reader, store=sea.alerts, clock=sea.clock),  # type: ignore[arg-type]
        PageRenderer: PageRenderer(version="0", clock=sea.clock),
    }
    app = build_http_app(
        version="0", authenticator=Sessions(sea.workspace), authorizer=shipped_authorizer(), services=services
    )
    app.include_router(alert_pages)
    app.include_router(paging_pages)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}) as client:
        yield Browser(client)


async def test_an_alert_says_why_nobody_was_told_and_is_taken_on_with_a_button(browser: Browser, sea: Sea) -> None:
    [alert] = await sea.fire()
    page = await browser.open(f"/alerts/{alert.id}")
    assert "Why nobody was told" in page.main.text
    assert "nobody yet" in page.main.text
    assert (await browser.send(f"/alerts/{alert.id}/acknowledge")).status_code == 303
    assert (await browser.send(f"/alerts/{alert.id}/assign", to="me")).status_code == 422  # nobody of the workspace
    page = await browser.open(f"/alerts/{alert.id}")
    assert "you have seen to it" in page.main.text
    assert "acknowledged by usr_one" in (await browser.as_("usr_two").open("/alerts")).main.text


async def test_a_form_without_proof_does_nothing(browser: Browser, sea: Sea) -> None:
    [alert] = await sea.fire()
    assert (await browser.send(f"/alerts/{alert.id}/acknowledge", proof=False)).status_code == 403
    assert (await browser.send("/silences", proof=False, matchers="tenant=x")).status_code == 403


async def test_a_silence_is_shown_before_it_is_made_and_a_second_person_confirms_it(browser: Browser, sea: Sea) -> None:
    await sea.fire(tenants=["acme"])
    fields = {"matchers": "tenant=acme", "reason": "known", "length": "2h"}
    shown = Document((await browser.send("/silences", **fields, step="preview")).text)
    assert "1 alert that fires now would be covered." in shown.main.text
    assert (await browser.send("/silences", **fields, step="make")).status_code == 303
    [silence] = (await sea.paging.silences.list_silences(sea.workspace, with_expired=False, limit=9, cursor=None)).items
    assert f"/silences/{silence.id}/confirm" not in str(
        [f.attributes for f in (await browser.open("/silences")).all("form")]
    )
    assert (await browser.as_("usr_two").send(f"/silences/{silence.id}/confirm")).status_code == 303
    assert "two people stand for it" in (await browser.open("/silences")).main.text
    assert (await browser.send(f"/silences/{silence.id}/expire")).status_code == 303
    assert "Nothing is silenced." in (await browser.open("/silences")).main.text


async def test_a_wrong_silence_is_refused_beside_its_field(browser: Browser) -> None:
    answer = await browser.send("/silences", matchers="severity=~P.", reason="all", length="2h", step="make")
    assert answer.status_code == 422
    assert "This would silence every alert" in Document(answer.text).main.text


async def test_a_viewer_looks_and_changes_nothing(browser: Browser, sea: Sea) -> None:
    [alert] = await sea.fire()
    viewer = browser.as_("usr_viewer")
    assert not (await viewer.open(f"/alerts/{alert.id}")).all("button", class_="primary")
    assert "Silence something" not in (await viewer.open("/silences")).main.text
    assert (await viewer.send(f"/alerts/{alert.id}/acknowledge")).status_code == 403


async def test_text_of_tenants_stays_text(browser: Browser, sea: Sea) -> None:
    [alert] = await sea.fire(tenants=['<script>alert(1)</script>"'])
    for path in ("/alerts", f"/alerts/{alert.id}"):
        assert (
            "<script>alert(1)"
            not in (await browser.client.get(path, headers={"cookie": f"{SESSION_COOKIE}=usr_one"})).text
        )


async def test_pages_say_when_people_may_not_be_told(browser: Browser, sea: Sea) -> None:
    await sea.route("route: {receiver: ops}")
    await sea.fire()
    sea.clock.advance(timedelta(minutes=2))
    assert "People may not be told of alerts." in (await browser.open("/alerts")).main.text
    await sea.work()
    assert "People may not be told of alerts." not in (await browser.open("/alerts")).main.text
