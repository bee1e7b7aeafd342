"""The thinnest way: a release, an authorization run, a verdict."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.api.gates.conftest import Api

RELEASE = {"name": "2026.02.1", "services": [{"service": "harbor", "version": "2026.02.1", "commit": "4f1c2ab"}]}


def make_case(**changes: Any) -> dict[str, Any]:
    return {
        "id": "documents.read.foreign_owner",
        "operation": "GET /workspaces/{workspaceId}/documents",
        "actor": "foreign_owner",
        "expected": "403",
        "actual": "403",
        "outcome": "passed",
    } | changes


def make_run(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "suite": "authz",
        "service": "harbor",
        "commit": "4f1c2ab",
        "runId": "run-1",
        "startedAt": (now - timedelta(seconds=9)).isoformat(),
        "finishedAt": now.isoformat(),
        "cases": [make_case(id="a"), make_case(id="b")],
    } | changes


async def verdict_of(api: Api) -> tuple[str, str]:
    dashboard = (await api.get("/release/dashboard", gate="tenant-isolation")).json()
    return dashboard["verdict"], dashboard["sentence"]


async def test_a_passing_run_at_the_commit_makes_it_go(api: Api) -> None:
    created = await api.post("/api/v1/releases", RELEASE)
    assert created.status_code == 201
    received = await api.post("/release/authz-regression", make_run())
    assert received.status_code == 201
    decision = await api.post("/api/v1/gates/tenant-isolation/decisions")
    assert decision.status_code == 201
    assert decision.json()["verdict"] == "go"
    dashboard = (await api.get("/release/dashboard", gate="tenant-isolation")).json()
    assert dashboard["verdict"] == "go"
    assert dashboard["release"] == "2026.02.1"


async def test_one_failed_case_makes_it_no_go_and_says_which(api: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    case = make_case(id="documents.delete.foreign_owner", actual="204", outcome="failed")
    await api.post("/release/authz-regression", make_run(cases=[make_case(id="a"), case]))
    verdict, sentence = await verdict_of(api)
    assert verdict == "no_go"
    assert "1 of 2 cases failed (allowed 0)" in sentence
    assert "documents.delete.foreign_owner" in sentence
