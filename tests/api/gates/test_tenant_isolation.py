"""The thinnest way: a release, an authorization run, a verdict."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import asyncpg
import pytest
from tests.api.gates.conftest import Api

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
RELEASE: dict[str, Any] = {
    "name": "2026.02.1",
    "services": [{"service": "harbor", "version": "2026.02.1", "commit": "4f1c2ab"}],
}


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


async def test_without_a_release_or_a_run_it_holds(api: Api) -> None:
    assert await verdict_of(api) == ("hold", "HOLD: there is no release to decide on.")
    await api.post("/api/v1/releases", RELEASE)
    verdict, sentence = await verdict_of(api)
    assert verdict == "hold"
    assert "No run of any suite was received for harbor at commit 4f1c2ab" in sentence


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        pytest.param({"cases": []}, "missing", id="zero tests"),
        pytest.param({"commit": "deadbee"}, "missing", id="another commit"),
        pytest.param({"service": "web"}, "missing", id="another service"),
        pytest.param({"cases": [make_case(outcome="skipped")]}, "inconclusive", id="all skipped"),
        pytest.param({"cases": [make_case(), make_case(id="b", outcome="skipped")]}, "inconclusive", id="one skipped"),
        pytest.param({"cases": [make_case(), make_case(id="b", outcome="error")]}, "failed", id="one error"),
        pytest.param(
            {"startedAt": "2020-01-01T00:00:00Z", "finishedAt": "2020-01-02T00:00:00Z"}, "stale", id="an old run"
        ),
        pytest.param({"finishedAt": "2099-01-01T00:00:00Z"}, "inconclusive", id="a run from the future"),
    ],
)
async def test_a_run_that_proves_nothing_is_received_and_does_not_pass(
    api: Api, changes: dict[str, Any], outcome: str
) -> None:
    await api.post("/api/v1/releases", RELEASE)
    assert (await api.post("/release/authz-regression", make_run(**changes))).status_code == 201
    dashboard = (await api.get("/release/dashboard", gate="tenant-isolation")).json()
    assert [check["outcome"] for check in dashboard["checks"]] == [outcome]
    assert dashboard["verdict"] == ("no_go" if outcome == "failed" else "hold")
    assert dashboard["toReachGo"][0]["owner"] == "backend"


async def test_totals_are_counted_here_whatever_the_sender_says(api: Api) -> None:
    lie = {"total": 412, "passed": 412, "failed": 0}
    run = make_run(cases=[make_case(id="a", actual="200", outcome="failed")], totals=lie)
    received = (await api.post("/release/authz-regression", run)).json()
    assert received["totals"] == {"total": 1, "passed": 0, "failed": 1, "skipped": 0, "error": 0}


async def test_a_run_sent_twice_counts_once_and_another_body_under_its_id_is_refused(api: Api) -> None:
    run = make_run()
    assert (await api.post("/release/authz-regression", run)).status_code == 201
    again = await api.post("/release/authz-regression", run)
    assert again.status_code == 200
    other = await api.post("/release/authz-regression", run | {"commit": "deadbee"})
    assert (other.status_code, other.json()["code"]) == (409, "authz_run_conflict")
    latest = (await api.get("/release/authz-regression/latest", service="harbor")).json()
    assert latest == again.json()


async def test_the_newest_received_run_counts_whatever_its_dates_say(api: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    failed = make_case(id="a", actual="200", outcome="failed")
    earlier = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    await api.post("/release/authz-regression", make_run(runId="red", cases=[failed]))
    assert (await verdict_of(api))[0] == "no_go"
    await api.post("/release/authz-regression", make_run(runId="green", startedAt=earlier, finishedAt=earlier))
    assert (await verdict_of(api))[0] == "go"
    await api.post("/release/authz-regression", make_run(runId="red-2", startedAt=earlier, cases=[failed]))
    assert (await verdict_of(api))[0] == "no_go"


async def test_a_green_run_sent_again_does_not_hide_the_red_one_after_it(api: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    green = make_run(runId="green")
    await api.post("/release/authz-regression", green)
    red = make_run(runId="red", cases=[make_case(actual="200", outcome="failed")])
    await api.post("/release/authz-regression", red)
    assert (await api.post("/release/authz-regression", green)).status_code == 200
    assert (await verdict_of(api))[0] == "no_go"


async def test_a_failing_suite_is_not_outvoted_by_another_one(api: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    red = make_run(runId="red", suite="admin", cases=[make_case(actual="200", outcome="failed")])
    await api.post("/release/authz-regression", red)
    await api.post("/release/authz-regression", make_run(runId="green"))
    assert (await verdict_of(api))[0] == "no_go"


async def test_every_service_of_the_release_needs_its_own_run(api: Api) -> None:
    web = {"service": "web", "version": "3", "commit": "beef"}
    await api.post("/api/v1/releases", {"name": "both", "services": [*RELEASE["services"], web]})
    await api.post("/release/authz-regression", make_run())
    verdict, sentence = await verdict_of(api)
    assert verdict == "hold"
    assert "web" in sentence


async def test_a_run_altered_in_the_store_holds_the_gate(api: Api, owner_connection: Owner) -> None:
    await api.post("/api/v1/releases", RELEASE)
    await api.post("/release/authz-regression", make_run(cases=[make_case(actual="200", outcome="failed")]))
    assert (await verdict_of(api))[0] == "no_go"  # read before: what is remembered must not hide the change
    await owner_connection.execute(
        """
        UPDATE authz_runs SET body = convert_to(replace(replace(convert_from(body, 'UTF8'), 'failed', 'passed'),
            '"actual":"200"', '"actual":"403"'), 'UTF8') WHERE workspace = $1
        """,
        api.workspace,
    )
    verdict, sentence = await verdict_of(api)
    assert verdict == "hold"
    assert "altered after it was received" in sentence


async def test_deleting_the_red_run_does_not_bring_back_the_green_one(api: Api, owner_connection: Owner) -> None:
    await api.post("/api/v1/releases", RELEASE)
    await api.post("/release/authz-regression", make_run(runId="green"))
    red = make_run(runId="red", cases=[make_case(actual="200", outcome="failed")])
    await api.post("/release/authz-regression", red)
    await owner_connection.execute("DELETE FROM authz_runs WHERE workspace = $1 AND run_id = 'red'", api.workspace)
    verdict, sentence = await verdict_of(api)
    assert verdict == "hold"
    assert "is gone" in sentence


async def test_a_test_report_at_the_commit_decides_a_gate_of_ci(api: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    check = "{id: unit, title: Unit tests, kind: regression, owner: qa, source: ci, suite: unit}"
    gate = f"{{apiVersion: tidegate/v1, kind: Gate, id: ci, title: CI, owner: qa, checks: [{check}]}}"
    assert (await api.post_yaml("/api/v1/gates", gate)).status_code == 201
    verdicts = []
    for report in (
        "<testsuite/>",
        "<testsuite><testcase name='a'/><testcase name='b'><failure message='no'/></testcase></testsuite>",
        "<testsuite failures='2'><testcase name='a'/></testsuite>",
        "<testsuite><testcase name='a'/><testcase name='b'><skipped/></testcase></testsuite>",
        "<testsuite/>",
    ):
        await api.post_report(report, suite="unit", commit="4f1c2ab")
        verdicts.append((await api.get("/release/dashboard", gate="ci")).json()["verdict"])
    # The last one is the first one again: it keeps its place and changes nothing.
    assert verdicts == ["hold", "no_go", "hold", "go", "go"]
    other = await api.post_report("<testsuite><testcase/></testsuite>", suite="unit", commit="c", runId="8812")
    assert other.status_code == 201
    conflict = await api.post_report("<testsuite/>", suite="unit", commit="c", runId="8812")
    assert (conflict.status_code, conflict.json()["code"]) == (409, "report_conflict")
