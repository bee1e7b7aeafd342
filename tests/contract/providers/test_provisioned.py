"""Who came in by a directory signs in by the workspace's provider, until the directory takes them away."""

import secrets

from tests.contract.providers.made_up import Worlds

from tidegate.edge.caller import Role
from tidegate.identity.scim import ProvisioningService, ProvisioningWish, ScimService, build_scim


async def test_who_was_provisioned_signs_in_by_the_provider_until_they_are_gone(worlds: Worlds) -> None:
    installation, workspace = worlds.installation, worlds.workspace
    installation.services |= build_scim(installation.database, installation.trail, people=installation.services)
    email, by = f"{secrets.token_hex(6)}@example.com", installation.operator(workspace)
    worlds.provider.claims |= {"email": email, "sub": f"sub-{email}"}
    await worlds.set_provider()
    await installation.get(ProvisioningService).set_provisioning(workspace, ProvisioningWish(Role.VIEWER), by=by)
    directory = installation.get(ScimService)
    user = await directory.create_user(workspace, {"userName": email}, by=by)

    caller = await worlds.signed_in()
    assert (caller.member, caller.role) == (user.member.id, Role.VIEWER)

    change = {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
    await directory.patch_user(workspace, user.member.id, change, version=None, by=by)
    assert await worlds.refusal(await worlds.sign_in()) == "deactivated"

    await directory.delete_user(workspace, user.member.id, version=None, by=by)
    assert await worlds.refusal(await worlds.sign_in()) == "not-admitted"
