"""Signing in with a password, joining, the account, members and tokens, as pages over a real state store."""

from dataclasses import dataclass

import httpx
import pytest
from tests.api.identity.people import PASSWORD, Installation, Person, client_of
from tests.pages.documents import Document, assert_is_sound

from tidegate.edge.caller import SESSION_COOKIE, Role, Scope
from tidegate.edge.csrf import new_form_token
from tidegate.edge.static import router as assets
from tidegate.identity import IdentityService
from tidegate.identity.account_pages import router as account_pages
from tidegate.identity.member_pages import router as member_pages
from tidegate.identity.members import InvitationService, MemberService
from tidegate.identity.model import SIGN_IN_LINK_LENGTH
from tidegate.identity.pages import router as identity_pages
from tidegate.identity.token_pages import router as token_pages
from tidegate.kernel import WorkspaceId

ORIGIN = "http://tidegate.test"
PAGES = ["/account", "/members", "/tokens"]


@dataclass
class Browser:
    """One browser; it may be signed in."""

    client: httpx.AsyncClient
    session: str = ""

    def sign_in(self, session: str) -> "Browser":
        self.session = session
        self.client.cookies.set(SESSION_COOKIE, session)
        return self

    async def open(self, path: str, *, status: int = 200) -> Document:
        return sound(await self.client.get(path), status)

    async def send(self, path: str, *, proof: bool = True, **fields: str) -> httpx.Response:
        data = {"form_token": new_form_token(self.session), **fields} if proof else fields
        return await self.client.post(path, data=data, headers={"origin": ORIGIN})


def sound(answer: httpx.Response, status: int = 200) -> Document:
    assert answer.status_code == status, answer.text
    assert answer.headers["cache-control"] == "no-store"
    document = Document(answer.text)
    assert_is_sound(document)
    return document


@pytest.fixture
def browser(installation: Installation) -> Browser:
    application = installation.application(assets, identity_pages, account_pages, member_pages, token_pages)
    return Browser(client_of(application))


@pytest.fixture
async def owner(installation: Installation, workspace: WorkspaceId) -> Person:
    return await installation.join(workspace, Role.OWNER)


async def operator_session(installation: Installation, workspace: WorkspaceId) -> str:
    """Sign in with a one-time link, as the operator does."""
    identity = installation.get(IdentityService)
    key = identity._key
    now = installation.clock.now()
    await installation.owner.execute(
        "INSERT INTO sign_in_links (workspace, hash, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        workspace,
        key.hash_of(f"link of {workspace}"),
        now,
        now + SIGN_IN_LINK_LENGTH,
    )
    return await identity.sign_in(f"link of {workspace}")


