"""Passkeys in a real browser, with the authenticator that it makes up: our script, our policy, a telephone's width."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import BrowserContext, Page
from tests.api.identity.people import PASSWORD, Installation
from tests.e2e.browser import open_browser, requires_chromium
from tests.pages.passkeys.test_passkey_pages import ROUTERS

from tidegate.edge.caller import Role
from tidegate.edge.requests import RequestContext
from tidegate.identity.passkeys import relying_party_of
from tidegate.storage import Database

pytestmark = [pytest.mark.browser, requires_chromium]
PICTURES = os.environ.get("TIDEGATE_PICTURES")


@pytest.fixture
async def site(database: Database, owner_connection: object) -> AsyncIterator[tuple[Installation, str]]:
    """Serve the pages of identity at an address that is known before: passkeys are made for it."""
    listener = socket.create_server(("127.0.0.1", 0))
    party = relying_party_of(f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert party is not None
    installation = Installation(database, owner_connection, party=party)
    application = installation.application(*ROUTERS)
    server = uvicorn.Server(uvicorn.Config(RequestContext(application), log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(30):
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it by a flag
            await asyncio.sleep(0.01)
    yield installation, party.origin
    server.should_exit = True
    await serving


async def with_authenticator(context: BrowserContext, page: Page) -> None:
    devtools = await context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


async def fits(page: Page, name: str) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth") <= 375
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("appearance", ["light", "dark"])
async def test_a_passkey_is_made_signs_in_and_proves_it_again_by_keyboard_on_a_telephone(
    site: tuple[Installation, str], appearance: str
) -> None:
    installation, url = site
    person = await installation.join(await installation.new_workspace(), Role.OWNER)
    complaints: list[str] = []
    async with open_browser(width=375, color_scheme=appearance) as context:
        page = context.pages[0]
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        await with_authenticator(context, page)
        await page.goto(f"{url}/sign-in")
        await page.get_by_label("E-mail address").fill(person.email)
        await page.get_by_label("Password").fill(PASSWORD)
        async with page.expect_response(lambda answer: answer.url == f"{url}/"):  # the board is not part of this site
            await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.goto(f"{url}/account")
        await page.get_by_label("Name of the new passkey").fill("telephone")
        await page.keyboard.press("Enter")
        await page.get_by_text("The passkey is kept").wait_for()
        await fits(page, f"passkeys-{appearance}")
        await context.clear_cookies()
        await page.goto(f"{url}/sign-in")
        await page.get_by_role("button", name="Sign in with a passkey").focus()
        await fits(page, f"sign-in-{appearance}")
        async with page.expect_response(lambda answer: answer.url == f"{url}/"):
            await page.keyboard.press("Enter")
        installation.later(minutes=11)
        await page.goto(f"{url}/account")
        await page.get_by_label("Name of the new passkey").fill("another")
        await page.get_by_role("button", name="Add a passkey").click()
        await page.get_by_role("heading", name="Prove that it is you").wait_for()
        await fits(page, f"prove-{appearance}")
        await page.get_by_role("button", name="Use a passkey").click()
        await page.wait_for_url(f"{url}/account")
        # One authenticator, one passkey of a member: it is told that it has one.
        await page.get_by_label("Name of the new passkey").fill("another")
        await page.get_by_role("button", name="Add a passkey").click()
        await page.get_by_text("This device has a passkey here already.").wait_for()
    assert [each for each in complaints if "404" not in each] == []  # the board and the browser's own icon


async def test_where_there_are_no_passkeys_no_button_stands_for_them(site: tuple[Installation, str]) -> None:
    _, url = site
    async with open_browser(width=375) as context:
        page = context.pages[0]
        await page.goto(f"{url.replace('localhost', '127.0.0.1')}/sign-in")
        assert await page.get_by_role("button", name="Sign in with a passkey").count() == 0
        await page.get_by_role("link", name=f"{url}/sign-in").click()
        await page.get_by_role("button", name="Sign in with a passkey").wait_for()
