"""Signing in by a provider over a real state store: what lets people in, and every way in which it is attacked."""

import asyncio
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import Request
from tests.api.identity.people import KEY, PASSWORD, Installation
from tests.contract.providers.made_up import (
    CLIENT,
    EC,
    ED,
    KEYS,
    OTHER_RSA,
    RSA,
    SECRET,
    MadeUpProvider,
    Worlds,
    cookie_of,
    signed,
    state_of,
    unpadded,
)

from tidegate.edge.caller import SESSION_COOKIE, Role, Scope
from tidegate.identity import SigningKey
from tidegate.identity.members import InvitationService, MemberService
from tidegate.identity.providers.pages import COOKIE, sign_in_choices
from tidegate.identity.providers.store import PostgresProviders
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database


def address() -> str:
    """Return a fresh one: people are of the whole installation."""
    import secrets

    return f"{secrets.token_hex(6)}@example.com"


@pytest.fixture
async def ann(worlds: Worlds) -> str:
    """Somebody whom the provider asserts, unknown here, of a domain that is permitted."""
    email = address()
    worlds.provider.claims |= {"email": email, "sub": f"sub-{email}"}
    await worlds.set_provider()
    return email


async def invite(installation: Installation, workspace: WorkspaceId, email: str, role: Role) -> None:
    await installation.get(InvitationService).invite(workspace, email, role, by=installation.operator(workspace))


# What lets people in.


