"""Who signs out at the provider is signed out here: what a logout token has to be, and what it ends."""

import secrets
from typing import Any

import httpx
import pytest
from tests.contract.providers.made_up import CLIENT, OTHER_RSA, Worlds, signed
from tests.contract.providers.test_sign_in import address

from tidegate.edge.allowance import Allowance
from tidegate.edge.caller import SESSION_COOKIE
from tidegate.edge.limits import RequestLimits
from tidegate.identity import IdentityService
from tidegate.identity.errors import CredentialInvalidError

EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
async def ann(worlds: Worlds) -> str:
    """The subject of somebody whom the provider lets in."""
    email = address()
    worlds.provider.claims |= {"email": email, "sub": f"sub-{email}", "sid": "theirs-1"}
    await worlds.set_provider()
    return f"sub-{email}"


def claims_of(worlds: Worlds, **changes: Any) -> dict[str, Any]:
    now = int(worlds.installation.clock.now().timestamp())
    found = {"iss": worlds.provider.url, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": secrets.token_hex(8),
             "events": {EVENT: {}}}  # fmt: skip
    return {name: value for name, value in (found | changes).items() if value is not None}


async def say(worlds: Worlds, token: str) -> httpx.Response:
    path = f"/sign-in/backchannel-logout/{worlds.workspace}"
    return await worlds.browser().post(path, data={"logout_token": token})


async def sign_in(worlds: Worlds, sid: str | None = "theirs-1") -> str:
    worlds.provider.claims["sid"] = sid
    return str((await worlds.sign_in()).cookies[SESSION_COOKIE])


async def is_open(worlds: Worlds, session: str) -> bool:
    try:
        await worlds.installation.get(IdentityService).caller_of_session(session)
    except CredentialInvalidError:
        return False
    return True


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        pytest.param({"sid": "theirs-1"}, [False, True, True], id="one session of the provider"),
        pytest.param({"sub": "ann"}, [False, False, False], id="a person"),
        pytest.param({"sub": "ann", "sid": "theirs-2"}, [True, False, True], id="one session of a person"),
        pytest.param({"sub": "somebody else", "sid": "theirs-1"}, [True, True, True], id="a session of somebody else"),
        pytest.param({"sub": "somebody else"}, [True, True, True], id="somebody who was never here"),
    ],
)
async def test_what_the_provider_ends_has_ended_here(
    worlds: Worlds, ann: str, changes: dict[str, str], left: list[bool]
) -> None:
    sessions = [await sign_in(worlds, sid) for sid in ("theirs-1", "theirs-2", None)]
    for session in sessions:
        assert await is_open(worlds, session)
    named = {name: ann if value == "ann" else value for name, value in changes.items()}
    answer = await say(worlds, signed(claims_of(worlds, **named), {"typ": "logout+jwt"}))
    assert (answer.status_code, answer.headers["cache-control"], answer.content) == (200, "no-store", b"")
    assert [await is_open(worlds, session) for session in sessions] == left
    ends = [deed for _, deed in worlds.installation.trail.deeds if deed.action == "sessions:end"]
    assert len(ends) == left.count(False)
    assert all(deed.details == {"how": "provider", "issuer": worlds.provider.url} for deed in ends)


async def test_a_session_that_began_otherwise_stays(worlds: Worlds, ann: str) -> None:
    member = (await worlds.signed_in()).member
    await worlds.installation.owner.execute(
        "UPDATE sessions SET provider_issuer = NULL, provider_session = NULL WHERE workspace = $1", worlds.workspace
    )
    by_provider = await sign_in(worlds)
    assert (await say(worlds, signed(claims_of(worlds, sub=ann)))).status_code == 200
    assert not await is_open(worlds, by_provider)
    kept = await worlds.installation.owner.fetchval(
        "SELECT count(*) FROM sessions WHERE workspace = $1 AND member = $2 AND ended_at IS NULL",
        worlds.workspace,
        member,
    )
    assert kept == 1


async def test_a_token_ends_something_once(worlds: Worlds, ann: str) -> None:
    token = signed(claims_of(worlds, sub=ann))
    assert (await say(worlds, token)).status_code == 200
    session = await sign_in(worlds)
    answer = await say(worlds, token)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    assert await is_open(worlds, session)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another-client"},
        {"aud": None},
        {"iat": None},
        {"iat": 10**9},
        {"iat": 10**10},
        {"exp": 10**9},
        {"exp": "tomorrow"},
        {"jti": None},
        {"jti": 7},
        {"jti": "\ud800"},
        {"events": None},
        {"events": {}},
        {"events": [EVENT]},
        {"events": {EVENT: True}},
        {"nonce": "x"},
        {"sub": None},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sid": 7},
        {"sid": "\ud800"},
    ],
    ids=str,
)
async def test_what_is_no_logout_token_ends_nothing(worlds: Worlds, ann: str, changes: dict[str, Any]) -> None:
    session = await sign_in(worlds)
    answer = await say(worlds, signed(claims_of(worlds, **({"sub": ann} | changes))))
    assert (answer.status_code, answer.headers["cache-control"]) == (400, "no-store")
    assert await is_open(worlds, session)


async def test_a_token_that_the_provider_did_not_sign_ends_nothing(worlds: Worlds, ann: str) -> None:
    session = await sign_in(worlds)
    claims = claims_of(worlds, sub=ann)
    for token in (signed(claims, key=OTHER_RSA), signed(claims, {"typ": "at+jwt"}), "", "a.b.c", "é"):
        assert (await say(worlds, token)).status_code == 400
    assert await is_open(worlds, session)


async def test_a_provider_of_another_workspace_ends_nothing_here(worlds: Worlds, ann: str) -> None:
    session = await sign_in(worlds)
    other = await worlds.installation.new_workspace()
    path = f"/sign-in/backchannel-logout/{other}"
    token = signed(claims_of(worlds, sub=ann))
    assert (await worlds.browser().post(path, data={"logout_token": token})).status_code == 404
    await worlds.set_provider(other)
    assert (await worlds.browser().post(path, data={"logout_token": token})).status_code == 200
    assert await is_open(worlds, session)


async def test_who_guesses_logout_tokens_waits(worlds: Worlds, ann: str) -> None:
    worlds.application.state.limits = RequestLimits(worlds.installation.clock, Allowance(attempts=2))
    assert [(await say(worlds, "x")).status_code for _ in range(3)] == [400, 400, 429]
