"""Incidents over HTTP and on the command line: who may, what is answered, what is refused."""

import json

import pytest
from tests.api.incidents.conftest import Api, Harbour, Shell

PATH = "/api/v1/incidents"
READS = [PATH, f"{PATH}/statistics"]


async def open_one(api: Api, harbour: Harbour, code: str = "run_failure_rate_high") -> str:
    [alert] = await harbour.sea.fire(code)
    answer = await api.call("POST", PATH, json={"alertIds": [alert.id]})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(("token", "status"), [("", 401), ("ingest:{}", 403), ("read:{}", 200)])
async def test_only_who_may_read_gets_an_answer(api: Api, harbour: Harbour, path: str, token: str, status: int) -> None:
    assert (await api.by(token.format(harbour.workspace)).call("GET", path)).status_code == status


@pytest.mark.parametrize("credential", ["read:{}", "write:{}:svc_a:agent", "write:{}:svc_b:engineer:api"])
async def test_readers_agents_and_the_narrowed_change_nothing(api: Api, harbour: Harbour, credential: str) -> None:
    incident = await open_one(api, harbour)
    other = api.by(credential.format(harbour.workspace))
    for method, path, body in [
        ("POST", PATH, {"alertIds": ["alr_x"]}),
        ("PATCH", f"{PATH}/{incident}?sequence=1", {"title": "x"}),
        ("POST", f"{PATH}/{incident}/acknowledge", {}),
        ("POST", f"{PATH}/{incident}/resolve", {}),
        ("POST", f"{PATH}/{incident}/notes", {"note": "x"}),
        ("POST", f"{PATH}/{incident}/alerts", {"alertIds": ["alr_x"]}),
    ]:
        assert (await other.call(method, path, json=body)).status_code == 403, path


async def test_who_is_narrowed_to_a_service_sees_no_incident_since_it_names_others(api: Api, harbour: Harbour) -> None:
    incident = await open_one(api, harbour)
    narrowed = api.by(f"read:{harbour.workspace}:svc_b:engineer:api")
    for path in (PATH, f"{PATH}/{incident}", f"{PATH}/{incident}/post-mortem", f"{PATH}/statistics"):
        assert (await narrowed.call("GET", path)).status_code == 403, path


async def test_another_workspace_finds_nothing_of_it(api: Api, harbour: Harbour) -> None:
    incident = await open_one(api, harbour)
    stranger = api.by("write:other:usr_x")
    for method, path, body in [
        ("GET", f"{PATH}/{incident}", None),
        ("GET", f"{PATH}/{incident}/post-mortem", None),
        ("PATCH", f"{PATH}/{incident}?sequence=1", {"title": "x"}),
        ("POST", f"{PATH}/{incident}/resolve", {}),
    ]:
        answer = await stranger.call(method, path, **({"json": body} if body is not None else {}))
        assert (answer.status_code, answer.json()["code"]) == (404, "incident_not_found"), path
    assert (await stranger.call("GET", PATH)).json()["items"] == []
    assert (await stranger.call("GET", f"{PATH}/statistics")).json()["all"]["count"] == 0