async def test_the_browser_is_sent_with_a_fresh_state_nonce_and_challenge(worlds: Worlds, ann: str) -> None:
    browser = worlds.browser()
    urls = [await worlds.begin(browser) for _ in range(2)]
    one, other = (parse_qs(urlsplit(url).query) for url in urls)
    assert one["response_type"] == ["code"]
    assert one["code_challenge_method"] == ["S256"]
    assert one["redirect_uri"] == [f"http://tidegate.test/sign-in/callback/{worlds.workspace}"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(one[name][0]) == 43
        assert one[name] != other[name]


async def test_the_cookie_of_a_sign_in_is_read_by_no_script_and_holds_nothing_in_the_open(
    worlds: Worlds, ann: str
) -> None:
    answer = await worlds.browser().get(f"/sign-in/with/{worlds.workspace}")
    cookie = answer.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=lax", "path=/sign-in/callback", "max-age=600"))
    assert state_of(answer.headers["location"]) not in answer.headers["set-cookie"]
    assert answer.headers["cache-control"] == "no-store"


async def test_behind_tls_both_cookies_are_sent_over_tls_only(worlds: Worlds, ann: str) -> None:
    await worlds.set_provider(public_url="https://tidegate.test")
    browser = worlds.browser()
    begun = await browser.get(f"/sign-in/with/{worlds.workspace}")
    assert "secure" in begun.headers["set-cookie"].lower()
    brought = worlds.provider.authorize(begun.headers["location"])
    cookie = begun.headers["set-cookie"].partition(";")[0]
    answer = await worlds.browser(cookie=cookie).get(f"/sign-in/callback/{worlds.workspace}", params=brought)
    assert answer.status_code == 303, answer.text
    session = next(each for each in answer.headers.get_list("set-cookie") if each.startswith(SESSION_COOKIE))
    assert "secure" in session.lower()


async def test_who_is_of_a_permitted_domain_joins_with_the_default_role_and_is_found_by_subject_afterwards(
    worlds: Worlds, ann: str
) -> None:
    caller = await worlds.signed_in()
    assert (caller.workspace, caller.role, caller.by_session) == (worlds.workspace, Role.ENGINEER, True)
    assert caller.proven_at is None  # the provider did not say when it last saw a proof
    worlds.provider.claims |= {"email": address(), "email_verified": False, "name": "Other"}
    again = await worlds.signed_in()
    assert again.member == caller.member
    assert again.actor != caller.actor
    assert worlds.installation.trail.actions(worlds.workspace) == [
        "identity-provider:set",
        "members:join",
        "sessions:create",
        "sessions:create",
    ]
    member = await worlds.installation.get(MemberService).get_member(worlds.workspace, caller.member or "")
    assert (member.name, member.email) == ("Ann", ann)


async def test_the_code_is_redeemed_once_with_the_verifier_and_the_secret(worlds: Worlds, ann: str) -> None:
    await worlds.signed_in()
    (redeemed,) = worlds.provider.redeemed
    assert redeemed["authorization"].startswith("Basic ")
    assert "client_secret" not in redeemed
    worlds.provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    await worlds.set_provider()
    await worlds.signed_in()
    assert worlds.provider.redeemed[1]["client_secret"] == SECRET
    await worlds.set_provider(client_secret="")
    await worlds.signed_in()
    assert "client_secret" not in worlds.provider.redeemed[2]
    assert worlds.provider.redeemed[2]["authorization"] == ""


@pytest.mark.parametrize("algorithm", list(KEYS))
async def test_the_named_algorithms_are_taken(worlds: Worlds, ann: str, algorithm: str) -> None:
    key = KEYS[algorithm]
    worlds.provider.sign = lambda claims: signed(claims, {"alg": algorithm, "kid": key.kid}, key)
    assert (await worlds.signed_in()).role is Role.ENGINEER


async def test_an_invitation_lets_in_with_its_role_whatever_the_domain(
    installation: Installation, worlds: Worlds
) -> None:
    await worlds.set_provider(email_domains=(), default_role=None)
    email = address().replace("@", "@elsewhere.")
    worlds.provider.claims |= {"email": email.upper(), "sub": f"sub-{email}"}
    assert await worlds.refusal(await worlds.sign_in()) == "not-admitted"
    await invite(installation, worlds.workspace, email, Role.APPROVER)
    caller = await worlds.signed_in()
    assert caller.role is Role.APPROVER
    assert await installation.get(InvitationService).list_open(worlds.workspace) == []


async def test_a_member_of_a_permitted_domain_is_linked_at_the_first_sign_in(
    installation: Installation, worlds: Worlds, ann: str
) -> None:
    person = await installation.join(worlds.workspace, Role.RELEASE_MANAGER, email=ann)
    caller = await worlds.signed_in()
    assert (caller.member, caller.role) == (person.id, Role.RELEASE_MANAGER)
    assert "members:link" in installation.trail.actions(worlds.workspace)


async def test_groups_decide_the_role_at_each_sign_in_and_never_make_an_owner(worlds: Worlds, ann: str) -> None:
    await worlds.set_provider(
        default_role=Role.VIEWER, group_roles={"ops": Role.ADMIN, "dev": Role.ENGINEER}, groups_claim="roles"
    )
    worlds.provider.claims["roles"] = ["dev", "ops", "owner", 7]
    caller = await worlds.signed_in()
    assert caller.role is Role.ADMIN
    worlds.provider.claims["roles"] = "dev"
    assert (await worlds.signed_in()).role is Role.ENGINEER
    del worlds.provider.claims["roles"]
    worlds.provider.userinfo = {"sub": worlds.provider.claims["sub"], "roles": ["unknown"]}
    assert (await worlds.signed_in()).role is Role.VIEWER
    assert (await worlds.signed_in()).member == caller.member
    await worlds.set_provider(email_domains=("example.com",), default_role=None, group_roles={"dev": Role.ENGINEER})
    assert await worlds.refusal(await worlds.sign_in()) == "no-role"


async def test_an_address_that_only_userinfo_has_is_read_there_of_the_same_subject(worlds: Worlds, ann: str) -> None:
    claims = worlds.provider.claims
    worlds.provider.claims = {"sub": claims["sub"]}
    worlds.provider.userinfo = {**claims, "sub": "somebody else"}
    assert await worlds.refusal(await worlds.sign_in()) == "subject-wrong"
    worlds.provider.userinfo = claims
    assert (await worlds.signed_in()).role is Role.ENGINEER
    assert "userinfo Bearer access" in worlds.provider.asked


ELSEWHERE = [
    "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "evil", "\\\\evil",
    "/a\r\nset-cookie: x=y", "/\t/evil.example", "/sign-in", "/" + "x" * 600,
]  # fmt: skip


async def test_a_path_of_ours_is_gone_on_to_and_no_other(worlds: Worlds, ann: str) -> None:
    assert (await worlds.sign_in(next_path="/gates/gat_1?x=y")).headers["location"] == "/gates/gat_1?x=y"
    for elsewhere in ELSEWHERE:
        location = (await worlds.sign_in(next_path=elsewhere)).headers["location"]
        assert location == "/", elsewhere


# What a hostile provider, or somebody between, sends.


def hs256_with_the_public_key(claims: dict[str, Any]) -> str:
    text = f'{unpadded(b"""{"alg":"HS256","kid":"rsa"}""")}.{unpadded(json.dumps(claims).encode())}'
    return f"{text}.{unpadded(hmac.digest(RSA.as_pem(private=False), text.encode(), hashlib.sha256))}"


def cut(claims: dict[str, Any]) -> str:
    return signed(claims)[:-8]


def of_another_body(claims: dict[str, Any]) -> str:
    head, _, signature = signed(claims).split(".")
    return f"{head}.{unpadded(json.dumps({**claims, 'sub': 'admin'}).encode())}.{signature}"


FORGED: list[Any] = [
    pytest.param(lambda claims: signed(claims, {"alg": "none"}, None), "algorithm-wrong", id="alg none"),
    pytest.param(lambda claims: signed(claims, {"alg": "nOnE"}, None), "algorithm-wrong", id="alg nOnE"),
    pytest.param(lambda claims: signed(claims, {"alg": None}, None), "token-unreadable", id="no alg"),
    pytest.param(lambda claims: signed(claims, {"alg": ["RS256"]}, None), "algorithm-wrong", id="alg of a list"),
    pytest.param(hs256_with_the_public_key, "algorithm-wrong", id="HS256 with the public key"),
    pytest.param(lambda claims: signed(claims, {"alg": "RS512"}, None), "algorithm-wrong", id="alg not in the list"),
    pytest.param(lambda claims: signed(claims, key=OTHER_RSA), "signature-wrong", id="key of somebody else"),
    pytest.param(
        lambda claims: signed(claims, {"jwk": OTHER_RSA.as_dict(private=False)}, OTHER_RSA),
        "token-unreadable",
        id="key in the token",
    ),
    pytest.param(
        lambda claims: signed(claims, {"jku": "https://elsewhere.example/keys"}, OTHER_RSA),
        "signature-wrong",
        id="address of a key in the token",
    ),
    pytest.param(lambda claims: signed(claims, {"crit": ["b64"], "b64": True}), "token-unreadable", id="critical"),
    pytest.param(
        lambda claims: signed(claims, {"kid": "../../../../dev/null"}), "key-unknown", id="kid that is a path"
    ),
    pytest.param(lambda claims: signed(claims, {"kid": "file:///etc/passwd"}), "key-unknown", id="kid that is a file"),
    pytest.param(lambda claims: signed(claims, {"kid": "' OR 1=1 --"}), "key-unknown", id="kid with SQL"),
    pytest.param(lambda claims: signed(claims, {"kid": None}, OTHER_RSA), "signature-wrong", id="no kid"),
    pytest.param(lambda claims: signed(claims, {"kid": "ec"}), "key-unknown", id="kid of another kind"),
    pytest.param(lambda claims: signed(claims, {"alg": "ES256", "kid": "ed"}, EC), "key-unknown", id="alg of another"),
    pytest.param(lambda claims: signed(claims, {"alg": "EdDSA", "kid": "ec"}, ED), "key-unknown", id="curve swapped"),
    pytest.param(cut, "signature-wrong", id="cut"),
    pytest.param(of_another_body, "signature-wrong", id="body swapped"),
    pytest.param(lambda _: "", "token-unreadable", id="empty"),
    pytest.param(lambda _: "a.b.c", "token-unreadable", id="letters"),
    pytest.param(lambda _: "ä.b.c", "token-unreadable", id="no ASCII"),
    pytest.param(lambda _: "x" * 100_000, "token-unreadable", id="long"),
]


@pytest.mark.parametrize(("sign", "reason"), FORGED)
async def test_a_forged_token_proves_nothing(worlds: Worlds, ann: str, sign: Any, reason: str) -> None:
    worlds.provider.sign = sign
    assert await worlds.refusal(await worlds.sign_in()) == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://elsewhere.example"}, "issuer-wrong"),
        ({"iss": None}, "issuer-wrong"),
        ({"aud": "another-client"}, "audience-wrong"),
        ({"aud": None}, "audience-wrong"),
        ({"aud": []}, "audience-wrong"),
        ({"aud": {CLIENT: 1}}, "audience-wrong"),
        ({"aud": [CLIENT, "another-client"]}, "audience-wrong"),
        ({"aud": [CLIENT, "another-client"], "azp": "another-client"}, "audience-wrong"),
        ({"azp": "another-client"}, "audience-wrong"),
        ({"nonce": "of another sign-in"}, "nonce-wrong"),
        ({"nonce": None}, "nonce-wrong"),
        ({"nonce": 7}, "nonce-wrong"),
        ({"nonce": "\ud800"}, "nonce-wrong"),
        ({"exp": -61}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": "tomorrow"}, "expired"),
        ({"exp": True}, "expired"),
        ({"exp": 10**400}, "expired"),
        ({"iat": None}, "expired"),
        ({"iat": -3_600}, "expired"),
        ({"iat": 3_600}, "not-yet"),
        ({"nbf": 3_600}, "not-yet"),
        ({"nbf": "soon"}, "not-yet"),
        ({"sub": None}, "subject-wrong"),
        ({"sub": ""}, "subject-wrong"),
        ({"sub": 7}, "subject-wrong"),
        ({"sub": "x" * 256}, "subject-wrong"),
        ({"sub": "a\x00b"}, "subject-wrong"),
    ],
    ids=str,
)
async def test_a_token_for_something_else_is_refused(
    worlds: Worlds, ann: str, changes: dict[str, Any], reason: str
) -> None:
    def alter(claims: dict[str, Any]) -> None:
        for name, value in changes.items():
            is_moment = name in {"exp", "iat", "nbf"} and type(value) is int and abs(value) < 10**6
            claims[name] = claims["iat"] + value if is_moment else value
            if value is None:
                del claims[name]

    worlds.provider.alter = alter
    assert await worlds.refusal(await worlds.sign_in()) == reason


