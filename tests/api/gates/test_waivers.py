"""Waivers through the doors: who may, for how long, and what the gate says with them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from tests.api.gates.conftest import Api
from tests.api.gates.test_tenant_isolation import RELEASE, Owner, make_case, make_run

GATE = "tenant-isolation"
WAIVERS = f"/api/v1/gates/{GATE}/waivers"
BY_ANN = {"member": "usr_ann", "role": "approver"}


def wish(length: timedelta = timedelta(days=1), **changes: object) -> dict[str, Any]:
    expires_at = (datetime.now(UTC) + length).isoformat()
    asked = {"check": "authz-regression", "owner": "Ann", "reason": "known", "expiresAt": expires_at}
    return {**asked, **changes}


@pytest.fixture
async def failing(api: Api) -> Api:
    """A release whose authorization run failed."""
    await api.post("/api/v1/releases", RELEASE)
    await api.post("/release/authz-regression", make_run(cases=[make_case(outcome="failed")]))
    return api


async def dashboard_of(api: Api) -> dict[str, Any]:
    answer: dict[str, Any] = (await api.get("/release/dashboard", gate=GATE)).json()
    return answer


async def test_a_waiver_makes_a_gate_go_says_so_and_blocks_again_when_it_is_ended(failing: Api) -> None:
    assert (await dashboard_of(failing))["verdict"] == "no_go"
    given = await failing.as_person("POST", WAIVERS, **BY_ANN, json=wish(release=RELEASE["name"]))
    assert given.status_code == 201, given.text
    waiver = given.json()
    assert (waiver["givenBy"], waiver["outcome"], waiver["isInForce"]) == ("usr_ann", "failed", True)
    dashboard = await dashboard_of(failing)
    assert dashboard["verdict"] == "go"
    assert dashboard["sentence"].startswith("GO with 1 waiver: ")
    assert [one["id"] for one in dashboard["waivers"]] == [waiver["id"]]
    status = next(one for one in dashboard["checks"] if one["check"] == "authz-regression")
    assert (status["outcome"], status["waived"]) == ("waived", "failed")
    recorded = (await failing.get(f"/api/v1/gates/{GATE}/decisions")).json()["items"][0]
    assert next(one for one in recorded["checks"] if one["waiver"])["waiver"]["digest"] == waiver["digest"]

    ended = await failing.as_person("DELETE", f"{WAIVERS}/{waiver['id']}", **BY_ANN)
    assert ended.json()["endedBy"] == "usr_ann"
    assert (await dashboard_of(failing))["verdict"] == "no_go"
    again = await failing.as_person("DELETE", f"{WAIVERS}/{waiver['id']}", **BY_ANN)
    assert (again.status_code, again.json()["code"]) == (409, "waiver_ended")


async def test_a_token_a_lower_role_and_who_made_the_evidence_may_not_waive(
    failing: Api, owner_connection: Owner
) -> None:
    assert (await failing.post(WAIVERS, wish())).status_code == 403
    engineer = await failing.as_person("POST", WAIVERS, "usr_eve", "engineer", json=wish())
    assert engineer.status_code == 403
    # The run was sent with a token that Ann made: by whatever session, it is hers.
    await owner_connection.execute(
        """
        INSERT INTO tokens (workspace, id, hash, hint, key_name, scope, created_at, expires_at, created_by)
        VALUES ($1, 'tok_write', $2, 'x', 'k', 'write', now(), now() + interval '1 day', 'usr_ann')
        """,
        failing.workspace,
        failing.workspace.encode(),
    )
    for role in ("approver", "owner"):
        own = await failing.as_person("POST", WAIVERS, "usr_ann", role, json=wish())
        assert own.status_code == 403
    assert (await failing.as_person("POST", WAIVERS, "usr_bob", json=wish())).status_code == 201


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        pytest.param({"check": "nothing"}, "check", "waiver_invalid", id="no such check"),
        pytest.param({"tenant": "acme"}, "tenant", "waiver_invalid", id="a tenant the check does not ask about"),
        pytest.param({"reason": " "}, "reason", "invalid_input", id="no reason"),
        pytest.param({"owner": "a\nb"}, "owner", "invalid_input", id="two lines"),
        pytest.param({"givenBy": "usr_x"}, "givenBy", "invalid_input", id="unknown field"),
        pytest.param({"expiresAt": "2099-01-01T00:00:00"}, "expiresAt", "invalid_input", id="no offset"),
        pytest.param(
            {"expiresAt": "2099-01-01T00:00:00Z"}, "expiresAt", "waiver_invalid", id="longer than the gate lets"
        ),
        pytest.param({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt", "waiver_invalid", id="over before it begins"),
    ],
)
async def test_a_wrong_waiver_is_refused_by_name(
    failing: Api, changes: dict[str, object], field: str, code: str
) -> None:
    answer = await failing.as_person("POST", WAIVERS, **BY_ANN, json=wish(**changes))
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)
    assert (await failing.get("/api/v1/waivers")).json()["items"] == []


async def test_an_end_of_today_elsewhere_that_is_past_here_is_refused(failing: Api) -> None:
    behind = datetime.now(UTC).astimezone(timezone(timedelta(hours=14))) - timedelta(seconds=1)
    answer = await failing.as_person("POST", WAIVERS, **BY_ANN, json=wish(expiresAt=behind.isoformat()))
    assert answer.json()["code"] == "waiver_invalid"


async def test_what_does_not_block_is_not_waived_and_unknown_things_are_not_found(failing: Api) -> None:
    await failing.post("/release/authz-regression", make_run(runId="later"))
    answer = await failing.as_person("POST", WAIVERS, **BY_ANN, json=wish())
    assert (answer.status_code, answer.json()["code"]) == (409, "waives_nothing")
    for method, path, asked in (
        ("POST", "/api/v1/gates/none/waivers", wish()),
        ("POST", WAIVERS, wish(release="none")),
        ("DELETE", f"{WAIVERS}/wvr_none", None),
        ("GET", "/api/v1/gates/none/waivers", None),
    ):
        assert (await failing.as_person(method, path, **BY_ANN, json=asked)).status_code == 404


async def test_an_altered_waiver_lets_nothing_through(failing: Api, owner_connection: Owner) -> None:
    await failing.as_person("POST", WAIVERS, **BY_ANN, json=wish(timedelta(hours=1)))
    await owner_connection.execute(
        "UPDATE gate_waivers SET expires_at = expires_at + interval '1 year' WHERE workspace = $1", failing.workspace
    )
    assert (await dashboard_of(failing))["verdict"] == "no_go"
    (listed,) = (await failing.get("/api/v1/waivers")).json()["items"]
    assert listed["isInForce"] is False


async def test_lists_are_paged_filtered_and_of_the_own_workspace(failing: Api, stranger: Api) -> None:
    given = [
        (await failing.as_person("POST", WAIVERS, **BY_ANN, json=wish(reason=str(number)))).json()["id"]
        for number in range(3)
    ]
    await failing.as_person("DELETE", f"{WAIVERS}/{given[0]}", **BY_ANN)
    first = (await failing.get("/api/v1/waivers", limit="2")).json()
    rest = (await failing.get("/api/v1/waivers", limit="2", cursor=first["nextCursor"])).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == given[::-1]
    assert rest["nextCursor"] is None
    over = (await failing.get(WAIVERS, state="over")).json()["items"]
    assert [one["id"] for one in over] == given[:1]
    in_force = (await failing.get("/api/v1/waivers", state="in_force")).json()["items"]
    assert [one["id"] for one in in_force] == given[:0:-1]
    assert (await stranger.get("/api/v1/waivers")).json()["items"] == []
    foreign = await stranger.as_person("DELETE", f"{WAIVERS}/{given[1]}", **BY_ANN)
    assert foreign.status_code == 404


async def test_a_waiver_for_every_release_does_not_count_for_one_that_its_giver_makes_later(failing: Api) -> None:
    assert (await failing.as_person("POST", WAIVERS, **BY_ANN, json=wish())).status_code == 201
    assert (await dashboard_of(failing))["verdict"] == "go"
    later = {**RELEASE, "name": "2026.02.2"}
    made = await failing.as_person("POST", "/api/v1/releases", "usr_ann", "admin", json=later)
    assert made.status_code == 201
    dashboard = await dashboard_of(failing)
    assert (dashboard["release"], dashboard["verdict"], dashboard["waivers"]) == ("2026.02.2", "no_go", [])
