"""What a token that is narrowed to services and environments may ask, and what comes out: nothing of another."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import pytest
from tests.api.audit.writing import World, opened_world
from tests.api.gates.test_tenant_isolation import make_case
from tests.api.policy.conftest import Doors
from tests.architecture.test_documentation import generator
from tests.conftest import EngineProcess
from tests.telemetry_rows import AT_NS, make_log_row, make_span_row, span_id, store

from tidegate.identity.policy.actions import OPERATIONS, PUBLIC
from tidegate.identity.policy.naming import ABOUT_NONE, ENVIRONMENT, FOUND, NAMED, SERVICE
from tidegate.kernel import format_utc
from tidegate.storage.postgres.layout import PostgresDsns
from tidegate.storage.telemetry import TelemetryEngine

OWN, OTHER = "pay", "canary-of-another-service"
OWN_TRACE, OTHER_TRACE = "a" * 32, "b" * 32
READS: Final = [path for method, path, *_ in generator().routes() if method == "GET" and f"GET {path}" not in PUBLIC]
VALUES = {"family": "auth", "alert_id": "alr_00001", "trace_id": "0" * 32, "span_id": "0" * 16}


def filled(path: str, **values: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: {**VALUES, **values}.get(match[1], "x"), path)


def test_every_row_is_an_operation_and_has_one_place() -> None:
    assert (set(NAMED) | FOUND | ABOUT_NONE) <= set(OPERATIONS)
    assert not set(NAMED) & FOUND
    assert not set(NAMED) & ABOUT_NONE
    assert not FOUND & ABOUT_NONE


@pytest.mark.parametrize("path", READS)
async def test_a_narrowed_token_names_what_it_reads_or_is_refused(doors: Doors, path: str) -> None:
    operation = f"GET {path}"
    takes = NAMED.get(operation, frozenset())
    bare = await doors.call("ci-reads", "GET", filled(path))
    named = await doors.call("ci-reads", "GET", f"{filled(path)}?service=pay&environment=staging")
    other = await doors.call("ci-reads", "GET", f"{filled(path)}?service=pay&environment=staging&service=harbor")
    if operation in FOUND | ABOUT_NONE:
        assert bare.status_code != 403 or "administer" in bare.text or "one of the roles" in bare.text, bare.text
    else:
        assert bare.status_code == 403, bare.text
        assert (named.status_code != 403) is (takes == {SERVICE, ENVIRONMENT}), named.text
        assert ("to the query" in bare.text) is (SERVICE in takes)
    if operation not in ABOUT_NONE:
        assert other.status_code == 403


@pytest.mark.parametrize("path", [path.removeprefix("GET ") for path in NAMED])
async def test_a_token_of_one_service_reads_it_by_name_and_no_other(doors: Doors, path: str) -> None:
    assert (await doors.call("admin-narrow", "GET", f"{filled(path)}?service=pay")).status_code != 403
    assert (await doors.call("admin-narrow", "GET", filled(path))).status_code == 403
    assert (await doors.call("admin-narrow", "GET", f"{filled(path)}?service=")).status_code == 403
    assert (await doors.call("admin-narrow", "GET", f"{filled(path)}?service=harbor")).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/v1/retention"),
        ("PUT", "/api/v1/prices/overrides"),
        ("POST", "/api/v1/recounts"),
        ("POST", "/api/v1/gates"),
        ("POST", "/api/v1/gates/x/decisions"),
        ("DELETE", "/api/v1/tenants/acme/telemetry"),
        ("POST", "/api/v1/invitations"),
        ("GET", "/api/v1/audit/export"),
    ],
)
async def test_what_is_about_all_services_is_not_for_a_token_of_one(doors: Doors, method: str, path: str) -> None:
    answer = await doors.call("admin-narrow", method, path, json={})
    assert (answer.status_code, answer.json()["policyIds"]) == (403, ["narrowed-to-services"])
    assert "Use one that is not narrowed to services." in answer.json()["detail"]


@pytest.fixture(scope="module")
async def world(
    tmp_path_factory: pytest.TempPathFactory,
    state_dsns: PostgresDsns,
    engine_process: EngineProcess,
    engine: TelemetryEngine,
    owner_connection: "asyncpg.Connection[asyncpg.Record]",
) -> AsyncIterator[World]:
    """Two services with a trace, log records, a release, reports, runs and an alert each; a token of one of them."""
    folder = tmp_path_factory.mktemp("narrowed")
    async with opened_world(folder, state_dsns, engine_process, owner=owner_connection) as opened:
        for service, trace, number in ((OWN, OWN_TRACE, 1), (OTHER, OTHER_TRACE, 2)):
            rows: dict[str, Any] = {"trace_id": trace, "service": service}
            await store(engine, opened.workspace, "raw_spans", [make_span_row(number, **rows, name=f"of {service}")])
            await store(engine, opened.workspace, "raw_logs", [make_log_row(**rows, body=f"of {service}")])
            await told(opened, service, number)
        made = await opened.api("POST", "/api/v1/service-accounts", json={"name": "reader", "role": "engineer"})
        wish = {"name": "narrow", "scope": "read", "member": made.answer.json()["id"], "services": [OWN]}
        token = await opened.api("POST", "/api/v1/tokens", json=wish)
        opened.token, opened.token_id = token.answer.json()["token"], token.answer.json()["id"]
        yield opened


async def told(world: World, service: str, number: int) -> None:
    commit = str(number) * 40
    body = {"name": f"r-{number}", "services": [{"service": service, "version": "1", "commit": commit}]}
    run = {"runId": f"run-{number}", "service": service, "commit": commit, "suite": "walls", "cases": [make_case()],
           "startedAt": "2026-02-07T14:00:00Z", "finishedAt": "2026-02-07T14:01:00Z"}  # fmt: skip
    about = f"suite=s&commit={commit}&service={service}"
    xml = {"content": b'<testsuite name="s"/>', "headers": {"content-type": "application/xml"}}
    for left in (
        await world.api("POST", "/api/v1/releases", json=body),
        await world.api("POST", "/release/authz-regression", json=run),
        await world.api("POST", f"/api/v1/ci/reports?{about}", **xml),
        await world.api("POST", "/api/v1/gates/auth-shell/decisions"),
    ):
        assert left.answer.status_code == 201, left.answer.text
    await world.owner.execute(
        """
        INSERT INTO alerts (workspace, id, code, family, severity, service, subject, state, threshold, count, sentence,
            runbook, since, fired_at, transition_count)
        VALUES ($1, $2, 'auth_p1_failure_rate_high', 'auth', 'P1', $3, sha256(convert_to($3, 'UTF8')), 'firing', 1, 1,
            $4, '/runbooks/x', now(), now(), 1)
        """,
        world.workspace,
        f"alr_0000{number}",
        service,
        f"of {service}",
    )


@pytest.mark.parametrize("path", READS)
async def test_nothing_of_another_service_comes_out(world: World, path: str) -> None:
    ids = [
        {
            "trace_id": OTHER_TRACE,
            "span_id": span_id(2),
            "alert_id": "alr_00002",
            "name_or_id": "r-2",
            "run_id": "run-2",
        },
        {"trace_id": OWN_TRACE, "span_id": span_id(1), "alert_id": "alr_00001", "name_or_id": "r-1", "run_id": "run-1"},
    ]
    report = await world.owner.fetchval(
        "SELECT id FROM ci_reports WHERE workspace = $1 AND service = $2", world.workspace, OTHER
    )
    for query in ("", f"?service={OWN}", f"?service={OWN}&suite=s&commit={'2' * 40}"):
        for values in ids:
            left = await world.api("GET", filled(path, report_id=report, gate_id="auth-shell", **values) + query)
            assert OTHER not in left.answer.text, (path, query, left.answer.status_code)


def moment(seconds: int) -> str:
    """Return when the rows are, and so many seconds later."""
    return format_utc(datetime.fromtimestamp(AT_NS // 10**9 + seconds, UTC))


OWN_THINGS = [
    f"/api/v1/traces?service=pay&from={moment(-60)}&to={moment(60)}",
    "/api/v1/alerts?service=pay",
    "/api/v1/alerts/alr_00001",
    "/api/v1/releases/r-1",
    "/release/authz-regression/latest?service=pay",
    "/release/authz-regression/runs/run-1",
    f"/api/v1/ci/reports/latest?suite=s&commit={'1' * 40}&service=pay",
]


@pytest.mark.parametrize("path", OWN_THINGS)
async def test_what_is_its_own_comes_out(world: World, path: str) -> None:
    left = await world.api("GET", path)
    assert left.answer.status_code == 200, left.answer.text
    assert OWN in left.answer.text
