"""A client library of SCIM, which checks every answer against what the server says of itself."""

import secrets

import pytest
from fastapi import FastAPI
from scim2_client.engines.asgi import ASGISCIMClient
from scim2_models import PatchOp, SCIMException, SearchRequest
from tests.api.identity.people import Installation, bearer
from tests.api.identity.scim.conftest import provision

from tidegate.edge.caller import Role
from tidegate.identity.members import MemberService
from tidegate.kernel import WorkspaceId


async def test_a_real_client_brings_people_in_moves_them_and_takes_them_away(
    installation: Installation, application: FastAPI, workspace: WorkspaceId
) -> None:
    await provision(installation, workspace)
    token = await installation.operator_token(workspace, "provision")
    client = ASGISCIMClient(application, base_url="http://tidegate.test/scim/v2", headers=bearer(token))
    await client.discover()
    user_model, group_model = client.get_resource_model("User"), client.get_resource_model("Group")
    email = f"{secrets.token_hex(6)}@example.com"

    user = await client.create(
        user_model(user_name=email, external_id="ext-1", display_name="Jane Doe", emails=[{"value": email}])
    )
    found = await client.query(user_model, query_parameters=SearchRequest(filter=f'userName eq "{email.upper()}"'))
    assert [each.id for each in found.resources] == [user.id]
    with pytest.raises(SCIMException):
        await client.create(user_model(user_name=email))

    user.display_name = "Jane Roe"
    replaced = await client.replace(user)
    assert replaced.display_name == "Jane Roe"
    assert replaced.meta.version != user.meta.version

    groups = await client.query(group_model, query_parameters=SearchRequest(filter='displayName eq "engineers"'))
    [group] = groups.resources
    added = PatchOp[group_model](operations=[{"op": "add", "path": "members", "value": [{"value": user.id}]}])
    changed = await client.modify(group_model, group.id, added)
    assert [member.value for member in changed.members] == [user.id]
    members = installation.get(MemberService)
    assert (await members.get_member(workspace, user.id)).role is Role.ENGINEER

    ended = PatchOp[user_model](operations=[{"op": "replace", "path": "active", "value": False}])
    assert (await client.modify(user_model, user.id, ended)).active is False
    assert not (await members.get_member(workspace, user.id)).is_active

    await client.delete(user_model, user.id)
    with pytest.raises(SCIMException):
        await client.query(user_model, user.id)
