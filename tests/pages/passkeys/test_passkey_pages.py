"""Passkeys and fresh proofs as a browser meets them, over a real state store and an authenticator in software."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import Request
from tests.api.identity.people import PASSWORD, Installation, Person, bearer, client_of
from tests.pages.documents import Document, assert_is_sound
from tests.unit.passkeys.authenticator import ORIGIN, Authenticator

from tidegate.audit import Outcome
from tidegate.edge.caller import SESSION_COOKIE, Role, Scope
from tidegate.edge.csrf import new_form_token
from tidegate.edge.static import router as assets
from tidegate.identity import IdentityService
from tidegate.identity.account_pages import router as account_pages
from tidegate.identity.members import InvitationService, Joining, MemberService
from tidegate.identity.model import SESSION_LENGTH
from tidegate.identity.pages import router as identity_pages
from tidegate.identity.passkey_pages import router as passkey_pages
from tidegate.identity.passkeys.routes import router as passkey_routes
from tidegate.identity.prove_pages import router as prove_pages
from tidegate.identity.sessions import SignInFailures
from tidegate.identity.sign_in_page import SignInChoice
from tidegate.identity.token_pages import router as token_pages
from tidegate.identity.tokens.routes import router as token_routes
from tidegate.kernel import WorkspaceId

ROUTERS = (
    assets,
    identity_pages,
    account_pages,
    passkey_pages,
    passkey_routes,
    prove_pages,
    token_pages,
    token_routes,
)  # fmt: skip


@dataclass
class Browser:
    """One browser with its authenticator."""

    client: httpx.AsyncClient
    authenticator: Authenticator = field(default_factory=Authenticator)

    @property
    def session(self) -> str:
        return self.client.cookies.get(SESSION_COOKIE) or ""

    def sign_in_as(self, person: Person) -> None:
        self.carry(person.session)

    def carry(self, session: str) -> None:
        self.client.cookies.set(SESSION_COOKIE, session, domain="tidegate.test", path="/")

    async def send(self, path: str, *, origin: str = ORIGIN, headers: Any = None, **fields: str) -> httpx.Response:
        proof = {"form_token": new_form_token(self.session)} if self.session else {}
        return await self.client.post(path, data=proof | fields, headers={"origin": origin, **(headers or {})})

    async def add(self, name: str = "blue key", **changes: Any) -> httpx.Response:
        options = await self.send("/account/passkeys/options")
        assert options.status_code == 200, options.text
        made = self.authenticator.create(options.json(), **changes)
        return await self.send("/account/passkeys", credential=made, passkey_name=name)

    async def answer(self, path: str, **changes: Any) -> httpx.Response:
        options = await self.send(f"{path}/options")
        assert options.status_code == 200, options.text
        return await self.send(path, credential=self.authenticator.get(options.json(), **changes))


@pytest.fixture
def browser(installation: Installation) -> Browser:
    return Browser(client_of(installation.application(*ROUTERS)))


@pytest.fixture
async def owner(installation: Installation, workspace: WorkspaceId, browser: Browser) -> Person:
    """Sign somebody in who has a passkey."""
    person = await installation.join(workspace, Role.OWNER)
    browser.sign_in_as(person)
    assert (await browser.add()).status_code == 303
    return person


def sound(answer: httpx.Response, status: int = 200) -> Document:
    assert answer.status_code == status, answer.text
    document = Document(answer.text)
    assert_is_sound(document)
    return document


def values_of(page: Document, name: str) -> set[str | None]:
    """Return what the forms of a page carry: the one of the password, and that of the passkey."""
    return {field.attributes["value"] for field in page.all("input", name=name)}


async def refusals(installation: Installation, workspace: WorkspaceId) -> list[dict[str, Any]]:
    await installation.get(SignInFailures).flush()
    return [
        dict(deed.details)
        for of, deed in installation.trail.deeds
        if of == workspace and (deed.action, deed.outcome) == ("sessions:create", Outcome.DENIED)
    ]


async def test_somebody_signs_in_with_a_passkey_and_names_nobody(
    installation: Installation, browser: Browser, owner: Person
) -> None:
    browser.client.cookies.clear()
    answer = await browser.answer("/sign-in/passkey")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    caller = await installation.get(IdentityService).caller_of_session(browser.session)
    assert (caller.member, caller.workspace, caller.proven_at) == (
        owner.id,
        owner.workspace,
        installation.clock.now(),
    )
    deed = next(deed for _, deed in reversed(installation.trail.deeds) if deed.action == "sessions:create")
    assert (deed.details["how"], deed.details["address"]) == ("passkey", "127.0.0.1")


async def test_the_cookie_of_a_challenge_is_for_this_browser_and_these_pages_alone(browser: Browser) -> None:
    answer = await browser.send("/sign-in/passkey/options")
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/", "max-age=300"} <= attributes
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json()) >= {"challenge", "rpId"}
    assert answer.json()["allowCredentials"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://evil.test"},
        {"rp_id": "evil.test"},
        {"challenge": "AAAA"},
        {"flags": 0x01},
        {"count": 0},
        {"user_handle": "AAAA"},
        {"user_handle": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_passkey_that_proves_nothing_is_refused_with_one_answer_and_recorded(
    installation: Installation, browser: Browser, owner: Person, changes: dict[str, Any]
) -> None:
    browser.client.cookies.clear()
    assert (await browser.answer("/sign-in/passkey")).status_code == 303
    browser.client.cookies.clear()
    answer = await browser.answer("/sign-in/passkey", **changes)
    page = sound(answer, 400)
    assert "passkey_refused" in page.one("div", role="alert").text
    assert SESSION_COOKIE not in answer.headers.get("set-cookie", "")
    (refusal,) = await refusals(installation, owner.workspace)
    assert (refusal["how"], refusal["address"]) == ("passkey", "127.0.0.1")
    assert ("counter went back" in refusal["why"]) is ("count" in changes)


async def test_a_challenge_is_answered_once_within_five_minutes_by_the_browser_that_asked(
    installation: Installation, browser: Browser, owner: Person
) -> None:
    browser.client.cookies.clear()
    options = (await browser.send("/sign-in/passkey/options")).json()
    kept = dict(browser.client.cookies)
    answer = browser.authenticator.get(options)
    elsewhere = client_of(installation.application(*ROUTERS))
    alone = await elsewhere.post("/sign-in/passkey", data={"credential": answer}, headers={"origin": ORIGIN})
    assert alone.status_code == 400
    assert (await browser.send("/sign-in/passkey", credential=answer)).status_code == 303
    browser.client.cookies.clear()
    browser.client.cookies.update(kept)
    assert (await browser.send("/sign-in/passkey", credential=answer)).status_code == 400
    options = (await browser.send("/sign-in/passkey/options")).json()
    installation.later(minutes=5)
    late = await browser.send("/sign-in/passkey", credential=browser.authenticator.get(options))
    assert late.status_code == 400
    whys = [each["why"] for each in await refusals(installation, owner.workspace)]
    assert len(whys) == 3
    assert len(set(whys)) == 1
    await browser.send("/sign-in/passkey/options")  # forgets what is too old
    left = await installation.owner.fetchval(
        "SELECT count(*) FROM passkey_challenges WHERE expires_at <= $1", installation.clock.now()
    )
    assert left == 0


async def test_an_answer_to_one_question_is_none_to_another(
    installation: Installation, browser: Browser, owner: Person
) -> None:
    asked = (await browser.send("/account/prove/passkey/options")).json()
    answer = browser.authenticator.get(asked)
    assert (await browser.send("/sign-in/passkey", credential=answer)).status_code == 400
    options = (await browser.send("/account/passkeys/options")).json()
    other = await installation.sign_in(owner.workspace, owner.id, owner.email)
    browser.sign_in_as(other)
    made = Authenticator().create(options)
    assert (await browser.send("/account/passkeys", credential=made, passkey_name="x")).status_code == 400


@pytest.mark.parametrize("changes", [{"origin": "https://evil.test"}, {"rp_id": "evil.test"}, {"flags": 0x01}])
async def test_a_passkey_that_was_made_wrongly_is_not_kept(
    browser: Browser, owner: Person, changes: dict[str, Any]
) -> None:
    assert "passkey_refused" in sound(await browser.add("other", **changes), 400).main.text
    assert len((await browser.client.get("/api/v1/passkeys")).json()["items"]) == 1


async def test_passkeys_are_named_listed_and_removed(
    installation: Installation, browser: Browser, owner: Person
) -> None:
    installation.later(seconds=1)
    assert (await browser.add("  telephone ")).status_code == 303
    unnamed = sound(await browser.add(" "), 422)
    assert "1 to 100 characters" in unnamed.main.text
    found = (await browser.client.get("/api/v1/passkeys")).json()["items"]
    assert [each["name"] for each in found] == ["blue key", "telephone"]
    assert found[0]["lastUsedAt"] is None
    page = sound(await browser.client.get("/account"))
    assert "telephone" in page.main.text
    removed = await browser.send(f"/account/passkeys/{found[1]['id']}/remove")
    assert removed.headers["location"] == "/account?done=passkey-removed"
    again = await browser.send(f"/account/passkeys/{found[1]['id']}/remove")
    assert again.status_code == 404
    browser.client.cookies.clear()
    assert (await browser.answer("/sign-in/passkey")).status_code == 400
    browser.authenticator.credentials.pop()
    browser.authenticator.credentials.pop()
    assert (await browser.send("/sign-in/passkey", credential="{}")).status_code == 400
    actions = [action for action in installation.trail.actions(owner.workspace) if action.startswith("passkeys:")]
    assert actions == ["passkeys:add", "passkeys:add", "passkeys:remove"]


async def test_passkeys_of_others_are_as_unknown_as_those_that_never_were(
    installation: Installation, browser: Browser, owner: Person
) -> None:
    found = (await browser.client.get("/api/v1/passkeys")).json()["items"][0]["id"]
    colleague = await installation.join(owner.workspace, Role.OWNER)
    stranger = await installation.join(await installation.new_workspace(), Role.OWNER)
    bodies = set()
    for person in (colleague, stranger):
        browser.sign_in_as(person)
        assert (await browser.client.get("/api/v1/passkeys")).json()["items"] == []
        for name in (found, "pk_unknown"):
            answer = await browser.client.delete(f"/api/v1/passkeys/{name}", headers={"origin": ORIGIN})
            assert answer.status_code == 404
            bodies.add(answer.json()["detail"].replace(name, "ID"))
    assert len(bodies) == 1


async def test_a_passkey_opens_the_workspace_it_was_made_in_and_dies_with_the_membership(
    installation: Installation, browser: Browser, owner: Person
) -> None:
    other = await installation.new_workspace()
    invitations = installation.get(InvitationService)
    _, secret = await invitations.invite(other, owner.email, Role.VIEWER, by=installation.operator(other))
    await invitations.accept(secret, Joining("again", PASSWORD))
    browser.client.cookies.clear()
    assert (await browser.answer("/sign-in/passkey")).status_code == 303
    caller = await installation.get(IdentityService).caller_of_session(browser.session)
    assert caller.workspace == owner.workspace
    colleague = await installation.join(owner.workspace, Role.OWNER)
    await installation.get(MemberService).remove(owner.workspace, owner.id, by=colleague.acting)
    browser.client.cookies.clear()
    assert (await browser.answer("/sign-in/passkey")).status_code == 400
    _, secret = await invitations.invite(owner.workspace, owner.email, Role.OWNER, by=colleague.acting)
    await invitations.accept(secret, Joining("again", PASSWORD))
    assert (await browser.answer("/sign-in/passkey")).status_code == 400


async def test_nobody_signs_in_with_a_passkey_to_a_suspended_workspace(
    installation: Installation, browser: Browser, owner: Person
) -> None:
    browser.client.cookies.clear()
    await installation.owner.execute("UPDATE workspaces SET state = 'suspended' WHERE id = $1", owner.workspace)
    assert "workspace_suspended" in sound(await browser.answer("/sign-in/passkey"), 403).main.text


@pytest.mark.parametrize("path", ["/sign-in/passkey", "/sign-in/passkey/options"])
async def test_another_origin_begins_nothing(browser: Browser, owner: Person, path: str) -> None:
    answer = await browser.send(path, origin="https://evil.test", credential="{}")
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_too_many_attempts_of_one_address_wait(browser: Browser) -> None:
    for _ in range(100):
        assert (await browser.send("/sign-in/passkey/options")).status_code == 200
    answer = await browser.send("/sign-in/passkey/options")
    assert (answer.status_code, "too_many_attempts" in answer.text) == (429, True)


async def test_where_browsers_have_no_passkeys_the_page_says_where_they_have(installation: Installation) -> None:
    client = client_of(installation.application(*ROUTERS))
    page = sound(await client.get("/sign-in", headers={"host": "127.0.0.1"}))
    assert "Browsers have no passkeys for this address: open http://tidegate.test/sign-in for them." in page.main.text
    nowhere = client_of(Installation(installation.database, installation.owner, party=None).application(*ROUTERS))
    assert "TIDEGATE_PUBLIC_URL" in sound(await nowhere.get("/sign-in")).main.text
    refused = await nowhere.post("/sign-in/passkey/options", headers={"origin": ORIGIN})
    assert (refused.status_code, "passkeys_unavailable" in refused.text) == (409, True)


async def test_tokens_have_no_passkeys(installation: Installation, browser: Browser, owner: Person) -> None:
    token = await installation.token_of(owner, Scope.ADMIN)
    operator = await installation.operator_token(owner.workspace)
    client = client_of(installation.application(*ROUTERS))
    for secret in (token, operator):
        answer = await client.delete("/api/v1/passkeys/pk_1", headers=bearer(secret))
        assert (answer.status_code, answer.json()["code"]) in {(403, "forbidden"), (403, "no_person")}


# A proof that is fresh.


async def test_after_ten_minutes_a_person_proves_the_password_and_comes_back(
    installation: Installation, browser: Browser, owner: Person
) -> None:
    installation.later(minutes=10, seconds=1)
    before = browser.session
    page = f"{ORIGIN}/tokens?cursor=x"
    sent = await browser.send("/tokens", name="t", scope="admin", days="30", headers={"referer": page})
    assert (sent.status_code, sent.headers["location"]) == (303, "/account/prove?next=%2Ftokens%3Fcursor%3Dx")
    shown = sound(await browser.client.get(sent.headers["location"]))
    assert values_of(shown, "next") == {"/tokens?cursor=x"}
    wrong = await browser.send("/account/prove", password="wrong", next="/tokens")
    assert "password_wrong" not in sound(wrong, 401).main.text
    proven = await browser.send("/account/prove", password=PASSWORD, next="/tokens")
    assert (proven.status_code, proven.headers["location"]) == (303, "/tokens")
    assert browser.session != before
    again = await browser.send("/tokens", name="t", scope="admin", days="30")
    assert "It is shown this once" in sound(again).main.text
    browser.carry(before)
    assert (await browser.client.get("/account")).headers["location"] == "/sign-in"
    assert installation.trail.actions(owner.workspace)[-2:] == ["sessions:prove", "tokens:create"]


async def test_after_ten_minutes_a_person_proves_it_with_a_passkey(
    installation: Installation, browser: Browser, owner: Person
) -> None:
    installation.later(minutes=11)
    assert (await browser.send("/account/passkeys/options")).headers["location"].startswith("/account/prove?next=")
    options = (await browser.send("/account/prove/passkey/options")).json()
    assert len(options["allowCredentials"]) == 1
    answer = browser.authenticator.get(options, user_handle=None)
    proven = await browser.send("/account/prove/passkey", credential=answer, next="/account")
    assert (proven.status_code, proven.headers["location"]) == (303, "/account")
    assert (await browser.add("second")).status_code == 303


async def test_the_passkey_of_somebody_else_proves_nothing(
    installation: Installation, browser: Browser, owner: Person
) -> None:
    browser.sign_in_as(await installation.join(owner.workspace, Role.ADMIN))
    answer = await browser.answer("/account/prove/passkey")
    assert "passkey_refused" in sound(answer, 400).main.text


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)", "", "/\t/evil.test", "/" * 3_000],
)
async def test_a_proof_leads_to_no_other_place_than_ours(browser: Browser, owner: Person, wanted: str) -> None:
    shown = sound(await browser.client.get("/account/prove", params={"next": wanted}))
    assert values_of(shown, "next") == {"/account"}
    proven = await browser.send("/account/prove", password=PASSWORD, next=wanted)
    assert proven.headers["location"] == "/account"


async def test_a_session_is_told_over_http_that_a_proof_is_missing(
    installation: Installation, browser: Browser, owner: Person
) -> None:
    installation.later(minutes=11)
    found = (await browser.client.get("/api/v1/passkeys")).json()["items"][0]["id"]
    answer = await browser.client.delete(f"/api/v1/passkeys/{found}", headers={"origin": ORIGIN})
    assert (answer.status_code, answer.json()["code"]) == (401, "step_up_required")
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_user_authentication", max_age="600"'
    _, deed = installation.denials.deeds[-1]
    assert (deed.action, deed.policy_ids) == ("passkeys:remove", ("floor-fresh-proof",))
    assert deed.details["secondsSinceProof"] == 660
    wide = {"name": "t", "scope": "admin"}
    made = await browser.client.post("/api/v1/tokens", json=wide, headers={"origin": ORIGIN})
    assert (made.status_code, made.json()["code"]) == (401, "step_up_required")
    narrow = await browser.client.post("/api/v1/tokens", json={**wide, "scope": "read"}, headers={"origin": ORIGIN})
    assert narrow.status_code == 201


async def test_nobody_stands_behind_the_operators_session(
    installation: Installation, workspace: WorkspaceId, browser: Browser
) -> None:
    await installation.owner.execute(
        "INSERT INTO sessions (workspace, id, hash, created_at, expires_at, proven_at) "
        "VALUES ($1, 'ses_operator', $2, $3, $4, $3)",
        workspace,
        installation.get(IdentityService)._key.hash_of(f"operator of {workspace}"),
        installation.clock.now(),
        installation.clock.now() + SESSION_LENGTH,
    )
    browser.carry(f"operator of {workspace}")
    assert "tidegate sign-in-link" in sound(await browser.client.get("/account/prove")).main.text
    assert (await browser.send("/account/prove", password=PASSWORD)).status_code == 403
    assert (await browser.send("/account/passkeys/options")).status_code == 403


# Sign-ins that fail.


async def test_wrong_passwords_are_recorded_in_each_workspace_of_who_is_known_and_nowhere_else(
    installation: Installation, browser: Browser, owner: Person
) -> None:
    other = await installation.new_workspace()
    invitations = installation.get(InvitationService)
    _, secret = await invitations.invite(other, owner.email, Role.VIEWER, by=installation.operator(other))
    await invitations.accept(secret, Joining("again", PASSWORD))
    browser.client.cookies.clear()
    before = len(installation.trail.deeds)
    for email in (owner.email, "nobody@example.com"):
        await browser.send("/sign-in/password", email=email, password="wrong", headers={"user-agent": "Browser 7"})
    assert len(installation.trail.deeds) == before  # nothing is written before the answer
    for workspace in (owner.workspace, other):
        assert await refusals(installation, workspace) == [
            {"how": "password", "address": "127.0.0.1", "userAgent": "Browser 7", "why": "password_wrong"}
        ]
    assert len(installation.trail.deeds) == before + 2


async def test_who_knows_the_password_and_may_not_come_in_is_recorded_too(
    installation: Installation, browser: Browser, owner: Person
) -> None:
    browser.client.cookies.clear()
    await installation.owner.execute("UPDATE workspaces SET state = 'suspended' WHERE id = $1", owner.workspace)
    given = {"email": owner.email, "password": PASSWORD}
    assert (await browser.send("/sign-in/password", **given)).status_code == 403
    assert (await browser.send("/sign-in/password", **given, workspace="default")).status_code == 401
    whys = [each["why"] for each in await refusals(installation, owner.workspace)]
    assert whys == ["workspace_suspended", "password_wrong"]


async def test_what_else_the_application_offers_stands_on_the_page_of_signing_in(
    installation: Installation, browser: Browser
) -> None:
    application = installation.application(*ROUTERS)

    async def choices(_: Request) -> list[SignInChoice]:
        return [SignInChoice("Sign in with <Example>", "/sign-in/with/acme")]

    application.state.sign_in_choices = [choices]
    page = sound(await client_of(application).get("/sign-in"))
    assert page.one("a", href="/sign-in/with/acme").text == "Sign in with <Example>"


async def test_a_link_that_was_used_is_recorded_and_one_that_never_was_is_not(
    installation: Installation, workspace: WorkspaceId, browser: Browser
) -> None:
    now = installation.clock.now()
    await installation.owner.execute(
        "INSERT INTO sign_in_links (workspace, hash, created_at, expires_at) VALUES ($1, $2, $3, $3)",
        workspace,
        installation.get(IdentityService)._key.hash_of(f"old link of {workspace}"),
        now,
    )
    for link in (f"old link of {workspace}", "never"):
        assert (await browser.send("/sign-in", link=link)).status_code == 401
    assert [each["how"] for each in await refusals(installation, workspace)] == ["link"]