async def test_a_header_that_nobody_knows_is_nothing_to_us(worlds: Worlds, ann: str) -> None:
    worlds.provider.sign = lambda claims: signed(claims, {"x5t": "abc", "tenant": 7})
    assert (await worlds.signed_in()).role is Role.ENGINEER


async def test_a_little_difference_of_clocks_is_let_pass(worlds: Worlds, ann: str) -> None:
    worlds.provider.alter = lambda claims: claims.update(iat=claims["iat"] + 30, exp=claims["iat"] - 30)
    assert (await worlds.signed_in()).role is Role.ENGINEER


async def test_several_audiences_are_fine_when_we_are_the_authorized_party(worlds: Worlds, ann: str) -> None:
    worlds.provider.alter = lambda claims: claims.update(aud=[CLIENT, "api"], azp=CLIENT)
    assert (await worlds.signed_in()).role is Role.ENGINEER


async def test_keys_that_are_no_keys_of_ours_are_left_out(worlds: Worlds, ann: str) -> None:
    shared = {"kty": "oct", "k": unpadded(RSA.as_pem(private=False)), "kid": "rsa", "alg": "HS256"}
    for_secrets = {**EC.as_dict(private=False), "kid": "enc", "use": "enc"}
    worlds.provider.keys = [shared, {"kid": "rsa"}, {"kty": ["RSA"]}, for_secrets, RSA.as_dict(private=False)]
    await worlds.set_provider()
    assert (await worlds.signed_in()).role is Role.ENGINEER
    worlds.provider.sign = lambda claims: signed(claims, {"alg": "ES256", "kid": "enc"}, EC)
    assert await worlds.refusal(await worlds.sign_in()) == "key-unknown"


