"""Routes, silences and care over HTTP: who may, what is answered, what is refused."""

from datetime import timedelta

import pytest
from tests.api.paging.conftest import Api, Shell
from tests.contract.paging.conftest import START, Sea

from tidegate.kernel import format_utc

YAML = {"content-type": "application/yaml"}
ROUTES = "route: {receiver: ops, group_by: [alertname]}"
SILENCE = {"matchers": ["tenant=acme"], "reason": "known", "endsAt": format_utc(START + timedelta(hours=1))}
READS = ["/api/v1/routing", "/api/v1/silences", "/api/v1/pages"]


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(("token", "status"), [("", 401), ("ingest:{}", 403), ("read:{}", 200)])
async def test_only_who_may_read_gets_an_answer(api: Api, sea: Sea, path: str, token: str, status: int) -> None:
    assert (await api.by(token.format(sea.workspace)).call("GET", path)).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/api/v1/routing", None),
        ("POST", "/api/v1/silences", SILENCE),
        ("POST", "/api/v1/alerts/{alert}/acknowledge", {}),
        ("POST", "/api/v1/alerts/{alert}/assign", {"assignee": None}),
        ("POST", "/api/v1/alerts/{alert}/notes", {"note": "x"}),
    ],
)
async def test_nobody_writes_with_a_token_that_reads(
    api: Api, sea: Sea, method: str, path: str, body: dict[str, object] | None
) -> None:
    [alert] = await sea.fire()
    reader = api.by(f"read:{sea.workspace}")
    request = {"json": body} if body is not None else {"content": ROUTES, "headers": YAML}
    assert (await reader.call(method, path.format(alert=alert.id), **request)).status_code == 403


async def test_an_agent_acknowledges_and_silences_nothing(api: Api, sea: Sea) -> None:
    [alert] = await sea.fire()
    agent = api.by(f"write:{sea.workspace}:svc_a:agent")
    assert (await agent.call("POST", "/api/v1/silences", json=SILENCE)).status_code == 403
    assert (await agent.call("PUT", "/api/v1/routing", content=ROUTES, headers=YAML)).status_code == 403
    assert (await agent.call("POST", f"/api/v1/alerts/{alert.id}/acknowledge", json={})).status_code == 200


async def test_another_workspace_finds_nothing_of_it(api: Api, sea: Sea) -> None:
    [alert] = await sea.fire()
    silence = (await api.call("POST", "/api/v1/silences", json=SILENCE)).json()["id"]
    stranger = api.by("write:other:usr_x")
    for method, path, body in [
        ("GET", f"/api/v1/silences/{silence}", None),
        ("DELETE", f"/api/v1/silences/{silence}", None),
        ("POST", f"/api/v1/silences/{silence}/confirm", {}),
        ("GET", f"/api/v1/alerts/{alert.id}/pages", None),
        ("POST", f"/api/v1/alerts/{alert.id}/acknowledge", {}),
        ("POST", "/api/v1/routing/test", {"alertId": alert.id}),
    ]:
        answer = await stranger.call(method, path, **({"json": body} if body is not None else {}))
        assert answer.status_code == 404, (method, path)
    assert (await stranger.call("GET", "/api/v1/silences")).json()["items"] == []