async def test_a_person_signs_in_with_a_password_and_gets_a_session_scripts_cannot_read(
    browser: Browser, owner: Person
) -> None:
    answer = await browser.send("/sign-in/password", proof=False, email=owner.email, password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=lax", "path=/"} <= attributes
    assert owner.session not in answer.headers["set-cookie"]


async def test_a_wrong_password_says_so_without_saying_who_is_known(browser: Browser, owner: Person) -> None:
    texts = set()
    for email in (owner.email, "nobody@example.com"):
        answer = await browser.send("/sign-in/password", proof=False, email=email, password="wrong")
        page = sound(answer, 401)
        assert "set-cookie" not in answer.headers
        assert page.one("input", name="email").attributes["value"] == email
        assert "value" not in page.one("input", name="password").attributes
        texts.add(page.one("div", role="alert").text)
    assert len(texts) == 1


async def test_too_many_wrong_passwords_are_told_when_to_come_back(browser: Browser, owner: Person) -> None:
    for _ in range(10):
        await browser.send("/sign-in/password", proof=False, email=owner.email, password="wrong")
    answer = await browser.send("/sign-in/password", proof=False, email=owner.email, password=PASSWORD)
    assert answer.headers["retry-after"] == "900"
    assert "too_many_attempts" in sound(answer, 429).main.text


@pytest.mark.parametrize("origin", ["https://evil.test", "null", ""])
@pytest.mark.parametrize("path", ["/sign-in/password", "/accept-invitation"])
async def test_another_origin_cannot_sign_somebody_in(browser: Browser, owner: Person, path: str, origin: str) -> None:
    data = {"email": owner.email, "password": PASSWORD, "invitation": "x", "name": "x"}
    answer = await browser.client.post(path, data=data, headers={"origin": origin})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_an_invitation_is_accepted_with_a_name_and_a_password(
    installation: Installation, workspace: WorkspaceId, browser: Browser
) -> None:
    by = installation.operator(workspace)
    invitation, secret = await installation.get(InvitationService).invite(
        workspace, "joining@example.com", Role.APPROVER, by=by
    )
    page = await browser.open(f"/accept-invitation?invitation={secret}")
    assert "approver" in page.main.text
    assert invitation.email in page.main.text
    short = await browser.send("/accept-invitation", proof=False, invitation=secret, name="Jo", password="short")
    refused = sound(short, 422)
    assert refused.one("input", id="password").attributes["aria-invalid"] == "true"
    assert "12 to 256" in refused.one("p", id="password-problem").text
    assert refused.one("input", id="name").attributes["value"] == "Jo"
    nameless = await browser.send("/accept-invitation", proof=False, invitation=secret, password=PASSWORD)
    assert sound(nameless, 422).all("p", id="name-problem")
    done = await browser.send("/accept-invitation", proof=False, invitation=secret, name="Jo", password=PASSWORD)
    assert (done.status_code, done.headers["location"]) == (303, "/")
    browser.sign_in(done.cookies[SESSION_COOKIE])
    account = await browser.open("/account")
    assert account.one("h1").text == "Jo"
    assert "approver" in account.main.text
    again = await browser.client.get(f"/accept-invitation?invitation={secret}")
    assert "invitation_used" in sound(again, 409).main.text


async def test_an_unknown_invitation_is_not_found(browser: Browser) -> None:
    assert "invitation_not_found" in (await browser.open("/accept-invitation?invitation=x", status=404)).main.text


@pytest.mark.parametrize("path", PAGES)
async def test_who_is_not_signed_in_is_shown_where_to(browser: Browser, path: str) -> None:
    answer = await browser.client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("role", [Role.VIEWER, Role.OWNER])
async def test_every_member_sees_the_pages_with_what_the_role_may_do(
    installation: Installation, workspace: WorkspaceId, browser: Browser, path: str, role: Role
) -> None:
    person = await installation.join(workspace, role)
    page = await browser.sign_in(person.session).open(path)
    forms = {form.attributes["action"] for form in page.all("form")}
    administers = {"/members/invite", "/members/service-accounts", "/tokens"}
    assert bool(forms & administers) is (role is Role.OWNER and path != "/account")


WRITES = ["/account/sessions/ses_1/end", "/account/password", "/account/owner", "/members/invite",
          "/members/service-accounts", "/members/usr_1/role", "/members/usr_1/remove",
          "/members/invitations/inv_1/withdraw", "/tokens", "/tokens/tok_1/rotate", "/tokens/tok_1/revoke"]  # fmt: skip


@pytest.mark.parametrize("path", WRITES)
async def test_a_form_without_proof_or_of_another_origin_does_nothing(
    browser: Browser, owner: Person, path: str
) -> None:
    browser.sign_in(owner.session)
    for form_token in ("", "00" * 32, new_form_token("another session")):
        answer = await browser.client.post(path, data={"form_token": form_token}, headers={"origin": ORIGIN})
        assert answer.status_code == 403
    proven = {"form_token": new_form_token(owner.session)}
    assert (await browser.client.post(path, data=proven, headers={"origin": "https://evil.test"})).status_code == 403


async def test_sessions_are_ended_from_the_account(installation: Installation, browser: Browser, owner: Person) -> None:
    other = await installation.sign_in(owner.workspace, owner.id, owner.email)
    browser.sign_in(owner.session)
    assert "this one" in (await browser.open("/account")).one("tr", id=owner.caller.actor).text
    answer = await browser.send(f"/account/sessions/{other.caller.actor}/end")
    assert answer.headers["location"] == "/account"
    page = await browser.open("/account")
    assert not page.all("tr", id=other.caller.actor)
    own = await browser.send(f"/account/sessions/{owner.caller.actor}/end")
    assert own.headers["location"] == "/sign-in"
    assert (await browser.client.get("/account")).status_code == 303


async def test_the_password_is_changed_with_errors_beside_their_fields(browser: Browser, owner: Person) -> None:
    browser.sign_in(owner.session)
    wrong = sound(await browser.send("/account/password", current="wrong", password="other unlikely words"), 401)
    assert wrong.all("p", id="current-problem")
    unfit = sound(await browser.send("/account/password", current=PASSWORD, password="short"), 422)
    assert unfit.all("p", id="password-problem")
    done = await browser.send("/account/password", current=PASSWORD, password="other unlikely words")
    page = await browser.open(done.headers["location"])
    assert "The password is changed" in page.one("div", role="status").text


async def test_the_operator_becomes_the_first_owner_and_goes_on_in_a_session_of_their_own(
    installation: Installation, workspace: WorkspaceId, browser: Browser
) -> None:
    session = await operator_session(installation, workspace)
    browser.sign_in(session)
    assert "no owner yet" in (await browser.open("/account")).main.text
    email = f"first-{workspace}@example.com"
    bad = await browser.send("/account/owner", email="none", name="First", password=PASSWORD)
    assert sound(bad, 422).all("p", id="email-problem")
    done = await browser.send("/account/owner", email=email, name="First", password=PASSWORD)
    assert (done.status_code, done.headers["location"]) == (303, "/")
    caller = await installation.get(IdentityService).caller_of_session(done.cookies[SESSION_COOKIE])
    assert (caller.role, caller.member is not None) == (Role.OWNER, True)
    browser.client.cookies.clear()
    assert (await browser.sign_in(session).client.get("/account")).status_code == 303
    browser.client.cookies.clear()
    page = await browser.sign_in(done.cookies[SESSION_COOKIE]).open("/account")
    assert "first owner" not in page.main.text


async def test_an_invitation_shows_its_link_this_once(browser: Browser, owner: Person) -> None:
    browser.sign_in(owner.session)
    page = sound(await browser.send("/members/invite", email="new@example.com", role="engineer"))
    link = page.one("pre", aria_label="Secret, shown once").text
    assert link.startswith("http://tidegate.test/accept-invitation?invitation=")
    again = await browser.open("/members")
    assert "new@example.com" in again.main.text
    assert link.rpartition("=")[2] not in " ".join(element.text for element in again.elements)
    row = next(row for row in again.all("tr") if "new@example.com" in row.text)
    await browser.send(f"/members/invitations/{row.attributes['id']}/withdraw")
    assert "No invitation is open." in (await browser.open("/members")).main.text


async def test_what_cannot_be_invited_is_said_beside_its_field(browser: Browser, owner: Person) -> None:
    browser.sign_in(owner.session)
    page = sound(await browser.send("/members/invite", email="none", role="engineer"), 422)
    assert page.all("p", id="email-problem")
    known = sound(await browser.send("/members/invite", email=owner.email, role="engineer"), 409)
    assert "member_exists" in known.one("div", role="alert").text
    unknown_role = sound(await browser.send("/members/invite", email="a@example.com", role="king"), 422)
    assert unknown_role.all("p", id="role-problem")


async def test_roles_are_set_and_members_removed(installation: Installation, browser: Browser, owner: Person) -> None:
    other = await installation.join(owner.workspace, Role.VIEWER)
    browser.sign_in(owner.session)
    await browser.send(f"/members/{other.id}/role", role="engineer")
    assert (await installation.get(MemberService).get_member(owner.workspace, other.id)).role is Role.ENGINEER
    last = sound(await browser.send(f"/members/{owner.id}/remove"), 409)
    assert "last_owner" in last.one("div", role="alert").text
    await browser.send(f"/members/{other.id}/remove")
    assert not (await browser.open("/members")).all("tr", id=other.id)


async def test_a_token_is_shown_once_listed_by_its_hint_rotated_and_revoked(
    installation: Installation, browser: Browser, owner: Person
) -> None:
    browser.sign_in(owner.session)
    assert "No token yet" in (await browser.open("/tokens")).main.text
    made = sound(await browser.send("/tokens", name="ci", scope="write", services="api, web", days="30"))
    secret = made.one("pre", aria_label="Secret, shown once").text
    caller = await installation.get(IdentityService).caller_of_token(secret)
    assert (caller.scope, caller.services) == (Scope.WRITE, frozenset({"api", "web"}))
    row = (await browser.open("/tokens")).one("tr", id=caller.actor)
    assert f"{secret[:7]}…" in row.text
    rotated = sound(await browser.send(f"/tokens/{caller.actor}/rotate"))
    assert rotated.one("pre", aria_label="Secret, shown once").text != secret
    twice = sound(await browser.send(f"/tokens/{caller.actor}/rotate"), 409)
    assert "token_rotated" in twice.one("div", role="alert").text
    answer = await browser.send(f"/tokens/{caller.actor}/revoke")
    assert answer.headers["location"] == "/tokens"
    assert "ended" in (await browser.open("/tokens")).one("tr", id=caller.actor).text


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": "", "scope": "read"}, "name"),
        ({"name": "x", "scope": "root"}, "scope"),
        ({"name": "x", "scope": "read", "services": "a" * 201}, "services"),
        ({"name": "x", "scope": "read", "days": "7"}, "days"),
    ],
)
async def test_what_is_wrong_with_a_token_is_said_beside_its_field(
    browser: Browser, owner: Person, fields: dict[str, str], wrong: str
) -> None:
    page = sound(await browser.sign_in(owner.session).send("/tokens", **fields), 422)
    assert page.all("p", id=f"{wrong}-problem")


async def test_names_are_text_and_nothing_else(installation: Installation, browser: Browser, owner: Person) -> None:
    hostile = "<script>alert(1)</script>"
    await installation.get(MemberService).add_service_account(owner.workspace, hostile, Role.VIEWER, by=owner.acting)
    browser.sign_in(owner.session)
    for path in ("/members", "/tokens"):
        answer = await browser.client.get(path)
        assert hostile not in answer.text
        sound(answer)