async def test_an_unknown_key_asks_for_the_keys_again_once_a_minute(worlds: Worlds, ann: str) -> None:
    await worlds.signed_in()
    worlds.provider.sign = lambda claims: signed(claims, {"kid": "made-up"})
    for _ in range(3):
        assert await worlds.refusal(await worlds.sign_in()) == "key-unknown"
    assert worlds.provider.asked.count("keys") == 1
    worlds.installation.later(minutes=2)
    worlds.provider.now = worlds.installation.clock.now()
    new = {**OTHER_RSA.as_dict(private=False), "kid": "made-up"}
    worlds.provider.keys = [new]
    worlds.provider.sign = lambda claims: signed(claims, {"kid": "made-up"}, OTHER_RSA)
    assert (await worlds.signed_in()).role is Role.ENGINEER
    assert worlds.provider.asked.count("keys") == 2


# What is done with the way back.


async def test_without_the_browser_that_began_it_nobody_signs_in(worlds: Worlds, ann: str) -> None:
    brought = worlds.provider.authorize(await worlds.begin(worlds.browser()))
    assert await worlds.refusal(await worlds.come_back(worlds.browser(), brought)) == "state-missing"
    other = worlds.browser()
    await worlds.begin(other)
    assert await worlds.refusal(await worlds.come_back(other, brought)) == "state-wrong"
    assert worlds.provider.redeemed == []


