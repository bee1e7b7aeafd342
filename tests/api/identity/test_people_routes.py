"""Members, invitations, tokens, sessions and the workspace over HTTP."""

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.api.identity.people import Installation, Person, bearer, client_of

from tidegate.edge.caller import SESSION_COOKIE, Role, Scope
from tidegate.identity.members.routes import router as member_routes
from tidegate.identity.sessions.routes import router as session_routes
from tidegate.identity.tokens.routes import router as token_routes
from tidegate.identity.workspaces.routes import router as workspace_routes
from tidegate.kernel import WorkspaceId

READS = ["/api/v1/workspace", "/api/v1/members", "/api/v1/service-accounts", "/api/v1/tokens", "/api/v1/sessions",
         "/api/v1/me"]  # fmt: skip
ADMIN_WRITES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/api/v1/workspace", {"name": "New"}),
    ("POST", "/api/v1/invitations", {"email": "x@example.com", "role": "viewer"}),
    ("POST", "/api/v1/service-accounts", {"name": "robot", "role": "viewer"}),
    ("PATCH", "/api/v1/members/usr_1", {"role": "viewer"}),
    ("DELETE", "/api/v1/members/usr_1", {}),
    ("DELETE", "/api/v1/invitations/inv_1", {}),
]


@pytest.fixture
def application(installation: Installation) -> FastAPI:
    return installation.application(workspace_routes, member_routes, token_routes, session_routes)


@pytest.fixture
async def owner(installation: Installation, workspace: WorkspaceId) -> Person:
    return await installation.join(workspace, Role.OWNER)


def signed_in(application: FastAPI, person: Person) -> httpx.AsyncClient:
    client = client_of(application, origin="http://tidegate.test")
    client.cookies.set(SESSION_COOKIE, person.session)
    return client


@pytest.mark.parametrize("path", READS)
async def test_without_a_credential_nothing_is_shown(application: FastAPI, path: str) -> None:
    answer = await client_of(application).get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("path", READS)
async def test_every_member_reads(
    installation: Installation, workspace: WorkspaceId, application: FastAPI, path: str
) -> None:
    person = await installation.join(workspace, Role.VIEWER)
    assert (await signed_in(application, person).get(path)).status_code == 200


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT, Role.ENGINEER, Role.APPROVER, Role.RELEASE_MANAGER])
async def test_only_owners_and_admins_administer(
    installation: Installation, workspace: WorkspaceId, application: FastAPI, role: Role
) -> None:
    client = signed_in(application, await installation.join(workspace, role))
    for method, path, body in ADMIN_WRITES:
        answer = await client.request(method, path, json=body or None)
        assert answer.status_code == 403, (method, path)
    assert (await client.get("/api/v1/invitations")).status_code == 403
    assert installation.trail.actions(workspace)[-1] == "sessions:create"


