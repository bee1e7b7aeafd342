"""Signing in and out with a browser."""

from collections.abc import AsyncIterator

import pytest
from tests.pages.conftest import ORIGIN, Site
from tests.pages.worlds import LINK, OTHER_SESSION, SESSION

from tidegate.edge.csrf import is_form_token, new_form_token

ELSEWHERE = ["https://evil.test", "null", "", "http://tidegate.test.evil.test", "http://tidegate.test:81"]


async def test_looking_at_the_link_does_not_use_it_up(site: Site) -> None:
    site.sign_in_as(None)
    for _ in range(3):
        page = await site.open(f"/sign-in?link={LINK}")
    assert page.one("input", name="link").attributes["value"] == LINK
    assert LINK in site.identity.links


async def test_the_button_begins_a_session_that_scripts_cannot_read(site: Site) -> None:
    site.sign_in_as(None)
    answer = await site.browser.post("/sign-in", data={"link": LINK}, headers={"origin": ORIGIN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"tidegate_session=session-from-link", "httponly", "samesite=lax", "path=/"} <= attributes
    assert "secure" not in attributes


async def test_over_https_the_session_never_travels_in_the_clear(site: Site) -> None:
    answer = await site.browser.post(
        "https://tidegate.test/sign-in", data={"link": LINK}, headers={"origin": "https://tidegate.test"}
    )
    assert "secure" in answer.headers["set-cookie"].lower()


async def test_behind_a_proxy_that_ends_tls_the_session_never_travels_in_the_clear_either(site: Site) -> None:
    answer = await site.browser.post("/sign-in", data={"link": LINK}, headers={"origin": "https://tidegate.test"})
    assert "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/appearance"])
async def test_a_form_of_megabytes_is_not_read_whoever_sends_it(site: Site, path: str) -> None:
    site.sign_in_as(None)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for number in range(64):
            sent += 1
            yield b"%d=" % number + b"a" * 65_536 + b"&"

    form = {"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"}
    answer = await site.browser.post(path, content=endless(), headers=form)
    assert answer.status_code == 413
    assert sent < 4


async def test_a_form_of_too_many_fields_is_the_senders_mistake(site: Site) -> None:
    form = {"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"}
    answer = await site.browser.post("/sign-in", content=b"a=1&" * 2_000, headers=form)
    assert answer.status_code == 400


async def test_a_link_works_once(site: Site) -> None:
    site.sign_in_as(None)
    await site.browser.post("/sign-in", data={"link": LINK}, headers={"origin": ORIGIN})
    again = await site.browser.post("/sign-in", data={"link": LINK}, headers={"origin": ORIGIN})
    assert again.status_code == 401
    assert "set-cookie" not in again.headers
    assert "tidegate sign-in-link" in again.text


@pytest.mark.parametrize("origin", ELSEWHERE)
async def test_another_origin_cannot_sign_somebody_in(site: Site, origin: str) -> None:
    answer = await site.browser.post("/sign-in", data={"link": LINK}, headers={"origin": origin})
    assert answer.status_code == 403
    assert LINK in site.identity.links


async def test_without_a_link_the_page_names_the_command_that_prints_one(site: Site) -> None:
    site.sign_in_as(None)
    page = await site.open("/sign-in")
    assert "tidegate sign-in-link" in page.main.text
    assert [form.attributes["action"] for form in page.all("form")] == ["/sign-in/password"]
    assert not page.all("script")


async def test_signing_out_ends_the_session_on_the_server(site: Site) -> None:
    form_token = (await site.open("/runbooks")).all("input", name="form_token")[0].attributes["value"]
    answer = await site.browser.post("/sign-out", data={"form_token": form_token}, headers={"origin": ORIGIN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert SESSION not in site.identity.sessions
    site.sign_in_as(SESSION)
    assert (await site.browser.get("/")).status_code == 303


@pytest.mark.parametrize("path", ["/sign-out", "/appearance"])
@pytest.mark.parametrize(
    "form_token",
    ["", "00" * 32, "no hex", new_form_token(OTHER_SESSION)],
    ids=["none", "zeros", "no hex", "of another session"],
)
async def test_a_form_without_the_token_of_the_session_does_nothing(site: Site, path: str, form_token: str) -> None:
    data = {"form_token": form_token, "appearance": "dark"}
    answer = await site.browser.post(path, data=data, headers={"origin": ORIGIN})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert SESSION in site.identity.sessions


@pytest.mark.parametrize("path", ["/sign-out", "/appearance"])
@pytest.mark.parametrize("origin", ELSEWHERE)
async def test_a_form_of_another_origin_does_nothing(site: Site, path: str, origin: str) -> None:
    data = {"form_token": new_form_token(SESSION), "appearance": "dark"}
    answer = await site.browser.post(path, data=data, headers={"origin": origin})
    assert answer.status_code == 403
    assert SESSION in site.identity.sessions


def test_form_tokens_differ_each_time_and_prove_one_session_only() -> None:
    first, second = new_form_token(SESSION), new_form_token(SESSION)
    assert first != second
    assert is_form_token(first, SESSION)
    assert is_form_token(second, SESSION)
    assert not is_form_token(first, OTHER_SESSION)
    assert not is_form_token(first[:32], SESSION)


@pytest.mark.parametrize("choice", ["light", "dark", "system"])
async def test_the_appearance_is_rendered_by_the_server(site: Site, choice: str) -> None:
    data = {"form_token": new_form_token(SESSION), "appearance": choice, "back_to": "/alerts?state=firing"}
    answer = await site.browser.post("/appearance", data=data, headers={"origin": ORIGIN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts?state=firing")
    page = await site.open("/alerts")
    assert page.one("html").attributes["data-appearance"] == choice
    assert page.one("button", value=choice).attributes["aria-pressed"] == "true"


@pytest.mark.parametrize(
    "back_to", ["https://evil.test", "//evil.test", "/\\evil.test", "javascript:alert(1)", "/a\r\nb"]
)
async def test_a_choice_never_leads_to_another_site(site: Site, back_to: str) -> None:
    data = {"form_token": new_form_token(SESSION), "appearance": "dark", "back_to": back_to}
    answer = await site.browser.post("/appearance", data=data, headers={"origin": ORIGIN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_a_made_up_appearance_cookie_is_no_choice(site: Site) -> None:
    site.browser.cookies.set("tidegate_appearance", '"><script>')
    page = await site.open("/alerts")
    assert page.one("html").attributes["data-appearance"] == "system"
