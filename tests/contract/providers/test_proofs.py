"""Proving anew by a provider who one is: what counts as a proof, and what is only said to be one."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import Request
from tests.contract.providers.made_up import MadeUpProvider, Worlds

from tidegate.edge.caller import SESSION_COOKIE
from tidegate.identity import IdentityService
from tidegate.identity.providers.pages import proof_choices
from tidegate.kernel import TidegateError, WorkspaceId


@pytest.fixture
async def ann(worlds: Worlds) -> str:
    import secrets

    email = f"{secrets.token_hex(6)}@example.com"
    worlds.provider.claims |= {"email": email, "sub": f"sub-{email}"}
    await worlds.set_provider()
    return email


async def prove(worlds: Worlds, browser: httpx.AsyncClient, *, next_path: str = "/account") -> httpx.Response:
    """Go to the provider for a proof, and come back."""
    begun = await browser.get(f"/sign-in/with/{worlds.workspace}", params={"next": next_path, "prove": "1"})
    assert begun.status_code == 303, begun.text
    return await worlds.come_back(browser, worlds.provider.authorize(begun.headers["location"]))


async def session_of(worlds: Worlds, answer: httpx.Response) -> Any:
    assert answer.status_code == 303, answer.text
    return await worlds.installation.get(IdentityService).caller_of_session(answer.cookies[SESSION_COOKIE])


async def test_for_a_proof_the_provider_is_to_ask_again_and_to_say_when(worlds: Worlds, ann: str) -> None:
    begun = await worlds.browser().get(f"/sign-in/with/{worlds.workspace}", params={"prove": "1"})
    asked = parse_qs(urlsplit(begun.headers["location"]).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])


async def test_a_proof_by_the_provider_is_fresh_and_leads_back(worlds: Worlds, ann: str) -> None:
    answer = await prove(worlds, worlds.browser(), next_path="/tokens?q=1")
    caller = await session_of(worlds, answer)
    assert caller.proven_at == worlds.installation.clock.now().replace(microsecond=0)
    assert answer.headers["location"] == "/tokens?q=1"


@pytest.mark.parametrize(
    "auth_time", [None, -3_600, -61, "now", True, 10**18], ids=["none", "old", "before", "text", "truth", "absurd"]
)
async def test_a_provider_that_did_not_ask_again_proves_nothing(worlds: Worlds, ann: str, auth_time: Any) -> None:
    now = int(worlds.installation.clock.now().timestamp())

    def alter(claims: dict[str, Any]) -> None:
        is_distance = isinstance(auth_time, int) and not isinstance(auth_time, bool) and auth_time < 0
        claims["auth_time"] = now + auth_time if is_distance else auth_time

    worlds.provider.alter = alter
    assert await worlds.refusal(await prove(worlds, worlds.browser())) == "not-fresh"


async def test_a_proof_of_the_future_counts_from_now(worlds: Worlds, ann: str) -> None:
    later = worlds.installation.clock.now() + timedelta(hours=5)
    worlds.provider.alter = lambda claims: claims.update(auth_time=int(later.timestamp()))
    caller = await session_of(worlds, await prove(worlds, worlds.browser()))
    assert caller.proven_at == worlds.installation.clock.now()


@pytest.mark.parametrize("hours", [0, 5])
async def test_who_is_still_signed_in_there_is_as_proven_as_the_provider_says(
    worlds: Worlds, ann: str, hours: int
) -> None:
    proven = worlds.installation.clock.now().replace(microsecond=0) - timedelta(hours=hours)
    worlds.provider.claims["auth_time"] = int(proven.timestamp())
    caller = await worlds.signed_in()
    found: datetime | None = caller.proven_at
    assert found == proven


async def test_the_session_of_before_ends_and_that_of_another_person_stays(worlds: Worlds, ann: str) -> None:
    first = (await worlds.sign_in()).cookies[SESSION_COOKIE]
    identity = worlds.installation.get(IdentityService)
    worlds.provider.claims |= {"email": f"other-{ann}", "sub": f"sub-other-{ann}"}
    await prove(worlds, worlds.browser(cookie=f"{SESSION_COOKIE}={first}"))
    assert (await identity.caller_of_session(first)).by_session
    worlds.provider.claims |= {"email": ann, "sub": f"sub-{ann}"}
    browser = worlds.browser()
    browser.cookies.set(SESSION_COOKIE, first)
    await session_of(worlds, await prove(worlds, browser))
    identity.forget()
    with pytest.raises(TidegateError):
        await identity.caller_of_session(first)


async def test_only_a_workspace_with_a_provider_offers_it(
    worlds: Worlds, made_up: MadeUpProvider, workspace: WorkspaceId
) -> None:
    request = Request({"type": "http", "app": worlds.application})
    assert await proof_choices(request, workspace, "/account") == ()
    await worlds.set_provider()
    (choice,) = await proof_choices(request, workspace, "/tokens?a=b")
    assert choice.path == f"/sign-in/with/{workspace}?next=%2Ftokens%3Fa%3Db&prove=1"
    assert "127.0.0.1" in choice.words
    assert made_up.url.startswith("http://127.0.0.1")