async def test_a_viewer_mints_no_token(
    installation: Installation, workspace: WorkspaceId, application: FastAPI
) -> None:
    client = signed_in(application, await installation.join(workspace, Role.VIEWER))
    answer = await client.post("/api/v1/tokens", json={"name": "x", "scope": "read"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PATCH", "/api/v1/members/{member}", {"role": "viewer", "workspace": "default"}, "workspace"),
        ("PATCH", "/api/v1/members/{member}", {"addedBy": "usr_1"}, "addedBy"),
        ("POST", "/api/v1/invitations", {"email": "a@example.com", "role": "viewer", "tenant_id": "x"}, "tenant_id"),
        ("POST", "/api/v1/service-accounts", {"name": "a", "role": "viewer", "id": "svc_1"}, "id"),
        ("POST", "/api/v1/tokens", {"name": "a", "scope": "read", "createdBy": "usr_1"}, "createdBy"),
        ("POST", "/api/v1/tokens", {"name": "a", "scope": "root"}, "scope"),
        ("POST", "/api/v1/tokens", {"name": "a", "scope": "read", "services": []}, "services"),
        ("POST", "/api/v1/tokens", {"name": " ", "scope": "read"}, "name"),
        ("POST", "/api/v1/workspace", {"name": "x", "state": "deleted"}, "state"),
    ],
)
async def test_a_field_that_is_not_for_the_caller_to_set_is_refused(
    application: FastAPI, owner: Person, method: str, path: str, body: dict[str, Any], field: str
) -> None:
    answer = await signed_in(application, owner).request(method, path.format(member=owner.id), json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_ids_of_another_workspace_are_as_unknown_as_those_that_never_were(
    installation: Installation, application: FastAPI, owner: Person
) -> None:
    other = await installation.new_workspace()
    stranger = await installation.join(other, Role.OWNER)
    by_stranger = signed_in(application, stranger)
    token = (await by_stranger.post("/api/v1/tokens", json={"name": "x", "scope": "read"})).json()["id"]
    invitation = (
        await by_stranger.post("/api/v1/invitations", json={"email": "y@example.com", "role": "viewer"})
    ).json()["id"]
    client = signed_in(application, owner)
    for method, path, foreign, body in (
        ("GET", "/api/v1/members/{}", stranger.id, None),
        ("PATCH", "/api/v1/members/{}", stranger.id, {"role": "viewer"}),
        ("DELETE", "/api/v1/members/{}", stranger.id, None),
        ("DELETE", "/api/v1/invitations/{}", invitation, None),
        ("POST", "/api/v1/tokens/{}/rotate", token, {}),
        ("DELETE", "/api/v1/tokens/{}", token, None),
        ("DELETE", "/api/v1/sessions/{}", stranger.caller.actor, None),
    ):
        answers = []
        for found in (foreign, foreign[:4] + "0" * 20):
            answer = await client.request(method, path.format(found), json=body)
            told = {key: value for key, value in answer.json().items() if key != "requestId"}
            answers.append((answer.status_code, json.dumps(told).replace(found, "ID")))
        assert answers[0] == answers[1], path
        assert answers[0][0] == 404, path
    seen = [(await client.get(path)).text for path in READS]
    assert not any(secret in text for text in seen for secret in (stranger.id, stranger.email, token, invitation))
    assert (await by_stranger.get("/api/v1/me")).status_code == 200


async def test_an_invitation_is_made_shown_once_and_withdrawn(application: FastAPI, owner: Person) -> None:
    client = signed_in(application, owner)
    made = await client.post("/api/v1/invitations", json={"email": "New@Example.com", "role": "engineer"})
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    assert made.json()["path"].startswith("/accept-invitation?invitation=")
    assert (made.json()["email"], made.json()["state"], made.json()["createdBy"]) == (
        "new@example.com", "open", owner.id
    )  # fmt: skip
    listed = (await client.get("/api/v1/invitations")).json()["items"]
    assert "path" not in listed[-1]
    path = f"/api/v1/invitations/{made.json()['id']}"
    assert (await client.delete(path)).status_code == 204
    again = await client.delete(path)
    assert (again.status_code, again.json()["code"]) == (409, "invitation_used")


async def test_a_token_is_made_listed_rotated_and_revoked(application: FastAPI, owner: Person) -> None:
    client = signed_in(application, owner)
    account = (await client.post("/api/v1/service-accounts", json={"name": "ci", "role": "engineer"})).json()
    wish = {"name": "ci", "scope": "write", "member": account["id"], "services": ["api"], "environments": ["staging"]}
    made = await client.post("/api/v1/tokens", json=wish)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    token = made.json()["token"]
    me = (await client_of(application).get("/api/v1/me", headers=bearer(token))).json()
    assert (me["member"], me["name"], me["role"], me["scope"]) == (account["id"], "ci", "engineer", "write")
    assert (me["services"], me["environments"]) == (["api"], ["staging"])
    rotated = await client.post(f"/api/v1/tokens/{made.json()['id']}/rotate", json={"overlapS": 60})
    assert (rotated.status_code, rotated.json()["rotatedFrom"]) == (201, made.json()["id"])
    twice = await client.post(f"/api/v1/tokens/{made.json()['id']}/rotate", json={})
    assert (twice.status_code, twice.json()["code"]) == (409, "token_rotated")
    listed = (await client.get("/api/v1/tokens")).json()["items"]
    assert {item["id"] for item in listed} == {made.json()["id"], rotated.json()["id"]}
    assert all("token" not in item and item["hint"] in {token[:7], rotated.json()["token"][:7]} for item in listed)
    used = next(item for item in listed if item["id"] == made.json()["id"])
    assert used["lastUsedAt"] is not None
    assert used["createdBy"] == owner.id
    for _ in range(2):
        assert (await client.delete(f"/api/v1/tokens/{made.json()['id']}")).status_code == 204
    assert (await client_of(application).get("/api/v1/me", headers=bearer(token))).status_code == 401


async def test_the_last_owner_stays(application: FastAPI, owner: Person) -> None:
    client = signed_in(application, owner)
    for answer in (
        await client.patch(f"/api/v1/members/{owner.id}", json={"role": "admin"}),
        await client.patch(f"/api/v1/members/{owner.id}", json={"isActive": False}),
        await client.delete(f"/api/v1/members/{owner.id}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "last_owner")


async def test_a_page_of_another_origin_does_nothing_with_a_session(application: FastAPI, owner: Person) -> None:
    client = signed_in(application, owner)
    for method, path, body in ADMIN_WRITES:
        answer = await client.request(method, path, json=body or None, headers={"origin": "https://evil.test"})
        assert answer.status_code == 403, path


async def test_a_narrow_token_makes_no_wider_one(
    installation: Installation, application: FastAPI, owner: Person
) -> None:
    token = await installation.token_of(owner, Scope.ADMIN, services=frozenset({"api"}))
    answer = await client_of(application, **bearer(token)).post("/api/v1/tokens", json={"name": "x", "scope": "read"})
    assert (answer.status_code, answer.json()["code"]) == (403, "token_too_wide")


async def test_lists_go_on_where_the_page_before_ended(
    installation: Installation, application: FastAPI, owner: Person
) -> None:
    client = signed_in(application, owner)
    for number in range(3):
        await client.post("/api/v1/tokens", json={"name": f"t{number}", "scope": "read"})
        installation.later(seconds=1)
    first = (await client.get("/api/v1/tokens", params={"limit": 2})).json()
    rest = (await client.get("/api/v1/tokens", params={"limit": 2, "cursor": first["nextCursor"]})).json()
    assert [item["name"] for item in first["items"] + rest["items"]] == ["t0", "t1", "t2"]
    assert rest["nextCursor"] is None
    wrong = await client.get("/api/v1/tokens", params={"cursor": "AAAA"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "cursor")


async def test_a_cursor_of_another_workspace_shows_nothing_of_it(
    installation: Installation, application: FastAPI, owner: Person
) -> None:
    other = await installation.new_workspace()
    stranger = await installation.join(other, Role.OWNER)
    await installation.token_of(owner)
    await installation.token_of(owner)
    cursor = (await signed_in(application, owner).get("/api/v1/tokens", params={"limit": 1})).json()["nextCursor"]
    answer = await signed_in(application, stranger).get("/api/v1/tokens", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


async def test_the_workspace_is_renamed_and_keeps_its_id(application: FastAPI, owner: Person) -> None:
    client = signed_in(application, owner)
    answer = await client.post("/api/v1/workspace", json={"name": " Harbor "})
    assert (answer.json()["id"], answer.json()["name"], answer.json()["state"]) == (
        owner.workspace, "Harbor", "active"
    )  # fmt: skip


async def test_what_is_no_json_or_of_another_type_is_refused(application: FastAPI, owner: Person) -> None:
    client = signed_in(application, owner)
    for content, media, status in ((b"{", "application/json", 422), (b"{}", "text/plain", 415), (b"", "", 415)):
        headers = {"content-type": media} if media else {}
        answer = await client.post("/api/v1/tokens", content=content, headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize("text", ["\0", "\ud800", "x" * 201])
async def test_names_that_cannot_be_kept_are_the_callers_mistake(
    application: FastAPI, owner: Person, text: str
) -> None:
    body = json.dumps({"name": text, "role": "viewer"}).encode()
    answer = await signed_in(application, owner).post(
        "/api/v1/service-accounts", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
