"""One valid call and one that is refused for every unsafe operation, and what the first leaves in the audit."""

import secrets
from typing import Any, Final

from tests.api.audit.entries import Entry, api, form, nobody
from tests.api.audit.evidence_writes import EVIDENCE
from tests.api.audit.gate_writes import WAIVERS
from tests.api.audit.incident_writes import INCIDENTS
from tests.api.audit.objective_writes import ENTRIES as OBJECTIVES
from tests.api.audit.paging_writes import PAGING
from tests.api.audit.people_writes import PEOPLE
from tests.api.audit.writing import Left, World
from tests.api.gates.test_tenant_isolation import make_case
from tests.api.identity.people import PASSWORD
from tests.contract.providers.made_up import SECRET
from tests.telemetry_rows import TRACE

COMMIT: Final = "a" * 40
XML: Final = {"headers": {"content-type": "application/xml"}}
YAML: Final = {"headers": {"content-type": "application/yaml"}}
REASON: Final = {"json": {"reason": "asked for"}}
OTHER_PASSWORD: Final = "four other unlikely words"


def gate_file(bound: str) -> bytes:
    return f"""
apiVersion: tidegate/v1
kind: Gate
id: money
title: Money
owner: pay
checks:
  - {{id: failures, title: Failures, kind: signal, owner: pay, family: auth, window: 15m, expression: {bound}}}
""".encode()


def release(version: str = "1") -> dict[str, Any]:
    return {"name": "r-1", "services": [{"service": "pay", "version": version, "commit": COMMIT}]}


def authz_run(**changes: str) -> dict[str, Any]:
    times = {"startedAt": "2026-02-07T14:00:00Z", "finishedAt": "2026-02-07T14:01:00Z"}
    return {
        "runId": "run-1",
        "service": "pay",
        "commit": COMMIT,
        "suite": "walls",
        "cases": [make_case()],
        **times,
    } | changes


def junit(name: str) -> bytes:
    return f'<testsuite name="s"><testcase classname="c" name="{name}"/></testsuite>'.encode()


def objective(target: str) -> bytes:
    return f"""
apiVersion: tidegate/v1
kind: Objective
metadata: {{name: sign-ins, title: Sign-ins, owner: pay}}
spec:
  service: pay
  family: auth
  indicator: {{events: {{bad: failureCount, total: requestCount}}}}
  target: {target}
  window: {{rolling: 30d}}
""".encode()


async def remove_objective(world: World) -> Left:
    await world.api("POST", "/api/v1/objectives/apply", content=objective("0.9"), **YAML)
    return await world.api("DELETE", "/api/v1/objectives/sign-ins")


def prices(usd: str) -> bytes:
    entry = f"{{provider: acme, model: m, input: {usd}}}"
    return f"{{apiVersion: tidegate/v1, kind: Prices, prices: [{entry}]}}".encode()


def rules(threshold: str) -> bytes:
    entry = f"{{code: auth_failure_rate_high, threshold: {threshold}}}"
    return f"{{apiVersion: tidegate/v1, kind: Rules, metadata: {{name: mine}}, rules: [{entry}]}}".encode()


async def sign_in_by_link(world: World) -> Left:
    return await world.form_of_nobody("/sign-in", link=await world.link())


async def sign_in_by_password(world: World) -> Left:
    _, email, _ = await world.joined()
    return await world.form_of_nobody("/sign-in/password", email=email, password=PASSWORD)


async def accept(world: World) -> Left:
    _, secret = await world.invited()
    return await world.form_of_nobody("/accept-invitation", invitation=secret, name="Bo", password=PASSWORD)


async def sign_out(world: World) -> Left:
    kept = world.session
    await world.signed_in((await world.joined())[2])
    left = await world.form("/sign-out")
    await world.signed_in(kept)
    return left


async def change_password(world: World) -> Left:
    kept = world.session
    await world.signed_in((await world.joined())[2])
    left = await world.form("/account/password", current=PASSWORD, password=OTHER_PASSWORD)
    await world.signed_in(kept)
    return left


async def end_session(world: World) -> Left:
    session = (await sign_in_by_link(world)).records[-1]["actor"]
    return await world.form(f"/account/sessions/{session}/end")


async def end_session_over_api(world: World) -> Left:
    session = (await sign_in_by_link(world)).records[-1]["actor"]
    return await world.api("DELETE", f"/api/v1/sessions/{session}")


async def withdraw(world: World) -> Left:
    return await world.api("DELETE", f"/api/v1/invitations/{(await world.invited())[0]}")