async def test_state_is_there_once_and_for_ten_minutes(worlds: Worlds, ann: str) -> None:
    browser = worlds.browser()
    brought = worlds.provider.authorize(await worlds.begin(browser))
    cookie = f"{COOKIE}={cookie_of(browser)}"
    without = {name: value for name, value in brought.items() if name != "state"}
    assert await worlds.refusal(await worlds.come_back(worlds.browser(cookie=cookie), without)) == "state-missing"
    done = await worlds.come_back(browser, brought)
    assert done.status_code == 303
    assert COOKIE not in browser.cookies
    for replayed in (brought, {**brought, "code": "another"}):
        answer = await worlds.come_back(worlds.browser(cookie=cookie), replayed)
        assert await worlds.refusal(answer) == "state-used"
    assert len(worlds.provider.redeemed) == 1
    late = worlds.browser()
    brought = worlds.provider.authorize(await worlds.begin(late))
    worlds.installation.later(minutes=10)
    assert await worlds.refusal(await worlds.come_back(late, brought)) == "state-expired"


async def test_a_state_that_was_used_under_a_key_before_its_rotation_is_used(
    database: Database, installation: Installation, workspace: WorkspaceId
) -> None:
    store, now = PostgresProviders(database, installation.trail), installation.clock.now()
    until = now + timedelta(minutes=10)
    old, new = KEY.hash_of("state"), SigningKey("k2", b"j" * 32).hash_of("state")
    assert await store.use_state(workspace, [old], now=now, until=until)
    assert not await store.use_state(workspace, [new, old], now=now, until=until)
    assert not await store.use_state(workspace, [old], now=now, until=until)
    assert await store.use_state(workspace, [SigningKey("k2", b"j" * 32).hash_of("other")], now=now, until=until)


async def test_of_two_that_bring_the_same_state_at_once_one_signs_in(worlds: Worlds, ann: str) -> None:
    browser = worlds.browser()
    brought = worlds.provider.authorize(await worlds.begin(browser))
    cookie = f"{COOKIE}={cookie_of(browser)}"
    answers = await asyncio.gather(*(worlds.come_back(worlds.browser(cookie=cookie), brought) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [303, 401, 401, 401]


async def test_used_states_are_forgotten_when_they_are_too_old_anyway(worlds: Worlds, ann: str) -> None:
    await worlds.signed_in()
    worlds.installation.later(minutes=11)
    worlds.provider.now = worlds.installation.clock.now()
    await worlds.signed_in()
    kept = await worlds.installation.owner.fetchval(
        "SELECT count(*) FROM provider_states_used WHERE workspace = $1", worlds.workspace
    )
    assert kept == 1


async def test_a_code_that_was_used_before_signs_nobody_in(worlds: Worlds, ann: str) -> None:
    one, other = worlds.browser(), worlds.browser()
    first = worlds.provider.authorize(await worlds.begin(one))
    second = worlds.provider.authorize(await worlds.begin(other))
    assert (await worlds.come_back(one, first)).status_code == 303
    stolen = {**second, "code": first["code"]}
    assert await worlds.refusal(await worlds.come_back(other, stolen)) == "code-refused"


async def test_a_code_of_somebody_elses_sign_in_fails_by_its_challenge(worlds: Worlds, ann: str) -> None:
    one, other = worlds.browser(), worlds.browser()
    first = worlds.provider.authorize(await worlds.begin(one))
    second = worlds.provider.authorize(await worlds.begin(other))
    assert await worlds.refusal(await worlds.come_back(other, {**second, "code": first["code"]})) == "code-refused"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://elsewhere.example"}, "issuer-wrong"),
        ({"iss": None}, "issuer-wrong"),
        ({"iss": ""}, "issuer-wrong"),
        ({"code": None}, "code-missing"),
        ({"code": None, "error": "access_denied", "error_description": "secret of the provider"}, "provider-error"),
    ],
)
async def test_what_comes_from_another_provider_or_without_a_code_is_refused_unasked(
    worlds: Worlds, ann: str, changes: dict[str, str | None], reason: str
) -> None:
    browser = worlds.browser()
    brought: dict[str, str | None] = {**worlds.provider.authorize(await worlds.begin(browser)), **changes}
    kept = {name: value for name, value in brought.items() if value is not None}
    assert await worlds.refusal(await worlds.come_back(browser, kept)) == reason
    assert worlds.provider.redeemed == []


