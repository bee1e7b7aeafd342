"""SCIM over HTTP: who may, what a directory cannot do, and how its changes reach members."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.api.identity.people import Installation, bearer, client_of
from tests.api.identity.scim.conftest import provision

from tidegate.audit import Outcome
from tidegate.edge.caller import SESSION_COOKIE, Role
from tidegate.identity import IdentityService
from tidegate.identity.members import InvitationService, MemberService
from tidegate.kernel import TidegateError, WorkspaceId

USERS, GROUPS = "/scim/v2/Users", "/scim/v2/Groups"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
MakeUser = Callable[..., Awaitable[dict[str, Any]]]


def address() -> str:
    return f"{secrets.token_hex(6)}@example.com"


def operations(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(changes)}


async def group_named(directory: httpx.AsyncClient, name: str) -> dict[str, Any]:
    found = (await directory.get(GROUPS, params={"filter": f'displayName eq "{name}"'})).json()
    [group] = found["Resources"]
    return dict(group)


async def join_groups(directory: httpx.AsyncClient, user_id: str, *names: str, verb: str = "add") -> None:
    for name in names:
        group = await group_named(directory, name)
        change = {"op": verb, "path": "members", "value": [{"value": user_id}]}
        answer = await directory.patch(f"{GROUPS}/{group['id']}", json=operations(change))
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("scope", ["ingest", "read", "write"])
async def test_only_who_provisions_or_administers_comes_in(
    installation: Installation, application: FastAPI, workspace: WorkspaceId, scope: str
) -> None:
    anonymous = await client_of(application).get(USERS)
    assert (anonymous.status_code, anonymous.json()["schemas"]) == (401, [ERROR])
    api = client_of(application, **bearer(await installation.operator_token(workspace, scope)))
    for method, path in (("GET", USERS), ("POST", USERS), ("PATCH", f"{USERS}/usr_1"), ("GET", GROUPS)):
        refused = await api.request(method, path, json={})
        assert (refused.status_code, refused.json()["schemas"]) == (403, [ERROR])
        assert refused.headers["content-type"].startswith("application/scim+json")


async def test_a_token_that_provisions_does_nothing_else(directory: httpx.AsyncClient) -> None:
    for method, path in (("GET", "/api/v1/members"), ("GET", "/api/v1/me"), ("GET", "/api/v1/provisioning")):
        assert (await directory.request(method, path)).status_code == 403


async def test_a_new_user_is_a_member_with_the_default_role_and_no_password(
    installation: Installation, directory: httpx.AsyncClient, workspace: WorkspaceId
) -> None:
    email = address()
    name = {"givenName": "Jane", "familyName": "Doe"}
    made = await directory.post(
        USERS,
        json={
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": email.upper(),
            "externalId": "e-1",
            "name": name,
            "emails": [{"value": email, "type": "work", "primary": True}],
            "password": "not taken",
            "active": True,
        },
        headers={"content-type": "application/scim+json"},
    )
    user = made.json()
    assert (made.status_code, made.headers["etag"]) == (201, user["meta"]["version"])
    assert made.headers["location"] == user["meta"]["location"] == f"http://tidegate.test{USERS}/{user['id']}"
    assert (user["userName"], user["name"], user["externalId"], user["active"]) == (email.upper(), name, "e-1", True)
    assert "password" not in made.text
    member = await installation.get(MemberService).get_member(workspace, user["id"])
    assert (member.role, member.name, member.email) == (Role.VIEWER, "Jane Doe", email)
    assert await installation.owner.fetchval("SELECT password_hash FROM people WHERE id = $1", user["id"]) is None
    assert installation.trail.actions(workspace)[-1] == "members:join"
    again = await directory.post(USERS, json={"userName": email})
    assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")


async def test_without_a_default_role_or_a_permitted_domain_nobody_comes_in(
    installation: Installation, application: FastAPI, workspace: WorkspaceId, directory: httpx.AsyncClient
) -> None:
    stranger = await directory.post(USERS, json={"userName": f"{secrets.token_hex(4)}@sub.example.com"})
    assert (stranger.status_code, stranger.json()["scimType"]) == (400, "invalidValue")
    other = await installation.new_workspace()
    unset = client_of(application, **bearer(await installation.operator_token(other, "provision")))
    assert (await unset.post(USERS, json={"userName": address()})).status_code == 403


async def test_nobody_is_linked_across_workspaces_by_an_address(
    installation: Installation, directory: httpx.AsyncClient, workspace: WorkspaceId
) -> None:
    elsewhere = await installation.new_workspace()
    person = await installation.join(elsewhere, Role.ENGINEER)
    refused = await directory.post(USERS, json={"userName": person.email})
    assert (refused.status_code, refused.json()["scimType"]) == (409, "uniqueness")
    assert (await directory.get(USERS)).json()["totalResults"] == 0


async def test_users_of_another_workspace_are_as_unknown_as_those_that_never_were(
    installation: Installation, application: FastAPI, directory: httpx.AsyncClient, make_user: MakeUser
) -> None:
    user = await make_user(address(), externalId="e-1")
    other = await installation.new_workspace()
    await provision(installation, other)
    stranger = client_of(application, **bearer(await installation.operator_token(other, "provision")))
    group = await group_named(stranger, "Engineers")
    change = operations({"op": "replace", "path": "active", "value": False})
    for method, body in (("GET", None), ("PUT", {"userName": "x"}), ("PATCH", change), ("DELETE", None)):
        foreign = await stranger.request(method, f"{USERS}/{user['id']}", json=body)
        unknown = await stranger.request(method, f"{USERS}/usr_{'0' * 20}", json=body)
        assert (foreign.status_code, foreign.content) == (404, unknown.content)
    joining = operations({"op": "add", "path": "members", "value": [{"value": user["id"]}]})
    assert (await stranger.patch(f"{GROUPS}/{group['id']}", json=joining)).status_code == 404
    mine = await group_named(directory, "Engineers")
    assert (await stranger.get(f"{GROUPS}/{mine['id']}")).status_code == 404
    found = await stranger.get(USERS, params={"filter": f'externalId eq "e-1" or id eq "{user["id"]}"'})
    assert found.json()["totalResults"] == 0
    assert (await directory.get(f"{USERS}/{user['id']}")).json()["active"] is True


@pytest.mark.parametrize("how", ["deactivate", "delete"])
async def test_who_leaves_is_refused_by_another_process_within_two_seconds(
    installation: Installation, workspace: WorkspaceId, directory: httpx.AsyncClient, how: str
) -> None:
    person = await installation.join(workspace, Role.ENGINEER)
    token = await installation.token_of(person)
    identity = Installation(installation.database, installation.owner, installation.clock).get(IdentityService)
    await identity.caller_of_session(person.session)
    await identity.caller_of_token(token)
    if how == "delete":
        answer = await directory.delete(f"{USERS}/{person.id}")
    else:
        change = operations({"op": "Replace", "path": "active", "value": "False"})
        answer = await directory.patch(f"{USERS}/{person.id}", json=change)
    assert answer.status_code in {200, 204}
    installation.later(seconds=1)
    for attempt in (identity.caller_of_session(person.session), identity.caller_of_token(token)):
        with pytest.raises(TidegateError) as refused:
            await attempt
        assert refused.value.code == "credential_invalid"


async def test_who_was_deleted_stays_a_tombstone(
    installation: Installation, workspace: WorkspaceId, directory: httpx.AsyncClient, make_user: MakeUser
) -> None:
    email = address()
    user = await make_user(email, externalId="e-1")
    await join_groups(directory, user["id"], "Engineers")
    assert (await directory.delete(f"{USERS}/{user['id']}")).status_code == 204
    assert (await directory.get(f"{USERS}/{user['id']}")).status_code == 404
    assert (await directory.delete(f"{USERS}/{user['id']}")).status_code == 404
    assert (await directory.post(USERS, json={"userName": email})).status_code == 409
    row = await installation.owner.fetchrow("SELECT removed_at FROM members WHERE id = $1", user["id"])
    assert row["removed_at"] is not None
    assert (await make_user(address(), externalId="e-1"))["id"] != user["id"]
    assert (
        "members" not in await group_named(directory, "Engineers")
        or not (await group_named(directory, "Engineers"))["members"]
    )


async def test_an_open_invitation_ends_with_the_user(
    installation: Installation, workspace: WorkspaceId, directory: httpx.AsyncClient, make_user: MakeUser
) -> None:
    email, by = address(), installation.operator(workspace)
    _, secret = await installation.get(InvitationService).invite(workspace, email, Role.ADMIN, by=by)
    user = await make_user(email)
    await directory.delete(f"{USERS}/{user['id']}")
    with pytest.raises(TidegateError):
        await installation.get(InvitationService).get_open(secret)


async def test_roles_come_from_the_groups_that_an_admin_mapped_and_from_nothing_else(
    installation: Installation, workspace: WorkspaceId, directory: httpx.AsyncClient, make_user: MakeUser
) -> None:
    user = await make_user(address())
    members = installation.get(MemberService)
    for verb, names, role in (
        ("add", ["Engineers"], Role.ENGINEER),
        ("add", ["Release managers"], Role.RELEASE_MANAGER),
        ("remove", ["Release managers"], Role.ENGINEER),
        ("remove", ["Engineers"], Role.VIEWER),
    ):
        await join_groups(directory, user["id"], *names, verb=verb)
        assert (await members.get_member(workspace, user["id"])).role is role
    for attribute in ("roles", "entitlements"):
        for body in (
            operations({"op": "add", "path": attribute, "value": [{"value": "admin"}]}),
            operations({"op": "replace", "value": {attribute: "admin"}}),
        ):
            refused = await directory.patch(f"{USERS}/{user['id']}", json=body)
            assert (refused.status_code, refused.json()["scimType"]) == (400, "mutability")
    made = await directory.post(USERS, json={"userName": address(), "roles": [{"value": "owner"}]})
    assert (made.status_code, made.json()["scimType"]) == (400, "mutability")
    assert (await members.get_member(workspace, user["id"])).role is Role.VIEWER
    assert [deed.outcome for of, deed in installation.trail.deeds if of == workspace][-1] is Outcome.DENIED


async def test_an_owner_is_never_changed(
    installation: Installation, workspace: WorkspaceId, directory: httpx.AsyncClient
) -> None:
    owner = await installation.join(workspace, Role.OWNER)
    second = await installation.join(workspace, Role.OWNER)
    path = f"{USERS}/{owner.id}"
    change = operations({"op": "replace", "value": {"active": False}})
    body = {"userName": owner.email, "externalId": "x"}
    for answer in (
        await directory.patch(path, json=change),
        await directory.put(path, json=body),
        await directory.delete(path),
    ):
        assert (answer.status_code, answer.json()["schemas"]) == (403, [ERROR])
    denied = [deed for of, deed in installation.trail.deeds if of == workspace and deed.outcome is Outcome.DENIED]
    assert [deed.target for deed in denied] == [f"member/{owner.id}"] * 3
    await join_groups(directory, owner.id, "Engineers")
    await join_groups(directory, owner.id, "Engineers", verb="remove")
    for who in (owner, second):
        assert (await installation.get(MemberService).get_member(workspace, who.id)).role is Role.OWNER


async def test_of_members_of_several_workspaces_this_one_alone_is_touched(
    installation: Installation, workspace: WorkspaceId, directory: httpx.AsyncClient
) -> None:
    elsewhere = await installation.new_workspace()
    person = await installation.join(elsewhere, Role.ENGINEER)
    await installation.join(workspace, Role.VIEWER, email=person.email)
    changes = {"active": False, "displayName": "Somebody Else", "externalId": "e-9", "userName": "JD"}
    answer = await directory.patch(f"{USERS}/{person.id}", json=operations({"op": "replace", "value": changes}))
    assert answer.json()["displayName"] == "Somebody Else"
    there = await installation.get(MemberService).get_member(elsewhere, person.id)
    assert (there.is_active, there.role, there.name) == (True, Role.ENGINEER, person.email.partition("@")[0])
    assert await installation.get(IdentityService).caller_of_session(person.session)


async def test_the_name_that_people_see_follows_the_directory_and_is_never_lost(
    installation: Installation, workspace: WorkspaceId, directory: httpx.AsyncClient, make_user: MakeUser
) -> None:
    email = address()
    user = await make_user(email, displayName="Jane Doe")
    for body, name in (
        ({"userName": email, "name": {"givenName": "Jane", "familyName": "Roe"}}, "Jane Roe"),
        ({"userName": email}, "Jane Roe"),
    ):
        assert (await directory.put(f"{USERS}/{user['id']}", json=body)).status_code == 200
        assert (await installation.get(MemberService).get_member(workspace, user["id"])).name == name


async def test_a_version_that_is_not_the_newest_changes_nothing(
    directory: httpx.AsyncClient, make_user: MakeUser
) -> None:
    user = await make_user(address())
    path, old = f"{USERS}/{user['id']}", {"if-match": user["meta"]["version"]}
    change = operations({"op": "replace", "path": "displayName", "value": "New"})
    assert (await directory.get(path, headers={"if-none-match": user["meta"]["version"]})).status_code == 304
    changed = await directory.patch(path, json=change, headers=old)
    assert changed.headers["etag"] != user["meta"]["version"]
    for method, body in (("PATCH", operations({"op": "remove", "path": "displayName"})), ("DELETE", None)):
        refused = await directory.request(method, path, json=body, headers=old)
        assert (refused.status_code, refused.json()["status"]) == (412, "412")
    group = await group_named(directory, "Engineers")
    stale = await directory.patch(f"{GROUPS}/{group['id']}", json=change, headers={"if-match": 'W/"x"'})
    assert stale.status_code == 412


async def test_a_list_is_filtered_paged_and_cut_to_what_was_asked(
    directory: httpx.AsyncClient, make_user: MakeUser
) -> None:
    made = [await make_user(address(), displayName=f"Person {number}") for number in range(3)]
    by_id = sorted(made, key=lambda user: str(user["id"]))  # made at one moment: the clock stands still
    page = (await directory.get(USERS, params={"startIndex": 2, "count": 1})).json()
    assert (page["totalResults"], page["itemsPerPage"], page["startIndex"]) == (3, 1, 2)
    assert [user["id"] for user in page["Resources"]] == [by_id[1]["id"]]
    found = await directory.get(USERS, params={"filter": 'displayName sw "person 2"', "attributes": "userName"})
    assert found.json()["Resources"] == [
        {"schemas": made[2]["schemas"], "id": made[2]["id"], "userName": made[2]["userName"]}
    ]
    less = await directory.get(f"{USERS}/{made[0]['id']}", params={"excludedAttributes": "emails,meta.version"})
    assert "emails" not in less.json()
    assert "version" not in less.json()["meta"]
    assert (await directory.get(USERS, params={"count": 0})).json()["Resources"] == []
    assert (await directory.get(USERS, params={"startIndex": -5, "count": -1})).json()["totalResults"] == 3


@pytest.mark.parametrize(
    "text",
    ["userName eq 'x' OR 1=1", 'password eq "x"', 'userName eq "a") OR true --', 'roles eq "owner"', "x" * 1_500],
)
async def test_a_filter_is_parsed_and_never_run(directory: httpx.AsyncClient, text: str) -> None:
    refused = await directory.get(USERS, params={"filter": text})
    assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidFilter")
    quoted = await directory.get(USERS, params={"filter": """userName eq "'; DELETE FROM members; --" """})
    assert (quoted.status_code, quoted.json()["totalResults"]) == (200, 0)


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"{", "application/scim+json", 400),
        (b"[]", "application/json", 400),
        (b'{"a": NaN}', "application/json", 400),
        (b'{"userName": "\\ud800"}', "application/json", 400),
        (b"[" * 5_000 + b"]" * 5_000, "application/json", 400),
        (b"<a/>", "application/xml", 415),
        (b'{"userName": "' + b"a" * 3_000_000 + b'"}', "application/json", 413),
        (b'{"userName": "x@example.com", "favouriteColour": "red"}', "application/json", 400),
        (b'{"userName": "x@example.com", "emails": [{"value": 7}]}', "application/json", 400),
    ],
)
async def test_a_body_that_is_no_resource_is_refused_in_the_words_of_scim(
    directory: httpx.AsyncClient, body: bytes, media: str, status: int
) -> None:
    refused = await directory.post(USERS, content=body, headers={"content-type": media})
    assert (refused.status_code, refused.json()["status"]) == (status, str(status))


async def test_groups_are_made_and_removed_by_an_admin_alone(directory: httpx.AsyncClient) -> None:
    known = await directory.post(GROUPS, json={"displayName": "engineers"})
    assert (known.status_code, known.json()["scimType"]) == (409, "uniqueness")
    assert (await directory.post(GROUPS, json={"displayName": "Owners"})).status_code == 403
    group = await group_named(directory, "Engineers")
    assert (await directory.delete(f"{GROUPS}/{group['id']}")).status_code == 403
    renamed = await directory.put(f"{GROUPS}/{group['id']}", json={"displayName": "Admins"})
    assert (renamed.status_code, renamed.json()["scimType"]) == (400, "mutability")


async def test_a_whole_group_is_replaced_and_nothing_half(
    installation: Installation, workspace: WorkspaceId, directory: httpx.AsyncClient, make_user: MakeUser
) -> None:
    first, second = await make_user(address()), await make_user(address())
    group = await group_named(directory, "Engineers")
    path = f"{GROUPS}/{group['id']}"
    body = {"displayName": "Engineers", "externalId": "g-1", "members": [{"value": first["id"]}]}
    assert (await directory.put(path, json=body)).json()["externalId"] == "g-1"
    mixed = body | {"members": [{"value": second["id"]}, {"value": "usr_unknown"}]}
    assert (await directory.put(path, json=mixed)).status_code == 404
    assert [member["value"] for member in (await directory.get(path)).json()["members"]] == [first["id"]]
    members = installation.get(MemberService)
    assert (await members.get_member(workspace, second["id"])).role is Role.VIEWER
    shown = (await directory.get(f"{USERS}/{first['id']}")).json()["groups"]
    assert [(entry["value"], entry["display"]) for entry in shown] == [(group["id"], "Engineers")]


async def test_an_admin_maps_groups_and_nobody_above_the_own_role(
    installation: Installation,
    application: FastAPI,
    workspace: WorkspaceId,
    directory: httpx.AsyncClient,
    make_user: MakeUser,
) -> None:
    admin = await installation.join(workspace, Role.ADMIN)
    by_token = client_of(application, **bearer(await installation.token_of(admin, scope="admin")))
    path = "/api/v1/provisioning"
    # Who says who comes in could come in as anybody: a token is no person.
    assert (await by_token.put(path, json={"defaultRole": "viewer", "groups": {}})).status_code == 403
    client = client_of(application, origin="http://tidegate.test")
    client.cookies.set(SESSION_COOKIE, admin.session)
    user = await make_user(address())
    await join_groups(directory, user["id"], "Engineers")
    for body, field in (
        ({"defaultRole": "owner", "groups": {}}, "defaultRole"),
        ({"defaultRole": "viewer", "groups": {"A": "owner"}}, "groups"),
        ({"defaultRole": "viewer", "groups": {"A": "viewer", "a": "admin"}}, "groups"),
        ({"defaultRole": "viewer", "groups": {}, "owner": True}, "owner"),
    ):
        refused = await client.put(path, json=body)
        assert (refused.status_code, refused.json()["field"]) == (422, field)
    made = await client.put(path, json={"defaultRole": "viewer", "groups": {"Engineers": "approver", "New": "viewer"}})
    assert made.json()["groups"] == {"Engineers": "approver", "New": "viewer"}
    members = installation.get(MemberService)
    assert (await members.get_member(workspace, user["id"])).role is Role.APPROVER
    assert (await client.get(path)).json()["setBy"] == admin.id
    await client.put(path, json={"defaultRole": "viewer", "groups": {}})
    assert (await members.get_member(workspace, user["id"])).role is Role.VIEWER
    assert (await directory.get(GROUPS)).json()["totalResults"] == 0


async def test_what_the_server_says_of_itself_is_served_in_parts_too(directory: httpx.AsyncClient) -> None:
    config = (await directory.get("/scim/v2/ServiceProviderConfig")).json()
    assert (config["patch"]["supported"], config["bulk"]["supported"]) == (True, False)
    for kind in ("Schemas", "ResourceTypes"):
        for each in (await directory.get(f"/scim/v2/{kind}")).json()["Resources"]:
            assert (await directory.get(f"/scim/v2/{kind}/{each['id']}")).json() == each
        assert (await directory.get(f"/scim/v2/{kind}/Nothing")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/scim/v2/Nothing", 404, id="an unknown path"),
        pytest.param("GET", "/scim/v2", 404, id="the root"),
        pytest.param("GET", "/scim/v2/Users/usr_1/more", 404, id="below a user"),
        pytest.param("DELETE", "/scim/v2/Users", 405, id="a method that it does not know"),
    ],
)
async def test_what_there_is_not_is_said_as_scim_says_errors(
    directory: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await directory.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/scim+json")
    body = answer.json()
    assert (body["schemas"], body["status"]) == (["urn:ietf:params:scim:api:messages:2.0:Error"], str(status))
    assert body["detail"]
    elsewhere = await directory.get("/scimming")
    assert elsewhere.headers["content-type"] == "application/problem+json"
