"""Launch polls and freezes through the doors."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.api.gates.conftest import Api
from tests.api.gates.people import FREEZE, GATE, POLL, RELEASE, Owner, dashboard_of, join, outcome_of
from tests.api.gates.test_approvals import run

POLLS, FREEZES = "/api/v1/polls", "/api/v1/freezes"


@pytest.fixture
async def polled(api: Api, owner_connection: Owner) -> tuple[Api, str, str, str]:
    """A poll that is open, and who answers for SRE and QA."""
    await api.post_yaml("/api/v1/gates", GATE + POLL)
    await api.post("/api/v1/releases", RELEASE)
    await api.post("/release/authz-regression", run())
    sre = await join(owner_connection, api, "sre", "sre")
    qua = await join(owner_connection, api, "qua", "qa")
    opened = await api.post(POLLS, {"lasting": "10m"})
    assert opened.status_code == 201, opened.text
    return api, sre, qua, f"{POLLS}/{opened.json()['id']}"


async def say(api: Api, poll: str, person: str, role: str, answer: str) -> Any:
    return await api.as_person("POST", f"{poll}/answers", person, json={"role": role, "answer": answer, "note": "."})


async def test_a_poll_goes_when_every_role_said_go_and_it_is_closed(polled: tuple[Api, str, str, str]) -> None:
    api, sre, qua, poll = polled
    assert await outcome_of(api, "poll") == ("pending", "The launch poll is open: sre, qa has not answered.")
    assert (await say(api, poll, sre, "sre", "hold")).status_code == 201
    assert (await outcome_of(api, "poll"))[1] == "Sre for sre said hold."
    assert (await say(api, poll, sre, "sre", "go")).status_code == 201
    assert (await say(api, poll, qua, "qa", "go")).status_code == 201
    assert (await dashboard_of(api))["verdict"] == "hold"
    assert (await api.post(f"{poll}/close")).status_code == 200
    assert (await dashboard_of(api))["verdict"] == "go"
    assert [one["answer"] for one in (await api.get(poll)).json()["answers"]] == ["hold", "go", "go"]
    late = await say(api, poll, qua, "qa", "no_go")
    assert (late.status_code, late.json()["code"]) == (409, "poll_closed")
    assert (await api.post(f"{poll}/close")).json()["code"] == "poll_closed"
    await api.post("/release/authz-regression", run(runId="swapped"))
    assert await outcome_of(api, "poll") == ("missing", "What the launch poll was about changed since it was opened.")


async def test_one_no_go_is_a_no_go_and_taking_it_away_lets_nothing_through(
    polled: tuple[Api, str, str, str], owner_connection: Owner
) -> None:
    api, sre, qua, poll = polled
    await say(api, poll, sre, "sre", "go")
    second = await join(owner_connection, api, "second", "qa")
    await say(api, poll, qua, "qa", "go")
    await say(api, poll, second, "qa", "no_go")
    await api.post(f"{poll}/close")
    assert (await dashboard_of(api))["verdict"] == "no_go"
    await owner_connection.execute(
        "DELETE FROM function_holders WHERE workspace = $1 AND member = $2", api.workspace, second
    )
    assert (await dashboard_of(api))["verdict"] == "no_go"
    await owner_connection.execute(
        "DELETE FROM launch_poll_answers WHERE workspace = $1 AND answer = 'no_go'", api.workspace
    )
    assert (await outcome_of(api, "poll"))[0] == "error"
    await owner_connection.execute("DELETE FROM launch_poll_answers WHERE workspace = $1", api.workspace)
    await owner_connection.execute("DELETE FROM launch_polls WHERE workspace = $1", api.workspace)
    assert (await outcome_of(api, "poll"))[0] == "missing"


async def test_who_may_answer_what_and_what_is_refused_by_name(
    polled: tuple[Api, str, str, str], owner_connection: Owner
) -> None:
    api, sre, _, poll = polled
    assert (await api.post(POLLS, {})).json()["code"] == "poll_open"
    assert (await say(api, poll, sre, "qa", "go")).json()["code"] == "role_not_held"
    assert (await say(api, poll, sre, "boss", "go")).json()["code"] == "poll_invalid"
    assert (await say(api, poll, sre, "sre", "maybe")).json()["field"] == "answer"
    assert (await api.post(f"{poll}/answers", {"role": "sre", "answer": "go"})).status_code == 403
    assert (await say(api, f"{POLLS}/pol_none", sre, "sre", "go")).status_code == 404
    for wish, field in (({"lasting": "2d"}, "lasting"), ({"check": "walls"}, "check")):
        refused = await api.post(POLLS, wish)
        assert (refused.json()["code"], refused.json()["field"]) == ("poll_invalid", field)
    maker = await join(owner_connection, api, "maker", "sre", role="admin")
    made = await api.as_person("POST", "/release/authz-regression", maker, "admin", json=run(runId="hers"))
    assert made.status_code == 201
    assert (await say(api, poll, maker, "sre", "go")).status_code == 403
    assert (await say(api, poll, maker, "sre", "no_go")).status_code == 201


async def test_of_two_polls_opened_at_once_one_is_open_and_answers_at_once_are_all_kept(
    polled: tuple[Api, str, str, str], owner_connection: Owner
) -> None:
    api, sre, qua, poll = polled
    await asyncio.gather(*(say(api, poll, *one, "go") for one in ((sre, "sre"), (qua, "qa")) * 3))
    assert len((await api.get(poll)).json()["answers"]) == 6
    await api.post(f"{poll}/close")
    answers = await asyncio.gather(*(api.post(POLLS, {}) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]


@pytest.fixture
async def calendar(api: Api) -> Api:
    await api.post_yaml("/api/v1/gates", GATE + FREEZE)
    await api.post("/api/v1/releases", RELEASE)
    await api.post("/release/authz-regression", run())
    return api


def window(start: timedelta = timedelta(), length: timedelta = timedelta(hours=2), **changes: str) -> dict[str, str]:
    starts = datetime.now(UTC) + start
    said = {"title": "Year end", "reason": "books", "startsAt": starts.isoformat()}
    return {**said, "endsAt": (starts + length).isoformat(), "zone": "Europe/Berlin", **changes}


async def set_freeze(api: Api, **changes: str) -> Any:
    return await api.post(FREEZES, window(**changes))


async def test_a_freeze_is_a_no_go_until_two_people_except_the_release(calendar: Api, owner_connection: Owner) -> None:
    assert (await dashboard_of(calendar))["verdict"] == "go"
    freeze = (await set_freeze(calendar)).json()
    assert (await dashboard_of(calendar))["verdict"] == "no_go"
    mia = await join(owner_connection, calendar, "mia", role="release-manager")
    ann = await join(owner_connection, calendar, "ann")
    exceptions = f"{FREEZES}/{freeze['id']}/exceptions"
    wish = {"reason": "tax fix", "expiresAt": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    asked = await calendar.as_person("POST", exceptions, mia, "release-manager", json=wish)
    assert asked.status_code == 201, asked.text
    accept = f"{exceptions}/{asked.json()['id']}/accept"
    assert (await dashboard_of(calendar))["verdict"] == "no_go"
    assert (await calendar.as_person("POST", accept, mia, "admin")).status_code == 403
    answers = await asyncio.gather(*(calendar.as_person("POST", accept, ann) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 403]
    outcome, reason = await outcome_of(calendar, "calendar")
    assert outcome == "warned"
    assert "Ann accepted that this release goes out until" in reason
    await owner_connection.execute(
        "UPDATE freeze_exceptions SET expires_at = expires_at + interval '1 d' WHERE workspace = $1", calendar.workspace
    )
    assert (await dashboard_of(calendar))["verdict"] == "no_go"
    assert (await calendar.call("DELETE", f"{FREEZES}/{freeze['id']}")).status_code == 200
    assert (await dashboard_of(calendar))["verdict"] == "go"
    assert (await calendar.call("DELETE", f"{FREEZES}/{freeze['id']}")).json()["code"] == "freeze_over"


async def test_a_coming_freeze_is_named_and_an_altered_one_holds(calendar: Api, owner_connection: Owner) -> None:
    await calendar.post(FREEZES, window(timedelta(hours=1)))
    assert (await outcome_of(calendar, "calendar"))[1].startswith("No freeze is in force. The next one begins at ")
    await owner_connection.execute(
        "UPDATE freeze_windows SET ends_at = starts_at + interval '1 s', starts_at = starts_at - interval '1 d' "
        "WHERE workspace = $1",
        calendar.workspace,
    )
    assert (await outcome_of(calendar, "calendar"))[0] == "error"


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        pytest.param({"zone": "Europe/Nowhere"}, "zone", "freeze_invalid", id="no such zone"),
        pytest.param({"zone": "../../etc/passwd"}, "zone", "freeze_invalid", id="a path"),
        pytest.param({"endsAt": "2020-01-01T00:00:00Z"}, "endsAt", "freeze_invalid", id="over"),
        pytest.param({"endsAt": "2999-01-01T00:00:00Z"}, "endsAt", "freeze_invalid", id="for ever"),
        pytest.param({"startsAt": "2026-01-01T00:00:00"}, "startsAt", "invalid_input", id="no offset"),
        pytest.param({"reason": " "}, "reason", "invalid_input", id="no reason"),
    ],
)
async def test_a_wrong_freeze_is_refused_by_name(calendar: Api, changes: dict[str, str], field: str, code: str) -> None:
    answer = await set_freeze(calendar, **changes)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)


async def test_what_an_objective_froze_freezes_its_service_until_somebody_excepts_it(
    calendar: Api, owner_connection: Owner
) -> None:
    await owner_connection.execute(
        """
        INSERT INTO objectives (workspace, name, version, body, digest, applied_at, applied_by)
        VALUES ($1, 'sign-ins', 1, '{"spec": {"service": "harbor"}}', 'x', now(), 'usr_x')
        """,
        calendar.workspace,
    )
    await owner_connection.execute(
        "INSERT INTO objective_freezes (workspace, name, frozen_at) VALUES ($1, 'sign-ins', now())", calendar.workspace
    )
    outcome, reason = await outcome_of(calendar, "calendar")
    assert outcome == "failed"
    assert reason.startswith("sign-ins of harbor has no error budget left since ")
    await owner_connection.execute(
        """
        INSERT INTO objective_exceptions (workspace, id, name, member, role, reason, granted_at, until)
        VALUES ($1, 'exc_1', 'sign-ins', 'usr_x', 'owner', 'known', now(), now() + interval '1 h')
        """,
        calendar.workspace,
    )
    assert (await outcome_of(calendar, "calendar"))[0] == "warned"
