"""The identity provider over HTTP and on its page: who may, what is refused, and that the secret never comes out."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.api.identity.people import KEY, Installation, Person, bearer, client_of
from tests.contract.providers.conftest import ENVELOPES
from tests.contract.providers.made_up import SECRET, MadeUpProvider
from tests.pages.documents import Document, assert_is_sound

from tidegate.edge.caller import SESSION_COOKIE, Role
from tidegate.edge.csrf import new_form_token
from tidegate.edge.static import router as assets
from tidegate.egress import EgressClient, parse_allowances
from tidegate.identity.providers import ProviderService, build_providers
from tidegate.identity.providers.model import SECRET_PURPOSE
from tidegate.identity.providers.pages import router as provider_pages
from tidegate.identity.providers.routes import router as provider_routes
from tidegate.kernel import WorkspaceId

PATH = "/api/v1/identity-provider"


@pytest.fixture(scope="session")
async def made_up() -> AsyncIterator[MadeUpProvider]:
    async with MadeUpProvider().serving() as provider:
        yield provider


@pytest.fixture
def application(installation: Installation, made_up: MadeUpProvider) -> FastAPI:
    egress = EgressClient(parse_allowances(made_up.url.removeprefix("http://")))
    installation.services |= build_providers(
        installation.database,
        installation.trail,
        people=installation.services,
        egress=egress,
        envelopes=ENVELOPES,
        key=KEY,
    )
    return installation.application(assets, provider_pages, provider_routes)


@pytest.fixture
async def admin(installation: Installation, workspace: WorkspaceId) -> Person:
    return await installation.join(workspace, Role.ADMIN)


@pytest.fixture
async def api(installation: Installation, application: FastAPI, workspace: WorkspaceId) -> httpx.AsyncClient:
    return client_of(application, **bearer(await installation.operator_token(workspace)))


def wish(provider: MadeUpProvider, **changes: Any) -> dict[str, Any]:
    given = {"issuer": provider.url, "clientId": "tidegate", "clientSecret": SECRET, "emailDomains": ["Example.com "]}
    return given | changes


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("PUT", PATH), ("DELETE", PATH), ("POST", f"{PATH}/test")])
async def test_nobody_but_who_administers_sees_or_sets_it(
    installation: Installation, workspace: WorkspaceId, application: FastAPI, method: str, path: str
) -> None:
    assert (await client_of(application).request(method, path, json={})).status_code == 401
    for scope in ("ingest", "read", "write"):
        token = await installation.operator_token(workspace, scope)
        assert (await client_of(application, **bearer(token)).request(method, path, json={})).status_code == 403
    for role in (Role.VIEWER, Role.ENGINEER, Role.APPROVER, Role.RELEASE_MANAGER):
        person = await installation.join(workspace, role)
        client = client_of(application, origin="http://tidegate.test")
        client.cookies.set(SESSION_COOKIE, person.session)
        assert (await client.request(method, path, json={})).status_code == 403


async def test_what_is_set_is_shown_without_its_secret_and_sealed(
    installation: Installation, workspace: WorkspaceId, api: httpx.AsyncClient, made_up: MadeUpProvider
) -> None:
    missing = await api.get(PATH)
    assert (missing.status_code, missing.json()["code"]) == (404, "provider_not_found")
    answer = await api.put(PATH, json=wish(made_up, defaultRole="viewer", groupRoles={"ops": "admin"}))
    assert answer.status_code == 200, answer.text
    shown = (await api.get(PATH)).json()
    assert shown == answer.json()
    assert SECRET not in answer.text
    assert shown | {"setAt": "", "setBy": ""} == {
        "issuer": made_up.url,
        "clientId": "tidegate",
        "hasClientSecret": True,
        "redirectUri": f"http://tidegate.test/sign-in/callback/{workspace}",
        "signInPath": f"/sign-in/with/{workspace}",
        "emailDomains": ["example.com"],
        "defaultRole": "viewer",
        "groupsClaim": "groups",
        "groupRoles": {"ops": "admin"},
        "setAt": "",
        "setBy": "",
    }
    stored = await installation.get(ProviderService).get_provider(workspace)
    assert stored.client_secret is not None
    assert SECRET.encode() not in stored.client_secret
    assert ENVELOPES.open(workspace, SECRET_PURPOSE, stored.client_secret) == SECRET.encode()
    assert SECRET not in repr(installation.trail.deeds)


async def test_the_secret_stays_with_the_issuer_and_client_that_it_was_given_for(
    api: httpx.AsyncClient, made_up: MadeUpProvider
) -> None:
    await api.put(PATH, json=wish(made_up))
    kept = wish(made_up)
    del kept["clientSecret"]
    assert (await api.put(PATH, json=kept)).json()["hasClientSecret"] is True
    for change in ({"issuer": "https://elsewhere.example"}, {"clientId": "another"}):
        await api.put(PATH, json=wish(made_up))
        assert (await api.put(PATH, json=kept | change)).json()["hasClientSecret"] is False
    await api.put(PATH, json=wish(made_up))
    assert (await api.put(PATH, json=wish(made_up, clientSecret=""))).json()["hasClientSecret"] is False


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"issuer": "http://10.0.0.1"}, "issuer"),
        ({"issuer": "http://example.com"}, "issuer"),
        ({"issuer": "https://169.254.169.254/latest"}, "issuer"),
        ({"issuer": "https://user:pass@example.com"}, "issuer"),
        ({"issuer": "https://example.com:25"}, "issuer"),
        ({"issuer": "file:///etc/passwd"}, "issuer"),
        ({"issuer": "https://example.com?x=y"}, "issuer"),
        ({"issuer": "https://example.com/#x"}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"clientId": ""}, "clientId"),
        ({"clientId": "a\r\nb"}, "clientId"),
        ({"clientSecret": "a\nb"}, "clientSecret"),
        ({"publicUrl": "https://tidegate.test/path"}, "publicUrl"),
        ({"publicUrl": "javascript:alert(1)"}, "publicUrl"),
        ({"publicUrl": "https://u:p@tidegate.test"}, "publicUrl"),
        ({"emailDomains": ["*"]}, "emailDomains"),
        ({"emailDomains": ["example"]}, "emailDomains"),
        ({"emailDomains": [f"d{n}.example" for n in range(51)]}, "emailDomains"),
        ({"defaultRole": "owner"}, None),
        ({"groupRoles": {"ops": "owner"}}, None),
        ({"groupRoles": {"": "viewer"}}, "groupRoles"),
        ({"groupRoles": {"ops": "king"}}, None),
        ({"defaultRole": "viewer", "emailDomains": []}, "defaultRole"),
        ({"groupsClaim": ""}, "groupsClaim"),
        ({"workspace": "other"}, "workspace"),
        ({"setBy": "somebody"}, "setBy"),
        ({"redirectUri": "https://elsewhere.example"}, "redirectUri"),
    ],
    ids=str,
)
async def test_a_setting_that_cannot_be_is_refused_by_its_name(
    api: httpx.AsyncClient, made_up: MadeUpProvider, changes: dict[str, Any], field: str | None
) -> None:
    answer = await api.put(PATH, json=wish(made_up, **changes))
    assert answer.status_code == 422, answer.text
    assert field is None or answer.json()["field"] == field
    assert SECRET not in answer.text
    assert (await api.get(PATH)).status_code == 404


async def test_it_is_tried_and_removed_once(
    api: httpx.AsyncClient, made_up: MadeUpProvider, installation: Installation, workspace: WorkspaceId
) -> None:
    assert (await api.post(f"{PATH}/test")).status_code == 404
    await api.put(PATH, json=wish(made_up))
    tried = await api.post(f"{PATH}/test")
    assert (tried.status_code, tried.json()["keyCount"]) == (200, 3)
    made_up.metadata = {"issuer": "https://elsewhere.example"}
    away = await api.post(f"{PATH}/test")
    made_up.metadata = {}
    assert (away.status_code, away.json()["code"]) == (503, "provider_unavailable")
    assert "elsewhere" not in away.text
    assert (await api.delete(PATH)).status_code == 204
    assert (await api.delete(PATH)).status_code == 404
    assert installation.trail.actions(workspace) == ["identity-provider:set", "identity-provider:remove"]


async def test_the_provider_of_another_workspace_is_as_one_that_never_was(
    installation: Installation, application: FastAPI, api: httpx.AsyncClient, made_up: MadeUpProvider
) -> None:
    await api.put(PATH, json=wish(made_up))
    theirs = client_of(application, **bearer(await installation.operator_token(await installation.new_workspace())))
    for method, path in (("GET", PATH), ("DELETE", PATH), ("POST", f"{PATH}/test")):
        assert (await theirs.request(method, path)).status_code == 404
    assert (await api.get(PATH)).status_code == 200


async def test_what_cannot_be_recorded_is_not_set(
    installation: Installation, api: httpx.AsyncClient, made_up: MadeUpProvider
) -> None:
    installation.trail.is_away = True
    assert (await api.put(PATH, json=wish(made_up))).status_code == 503
    installation.trail.is_away = False
    assert (await api.get(PATH)).status_code == 404


async def test_an_admin_sets_tries_and_removes_it_on_its_page(
    application: FastAPI, admin: Person, made_up: MadeUpProvider
) -> None:
    browser = client_of(application, origin="http://tidegate.test")
    browser.cookies.set(SESSION_COOKIE, admin.session)

    async def sent(path: str, **form: str) -> httpx.Response:
        answer = await browser.post(path, data={"form_token": new_form_token(admin.session), **form})
        if answer.status_code != 303:
            assert_is_sound(Document(answer.text))
        return answer

    form = {
        "issuer": made_up.url,
        "client_id": "tidegate",
        "client_secret": SECRET,
        "email_domains": "example.com, example.org",
        "default_role": "engineer",
        "group_roles": "ops = admin\ndevelopers=engineer",
    }
    assert_is_sound(Document((await browser.get("/identity-provider")).text))
    wrong = await sent("/identity-provider", **{**form, "email_domains": "*"})
    assert wrong.status_code == 422
    assert SECRET not in wrong.text
    assert "ops = admin" in wrong.text
    assert (await sent("/identity-provider", **{**form, "group_roles": "ops"})).status_code == 422
    assert (await sent("/identity-provider", **{**form, "default_role": "owner"})).status_code == 422
    assert (await sent("/identity-provider", **form)).headers["location"] == "/identity-provider?done=set"
    page = (await browser.get("/identity-provider?done=set")).text
    assert_is_sound(Document(page))
    assert "developers = engineer" in page
    assert SECRET not in page
    assert "3 keys" in (await sent("/identity-provider/test")).text
    assert (await browser.post("/identity-provider", data=form)).status_code == 403
    assert (await sent("/identity-provider/remove")).headers["location"] == "/identity-provider?done=removed"


async def test_an_engineer_sees_no_page_of_it(installation: Installation, application: FastAPI) -> None:
    person = await installation.join(await installation.new_workspace(), Role.ENGINEER)
    browser = client_of(application)
    browser.cookies.set(SESSION_COOKIE, person.session)
    assert (await browser.get("/identity-provider")).status_code == 403
