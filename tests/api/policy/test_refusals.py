"""Who is refused at which door, and what the answer says."""

import re
from typing import Any

import pytest
from tests.api.policy.conftest import CALLERS, Doors
from tests.architecture.test_documentation import generator
from tests.authority import shipped_authorizer

from tidegate.audit import Outcome
from tidegate.identity.policy.actions import FRESH, OPERATIONS, PUBLIC, action_of

VALUES = {"family": "auth", "alert_id": "alr_00001", "trace_id": "0" * 32, "span_id": "0" * 16}
SERVED = [
    (method, path)
    for method, path, *_ in generator().routes()
    # A form without its token is refused before anybody is asked who sends it.
    if f"{method} {path}" not in PUBLIC and (method != "POST" or path.startswith(("/api/", "/release/")))
]
PRICES = {"headers": {"content-type": "application/yaml"}}


def filled(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: VALUES.get(match[1], "x"), path)


@pytest.mark.parametrize("who", ["owner", "viewer", "agent", "approver", "ingest", "read", "manager"])
async def test_every_door_refuses_exactly_whom_the_policies_refuse(doors: Doors, who: str) -> None:
    decide = shipped_authorizer().decide
    refused: list[str] = []
    for method, path in SERVED:
        operation = f"{method} {path}"
        answer = await doors.call(who, method, filled(path))
        ruling = decide(CALLERS[who], operation)
        assert (answer.status_code == 403) is not ruling.is_allowed, (operation, answer.status_code, answer.text[:300])
        if ruling.is_allowed:
            continue
        refused.append(operation)
        _, deed = doors.denials.deeds[-1]
        assert (deed.actor, deed.action, deed.outcome) == (
            CALLERS[who].actor,
            action_of(operation),
            Outcome.DENIED,
        )
        assert (deed.policy_ids, deed.details["operation"]) == (ruling.policy_ids, operation)
        assert deed.request_id == answer.headers["x-request-id"]
    assert len(doors.denials.deeds) == len(refused)
    if who == "owner":  # a token of an owner does not do what a person has to prove for, and does all else
        assert {action_of(one) for one in refused} <= FRESH
    else:
        assert len(refused) > 8


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("viewer", "one of the roles `owner`, `admin`; yours is `viewer`"),
        ("manager", "one of the roles `owner`, `admin`; yours is `release-manager`"),
        ("agent", "An agent may look, draft and pause"),
        ("ingest", "This needs the scope `admin`; the credential has `ingest`."),
        ("read", "This needs the scope `admin`; the credential has `read`."),
    ],
)
async def test_who_may_not_know_is_told_what_is_missing_and_no_policy(doors: Doors, who: str, words: str) -> None:
    answer = await doors.call(who, "DELETE", "/api/v1/traces/" + "0" * 32)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert set(answer.json()) == {"type", "title", "status", "code", "detail", "requestId"}
    assert answer.json()["code"] == "forbidden"
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("who", "policies"), [("admin-reads", ["scope-read-reads-only"]), ("admin-narrow", ["narrowed-to-services"])]
)
async def test_an_admin_is_told_the_policies(doors: Doors, who: str, policies: list[str]) -> None:
    answer = await doors.call(who, "POST", "/api/v1/ci/reports?suite=s&commit=c&service=harbor")
    assert (answer.status_code, answer.json()["policyIds"]) == (403, policies)


async def test_a_page_says_the_policies_to_an_admin_alone(doors: Doors) -> None:
    ingest = await doors.call("ingest", "GET", "/alerts")
    narrow = await doors.call("admin-narrow", "GET", "/alerts?service=harbor")
    assert (ingest.status_code, narrow.status_code) == (403, 403)
    assert "narrowed-to-services" in narrow.text
    assert "scope-ingest-sends-only" not in ingest.text