async def withdraw_on_page(world: World) -> Left:
    return await world.form(f"/members/invitations/{(await world.invited())[0]}/withdraw")


async def change_member(world: World) -> Left:
    return await world.api("PATCH", f"/api/v1/members/{(await world.joined())[0]}", json={"role": "engineer"})


async def change_member_on_page(world: World) -> Left:
    return await world.form(f"/members/{(await world.joined())[0]}/role", role="engineer")


async def remove_member(world: World) -> Left:
    return await world.api("DELETE", f"/api/v1/members/{(await world.joined())[0]}")


async def remove_member_on_page(world: World) -> Left:
    return await world.form(f"/members/{(await world.joined())[0]}/remove")


async def account_of(world: World) -> str:
    body = {"name": f"robot {secrets.token_hex(4)}", "role": "engineer"}
    return str((await world.api("POST", "/api/v1/service-accounts", json=body)).answer.json()["id"])


async def create_token(world: World) -> Left:
    body = {"name": "ci", "scope": "read", "member": await account_of(world)}
    return await world.api("POST", "/api/v1/tokens", json=body)


async def token_of(world: World) -> str:
    return str((await create_token(world)).answer.json()["id"])


async def create_token_on_page(world: World) -> Left:
    return await world.form("/tokens", name="mine", scope="read", days="30")


async def rotate_token(world: World) -> Left:
    return await world.api("POST", f"/api/v1/tokens/{await token_of(world)}/rotate", json={})


async def rotate_token_on_page(world: World) -> Left:
    return await world.form(f"/tokens/{await token_of(world)}/rotate")


async def revoke_token(world: World) -> Left:
    return await world.api("DELETE", f"/api/v1/tokens/{await token_of(world)}")


async def revoke_token_on_page(world: World) -> Left:
    return await world.form(f"/tokens/{await token_of(world)}/revoke")


async def set_provider(world: World) -> Left:
    assert world.provider is not None
    body = {"issuer": world.provider.url, "clientId": "tidegate", "clientSecret": SECRET, "emailDomains": ["a.test"]}
    return await world.api("PUT", "/api/v1/identity-provider", json=body)


async def set_provider_on_page(world: World) -> Left:
    assert world.provider is not None
    return await world.form("/identity-provider", issuer=world.provider.url, client_id="tidegate", client_secret=SECRET,
                            public_url="http://tidegate.test", groups_claim="groups")  # fmt: skip


async def remove_provider(world: World) -> Left:
    await set_provider(world)
    return await world.api("DELETE", "/api/v1/identity-provider")


async def remove_provider_on_page(world: World) -> Left:
    await set_provider(world)
    return await world.form("/identity-provider/remove")


def hook(world: World, name: str) -> dict[str, Any]:
    assert world.provider is not None
    return {"name": name, "webhook": {"url": world.provider.url}}


async def add_channel(world: World) -> Left:
    return await world.api("POST", "/api/v1/channels", json=hook(world, f"c-{secrets.token_hex(6)}"))


async def channel_of(world: World) -> str:
    return str((await add_channel(world)).answer.json()["id"])


async def add_channel_on_page(world: World) -> Left:
    assert world.provider is not None
    return await world.form("/settings/channels", name=f"c-{secrets.token_hex(6)}", url=world.provider.url)


async def change_channel(world: World) -> Left:
    return await world.api("PATCH", f"/api/v1/channels/{await channel_of(world)}", json={"isEnabled": False})


async def rotate_channel(world: World) -> Left:
    return await world.api("POST", f"/api/v1/channels/{await channel_of(world)}/rotate", json={})


async def remove_channel(world: World) -> Left:
    return await world.api("DELETE", f"/api/v1/channels/{await channel_of(world)}")


async def remove_channel_on_page(world: World) -> Left:
    return await world.form(f"/settings/channels/{await channel_of(world)}/remove")


async def try_channel(world: World) -> Left:
    return await world.api("POST", f"/api/v1/channels/{await channel_of(world)}/test")


async def try_channel_on_page(world: World) -> Left:
    return await world.form(f"/settings/channels/{await channel_of(world)}/test")


async def replay_delivery(world: World) -> Left:
    delivery = (await try_channel(world)).answer.json()["id"]
    # As if its job had run out of attempts.
    await world.owner.execute(
        "UPDATE jobs SET state = 'dead', finished_at = now() WHERE workspace = $1 AND key = $2",
        world.workspace,
        delivery,
    )
    return await world.api("POST", f"/api/v1/deliveries/{delivery}/replay")


async def evaluate(world: World) -> Left:
    await define(world)
    return await world.api("POST", "/api/v1/gates/money/decisions")