async def test_routes_are_planned_applied_tried_and_recorded(api: Api, sea: Sea) -> None:
    plan = (await api.call("POST", "/api/v1/routing/plan", content=ROUTES, headers=YAML)).json()
    applied = await api.call("PUT", "/api/v1/routing?version=0", content=ROUTES, headers=YAML)
    again = await api.call("PUT", "/api/v1/routing", content=ROUTES, headers=YAML)
    late = await api.call("PUT", "/api/v1/routing?version=0", content="route: {}", headers=YAML)
    tried = (await api.call("POST", "/api/v1/routing/test", json={"labels": {"severity": "P1"}})).json()
    assert any("'ops'" in line for line in plan["changes"])
    assert (applied.status_code, again.status_code, late.status_code) == (201, 200, 409)
    assert tried["routes"][0]["channels"] == ["ops"]
    async with sea.database.transaction(sea.workspace) as connection:
        deeds = await connection.fetch("SELECT action FROM audit_records ORDER BY seq")
    assert [row["action"] for row in deeds] == ["routing:set"]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("route: {receiver: nobody}", "route"),
        ("route: {matchers: [a=b]}", "route.matchers"),
        ("route: {routes: [{matchers: ['a=~\"(\"']}]}", "route.routes.0.matchers.0"),
        ("route: {routes: [{matchers: ['a=~\"((a{1,1000}){1,1000}){1,1000}\"']}]}", "route.routes.0.matchers.0"),
        ("route: {group_wait: soon}", "route.group_wait"),
        ("route: {mute_time_intervals: [never]}", "route.mute_time_intervals"),
        ("route: {}\ntime_intervals: [{name: x, time_intervals: [{location: Atlantis}]}]",
         "time_intervals.0.time_intervals.0.location"),
        ("route: {}\ntime_intervals: [{name: x, time_intervals: [{weekdays: ['friday:monday']}]}]",
         "time_intervals.0.time_intervals.0.weekdays"),
        ("route: {colour: blue}", "route.colour"),
        ("route: &a {routes: [*a]}", None),
    ],
)  # fmt: skip
async def test_a_routing_file_that_is_wrong_is_refused_with_its_field(api: Api, text: str, field: str | None) -> None:
    answer = await api.call("PUT", "/api/v1/routing", content=text, headers=YAML)
    assert (answer.status_code, answer.json()["code"]) == (422, "routing_invalid")
    assert answer.json().get("field") == field


async def test_who_acknowledges_first_stays_the_one_who_did(api: Api, sea: Sea) -> None:
    [alert] = await sea.fire()
    path = f"/api/v1/alerts/{alert.id}"
    first = (await api.call("POST", f"{path}/acknowledge", json={"note": "looking"})).json()
    sea.clock.advance(timedelta(minutes=1))
    second = (await api.by(f"write:{sea.workspace}:usr_two").call("POST", f"{path}/acknowledge", json={})).json()
    why = (await api.call("GET", f"{path}/pages")).json()
    assert first == second
    assert (first["acknowledgedBy"], [event["note"] for event in why["events"]]) == ("usr_one", ["looking"])


async def test_what_is_over_cannot_be_taken_on_and_a_stranger_is_given_nothing(api: Api, sea: Sea) -> None:
    [alert, other] = await sea.fire(tenants=["acme", "blue"])
    await sea.resolve(alert)
    over = await api.call("POST", f"/api/v1/alerts/{alert.id}/acknowledge", json={})
    unknown = await api.call("POST", f"/api/v1/alerts/{other.id}/assign", json={"assignee": "usr_none"})
    assert (over.status_code, over.json()["code"]) == (409, "alert_over")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "assignee_unknown")


async def test_unknown_fields_are_refused(api: Api) -> None:
    answer = await api.call("POST", "/api/v1/silences", json={**SILENCE, "people": ["usr_one", "usr_two"]})
    assert answer.status_code == 422


async def test_the_shell_routes_silences_and_explains(shell: Shell, sea: Sea) -> None:
    planned = await shell.run("route", "plan", "-", stdin=ROUTES)
    applied = await shell.run("route", "apply", "-", stdin=ROUTES)
    tried = await shell.run("route", "test", "severity=P1")
    await sea.work()
    [alert] = await sea.fire()
    await sea.work()
    acknowledged = await shell.run("alert", "ack", alert.id, "--note", "looking")
    why = await shell.run("alert", "why", alert.id)
    silenced = await shell.run("alert", "silence", alert.id, "--for", "2h", "--reason", "known")
    assert planned.output.startswith("+") or "+{}" in planned.output
    assert "Version 1 is in force." in applied.output
    assert "ops would be told" in tried.output
    assert "Acknowledged by usr_one" in acknowledged.output
    assert why.output.startswith("TOLD\n")
    assert silenced.code in {0, 2}  # the clock of the server stands in the past
    for words in (("silence", "list"), ("route", "show"), ("route", "show", "--file")):
        assert (await shell.run(*words)).code == 0
