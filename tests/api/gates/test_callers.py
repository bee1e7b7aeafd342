"""The caller matrix: anonymous, a token without the scope, another workspace, the right one."""

import httpx
import pytest
from tests.api.gates.conftest import Api
from tests.api.gates.test_tenant_isolation import RELEASE, make_run

READS = [
    "/api/v1/releases",
    "/api/v1/releases/2026.02.1",
    "/release/authz-regression/latest?service=harbor",
    "/release/authz-regression/runs/run-1",
    "/api/v1/ci/reports/latest?suite=unit&commit=4f1c2ab",
    "/release/dashboard?gate=tenant-isolation",
    "/api/v1/board",
    "/api/v1/gates",
    "/api/v1/gates/tenant-isolation",
    "/api/v1/gates/tenant-isolation/decisions",
    "/api/v1/schemas",
    "/api/v1/schemas/gate",
]
WRITES = [
    "/api/v1/releases",
    "/release/authz-regression",
    "/api/v1/ci/reports?suite=unit&commit=4f1c2ab",
    "/api/v1/gates",
    "/api/v1/gates/tenant-isolation/decisions",
]


@pytest.mark.parametrize(("method", "path"), [*(("GET", one) for one in READS), *(("POST", one) for one in WRITES)])
async def test_nobody_is_answered_without_a_token(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"


@pytest.mark.parametrize("path", WRITES)
async def test_a_reader_may_not_write(api: Api, path: str) -> None:
    api.scope = "read"
    assert (await api.post(path)).status_code == 403


@pytest.mark.parametrize("path", [*READS, *WRITES])
async def test_a_token_for_telemetry_may_neither_read_nor_write(api: Api, path: str) -> None:
    api.scope = "ingest"
    assert (await api.call("GET" if path in READS else "POST", path)).status_code == 403


async def test_another_workspace_sees_nothing_and_is_told_nothing_more_than_of_unknown_names(
    api: Api, stranger: Api
) -> None:
    created = (await api.post("/api/v1/releases", RELEASE)).json()
    await api.post("/release/authz-regression", make_run())
    report = (await api.post_report("<testsuite><testcase/></testsuite>", suite="unit", commit="4f1c2ab")).json()
    await api.post_yaml(
        "/api/v1/gates", "{apiVersion: tidegate/v1, kind: Gate, id: own, title: T, owner: o, checks: []}"
    )
    for path in (
        "/api/v1/releases/2026.02.1",
        f"/api/v1/releases/{created['id']}",
        "/release/authz-regression/latest?service=harbor",
        "/release/authz-regression/runs/run-1",
        "/api/v1/ci/reports/latest?suite=unit&commit=4f1c2ab",
        f"/api/v1/ci/reports/{report['id']}",
        "/api/v1/gates/own",
        "/release/dashboard?gate=tenant-isolation&release=2026.02.1",
    ):
        answer = await stranger.call("GET", path)
        assert (path, answer.status_code) == (path, 404)
    assert (await stranger.get("/api/v1/releases")).json()["items"] == []
    # The same names and ids are free in the other workspace.
    assert (await stranger.post("/api/v1/releases", RELEASE)).status_code == 201
    assert (await stranger.post("/release/authz-regression", make_run(commit="other"))).status_code == 201
    board = (await stranger.get("/api/v1/board")).json()["items"]
    assert {item["verdict"] for item in board if item["gate"] == "tenant-isolation"} == {"hold"}
