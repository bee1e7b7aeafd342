"""The writes of passkeys, proofs and directories, as `writes` has the others."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tests.api.audit.entries import Entry, api, form, nobody
from tests.api.audit.writing import ORIGIN, Left, World
from tests.api.identity.people import PASSWORD
from tests.contract.providers.made_up import SECRET
from tests.unit.passkeys.authenticator import Authenticator

_AUTHENTICATOR: Final = Authenticator(origin=ORIGIN)
_PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_WISH: Final = {"defaultRole": "viewer", "groups": {"Engineers": "engineer"}}


async def by_somebody(world: World, work: Callable[[], Awaitable[Left]]) -> Left:
    """Return what `work` leaves that is done in a session that began just now."""
    kept = world.session
    await world.signed_in((await world.joined())[2])
    left = await work()
    await world.signed_in(kept)
    return left


async def add_passkey(world: World) -> Left:
    return await world.ceremony("/account/passkeys", _AUTHENTICATOR.create, passkey_name=secrets.token_hex(4))


async def add_passkey_of_somebody(world: World) -> Left:
    return await by_somebody(world, lambda: add_passkey(world))


async def remove_passkey(world: World) -> Left:
    async def work() -> Left:
        added = (await add_passkey(world)).records[-1]["target"].removeprefix("passkey/")
        return await world.form(f"/account/passkeys/{added}/remove")

    return await by_somebody(world, work)


async def remove_passkey_over_api(world: World) -> Left:
    async def work() -> Left:
        added = (await add_passkey(world)).records[-1]["target"].removeprefix("passkey/")
        return await world.of_session("DELETE", f"/api/v1/passkeys/{added}")

    return await by_somebody(world, work)


async def prove(world: World) -> Left:
    return await by_somebody(world, lambda: world.form("/account/prove", password=PASSWORD, next="/"))


async def prove_with_passkey(world: World) -> Left:
    async def work() -> Left:
        await add_passkey(world)
        return await world.ceremony("/account/prove/passkey", _AUTHENTICATOR.get)

    return await by_somebody(world, work)


async def sign_in_with_passkey(world: World) -> Left:
    async def work() -> Left:
        await add_passkey(world)
        world.session = ""
        return await world.ceremony("/sign-in/passkey", _AUTHENTICATOR.get)

    return await by_somebody(world, work)


async def provisioned(world: World) -> Left:
    assert world.provider is not None
    body = {"issuer": world.provider.url, "clientId": "tidegate", "clientSecret": SECRET, "emailDomains": ["a.test"]}
    await world.api("PUT", "/api/v1/identity-provider", json=body)
    return await world.api("PUT", "/api/v1/provisioning", json=_WISH)


async def make_user(world: World) -> Left:
    await provisioned(world)
    return await world.api("POST", "/scim/v2/Users", json={"userName": f"{secrets.token_hex(4)}@a.test"})


async def set_limits_of_token(world: World) -> Left:
    wish = {"name": "x", "scope": "read", "member": await robot(world)}
    made = await world.api("POST", "/api/v1/tokens", json=wish)
    return await world.api("PUT", f"/api/v1/tokens/{made.answer.json()['id']}/limits", json={"spansPerDay": 10**6})


async def robot(world: World) -> str:
    body = {"name": f"robot {secrets.token_hex(4)}", "role": "engineer"}
    return str((await world.api("POST", "/api/v1/service-accounts", json=body)).answer.json()["id"])


async def user_of(world: World) -> str:
    return str((await make_user(world)).answer.json()["id"])


async def put_user(world: World) -> Left:
    made = (await make_user(world)).answer.json()
    return await world.api("PUT", f"/scim/v2/Users/{made['id']}", json={"userName": made["userName"], "active": False})


async def patch_user(world: World) -> Left:
    change = {"schemas": [_PATCH], "Operations": [{"op": "replace", "path": "active", "value": False}]}
    return await world.api("PATCH", f"/scim/v2/Users/{await user_of(world)}", json=change)


async def delete_user(world: World) -> Left:
    return await world.api("DELETE", f"/scim/v2/Users/{await user_of(world)}")


async def group_of(world: World) -> dict[str, Any]:
    found = (await world.api("GET", "/scim/v2/Groups")).answer.json()["Resources"]
    return dict(next(group for group in found if group["displayName"] == "Engineers"))


async def patch_group(world: World) -> Left:
    member = {"value": await user_of(world)}
    change = {"schemas": [_PATCH], "Operations": [{"op": "add", "path": "members", "value": [member]}]}
    return await world.api("PATCH", f"/scim/v2/Groups/{(await group_of(world))['id']}", json=change)


async def put_group(world: World) -> Left:
    user = await user_of(world)
    group = await group_of(world)
    members = [*group.get("members", []), {"value": user}]
    return await world.api(
        "PUT", f"/scim/v2/Groups/{group['id']}", json={"displayName": "Engineers", "members": members}
    )


PEOPLE: Final[dict[str, Entry]] = {
    "POST /account/passkeys": Entry(
        add_passkey_of_somebody, form("/account/passkeys", credential="x"), ("passkeys:add",), "passkey/pk_"
    ),
    "POST /account/passkeys/{passkey_id}/remove": Entry(
        remove_passkey, form("/account/passkeys/pk_x/remove"), ("passkeys:remove",), "passkey/pk_"
    ),
    "DELETE /api/v1/passkeys/{passkey_id}": Entry(
        remove_passkey_over_api, api("DELETE", "/api/v1/passkeys/pk_x"), ("passkeys:remove",), "passkey/pk_",
    ),
    "POST /account/prove": Entry(
        prove, form("/account/prove", password=""), ("sessions:prove",), "session/ses_", has_request=False
    ),
    "POST /account/prove/passkey": Entry(
        prove_with_passkey, form("/account/prove/passkey", credential="x"), ("sessions:prove",), "session/ses_",
        has_request=False,
    ),
    "POST /sign-in/passkey": Entry(
        sign_in_with_passkey, nobody("/sign-in/passkey", credential="x"), ("sessions:create",), "session/ses_",
        has_request=False,
    ),
    "PUT /api/v1/provisioning": Entry(
        provisioned, api("PUT", "/api/v1/provisioning", json={"nonsense": 1}), ("provisioning:set",), "workspace/"
    ),
    "PUT /api/v1/limits": Entry(
        api("PUT", "/api/v1/limits", json={"spansPerDay": 10**9}),
        api("PUT", "/api/v1/limits", json={"spansPerDay": 0}), ("limits:set",), "workspace/",
    ),
    "PUT /api/v1/tokens/{token_id}/limits": Entry(
        set_limits_of_token, api("PUT", "/api/v1/tokens/tok_x/limits", json={"spansPerDay": 1}), ("limits:set",),
        "token/tok_",
    ),
    "POST /scim/v2/Users": Entry(
        make_user, api("POST", "/scim/v2/Users", json={"userName": 1}), ("members:join",), "member/usr_"
    ),
    "PUT /scim/v2/Users/{user_id}": Entry(
        put_user, api("PUT", "/scim/v2/Users/usr_x", json={"userName": "x@a.test"}), ("members:change",), "member/usr_"
    ),
    "PATCH /scim/v2/Users/{user_id}": Entry(
        patch_user, api("PATCH", "/scim/v2/Users/usr_x", json={"schemas": [_PATCH], "Operations": []}),
        ("members:change",), "member/usr_",
    ),
    "DELETE /scim/v2/Users/{user_id}": Entry(
        delete_user, api("DELETE", "/scim/v2/Users/usr_x"), ("members:remove",), "member/usr_"
    ),
    "PATCH /scim/v2/Groups/{group_id}": Entry(
        patch_group, api("PATCH", "/scim/v2/Groups/x", json={"schemas": [_PATCH], "Operations": []}),
        ("groups:change", "members:change"), "member/usr_",
    ),
    "PUT /scim/v2/Groups/{group_id}": Entry(
        put_group, api("PUT", "/scim/v2/Groups/x", json={"displayName": "Engineers"}),
        ("groups:change", "members:change"), "member/usr_",
    ),
}  # fmt: skip