async def test_a_code_of_one_provider_is_never_sent_to_another(
    worlds: Worlds, ann: str, other_made_up: MadeUpProvider
) -> None:
    """The victim begins at the attacker's provider, which sends the browser on to the honest one."""
    installation = worlds.installation
    other_made_up.reset(now=installation.clock.now())
    attacked = await installation.new_workspace()
    evil = Worlds(installation, attacked, other_made_up)
    await evil.set_provider()
    browser = worlds.browser()
    begun = await evil.begin(browser)
    honest = worlds.provider.authorize(begun)  # issued for the honest client, with the attacker's state
    assert await worlds.refusal(await worlds.come_back(browser, honest)) == "state-wrong"
    assert other_made_up.redeemed == []
    assert worlds.provider.redeemed == []


async def test_the_provider_of_one_workspace_signs_nobody_in_to_another(
    worlds: Worlds, ann: str, other_made_up: MadeUpProvider
) -> None:
    installation = worlds.installation
    other_made_up.reset(now=installation.clock.now())
    victim = await installation.join(worlds.workspace, Role.ENGINEER, email=ann)
    theirs = await installation.new_workspace()
    evil = Worlds(installation, theirs, other_made_up)
    await evil.set_provider()
    other_made_up.claims |= {"email": ann, "sub": f"sub-{ann}"}
    # Into its own workspace it lets nobody who belongs elsewhere; into ours it leads nobody at all.
    assert await evil.refusal(await evil.sign_in()) == "elsewhere"
    browser = worlds.browser()
    brought = other_made_up.authorize(await evil.begin(browser))
    assert await worlds.refusal(await worlds.come_back(browser, brought)) == "state-wrong"
    # Even with tokens that name our issuer, signed by its own key.
    other_made_up.alter = lambda claims: claims.update(iss=worlds.provider.url)
    assert await evil.refusal(await evil.sign_in()) == "issuer-wrong"
    members = await installation.get(MemberService).list_members(theirs, limit=10, cursor=None)
    assert members.items == ()
    assert (await worlds.signed_in()).member == victim.id


async def test_a_provider_that_was_changed_meanwhile_signs_nobody_in(
    worlds: Worlds, ann: str, other_made_up: MadeUpProvider
) -> None:
    browser = worlds.browser()
    brought = worlds.provider.authorize(await worlds.begin(browser))
    await worlds.set_provider(issuer=other_made_up.url)
    assert await worlds.refusal(await worlds.come_back(browser, brought)) == "provider-changed"


# Whom it lets in.


@pytest.mark.parametrize("verified", [False, None, "true", 1])
async def test_an_address_that_is_not_verified_finds_nobody(
    installation: Installation, worlds: Worlds, ann: str, verified: Any
) -> None:
    await installation.join(worlds.workspace, Role.ENGINEER, email=ann)
    worlds.provider.claims["email_verified"] = verified
    assert await worlds.refusal(await worlds.sign_in()) == "email-unverified"


@pytest.mark.parametrize("email", ["ann@sub.example.com", "ann@evil-example.com", "ann@example.com.evil.example"])
async def test_an_address_alone_links_nobody(installation: Installation, worlds: Worlds, ann: str, email: str) -> None:
    found = f"{ann.partition('@')[0]}.{email}"
    await installation.join(worlds.workspace, Role.ENGINEER, email=found)
    worlds.provider.claims["email"] = found
    assert await worlds.refusal(await worlds.sign_in()) == "not-admitted"
    assert "members:link" not in installation.trail.actions(worlds.workspace)


@pytest.mark.parametrize("email", ["not an address", "a@b\x00.example.com", 7, None, ""])
async def test_what_is_no_address_finds_nobody(worlds: Worlds, ann: str, email: Any) -> None:
    worlds.provider.claims["email"] = email
    assert await worlds.refusal(await worlds.sign_in()) == "email-unverified"