RELEASE = {"name": "r", "services": [{"service": "pay", "version": "1", "commit": "a" * 40}], "environment": "staging"}
RUN = {
    "suite": "s", "service": "pay", "commit": "a" * 40, "runId": "r-1", "startedAt": "2026-02-07T14:00:00Z",
    "finishedAt": "2026-02-07T14:01:00Z", "cases": [
        {"id": "c", "actor": "a", "action": "read", "resource": "r", "expected": "deny", "actual": "deny",
         "status": "passed", "result": "pass", "name": "n"}],
}  # fmt: skip
SCORED = {"name": "relevance", "service": "pay", "environment": "staging", "score": 0.5}


def release_of(*services: str, environment: str = "staging") -> dict[str, Any]:
    rows = [{"service": name, "version": "1", "commit": "a" * 40} for name in services]
    return {"json": RELEASE | {"services": rows, "environment": environment}}


@pytest.mark.parametrize(
    ("path", "request_", "missing"),
    [
        pytest.param("/api/v1/releases", release_of("pay"), None, id="its own release"),
        pytest.param("/api/v1/releases", release_of("harbor"), "services `pay`", id="a release of another"),
        pytest.param("/api/v1/releases", release_of("pay", "harbor"), "services `pay`", id="a release of both"),
        pytest.param("/api/v1/releases", release_of("pay", environment="prod"), "environments `staging`",
                     id="a release to another environment"),
        pytest.param("/api/v1/ci/reports?suite=s&commit=c&service=pay", {}, None, id="its own report"),
        pytest.param("/api/v1/ci/reports?suite=s&commit=c&service=harbor", {}, "services `pay`", id="another's report"),
        pytest.param("/api/v1/ci/reports?suite=s&commit=c&service=pay&service=harbor", {}, "services `pay`",
                     id="a report that names two"),
        pytest.param("/api/v1/ci/reports?suite=s&commit=c", {}, "services `pay`", id="a report on all services"),
        pytest.param("/api/v1/evaluations", {"json": {"evaluations": [SCORED]}}, None, id="its own evaluation"),
        pytest.param("/api/v1/evaluations", {"json": {"evaluations": [SCORED, SCORED | {"service": "harbor"}]}},
                     "services `pay`", id="one evaluation of another"),
        pytest.param("/api/v1/evaluations", {"json": {"evaluations": [SCORED | {"environment": ""}]}},
                     "environments `staging`", id="an evaluation of no environment"),
    ],
)  # fmt: skip
async def test_a_token_of_one_service_acts_for_no_other(
    doors: Doors, path: str, request_: dict[str, Any], missing: str | None
) -> None:
    answer = await doors.call("ci-of-pay", "POST", path, **request_)
    assert answer.status_code != 422, answer.text
    assert (answer.status_code == 403) is (missing is not None), answer.text
    if missing is not None:
        assert missing in answer.json()["detail"]
        assert doors.denials.deeds[-1][1].policy_ids[0].startswith("narrowed-to-")


@pytest.mark.parametrize("path", ["/api/v1/alerts", "/api/v1/traces", "/api/v1/logs", "/alerts", "/traces", "/logs"])
async def test_a_token_of_one_service_reads_of_no_other_that_the_query_names(doors: Doors, path: str) -> None:
    assert (await doors.call("admin-narrow", "GET", f"{path}?service=harbor")).status_code == 403
    assert (await doors.call("admin-narrow", "GET", f"{path}?service=pay")).status_code != 403


async def test_an_unknown_credential_is_nobody_and_recorded_nowhere(doors: Doors) -> None:
    answer = await doors.call("nobody", "DELETE", "/api/v1/traces/" + "0" * 32)
    assert (answer.status_code, doors.denials.deeds) == (401, [])


async def test_a_refusal_that_the_audit_cannot_record_is_a_refusal(doors: Doors) -> None:
    doors.denials.is_away = True
    assert (await doors.call("viewer", "POST", "/api/v1/gates")).status_code == 403


def test_every_served_operation_was_tried() -> None:
    assert {f"{method} {path}" for method, path in SERVED} <= set(OPERATIONS)
