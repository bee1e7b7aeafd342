"""Quotas over HTTP: who sees and sets them, and what who asks too often is told."""

import httpx
import pytest
from fastapi import FastAPI
from tests.api.identity.people import Installation, bearer, client_of
from tests.api.identity.test_people_routes import signed_in

from tidegate.edge.allowance import Allowance
from tidegate.edge.caller import Role
from tidegate.edge.limits import RequestLimits
from tidegate.edge.quotas import Quota
from tidegate.identity.quotas import Refusals, build_metering, build_quotas
from tidegate.identity.quotas.routes import router as quota_routes
from tidegate.identity.tokens.routes import router as token_routes
from tidegate.kernel import WorkspaceId

LIMITS = "/api/v1/limits"


@pytest.fixture
def refusals(installation: Installation) -> Refusals:
    return build_metering(installation.database, installation.trail, clock=installation.clock, defaults={})[1]


@pytest.fixture
def application(installation: Installation, refusals: Refusals) -> FastAPI:
    defaults = {Quota.REQUESTS_PER_MINUTE: 1_000}
    installation.services |= build_quotas(
        installation.database, installation.trail, people=installation.services, defaults=defaults
    )
    built = installation.application(quota_routes, token_routes)
    built.state.limits = RequestLimits(
        installation.clock, Allowance(0, 0, 0), quotas=defaults, on_refused=refusals.note
    )
    return built


@pytest.fixture
async def admin(installation: Installation, workspace: WorkspaceId, application: FastAPI) -> httpx.AsyncClient:
    return signed_in(application, await installation.join(workspace, Role.ADMIN))


async def test_without_a_credential_nothing_is_shown_or_set(application: FastAPI) -> None:
    client = client_of(application)
    for method, path in (("GET", LIMITS), ("PUT", LIMITS), ("GET", f"{LIMITS}/metrics"), ("PUT", f"{LIMITS}")):
        assert (await client.request(method, path)).status_code == 401


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT, Role.ENGINEER, Role.APPROVER, Role.RELEASE_MANAGER])
async def test_every_member_sees_them_and_only_who_administers_sets_them(
    installation: Installation, workspace: WorkspaceId, application: FastAPI, role: Role
) -> None:
    client = signed_in(application, await installation.join(workspace, role))
    assert (await client.get(LIMITS)).status_code == 200
    for path in (LIMITS, "/api/v1/tokens/tok_1/limits"):
        assert (await client.put(path, json={"spansPerDay": 1})).status_code == 403


async def test_what_is_set_is_shown_and_what_is_left_out_stays(admin: httpx.AsyncClient) -> None:
    await admin.put(LIMITS, json={"spansPerDay": 10, "logsPerDay": 20})
    answer = await admin.put(LIMITS, json={"spansPerDay": None, "requestsPerMinute": 900})
    assert answer.status_code == 200
    found = {each.pop("quota"): each for each in (await admin.get(LIMITS)).json()["items"]}
    assert found["requests_per_minute"] == {
        "amount": 900, "ceiling": 1000, "own": 900, "usedToday": None, "refusedCount": 0,
    }  # fmt: skip
    assert (found["spans_per_day"]["amount"], found["logs_per_day"]["amount"]) == (None, 20)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        pytest.param({"requestsPerMinute": 1_001}, 403, "requestsPerMinute", id="more than the operator allows"),
        pytest.param({"spansPerDay": 0}, 422, "spansPerDay", id="nothing at all"),
        pytest.param({"spansPerDay": 10**13}, 422, "spansPerDay", id="more than can be counted"),
        pytest.param({"ceiling": 5}, 422, "ceiling", id="a field that is not for the caller"),
        pytest.param({"spansPerDay": "5"}, 422, "spansPerDay", id="a text"),
    ],
)
async def test_what_cannot_be_set_is_refused_with_its_field(
    admin: httpx.AsyncClient, body: dict[str, object], status: int, field: str
) -> None:
    answer = await admin.put(LIMITS, json=body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


async def test_who_asks_more_often_than_its_quota_is_told_which_and_when_and_others_are_not(
    installation: Installation, admin: httpx.AsyncClient, application: FastAPI, refusals: Refusals
) -> None:
    await admin.put(LIMITS, json={"requestsPerMinute": 5})
    installation.later(seconds=120)  # the minute in which it was set is over
    answers = [await admin.get(LIMITS) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    problem = answers[-1].json()
    assert (problem["code"], problem["quota"]) == ("quota_exceeded", "requests_per_minute")
    assert 0 < int(answers[-1].headers["retry-after"]) <= 73
    other = await installation.new_workspace()
    beside = client_of(application, **bearer(await installation.operator_token(other)))
    assert (await beside.get(LIMITS)).status_code == 200
    await refusals.write()
    installation.later(seconds=float(answers[-1].headers["retry-after"]))
    shown = (await admin.get(LIMITS)).json()["items"][0]
    assert (shown["quota"], shown["refusedCount"]) == ("requests_per_minute", 1)
    installation.later(seconds=120)
    metrics = await admin.get(f"{LIMITS}/metrics")
    assert 'tidegate_quota_refused_total{quota="requests_per_minute"} 1' in metrics.text
    assert 'tidegate_quota_amount{quota="requests_per_minute"} 5' in metrics.text


async def test_a_token_has_its_own_part(
    installation: Installation, workspace: WorkspaceId, admin: httpx.AsyncClient, application: FastAPI
) -> None:
    made = (await admin.post("/api/v1/tokens", json={"name": "ci", "scope": "read"})).json()
    path = f"/api/v1/tokens/{made['id']}/limits"
    answer = await admin.put(path, json={"requestsPerMinute": 2})
    assert answer.json()["items"][0] | {"refusedCount": 0} == {
        "quota": "requests_per_minute", "amount": 2, "ceiling": None, "own": 2, "usedToday": None, "refusedCount": 0,
    }  # fmt: skip
    installation.later(seconds=2)
    client = client_of(application, **bearer(made["token"]))
    answers = [await client.get(path) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert answers[-1].json()["detail"].startswith("This token may have 2 requests a minute")
    assert (await admin.get(LIMITS)).status_code == 200
    assert [deed.target for _, deed in installation.trail.deeds if deed.action == "limits:set"] == [
        f"token/{made['id']}"
    ]


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_token_of_another_workspace_is_as_unknown_as_one_that_never_was(
    installation: Installation, admin: httpx.AsyncClient, method: str
) -> None:
    stranger = await installation.join(await installation.new_workspace(), Role.OWNER)
    await installation.token_of(stranger)
    theirs = await installation.owner.fetchval("SELECT id FROM tokens WHERE workspace = $1", stranger.workspace)
    answers = [
        await admin.request(
            method, f"/api/v1/tokens/{token}/limits", json={"spansPerDay": 1} if method == "PUT" else None
        )
        for token in (theirs, "tok_never")
    ]
    first, second = (
        {key: value for key, value in answer.json().items() if key not in {"requestId", "detail"}} for answer in answers
    )
    assert first == second
    assert [answer.status_code for answer in answers] == [404, 404]
