"""The pages of people on a telephone, in a real browser: forms work under our own policy, nothing overflows."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page
from tests.api.identity.people import PASSWORD, Installation, Person
from tests.e2e.browser import open_browser, requires_chromium
from tests.shells import serving

from tidegate.edge.caller import Role
from tidegate.edge.requests import RequestContext
from tidegate.edge.static import router as assets
from tidegate.identity.account_pages import router as account_pages
from tidegate.identity.member_pages import router as member_pages
from tidegate.identity.pages import router as identity_pages
from tidegate.identity.token_pages import router as token_pages
from tidegate.kernel import WorkspaceId

pytestmark = [pytest.mark.browser, requires_chromium]
PICTURES = os.environ.get("TIDEGATE_PICTURES")


@pytest.fixture
async def owner(installation: Installation, workspace: WorkspaceId) -> Person:
    return await installation.join(workspace, Role.OWNER)


@pytest.fixture
async def url(installation: Installation) -> AsyncIterator[str]:
    application = installation.application(assets, identity_pages, account_pages, member_pages, token_pages)
    async with serving(RequestContext(application)) as opened:
        yield opened


async def fits(page: Page, name: str) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth") <= 375
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


async def test_a_person_signs_in_invites_makes_a_token_and_ends_a_session_on_a_telephone(
    installation: Installation, owner: Person, url: str
) -> None:
    complaints: list[str] = []
    async with open_browser(width=375) as context:
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        await page.goto(f"{url}/sign-in")
        await fits(page, "sign-in")
        await page.get_by_label("E-mail address").fill(owner.email)
        await page.get_by_label("Password").fill(PASSWORD)
        # The board is not part of this site.
        async with page.expect_response(lambda answer: answer.url == f"{url}/"):
            await page.get_by_role("button", name="Sign in").click()
        await page.goto(f"{url}/members")
        await page.get_by_label("E-mail address").fill(f"very.long.address.{'x' * 40}@example.com")
        await page.get_by_role("button", name="Make an invitation").click()
        await page.get_by_text("It is shown this once").wait_for()
        await fits(page, "members")
        await page.goto(f"{url}/tokens")
        await page.get_by_label("Name").fill("laptop")
        await page.get_by_role("button", name="Make a token").click()
        await page.get_by_text("It is shown this once").wait_for()
        await fits(page, "tokens")
        await page.goto(f"{url}/account")
        await fits(page, "account")
        await page.locator(f"#{owner.caller.actor}").get_by_role("button").click()
        await page.locator(f"#{owner.caller.actor}").wait_for(state="detached")
    assert [each for each in complaints if "404" not in each] == []  # the board and the browser's own icon
