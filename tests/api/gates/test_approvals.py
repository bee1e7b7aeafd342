"""Approvals through the doors: who counts, for what, and when an approval lapses."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.api.gates.conftest import Api
from tests.api.gates.people import (
    APPROVAL,
    COMMIT,
    DESK,
    GATE,
    RELEASE,
    Owner,
    approve,
    dashboard_of,
    desk_of,
    join,
    outcome_of,
)
from tests.api.gates.test_tenant_isolation import make_case, make_run


def run(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    times = {"startedAt": (now - timedelta(minutes=2)).isoformat(), "finishedAt": now.isoformat()}
    return make_run(
        **{"service": "harbor", "commit": COMMIT, "suite": "walls", "cases": [make_case()], **times, **changes}
    )


@pytest.fixture
async def asked(api: Api) -> Api:
    """A release whose walls stand, at a gate that asks security and QA."""
    assert (await api.post_yaml("/api/v1/gates", GATE + APPROVAL)).status_code == 201
    await api.post("/api/v1/releases", RELEASE)
    assert (await api.post("/release/authz-regression", run())).status_code == 201
    return api


async def test_a_gate_goes_when_a_person_of_each_role_approved_and_says_who(
    asked: Api, owner_connection: Owner
) -> None:
    sec = await join(owner_connection, asked, "sec", "security")
    qua = await join(owner_connection, asked, "qua", "qa")
    assert await outcome_of(asked, "agreed") == (
        "missing", "security has 0 of 1, qa has 0 of 1; approved so far: nobody."
    )  # fmt: skip
    given = await approve(asked, sec, "security")
    assert given.status_code == 201, given.text
    assert (given.json()["person"], given.json()["name"], given.json()["stands"]) == (sec, "Sec", True)
    assert (await dashboard_of(asked))["verdict"] == "hold"
    assert (await approve(asked, qua, "qa")).status_code == 201
    dashboard = await dashboard_of(asked)
    assert dashboard["verdict"] == "go"
    assert [(one["role"], one["person"]) for one in dashboard["approvals"]] == [("security", sec), ("qa", qua)]
    assert [one["stands"] for one in (await desk_of(asked))["items"]] == [True, True]
    recorded = (await asked.get("/api/v1/gates/ga-launch/decisions")).json()["items"][0]
    check = next(one for one in recorded["checks"] if one["check"] == "agreed")
    assert [ref["id"] for ref in check["evidence"]] == [one["id"] for one in dashboard["approvals"]]


async def test_one_person_counts_for_one_role_however_many_they_hold(asked: Api, owner_connection: Owner) -> None:
    both = await join(owner_connection, asked, "both", "security", "qa")
    assert (await approve(asked, both, "security")).status_code == 201
    again = await approve(asked, both, "qa")
    assert (again.status_code, again.json()["code"]) == (409, "already_approved")
    assert (await outcome_of(asked, "agreed"))[0] == "missing"


async def test_who_does_not_speak_for_a_role_or_may_not_approve_is_refused_by_name(
    asked: Api, owner_connection: Owner
) -> None:
    eve = await join(owner_connection, asked, "eve", "security", role="engineer")
    ann = await join(owner_connection, asked, "ann")
    binding = (await desk_of(asked))["binding"]
    wish = {"check": "agreed", "role": "security", "binding": binding}
    assert (await asked.post(DESK, wish)).status_code == 403
    engineer = await asked.as_person("POST", DESK, eve, "engineer", json=wish)
    assert engineer.status_code == 403
    assert (await approve(asked, ann, "security")).json()["code"] == "role_not_held"
    assert (await approve(asked, "usr_nobody", "security")).json()["code"] == "person_required"
    service = await asked.as_person("POST", DESK, "svc_robot", "approver", json=wish)
    assert service.status_code == 403
    assert (await desk_of(asked))["items"] == []


async def test_an_approval_lapses_when_evidence_changes_and_never_comes_back(
    asked: Api, owner_connection: Owner
) -> None:
    sec = await join(owner_connection, asked, "sec", "security")
    qua = await join(owner_connection, asked, "qua", "qa")
    for person, role in ((sec, "security"), (qua, "qa")):
        assert (await approve(asked, person, role)).status_code == 201
    assert (await dashboard_of(asked))["verdict"] == "go"
    seen = (await desk_of(asked))["binding"]
    await asked.post("/release/authz-regression", run(runId="swapped"))
    outcome, reason = await outcome_of(asked, "agreed")
    assert outcome == "missing"
    assert "2 more lapsed" in reason
    outdated = await approve(asked, sec, "security", binding=seen)
    assert (outdated.status_code, outdated.json()["code"]) == (409, "approval_outdated")
    # What was approved stands there again, to the byte: those who approved it did not see what came between.
    await owner_connection.execute(
        "DELETE FROM authz_runs WHERE workspace = $1 AND run_id = 'swapped'", asked.workspace
    )
    assert (await outcome_of(asked, "agreed"))[0] == "missing"


async def test_an_approval_stays_while_an_unrequired_check_moves_and_lapses_with_a_new_policy(
    asked: Api, owner_connection: Owner
) -> None:
    ann = await join(owner_connection, asked, "ann", "security")
    await approve(asked, ann, "security")
    before = (await desk_of(asked))["binding"]
    assert (await desk_of(asked))["items"][0]["stands"]
    await asked.post_yaml("/api/v1/gates", GATE.replace("title: Launch", "title: Start") + APPROVAL)
    after = await desk_of(asked)
    assert after["binding"] != before
    assert not after["items"][0]["stands"]


async def test_who_gave_an_approval_and_nobody_else_withdraws_it_once(asked: Api, owner_connection: Owner) -> None:
    sec = await join(owner_connection, asked, "sec", "security")
    other = await join(owner_connection, asked, "other", "security")
    given = (await approve(asked, sec, "security")).json()["id"]
    foreign = await asked.as_person("DELETE", f"{DESK}/{given}", other)
    assert (foreign.status_code, foreign.json()["code"]) == (403, "approval_not_yours")
    assert (await asked.as_person("DELETE", f"{DESK}/{given}", sec)).status_code == 200
    again = await asked.as_person("DELETE", f"{DESK}/{given}", sec)
    assert (again.status_code, again.json()["code"]) == (409, "approval_withdrawn")
    assert (await asked.as_person("DELETE", f"{DESK}/apr_none", sec)).status_code == 404
    assert (await desk_of(asked))["items"] == []
    assert (await approve(asked, sec, "security")).status_code == 201


async def test_two_at_the_same_instant_leave_one_row_each_and_lose_none(asked: Api, owner_connection: Owner) -> None:
    sec = await join(owner_connection, asked, "sec", "security")
    qua = await join(owner_connection, asked, "qua", "qa")
    binding = (await desk_of(asked))["binding"]
    answers = await asyncio.gather(
        *(approve(asked, person, role, binding=binding) for person, role in ((sec, "security"), (qua, "qa")) * 3)
    )
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409, 409, 409]
    rows = await owner_connection.fetch("SELECT person FROM gate_approvals WHERE workspace = $1", asked.workspace)
    assert sorted(row["person"] for row in rows) == sorted([sec, qua])
    assert (await dashboard_of(asked))["verdict"] == "go"


async def test_who_leaves_or_loses_the_function_counts_no_more_and_an_altered_row_never(
    asked: Api, owner_connection: Owner
) -> None:
    sec = await join(owner_connection, asked, "sec", "security")
    qua = await join(owner_connection, asked, "qua", "qa")
    await approve(asked, sec, "security")
    await approve(asked, qua, "qa")
    assert (await dashboard_of(asked))["verdict"] == "go"
    admin = Api(asked.client, asked.workspace, "admin")
    left = await admin.call("PUT", "/api/v1/functions/qa", json={"members": []})
    assert left.status_code == 200, left.text
    assert (await dashboard_of(asked))["verdict"] == "hold"
    await admin.call("PUT", "/api/v1/functions/qa", json={"members": [qua]})
    await owner_connection.execute(
        "UPDATE gate_approvals SET role = 'qa' WHERE workspace = $1 AND person = $2", asked.workspace, sec
    )
    assert (await dashboard_of(asked))["verdict"] == "hold"


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        pytest.param({"check": "walls"}, "check", "approval_invalid", id="a check that asks for none"),
        pytest.param({"role": "sre"}, "role", "approval_invalid", id="a role that is not asked"),
        pytest.param({"binding": " "}, "binding", "invalid_input", id="nothing looked at"),
        pytest.param({"person": "usr_x"}, "person", "invalid_input", id="unknown field"),
    ],
)
async def test_a_wrong_approval_is_refused_by_name(
    asked: Api, owner_connection: Owner, changes: dict[str, str], field: str, code: str
) -> None:
    sec = await join(owner_connection, asked, "sec", "security")
    wish = {"check": "agreed", "role": "security", "binding": "x"} | changes
    answer = await asked.as_person("POST", DESK, sec, json=wish)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)


async def test_an_approval_is_never_waived(asked: Api, owner_connection: Owner) -> None:
    sec = await join(owner_connection, asked, "sec", "security")
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    wish = {"check": "agreed", "owner": "Ann", "reason": "known", "expiresAt": until}
    answer = await asked.as_person("POST", "/api/v1/gates/ga-launch/waivers", sec, json=wish)
    assert (answer.status_code, answer.json()["field"]) == (422, "check")


@pytest.mark.parametrize(
    ("name", "members", "field"),
    [("approver", [], "function"), ("Sec Ops", [], "function"), ("qa", ["usr_stranger"], "members")],
)
async def test_a_wrong_function_is_refused_by_name(asked: Api, name: str, members: list[str], field: str) -> None:
    admin = Api(asked.client, asked.workspace, "admin")
    answer = await admin.call("PUT", f"/api/v1/functions/{name}", json={"members": members})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "function_invalid", field)
    assert (await asked.call("PUT", "/api/v1/functions/qa", json={"members": []})).status_code == 403
    assert (await asked.get("/api/v1/functions")).json() == {"items": []}


# Two people, two sessions each, one service account: every way to send it, and everybody who tries to approve.
CREDENTIALS = ("session of ann", "token of ann", "token ann made", "service account of ann", "its token")


@pytest.mark.parametrize("made", ["release", "evidence"])
@pytest.mark.parametrize("credential", CREDENTIALS)
async def test_nobody_approves_what_they_made_by_whatever_credential(
    api: Api, owner_connection: Owner, made: str, credential: str
) -> None:
    ann = await join(owner_connection, api, "ann", "security", role="admin")
    bob = await join(owner_connection, api, "bob", "security", role="admin")
    await api.post_yaml("/api/v1/gates", GATE + APPROVAL)
    await _credentials(owner_connection, api, ann)
    sends = {"release": ("/api/v1/releases", RELEASE), "evidence": ("/release/authz-regression", run())}
    for what, (path, body) in sends.items():
        answer = await (
            _send_as(owner_connection, api, ann, credential, path, body) if what == made else api.post(path, body)
        )
        assert answer.status_code == 201, answer.text
    for role, session in itertools.product(("approver", "admin", "owner"), range(2)):
        binding = (await desk_of(api))["binding"]
        wish = {"check": "agreed", "role": "security", "binding": binding, "note": str(session)}
        own = await api.as_person("POST", DESK, ann, role, json=wish)
        assert own.status_code == 403, (role, own.text)
        robot = await api.as_person("POST", DESK, "svc_robot", role, json=wish)
        assert robot.status_code == 403
    assert (await desk_of(api))["items"] == []
    assert (await approve(api, bob, "security")).status_code == 201


async def _credentials(owner: Owner, api: Api, ann: str) -> None:
    await owner.execute(
        """
        INSERT INTO members (workspace, id, kind, name, role, added_at, added_by)
        VALUES ($1, 'svc_robot', 'service-account', 'robot', 'engineer', now(), $2)
        """,
        api.workspace, ann,
    )  # fmt: skip


async def _send_as(owner: Owner, api: Api, ann: str, credential: str, path: str, body: object) -> Any:
    """Send with a credential of Ann's; what the audit knows of a token decides whose it is."""
    if credential == "session of ann":
        return await api.as_person("POST", path, ann, "admin", json=body)
    if credential == "service account of ann":
        return await api.as_person("POST", path, "svc_robot", "engineer", json=body)
    member, creator = {
        "token of ann": (ann, "usr_founder"), "token ann made": (None, ann), "its token": ("svc_robot", "usr_founder"),
    }[credential]  # fmt: skip
    await owner.execute(
        """
        INSERT INTO tokens (workspace, id, hash, hint, key_name, scope, created_at, expires_at, created_by, member)
        VALUES ($1, 'tok_write', $2, 'x', 'k', 'write', now(), now() + interval '1 day', $3, $4)
        """,
        api.workspace, api.workspace.encode(), creator, member,
    )  # fmt: skip
    return await api.post(path, body)