async def test_a_second_subject_of_the_same_address_is_somebody_else(worlds: Worlds, ann: str) -> None:
    await worlds.signed_in()
    worlds.provider.claims["sub"] = "whoever got the address later"
    assert await worlds.refusal(await worlds.sign_in()) == "linked-otherwise"


async def test_no_provider_signs_in_an_owner(installation: Installation, worlds: Worlds, ann: str) -> None:
    await installation.join(worlds.workspace, Role.OWNER, email=ann)
    assert await worlds.refusal(await worlds.sign_in()) == "owner"
    email = address()
    worlds.provider.claims |= {"email": email, "sub": f"sub-{email}"}
    await invite(installation, worlds.workspace, email, Role.OWNER)
    assert await worlds.refusal(await worlds.sign_in()) == "owner"


async def test_who_became_an_owner_is_let_in_by_the_provider_no_longer(
    installation: Installation, worlds: Worlds, ann: str
) -> None:
    caller = await worlds.signed_in()
    by = installation.operator(worlds.workspace)
    await installation.get(MemberService).change(worlds.workspace, caller.member or "", role=Role.OWNER, by=by)
    assert await worlds.refusal(await worlds.sign_in()) == "owner"


async def test_who_is_a_member_elsewhere_is_let_in_by_no_provider(
    installation: Installation, worlds: Worlds, ann: str
) -> None:
    theirs = await installation.new_workspace()
    person = await installation.join(theirs, Role.VIEWER, email=ann)
    assert await worlds.refusal(await worlds.sign_in()) == "elsewhere"
    await invite(installation, worlds.workspace, ann, Role.VIEWER)
    assert await worlds.refusal(await worlds.sign_in()) == "elsewhere"
    await installation.get(MemberService).remove(theirs, person.id, by=installation.operator(theirs))
    assert (await worlds.signed_in()).member == person.id


async def test_who_was_deactivated_or_removed_stays_out(installation: Installation, worlds: Worlds, ann: str) -> None:
    caller = await worlds.signed_in()
    by, members = installation.operator(worlds.workspace), installation.get(MemberService)
    await members.change(worlds.workspace, caller.member or "", is_active=False, by=by)
    assert await worlds.refusal(await worlds.sign_in()) == "deactivated"
    await members.remove(worlds.workspace, caller.member or "", by=by)
    assert await worlds.refusal(await worlds.sign_in()) == "not-admitted"
    await invite(installation, worlds.workspace, ann, Role.VIEWER)
    back = await worlds.signed_in()
    assert (back.member, back.role, back.scope) == (caller.member, Role.VIEWER, Scope.READ)


