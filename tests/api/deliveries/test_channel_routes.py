"""Channels over HTTP: who may, what is refused by which field, and that no secret comes out again."""

from typing import Any

import httpx
import pytest
from tests.api.deliveries.conftest import Doors
from tests.api.identity.people import bearer, client_of

from tidegate.edge.caller import SESSION_COOKIE, Role

PATH = "/api/v1/channels"
KEY = "k" * 32
SLACK = "https://hooks.slack.example/services/T0/B0/abcdWXYZ"
MAIL = {"host": "mail.example.com", "port": 587, "user": "tg", "password": "pass word"}


def email(**server: Any) -> dict[str, Any]:
    return {"to": ["ann@example.com"], "from": "tg@example.com", "server": MAIL | server}


WRITES = [
    ("POST", PATH, {"name": "x", "slack": {"url": SLACK}}),
    ("POST", f"{PATH}/validate", {"name": "x", "slack": {"url": SLACK}}),
    ("PATCH", f"{PATH}/ops", {"isEnabled": False}),
    ("POST", f"{PATH}/ops/rotate", {}),
    ("DELETE", f"{PATH}/ops", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_nobody_but_who_administers_changes_channels(
    doors: Doors, method: str, path: str, body: dict[str, Any] | None
) -> None:
    await doors.add()
    assert (await client_of(doors.application).request(method, path, json=body)).status_code == 401
    for scope in ("ingest", "read", "write"):
        assert (await (await doors.client(scope)).request(method, path, json=body)).status_code == 403
    person = await doors.installation.join(doors.workspace, Role.RELEASE_MANAGER)
    client = client_of(doors.application, origin="http://tidegate.test")
    client.cookies.set(SESSION_COOKIE, person.session)
    assert (await client.request(method, path, json=body)).status_code == 403


async def test_who_reads_sees_channels_and_only_who_writes_tries_them(doors: Doors) -> None:
    await doors.add()
    reader, writer = await doors.client("read"), await doors.client("write")
    assert [each["name"] for each in (await reader.get(PATH)).json()["items"]] == ["ops"]
    assert (await reader.get(f"{PATH}/ops")).status_code == 200
    assert (await reader.post(f"{PATH}/ops/test")).status_code == 403
    assert (await writer.post(f"{PATH}/ops/test")).status_code == 202


async def test_another_workspace_finds_nothing(doors: Doors) -> None:
    made = await doors.add()
    delivery = (await doors.api.post(f"{PATH}/ops/test")).json()["id"]
    other = await doors.installation.new_workspace()
    stranger = client_of(doors.application, **bearer(await doors.installation.operator_token(other)))
    for method, path, body in [
        ("GET", f"{PATH}/ops", None), ("GET", f"{PATH}/{made['id']}", None), ("PATCH", f"{PATH}/{made['id']}", {}),
        ("DELETE", f"{PATH}/{made['id']}", None), ("POST", f"{PATH}/{made['id']}/rotate", {}),
        ("POST", f"{PATH}/{made['id']}/test", None), ("GET", f"/api/v1/deliveries/{delivery}", None),
        ("POST", f"/api/v1/deliveries/{delivery}/replay", None),
    ]:  # fmt: skip
        assert (await stranger.request(method, path, json=body)).status_code == 404, path
    assert (await stranger.get(PATH)).json()["items"] == []
    assert (await stranger.get("/api/v1/deliveries")).json()["items"] == []
    assert (await stranger.get("/api/v1/deliveries", params={"channel": str(made["id"])})).json()["items"] == []


async def test_a_secret_is_shown_once_and_sealed(doors: Doors) -> None:
    made = await doors.add()
    secret = str(made["secret"])
    assert secret.startswith("whsec_")
    shown = [(await doors.api.get(f"{PATH}/ops")).text, (await doors.api.get(PATH)).text]
    rotated = (await doors.api.post(f"{PATH}/ops/rotate", json={"overlapHours": 1})).json()
    assert rotated["secret"] not in {None, secret}
    shown += [(await doors.api.get(f"{PATH}/ops")).text, repr(doors.installation.trail.deeds)]
    row = await doors.installation.owner.fetchrow("SELECT * FROM channels WHERE workspace = $1", doors.workspace)
    shown.append(repr(dict(row)))
    for text in shown:
        assert secret not in text
        assert rotated["secret"] not in text
    assert (await doors.api.get(f"{PATH}/ops")).json()["webhook"]["secretHint"] == f"…{rotated['secret'][-5:-1]}"


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ({"slack": {"url": SLACK}}, SLACK),
        ({"pagerduty": {"routingKey": KEY}}, KEY),
        ({"email": email()}, "pass word"),
        ({"webhook": {"url": "https://hooks.example.com/?key=abcdef", "secret": "whsec_" + "A" * 32}}, "abcdef"),
    ],
    ids=["slack", "pagerduty", "email", "webhook"],
)
async def test_what_is_given_as_a_secret_never_comes_out(doors: Doors, kind: dict[str, Any], secret: str) -> None:
    answer = await doors.api.post(PATH, json={"name": "x", **kind})
    assert answer.status_code == 201, answer.text
    assert answer.json()["secret"] is None
    for text in (answer.text, (await doors.api.get(f"{PATH}/x")).text, repr(doors.installation.trail.deeds)):
        assert secret not in text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "A b", "slack": {"url": SLACK}}, "name"),
        ({"name": "x"}, "webhook"),
        ({"name": "x", "slack": {"url": SLACK}, "webhook": {"url": SLACK}}, "slack"),
        ({"name": "x", "webhook": {}}, "webhook.url"),
        ({"name": "x", "webhook": {"url": "http://10.0.0.1/"}}, "webhook.url"),
        ({"name": "x", "webhook": {"url": "https://169.254.169.254/latest"}}, "webhook.url"),
        ({"name": "x", "webhook": {"url": "https://user:word@hooks.example.com/"}}, "webhook.url"),
        ({"name": "x", "webhook": {"url": "https://hooks.example.com:22/"}}, "webhook.url"),
        ({"name": "x", "webhook": {"url": "file:///etc/passwd"}}, "webhook.url"),
        ({"name": "x", "webhook": {"url": "https://hooks.example.com/\r\nx: y"}}, "webhook.url"),
        ({"name": "x", "webhook": {"url": "https://hooks.example.com", "secret": "short"}}, "webhook.secret"),
        ({"name": "x", "webhook": {"url": "https://hooks.example.com", "signed_by": "me"}}, "webhook.signed_by"),
        ({"name": "x", "slack": {"url": SLACK}, "id": "chn_1"}, "id"),
        ({"name": "x", "slack": {}}, "slack.url"),
        ({"name": "x", "pagerduty": {}}, "pagerduty.routingKey"),
        ({"name": "x", "pagerduty": {"routingKey": "k" * 31}}, "pagerduty.routingKey"),
        ({"name": "x", "pagerduty": {"routingKey": KEY, "url": "ftp://x"}}, "pagerduty.url"),
        ({"name": "x", "email": {"to": []}}, "email.to"),
        ({"name": "x", "email": {"to": ["ann@example.com"]}}, "email.server"),
        ({"name": "x", "email": email() | {"to": ["ann@example.com", "x\r\nBcc: y@z.test"]}}, "email.to.1"),
        ({"name": "x", "email": email() | {"from": "Ann <a@b.test>"}}, "email.from"),
        ({"name": "x", "email": email(port=25)}, "email.server"),
        ({"name": "x", "email": email(port=0)}, "email.server.port"),
        ({"name": "x", "email": email(host="10.0.0.1")}, "email.server"),
        ({"name": "x", "email": email(host="mail.example.com\r\nx")}, "email.server"),
        ({"name": "x", "email": email(host="mail.example.com/x?")}, "email.server"),
        ({"name": "x", "email": email(password=None)}, "email.server.password"),
        ({"name": "x", "email": email(user="")}, "email.server.user"),
        ({"name": "x", "email": email(security="none", host="127.0.0.1")}, "email.server.security"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field(doors: Doors, body: dict[str, Any], field: str) -> None:
    for path in (f"{PATH}/validate", PATH):
        answer = await doors.api.post(path, json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["field"] == field
    assert (await doors.api.get(PATH)).json()["items"] == []


async def test_a_name_is_taken_once(doors: Doors) -> None:
    await doors.add()
    answer = await doors.api.post(PATH, json={"name": "ops", "slack": {"url": SLACK}})
    assert (answer.status_code, answer.json()["code"]) == (409, "channel_exists")


async def test_what_could_be_added_is_not_added_by_asking(doors: Doors) -> None:
    answer = await doors.api.post(f"{PATH}/validate", json={"name": "x", "slack": {"url": SLACK}})
    assert answer.json() == {"name": "x", "kind": "slack", "isValid": True}
    assert (await doors.api.get(PATH)).json()["items"] == []


async def changed(doors: Doors, body: dict[str, Any]) -> httpx.Response:
    return await doors.api.patch(f"{PATH}/x", json=body)


async def test_a_change_keeps_what_it_does_not_name(doors: Doors) -> None:
    await doors.api.post(PATH, json={"name": "x", "email": email()})
    answer = await changed(doors, {"email": {"to": ["bo@example.com"]}, "name": "y"})
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["name"] == "y"
    assert shown["email"]["to"] == ["bo@example.com"]
    assert shown["email"]["from"] == "tg@example.com"
    assert shown["email"]["server"]["hasPassword"] is True


async def test_a_password_or_key_goes_to_no_place_that_it_was_not_given_for(doors: Doors) -> None:
    await doors.api.post(PATH, json={"name": "x", "email": email()})
    server = {**MAIL, "host": "other.example.com"}
    del server["password"]
    answer = await changed(doors, {"email": {"server": server}})
    assert (answer.status_code, answer.json()["field"]) == (422, "email.server.password")
    assert (await changed(doors, {"email": {"server": server | {"password": "other"}}})).status_code == 200
    await doors.api.delete(f"{PATH}/x")
    await doors.api.post(PATH, json={"name": "x", "pagerduty": {"routingKey": KEY}})
    answer = await changed(doors, {"pagerduty": {"url": "https://events.example.com/"}})
    assert (answer.status_code, answer.json()["field"]) == (422, "pagerduty.routingKey")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"slack": {"url": SLACK}}, "slack"),
        ({"webhook": {"secret": "whsec_" + "A" * 32}}, "webhook.secret"),
        ({"webhook": {"url": "https://10.0.0.1/"}}, "webhook.url"),
        ({"name": "X"}, "name"),
        ({"disabledAt": None}, "disabledAt"),
    ],
)
async def test_a_change_that_cannot_be_is_refused_by_its_field(doors: Doors, body: dict[str, Any], field: str) -> None:
    await doors.add("x")
    answer = await changed(doors, body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_a_disabled_channel_is_told_nothing_until_it_is_enabled(doors: Doors) -> None:
    await doors.add("x")
    await changed(doors, {"isEnabled": False})
    first = (await doors.api.post(f"{PATH}/x/test")).json()["id"]
    await doors.worker.run_once()
    assert (await doors.api.get(f"/api/v1/deliveries/{first}")).json()["state"] == "dead"
    assert doors.receiver.got == []
    await changed(doors, {"isEnabled": True})
    await doors.api.post(f"/api/v1/deliveries/{first}/replay")
    await doors.worker.run_once()
    assert (await doors.api.get(f"/api/v1/deliveries/{first}")).json()["state"] == "delivered"


async def test_only_webhooks_rotate(doors: Doors) -> None:
    await doors.api.post(PATH, json={"name": "x", "slack": {"url": SLACK}})
    answer = await doors.api.post(f"{PATH}/x/rotate", json={})
    assert (answer.status_code, answer.json()["field"]) == (422, "webhook")
    await doors.add("y")
    answer = await doors.api.post(f"{PATH}/y/rotate", json={"overlapHours": 200})
    assert (answer.status_code, answer.json()["field"]) == (422, "overlapHours")
