"""Audit: who did what, who may see it, and every state of the page."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from tests.applications import include
from tests.authority import shipped_authorizer
from tests.pages.documents import Document, assert_is_sound
from tests.pages.worlds import HARBOR, INGEST_TOKEN, NOW, OTHER_SESSION, SESSION, FakeIdentity
from tests.unit.audit.fakes import KEY, FakeChains, FakeTrail, make_deed

from tidegate.audit import ActorKind, AuditService, AuditTrail, Outcome
from tidegate.audit.model import Entry
from tidegate.audit.pages import router as audit_pages
from tidegate.edge.caller import SESSION_COOKIE
from tidegate.edge.html import PageRenderer
from tidegate.edge.http import build_http_app
from tidegate.edge.requests import RequestContext
from tidegate.kernel import UnavailableError
from tidegate.testing import FakeClock


@dataclass
class Site:
    chains: FakeChains
    trail: FakeTrail
    browser: httpx.AsyncClient

    async def open(self, path: str, *, status: int = 200) -> Document:
        answer = await self.browser.get(path)
        assert answer.status_code == status, answer.text
        document = Document(answer.text)
        assert_is_sound(document)
        return document


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    chains, clock = FakeChains(), FakeClock(NOW)
    trail = FakeTrail(chains, clock)
    application = build_http_app(
        version="0.1.0",
        authenticator=FakeIdentity(),
        authorizer=shipped_authorizer(),
        services={
            AuditService: AuditService(store=chains, key=KEY, clock=clock),
            AuditTrail: trail,
            PageRenderer: PageRenderer(version="0.1.0", clock=clock),
        },
    )
    include(application, audit_pages)
    transport = httpx.ASGITransport(RequestContext(application))
    async with httpx.AsyncClient(transport=transport, base_url="http://tidegate.test") as browser:
        browser.cookies.set(SESSION_COOKIE, SESSION)
        yield Site(chains, trail, browser)


async def test_anonymous_is_shown_where_to_sign_in(site: Site) -> None:
    site.browser.cookies.clear()
    assert (await site.browser.get("/audit")).status_code == 303


async def test_a_token_that_may_only_send_is_refused(site: Site) -> None:
    site.browser.cookies.clear()
    answer = await site.browser.get("/audit", headers={"authorization": f"Bearer {INGEST_TOKEN}"})
    assert answer.status_code == 403


async def test_another_workspace_sees_nothing_of_this_one(site: Site) -> None:
    await site.trail.record(HARBOR, make_deed(target="of-harbor"))
    site.browser.cookies.set(SESSION_COOKIE, OTHER_SESSION)
    assert "of-harbor" not in (await site.browser.get("/audit")).text


async def test_a_record_says_when_what_who_and_its_proof(site: Site) -> None:
    deed = make_deed(
        actor_kind=ActorKind.AGENT, outcome=Outcome.DENIED, policy_ids=("agents-never-approve",),
        before="sha256:aa", after="sha256:bb", details={"reason": "löst"},
    )  # fmt: skip
    await site.chains.write_one(HARBOR, [Entry(deed, 7)], recorded_at=NOW)
    page = await site.open("/audit")
    record = site.chains.chains[HARBOR][0]
    for words in (
        "DENIED", "tokens:revoke \N{MULTIPLICATION SIGN} 7",
        "token/tok_1", "usr_1", "AI agent", "ses_1", "agents-never-approve", "sha256:aa",
        "sha256:bb", '{"reason": "löst"}', record.hash.hex(), record.previous.hex(), "r-1",
    ):  # fmt: skip
        assert words in page.main.text, words
    assert page.one("time").attributes["title"].endswith("UTC")
    assert "/api/v1/audit/export" in page.links
    assert "/audit?member=usr_1" in page.links
    assert "/audit" in page.links  # the menu


async def test_an_empty_audit_says_what_will_appear(site: Site) -> None:
    assert "Nothing was recorded in this workspace yet." in (await site.open("/audit")).main.text


async def test_filters_stand_in_the_address_in_the_form_and_in_the_commands(site: Site) -> None:
    await site.trail.record(HARBOR, make_deed())
    page = await site.open(
        "/audit?actor=ses_9&actorKind=person&action=tokens:&outcome=done&from=2026-02-07T13:00:00Z&target=a+b"
    )
    text = page.main.text
    assert "No record with actor ses_9, kind person, action tokens:, target a b, outcome done, from" in text
    assert "Clear filters" in text
    assert page.one("input", name="actor").attributes["value"] == "ses_9"
    assert [each.attributes["value"] for each in page.all("option") if "selected" in each.attributes] == [
        "person",
        "done",
    ]
    assert (
        "tidegate audit list --actor ses_9 --kind person --action tokens: --target 'a b' --outcome done "
        "--since 2026-02-07T13:00:00Z" in text
    )
    assert "GET /api/v1/audit?actor=ses_9&actorKind=person" in text


async def test_more_than_a_page_leads_on_with_the_filters(site: Site) -> None:
    for number in range(60):
        await site.trail.record(HARBOR, make_deed(number))
    page = await site.open("/audit?actor=ses_1")
    (older,) = [link for link in page.links if "cursor=" in link]
    assert older.startswith("/audit?actor=ses_1&cursor=")
    page = await site.open(older)
    assert "token/tok_9" in page.main.text
    assert "token/tok_10" not in page.main.text
    assert "/audit?actor=ses_1" in page.links


async def test_trouble_is_never_an_empty_list(site: Site) -> None:
    site.chains.trouble = UnavailableError("The state store does not answer for the moment.")
    text = (await site.open("/audit?actor=ses_1")).main.text
    assert "this is no empty list" in text
    assert "No record" not in text


@pytest.mark.parametrize("query", ["actorKind=god", "from=yesterday", "cursor=Mg"])
async def test_a_question_that_cannot_be_read_is_refused_as_a_page(site: Site, query: str) -> None:
    assert "invalid_input" in (await site.open(f"/audit?{query}", status=422)).main.text


async def test_hostile_text_stays_text(site: Site) -> None:
    await site.trail.record(HARBOR, make_deed(actor="<script>alert(1)</script>\x1b[31m\u202e", target='"><b>'))
    answer = await site.browser.get("/audit")
    for words in ("<script>alert", "<b>", "\u202e", "\x1b"):
        assert words not in answer.text
