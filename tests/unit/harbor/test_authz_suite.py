"""The suite's own rules: every operation tried, every tenant-scoped one across tenants, totals that are counted."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pytest
from examples.harbor.authz_plan import ATTEMPTS
from examples.harbor.authz_reports import describe_run, write_junit
from examples.harbor.authz_suite import (
    AuthzRegressionRun,
    Case,
    Operation,
    Outcome,
    SuiteError,
    coverage_cases,
    fetch_operations,
    run_suite,
)
from examples.harbor.faults import FaultSwitches
from examples.harbor.service.app import create_app
from opentelemetry.sdk.trace import TracerProvider

STARTED = datetime(2026, 2, 7, 14, 0, tzinfo=UTC)
PASSED = Case("a.owner", "GET /a", "owner", "200", "200", Outcome.PASSED)
FAILED = Case("a.foreign_viewer", "GET /a", "foreign_viewer", "403 cross_tenant", "200", Outcome.FAILED)
BROKEN = Case("b.owner", "GET /b", "owner", "200", "connection refused", Outcome.ERROR)


def make_run(*cases: Case) -> AuthzRegressionRun:
    return AuthzRegressionRun("c" * 40, "run-1", STARTED, STARTED + timedelta(seconds=2), cases)


@pytest.fixture
async def operations() -> dict[str, Operation]:
    app = create_app(version="1", faults=FaultSwitches(None), provider=TracerProvider())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://harbor") as client:
        return dict(await fetch_operations(client))


def test_the_plan_covers_every_operation_of_the_service(operations: dict[str, Operation]) -> None:
    [case] = coverage_cases(operations, ATTEMPTS)

    assert case.outcome is Outcome.PASSED
    assert len(ATTEMPTS) >= 40


def test_case_ids_are_unique() -> None:
    ids = [attempt.id for attempt in ATTEMPTS]
    assert len(ids) == len(set(ids))


def test_an_operation_that_nothing_tries_fails_the_suite(operations: dict[str, Operation]) -> None:
    grown = {**operations, "exportDocuments": Operation("exportDocuments", "GET", "/workspaces/{workspaceId}/export")}

    [case] = coverage_cases(grown, ATTEMPTS)
    assert (case.id, case.outcome) == ("coverage.exportDocuments", Outcome.FAILED)


def test_a_tenant_scoped_operation_needs_a_cross_tenant_negative(operations: dict[str, Operation]) -> None:
    weak = [
        attempt
        for attempt in ATTEMPTS
        if not (attempt.operation_id == "listMembers" and attempt.is_cross_tenant_negative)
    ]

    [case] = coverage_cases(operations, weak)
    assert (case.id, case.expected) == ("coverage.listMembers", "at least one cross-tenant negative")


def test_an_allowed_foreigner_is_no_negative() -> None:
    [foreign] = [one for one in ATTEMPTS if one.id == "listMembers.foreign_viewer"]

    assert foreign.is_cross_tenant_negative
    assert not replace(foreign, expected="200").is_cross_tenant_negative


def test_a_run_goes_over_the_wire_with_the_names_of_the_contract() -> None:
    wire = json.loads(json.dumps(make_run(PASSED, FAILED, BROKEN).as_wire()))

    assert set(wire) == {"suite", "service", "commit", "runId", "startedAt", "finishedAt", "cases", "totals"}
    assert wire["totals"] == {"total": 3, "passed": 1, "failed": 1, "skipped": 0, "error": 1}
    assert wire["startedAt"] == "2026-02-07T14:00:00+00:00"
    assert wire["cases"][1] == {
        "id": "a.foreign_viewer",
        "operation": "GET /a",
        "actor": "foreign_viewer",
        "expected": "403 cross_tenant",
        "actual": "200",
        "outcome": "failed",
    }


def test_junit_tells_failures_from_errors(tmp_path: Path) -> None:
    write_junit(make_run(PASSED, FAILED, BROKEN), tmp_path / "authz.xml")

    suite = ET.parse(tmp_path / "authz.xml").getroot()[0]  # noqa: S314  our own file
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["3", "1", "1", "0"]
    assert [len(case) and case[0].tag for case in suite.iter("testcase")] == [0, "failure", "error"]


def test_a_person_reads_the_count_and_what_failed() -> None:
    assert describe_run(make_run(PASSED, FAILED)).splitlines() == [
        "1 of 2 authorization cases passed (commit cccccccccccc)",
        "  ✗ a.foreign_viewer: GET /a as foreign_viewer: expected 403 cross_tenant, got 200",
    ]


async def test_a_service_that_does_not_answer_is_no_run_at_all() -> None:
    with pytest.raises(SuiteError, match="is harbor running"):
        await run_suite("http://127.0.0.1:1", commit="c" * 40)


def test_one_run_is_refused_one_sign_in_only() -> None:
    # Ten refusals on the sign-in routes in fifteen minutes page: running the suite must not bring them about.
    refused = [
        attempt.id
        for attempt in ATTEMPTS
        if attempt.operation_id in {"login", "logout", "readSession"} and attempt.expected.startswith("401")
    ]
    assert refused == ["login.anonymous.wrong_password"]