async def test_of_two_first_sign_ins_at_once_one_member_comes(worlds: Worlds, ann: str) -> None:
    answers = await asyncio.gather(*(worlds.sign_in() for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {303, 409}
    assert 303 in {answer.status_code for answer in answers}
    page = await worlds.installation.get(MemberService).list_members(worlds.workspace, limit=10, cursor=None)
    assert len(page.items) == 1


async def test_with_another_issuer_or_a_removed_provider_links_are_gone(
    installation: Installation, worlds: Worlds, ann: str, other_made_up: MadeUpProvider
) -> None:
    await worlds.signed_in()
    await worlds.set_provider(issuer=other_made_up.url)
    count = "SELECT count(*) FROM provider_subjects WHERE workspace = $1"
    assert await installation.owner.fetchval(count, worlds.workspace) == 0


async def test_a_person_of_a_provider_has_no_password(worlds: Worlds, ann: str) -> None:
    from tidegate.identity.errors import PasswordWrongError
    from tidegate.identity.sessions import Credentials, SessionService

    await worlds.signed_in()
    sessions = worlds.installation.get(SessionService)
    for password in ("", PASSWORD):
        with pytest.raises(PasswordWrongError):
            await sessions.sign_in(Credentials(email=ann, password=password))


# What is seen from outside.


async def test_a_workspace_without_a_provider_looks_like_none(worlds: Worlds, installation: Installation) -> None:
    suspended = await installation.new_workspace()
    await worlds.set_provider(suspended)
    await installation.owner.execute("UPDATE workspaces SET state = 'suspended' WHERE id = $1", suspended)
    answers = [
        await worlds.browser().get(f"/sign-in/with/{name}") for name in (worlds.workspace, "no-such-one", suspended)
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    back = await worlds.browser().get(f"/sign-in/callback/{suspended}?state=x&code=y")
    assert back.status_code == 404


async def test_who_comes_from_a_page_of_somebody_else_is_asked_first(worlds: Worlds, ann: str) -> None:
    for site in ("cross-site", "same-site"):
        browser = worlds.browser(**{"sec-fetch-site": site})
        answer = await browser.get(f"/sign-in/with/{worlds.workspace}?next=/gates")
        assert answer.status_code == 200
        assert COOKIE not in browser.cookies
        assert f'href="/sign-in/with/{worlds.workspace}?next=%2Fgates"' in answer.text
    same = worlds.browser(**{"sec-fetch-site": "same-origin"})
    assert (await same.get(f"/sign-in/with/{worlds.workspace}")).status_code == 303


async def test_whoever_chooses_the_workspace_sees_where_its_people_sign_in(worlds: Worlds, ann: str) -> None:
    browser = worlds.browser()
    assert 'name="workspace"' in (await browser.get("/sign-in/with")).text
    found = await browser.get("/sign-in/with", params={"workspace": worlds.workspace})
    assert "Continue to 127.0.0.1" in found.text
    missing = await browser.get("/sign-in/with", params={"workspace": '"><script>'})
    assert missing.status_code == 404
    assert "<script>" not in missing.text.replace("<script src", "")


async def test_the_sign_in_page_is_offered_a_link_that_leads_there(worlds: Worlds, ann: str) -> None:
    (choice,) = await sign_in_choices(Request({"type": "http"}))
    assert (await worlds.browser().get(choice.path)).status_code == 200


async def test_guesses_at_the_way_back_are_counted(worlds: Worlds, ann: str) -> None:
    from tidegate.edge.allowance import Allowance
    from tidegate.edge.limits import RequestLimits

    worlds.application.state.limits = RequestLimits(worlds.installation.clock, Allowance(attempts=3))
    browser = worlds.browser()
    answers = [await worlds.come_back(browser, {"state": "x", "code": "y"}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await worlds.sign_in()).status_code == 303  # others of that address are let in


@pytest.mark.parametrize("name", ["%00", "%ff", "..%2f..", "A", "x" * 300, "'; SELECT 1", "%F0%9F%92%A9"])
async def test_a_made_up_name_of_a_workspace_is_no_mistake_of_ours(worlds: Worlds, name: str) -> None:
    for path in (f"/sign-in/with/{name}", f"/sign-in/with?workspace={name}", f"/sign-in/callback/{name}?state=x"):
        answer = await worlds.browser().get(path)
        assert 400 <= answer.status_code < 500, (path, answer.status_code)


async def test_a_provider_that_is_away_is_said_to_be_and_is_not_asked_by_everybody(worlds: Worlds, ann: str) -> None:
    await worlds.set_provider(issuer="http://127.0.0.1:1")
    answer = await worlds.browser().get(f"/sign-in/with/{worlds.workspace}")
    assert answer.status_code == 503
    assert "127.0.0.1:1/" not in answer.text


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://elsewhere.example"},
        {"issuer": None},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": "http://10.0.0.1/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://user:pass@elsewhere.example/"},
        {"jwks_uri": None},
        {"jwks_uri": 7},
    ],
    ids=str,
)
async def test_what_a_provider_publishes_is_held_to_our_rules(
    worlds: Worlds, ann: str, metadata: dict[str, Any]
) -> None:
    worlds.provider.metadata = metadata
    await worlds.set_provider()
    answer = await worlds.browser().get(f"/sign-in/with/{worlds.workspace}")
    assert answer.status_code == 503
    assert COOKIE not in answer.cookies


async def test_no_secret_is_seen_in_what_is_stored_recorded_or_answered(
    worlds: Worlds, ann: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await worlds.signed_in()
    row = await worlds.installation.owner.fetchrow(
        "SELECT * FROM identity_providers WHERE workspace = $1", worlds.workspace
    )
    seen = [repr(dict(row)), repr(worlds.installation.trail.deeds), *map(str, capsys.readouterr())]
    assert all(SECRET not in each and "tidegate:client" not in each for each in seen)


def test_ten_minutes_are_what_the_page_says() -> None:
    from tidegate.identity.providers.model import SIGN_IN_LENGTH

    assert timedelta(minutes=10) == SIGN_IN_LENGTH
