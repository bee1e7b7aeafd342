"""Overrides through the doors: two people, one day, and never a plain GO."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.api.gates.conftest import Api
from tests.api.gates.people import COMMIT, GATE, OVERRIDES, RELEASE, Owner, dashboard_of, join
from tests.api.gates.test_approvals import run
from tests.api.gates.test_tenant_isolation import make_case

from tidegate.kernel import WorkspaceId


def wish(length: timedelta = timedelta(hours=4), **changes: object) -> dict[str, Any]:
    return {"reason": "the fix is worse", "expiresAt": (datetime.now(UTC) + length).isoformat(), **changes}


@pytest.fixture
async def failing(api: Api) -> Api:
    await api.post_yaml("/api/v1/gates", GATE)
    await api.post("/api/v1/releases", RELEASE)
    await api.post("/release/authz-regression", run(cases=[make_case(outcome="failed")]))
    return api


@pytest.fixture
async def asked(failing: Api, owner_connection: Owner) -> tuple[Api, str, str, str]:
    """An override that Mia asked for and Ann may confirm."""
    mia = await join(owner_connection, failing, "mia", role="release-manager")
    ann = await join(owner_connection, failing, "ann")
    answer = await failing.as_person("POST", OVERRIDES, mia, "release-manager", json=wish())
    assert answer.status_code == 201, answer.text
    return failing, mia, ann, answer.json()["id"]


async def alerts_of(owner: Owner, workspace: WorkspaceId) -> list[Mapping[str, Any]]:
    return await owner.fetch("SELECT * FROM alerts WHERE workspace = $1", workspace)


async def test_two_people_let_a_release_out_the_verdict_stays_and_an_alert_fires(
    asked: tuple[Api, str, str, str], owner_connection: Owner
) -> None:
    api, mia, ann, override = asked
    before = await dashboard_of(api)
    assert (before["verdict"], "override" in before) == ("no_go", False)
    assert await alerts_of(owner_connection, api.workspace) == []

    confirmed = await api.as_person("POST", f"{OVERRIDES}/{override}/confirm", ann)
    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "in_force")
    dashboard = await dashboard_of(api)
    assert dashboard["verdict"] == "no_go"
    assert dashboard["override"]["words"].startswith("GO (overridden by Mia and Ann until ")
    assert dashboard["sentence"].startswith(dashboard["override"]["words"] + "; in truth NO-GO: ")
    assert (dashboard["override"]["requestedBy"], dashboard["override"]["confirmedBy"]) == (mia, ann)
    recorded = (await api.get("/api/v1/gates/ga-launch/decisions")).json()["items"][0]
    assert (recorded["verdict"], recorded["override"]["id"]) == ("no_go", override)
    (alert,) = await alerts_of(owner_connection, api.workspace)
    assert (alert["code"], alert["severity"], alert["state"]) == ("release_gate_overridden", "P1", "firing")
    assert "overridden for release 2026.03.1 by Mia and Ann" in alert["sentence"]

    ended = await api.as_person("DELETE", f"{OVERRIDES}/{override}", mia, "release-manager")
    assert ended.json()["state"] == "over"
    assert "override" not in await dashboard_of(api)
    (alert,) = await alerts_of(owner_connection, api.workspace)
    assert alert["state"] == "resolved"
    again = await api.as_person("DELETE", f"{OVERRIDES}/{override}", mia, "release-manager")
    assert (again.status_code, again.json()["code"]) == (409, "gate_override_ended")


async def test_neither_who_asked_nor_who_made_it_confirms_and_nobody_twice(
    asked: tuple[Api, str, str, str], owner_connection: Owner
) -> None:
    api, mia, ann, override = asked
    confirm = f"{OVERRIDES}/{override}/confirm"
    assert (await api.as_person("POST", confirm, mia, "admin")).status_code == 403
    assert (await api.post(confirm)).status_code == 403
    assert (await api.as_person("POST", confirm, ann, "engineer")).status_code == 403
    await owner_connection.execute(
        """
        INSERT INTO tokens (workspace, id, hash, hint, key_name, scope, created_at, expires_at, created_by)
        VALUES ($1, 'tok_write', $2, 'x', 'k', 'write', now(), now() + interval '1 day', $3)
        """,
        api.workspace, api.workspace.encode(), ann,
    )  # fmt: skip
    assert (await api.as_person("POST", confirm, ann)).status_code == 403
    bob = await join(owner_connection, api, "bob")
    answers = await asyncio.gather(*(api.as_person("POST", confirm, bob) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403]
    late = await api.as_person("POST", confirm, bob)
    assert (late.status_code, late.json()["code"]) == (403, "gate_override_not_open")
    assert len(await alerts_of(owner_connection, api.workspace)) == 1


async def test_what_blocks_besides_or_fails_since_is_not_let_through(api: Api, owner_connection: Owner) -> None:
    await api.post_yaml("/api/v1/gates", GATE)
    await api.post("/api/v1/releases", RELEASE)
    mia = await join(owner_connection, api, "mia", role="release-manager")
    ann = await join(owner_connection, api, "ann")
    override = (await api.as_person("POST", OVERRIDES, mia, "release-manager", json=wish())).json()
    assert [(one["check"], one["outcome"]) for one in override["checks"]] == [("walls", "missing")]
    confirmed = await api.as_person("POST", f"{OVERRIDES}/{override['id']}/confirm", ann)
    assert confirmed.status_code == 200, confirmed.text
    assert "override" in await dashboard_of(api)
    await api.post("/release/authz-regression", run(cases=[make_case(outcome="failed")]))
    assert "override" not in await dashboard_of(api)


async def test_another_policy_release_or_an_altered_row_is_not_overridden(
    asked: tuple[Api, str, str, str], owner_connection: Owner
) -> None:
    api, _, ann, override = asked
    await api.as_person("POST", f"{OVERRIDES}/{override}/confirm", ann)
    assert "override" in await dashboard_of(api)
    await owner_connection.execute("UPDATE gate_overrides SET reason = 'other' WHERE workspace = $1", api.workspace)
    assert "override" not in await dashboard_of(api)
    await owner_connection.execute(
        "UPDATE gate_overrides SET reason = 'the fix is worse' WHERE workspace = $1", api.workspace
    )
    await api.post_yaml("/api/v1/gates", GATE.replace("title: Launch", "title: Start"))
    assert "override" not in await dashboard_of(api)
    await api.post_yaml("/api/v1/gates", GATE)
    assert "override" in await dashboard_of(api)
    services = [{"service": "harbor", "version": "8", "commit": COMMIT}]
    await api.post("/api/v1/releases", {"name": "2026.03.2", "services": services})
    assert "override" not in await dashboard_of(api)


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        pytest.param({"reason": " "}, "reason", "invalid_input", id="no reason"),
        pytest.param({"expiresAt": "2099-01-01T00:00:00Z"}, "expiresAt", "gate_override_invalid", id="over a day"),
        pytest.param({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt", "gate_override_invalid", id="over"),
        pytest.param({"confirmedBy": "usr_x"}, "confirmedBy", "invalid_input", id="unknown field"),
    ],
)
async def test_a_wrong_override_is_refused_by_name(
    failing: Api, owner_connection: Owner, changes: dict[str, str], field: str, code: str
) -> None:
    mia = await join(owner_connection, failing, "mia", role="release-manager")
    answer = await failing.as_person("POST", OVERRIDES, mia, "release-manager", json=wish(**changes))
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)
    assert (await failing.get("/api/v1/overrides")).json()["items"] == []


async def test_no_credential_without_a_person_asks_and_a_gate_that_goes_takes_none(
    failing: Api, owner_connection: Owner
) -> None:
    assert (await failing.post(OVERRIDES, wish())).json()["code"] == "person_required"
    mia = await join(owner_connection, failing, "mia", role="release-manager")
    await failing.post("/release/authz-regression", run(runId="later"))
    answer = await failing.as_person("POST", OVERRIDES, mia, "release-manager", json=wish())
    assert (answer.status_code, answer.json()["code"]) == (409, "overrides_nothing")
    assert (await failing.as_person("POST", f"{OVERRIDES}/ovr_none/confirm", mia, "admin")).status_code == 404