async def test_a_change_says_what_it_saw_and_a_late_one_is_refused(api: Api, harbour: Harbour) -> None:
    incident = await open_one(api, harbour)
    shown = await api.call("GET", f"{PATH}/{incident}")
    assert (shown.headers["etag"], shown.json()["incident"]["sequence"]) == ('"1"', 1)
    first = await api.call("PATCH", f"{PATH}/{incident}?sequence=1", json={"title": "Checkout", "severity": "P2"})
    late = await api.call("PATCH", f"{PATH}/{incident}?sequence=1", json={"title": "Sign-in"})
    unsaid = await api.call("PATCH", f"{PATH}/{incident}", json={"title": "Sign-in"})
    step = await api.call("POST", f"{PATH}/{incident}/acknowledge?sequence=1", json={})
    assert (first.headers["etag"], first.json()["title"]) == ('"2"', "Checkout")
    assert [(one.status_code, one.json().get("code")) for one in (late, unsaid, step)] == [
        (409, "incident_changed"), (422, "invalid_input"), (409, "incident_changed"),
    ]  # fmt: skip
    words = [entry["words"] for entry in (await api.call("GET", f"{PATH}/{incident}")).json()["timeline"]]
    assert "Severity: P1 → P2. Title: run_failure_rate_high on api → Checkout." in words


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "invalid_input", "alertIds"),
        ({"alertIds": ["alr_none"]}, "alert_not_found", None),
        ({"alertIds": ["alr_\0"]}, "alert_not_found", None),
        ({"groupId": "grp_\0"}, "alert_group_not_found", None),
        ({"alertIds": ["x"] * 501}, "invalid_input", "alertIds"),
        ({"alertIds": ["alr_1"], "title": "x" * 201}, "invalid_input", "title"),
        ({"alertIds": ["alr_1"], "title": "a\0b"}, "invalid_input", "title"),
        ({"alertIds": ["alr_1"], "severity": "P9"}, "invalid_input", "severity"),
        ({"alertIds": ["alr_1"], "commander": "usr_none"}, "commander_unknown", "commander"),
        ({"alertIds": ["alr_1"], "state": "resolved"}, "invalid_input", "state"),
    ],
)
async def test_what_cannot_be_opened_is_refused_by_name(
    api: Api, body: dict[str, object], code: str, field: str | None
) -> None:
    answer = await api.call("POST", PATH, json=body)
    assert answer.status_code in {404, 422}, answer.text
    assert (answer.json()["code"], answer.json().get("field")) == (code, field)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?state=burning", "state"), ("?severity=P0", "severity"), ("?service=%00", "service"), ("?limit=0", "limit"),
        ("?cursor=x", "cursor"), ("/statistics?by=weather", "by"), ("/statistics?from=yesterday", "from"),
        ("/statistics?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ("/statistics?from=2020-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ("/statistics?to=0001-01-01T00:00:00Z", "to"), ("/statistics?from=2026-03-02T00:00:00", "from"),
    ],
)  # fmt: skip
async def test_a_question_that_makes_no_sense_is_refused_with_its_field(api: Api, query: str, field: str) -> None:
    answer = await api.call("GET", PATH + query)
    assert (answer.status_code, answer.json().get("field")) == (422, field), answer.text


async def test_an_alert_belongs_to_one_open_incident_and_the_state_is_kept(api: Api, harbour: Harbour) -> None:
    [alert] = await harbour.sea.fire()
    first = (await api.call("POST", PATH, json={"alertIds": [alert.id]})).json()
    again = await api.call("POST", PATH, json={"alertIds": [alert.id]})
    assert (again.status_code, again.json()["code"]) == (409, "alert_in_incident")
    assert first["id"] in again.json()["detail"]
    burns = await api.call("POST", f"{PATH}/{first['id']}/resolve", json={})
    assert (burns.status_code, burns.json()["code"]) == (409, "incident_burns")
    early = await api.call("POST", f"{PATH}/{first['id']}/reopen", json={})
    assert (early.status_code, early.json()["code"]) == (409, "incident_state")
    over = await api.call("POST", f"{PATH}/{first['id']}/resolve", json={"despiteOpenAlerts": True})
    assert (over.status_code, over.json()["state"]) == (200, "resolved")
    assert (await api.call("GET", f"{PATH}?alertId={alert.id}&state=resolved")).json()["items"] == [over.json()]


async def test_a_draft_is_a_file_of_markdown(api: Api, harbour: Harbour) -> None:
    incident = await open_one(api, harbour)
    answer = await api.call("GET", f"{PATH}/{incident}/post-mortem")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{incident}.md"'
    assert answer.text.startswith("# Post-mortem (draft): ")


async def test_an_incident_is_led_from_the_shell(harbour: Harbour, shell: Shell) -> None:
    [alert] = await harbour.sea.fire(tenants=["acme\x1b[31m"])
    opened = await shell.run("incident", "open", alert.id, "--title", "Checkout", "--json")
    incident = json.loads(opened.output)["id"]
    assert "acknowledged (P1): Checkout" in (await shell.run("incident", "ack", incident)).output
    assert "Noted as " in (await shell.run("incident", "note", incident, "rolled back")).output
    assert "mitigated" in (await shell.run("incident", "mitigate", incident)).output
    refused = await shell.run("incident", "resolve", incident)
    assert (refused.code, "incident_burns" in refused.output) == (6, True)
    assert "resolved" in (await shell.run("incident", "resolve", incident, "--despite-open-alerts")).output
    shown = await shell.run("incident", "show", incident)
    assert "ga-launch" in shown.output
    assert "rolled back" in shown.output
    assert "\x1b" not in shown.output
    assert (await shell.run("incident", "post-mortem", incident)).output.startswith("# Post-mortem (draft)")
    listed = await shell.run("incident", "list", "--state", "all")
    assert incident in listed.output
    table = await shell.run("incident", "statistics", "--by", "service")
    assert table.code == 0
    assert "left out of MTTR" in table.output
    assert "open (P1)" in (await shell.run("incident", "reopen", incident)).output
    assert (await shell.run("incident", "show", "inc_none")).code == 5
    assert (await shell.run("incident", "open")).code == 2