async def define(world: World) -> Left:
    return await world.api("POST", "/api/v1/gates", content=gate_file("failureRate < 0.1"), **YAML)


DASHBOARD: Final = "/release/dashboard?gate=tenant-isolation"
UNKNOWN: Final = {"json": {"nonsense": 1}}


def tool(name: str) -> dict[str, Any]:
    """Return a call of one tool over the Model Context Protocol, as clients of 2025 send it."""
    parameters = {"name": name, "arguments": {}}
    return {
        "json": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters},
        "headers": {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"},
    }


REPORT: Final = f"/api/v1/ci/reports?suite=s&commit={COMMIT}&service=pay&runId=1"
ENTRIES: Final[dict[str, Entry]] = {
    "POST /mcp": Entry(
        api("POST", "/mcp", **tool("list_runbooks")), api("POST", "/mcp", json="no message"),
        ("tools:call",), "tool/list_runbooks",
    ),
    "POST /sign-in": Entry(
        sign_in_by_link, nobody("/sign-in", link="x"), ("sessions:create",), "session/ses_", has_request=False
    ),
    "POST /sign-in/password": Entry(
        sign_in_by_password, nobody("/sign-in/password", email="x@example.com", password="x"),
        ("sessions:create",), "session/ses_", has_request=False,
    ),
    "POST /accept-invitation": Entry(
        accept, nobody("/accept-invitation", invitation="x", name="x", password=PASSWORD),
        ("invitations:accept", "sessions:create"), "", has_request=False,
    ),
    "POST /sign-out": Entry(
        sign_out, nobody("/sign-out", form_token="x"), ("sessions:end",), "session/ses_", has_request=False
    ),
    "POST /account/sessions/{session_id}/end": Entry(
        end_session, form("/account/sessions/ses_x/end"), ("sessions:end",), "session/ses_"
    ),
    "POST /account/password": Entry(
        change_password, form("/account/password", current="x", password=OTHER_PASSWORD), ("passwords:change",),
        "member/usr_",
    ),
    "POST /members/invite": Entry(
        form("/members/invite", email="new@example.com", role="viewer"), form("/members/invite", email="x", role="x"),
        ("members:invite",), "invitation/",
    ),
    "POST /members/invitations/{invitation_id}/withdraw": Entry(
        withdraw_on_page, form("/members/invitations/inv_x/withdraw"), ("invitations:withdraw",), "invitation/"
    ),
    "POST /members/service-accounts": Entry(
        form("/members/service-accounts", name="robot", role="viewer"),
        form("/members/service-accounts", name="robot", role="owner"), ("service-accounts:create",), "member/svc_",
    ),
    "POST /members/{member_id}/role": Entry(
        change_member_on_page, form("/members/usr_x/role", role="viewer"), ("members:change",), "member/usr_"
    ),
    "POST /members/{member_id}/remove": Entry(
        remove_member_on_page, form("/members/usr_x/remove"), ("members:remove",), "member/usr_"
    ),
    "POST /identity-provider": Entry(
        set_provider_on_page, form("/identity-provider", issuer="x"), ("identity-provider:set",), "workspace/"
    ),
    "POST /identity-provider/remove": Entry(
        remove_provider_on_page, form("/identity-provider/remove"), ("identity-provider:remove",), "workspace/"
    ),
    "PUT /api/v1/identity-provider": Entry(
        set_provider, api("PUT", "/api/v1/identity-provider", **UNKNOWN), ("identity-provider:set",), "workspace/"
    ),
    "DELETE /api/v1/identity-provider": Entry(
        remove_provider, api("DELETE", "/api/v1/identity-provider"), ("identity-provider:remove",), "workspace/"
    ),
    "POST /api/v1/channels": Entry(
        add_channel, api("POST", "/api/v1/channels", json={"name": "x", "webhook": {"url": "http://10.0.0.1/"}}),
        ("channels:add",), "channel/chn_",
    ),
    "PATCH /api/v1/channels/{channel_id}": Entry(
        change_channel, api("PATCH", "/api/v1/channels/chn_x", json={"isEnabled": False}), ("channels:change",),
        "channel/chn_",
    ),
    "POST /api/v1/channels/{channel_id}/rotate": Entry(
        rotate_channel, api("POST", "/api/v1/channels/chn_x/rotate", json={}), ("channels:rotate",), "channel/chn_"
    ),
    "DELETE /api/v1/channels/{channel_id}": Entry(
        remove_channel, api("DELETE", "/api/v1/channels/chn_x"), ("channels:remove",), "channel/chn_"
    ),
    "POST /api/v1/channels/{channel_id}/test": Entry(
        try_channel, api("POST", "/api/v1/channels/chn_x/test"), ("channels:test",), "channel/chn_"
    ),
    "POST /api/v1/deliveries/{delivery_id}/replay": Entry(
        replay_delivery, api("POST", "/api/v1/deliveries/msg_x/replay"), ("deliveries:replay",), "delivery/msg_"
    ),
    "POST /settings/channels": Entry(
        add_channel_on_page, form("/settings/channels", name="A B", url="x"), ("channels:add",), "channel/chn_"
    ),
    "POST /settings/channels/{channel_id}/test": Entry(
        try_channel_on_page, form("/settings/channels/chn_x/test"), ("channels:test",), "channel/chn_"
    ),
    "POST /settings/channels/{channel_id}/remove": Entry(
        remove_channel_on_page, form("/settings/channels/chn_x/remove"), ("channels:remove",), "channel/chn_"
    ),
    "POST /tokens": Entry(
        create_token_on_page, form("/tokens", name="", scope="read"), ("tokens:create",), "token/tok_"
    ),
    "POST /tokens/{token_id}/rotate": Entry(
        rotate_token_on_page, form("/tokens/tok_x/rotate"), ("tokens:rotate",), "token/tok_"
    ),
    "POST /tokens/{token_id}/revoke": Entry(
        revoke_token_on_page, form("/tokens/tok_x/revoke"), ("tokens:revoke",), "token/tok_"
    ),
    "POST /api/v1/workspace": Entry(
        api("POST", "/api/v1/workspace", json={"name": "Harbor"}), api("POST", "/api/v1/workspace", **UNKNOWN),
        ("workspace:rename",), "workspace/",
    ),
    "PATCH /api/v1/members/{member_id}": Entry(
        change_member, api("PATCH", "/api/v1/members/usr_x", json={"role": "viewer"}), ("members:change",),
        "member/usr_",
    ),
    "DELETE /api/v1/members/{member_id}": Entry(
        remove_member, api("DELETE", "/api/v1/members/usr_x"), ("members:remove",), "member/usr_"
    ),
    "POST /api/v1/service-accounts": Entry(
        api("POST", "/api/v1/service-accounts", json={"name": "other robot", "role": "viewer"}),
        api("POST", "/api/v1/service-accounts", **UNKNOWN), ("service-accounts:create",), "member/svc_",
    ),
    "POST /api/v1/invitations": Entry(
        api("POST", "/api/v1/invitations", json={"email": "cy@example.com", "role": "viewer"}),
        api("POST", "/api/v1/invitations", **UNKNOWN), ("members:invite",), "invitation/",
    ),
    "DELETE /api/v1/invitations/{invitation_id}": Entry(
        withdraw, api("DELETE", "/api/v1/invitations/inv_x"), ("invitations:withdraw",), "invitation/"
    ),
    "POST /api/v1/tokens": Entry(
        create_token, api("POST", "/api/v1/tokens", **UNKNOWN), ("tokens:create",), "token/tok_"
    ),
    "POST /api/v1/tokens/{token_id}/rotate": Entry(
        rotate_token, api("POST", "/api/v1/tokens/tok_x/rotate", json={}), ("tokens:rotate",), "token/tok_"
    ),
    "DELETE /api/v1/tokens/{token_id}": Entry(
        revoke_token, api("DELETE", "/api/v1/tokens/tok_x"), ("tokens:revoke",), "token/tok_"
    ),
    "DELETE /api/v1/sessions/{session_id}": Entry(
        end_session_over_api, api("DELETE", "/api/v1/sessions/ses_x"), ("sessions:end",), "session/ses_"
    ),
    "PUT /api/v1/retention": Entry(
        api("PUT", "/api/v1/retention", json={"rawDays": 3}), api("PUT", "/api/v1/retention", json={"rawDays": 1}),
        ("retention:set",), "workspace/",
    ),
    "DELETE /api/v1/traces/{trace_id}": Entry(
        api("DELETE", f"/api/v1/traces/{TRACE}", **REASON), api("DELETE", f"/api/v1/traces/{'0' * 32}", **REASON),
        ("telemetry:erase",), f"trace/{TRACE}",
    ),
    "DELETE /api/v1/tenants/{tenant}/telemetry": Entry(
        api("DELETE", "/api/v1/tenants/acme/telemetry", **REASON),
        api("DELETE", "/api/v1/tenants/acme/telemetry", json={"reason": " "}), ("telemetry:erase",), "tenant/acme",
    ),
    "PUT /api/v1/prices/overrides": Entry(
        api("PUT", "/api/v1/prices/overrides", content=prices("2"), **YAML),
        api("PUT", "/api/v1/prices/overrides", content=prices("-1"), **YAML), ("prices:set",), "prices/overrides",
    ),
    "POST /api/v1/rules/apply": Entry(
        api("POST", "/api/v1/rules/apply", content=rules("0.2"), **YAML),
        api("POST", "/api/v1/rules/apply", content=rules("-1"), **YAML), ("rules:set",), "rules/mine",
    ),
    "POST /api/v1/objectives/apply": Entry(
        api("POST", "/api/v1/objectives/apply", content=objective("0.99"), **YAML),
        api("POST", "/api/v1/objectives/apply", content=objective("1"), **YAML), ("objectives:set",),
        "objective/sign-ins",
    ),
    "DELETE /api/v1/objectives/{objective}": Entry(
        remove_objective, api("DELETE", "/api/v1/objectives/nobody"), ("objectives:remove",), "objective/sign-ins"
    ),
    "POST /api/v1/recounts": Entry(
        api("POST", "/api/v1/recounts", json={"reason": "reprice"}),
        api("POST", "/api/v1/recounts", json={"reason": "reprice"}), ("recounts:request",), "recount/rec_",
    ),
    "POST /api/v1/releases": Entry(
        api("POST", "/api/v1/releases", json=release()), api("POST", "/api/v1/releases", json=release("2")),
        ("releases:create",), "release/rel_",
    ),
    "POST /release/authz-regression": Entry(
        api("POST", "/release/authz-regression", json=authz_run()),
        api("POST", "/release/authz-regression", json=authz_run(suite="others")), ("isolation:report",),
        "authz-run/run-1",
    ),
    "POST /api/v1/ci/reports": Entry(
        api("POST", REPORT, content=junit("a"), **XML), api("POST", REPORT, content=junit("b"), **XML),
        ("evidence:report",), "report/rpt_",
    ),
    "POST /api/v1/gates": Entry(
        define, api("POST", "/api/v1/gates", content=gate_file("nonsense"), **YAML), ("gates:define",), "gate/money"
    ),
    "POST /api/v1/gates/{gate_id}/decisions": Entry(
        evaluate, api("POST", "/api/v1/gates/unknown/decisions"), ("gates:evaluate",), "gate/money"
    ),
} | PEOPLE | PAGING | INCIDENTS | WAIVERS | EVIDENCE | OBJECTIVES  # fmt: skip
UNRECORDED: Final = {
    "HEAD /assets/{file}": "reads",
    "POST /appearance": "a cookie of the browser; nothing is kept",
    "POST /account/owner": "three records: the first owner, a session that begins and the one of the link that ends; "
    "below",
    "POST /sign-in/backchannel-logout/{workspace}": "as many records as sessions end: "
    "tests/contract/providers/test_signing_out.py",
    "POST /identity-provider/test": "asks the provider; nothing is kept",
    "POST /api/v1/identity-provider/test": "asks the provider; nothing is kept",
    "POST /api/v1/prometheus-sources/{source}/test": "asks the server; nothing is kept",
    "POST /api/v1/objectives/plan": "nothing is kept",
    "POST /api/v1/prices/validate": "nothing is kept",
    "POST /api/v1/rules/plan": "nothing is kept",
    "POST /api/v1/rules/backtest": "nothing is kept, and nobody is told",
    "POST /api/v1/gates/validate": "nothing is kept",
    "POST /api/v1/channels/validate": "nothing is kept, and nobody is called",
    "POST /api/v1/routing/plan": "nothing is kept",
    "POST /api/v1/routing/test": "nothing is kept",
    "POST /api/v1/silences/preview": "nothing is kept",
    "POST /api/v2/alerts": "telemetry: each alert keeps its own transitions, and its sender repeats it every minute",
    "POST /api/v1/evaluations": "telemetry",
    "POST /prometheus/api/v1/query": "reads; the form is for expressions that are too long for an address",
    "POST /prometheus/api/v1/query_range": "reads, the same",
    "POST /prometheus/api/v1/series": "reads, the same",
    "POST /prometheus/api/v1/labels": "reads, the same",
    "POST /account/passkeys/options": "a question for a browser, good for five minutes",
    "POST /account/prove/passkey/options": "a question for a browser, good for five minutes",
    "POST /sign-in/passkey/options": "a question for a browser, good for five minutes",
    "POST /scim/v2/Groups": "refused always: groups are mapped by an admin",
    "DELETE /scim/v2/Groups/{group_id}": "refused always: groups are mapped by an admin",
}
"""What needs no record of its own, each with its reason."""
