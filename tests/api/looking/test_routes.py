"""Traces, runs and erasing over HTTP: who may, what is answered, what is refused."""

import httpx
import pytest
from tests.api.looking.conftest import HOSTILE, Api
from tests.telemetry_rows import AT_NS, TRACE, span_id

from tidegate.audit import PostgresAuditStore
from tidegate.audit.ports import AuditFilter
from tidegate.storage import Database

RUN = f"/api/v1/runs/{TRACE}/{span_id(1)}"
READS = ["/api/v1/traces", f"/api/v1/traces/{TRACE}", f"/api/v1/traces/{TRACE}/spans/{span_id(1)}", "/api/v1/runs", RUN]
ADMIN = [
    ("DELETE", f"/api/v1/traces/{TRACE}?dryRun=true"),
    ("DELETE", f"/api/v1/traces/{TRACE}"),
    ("DELETE", "/api/v1/tenants/acme/telemetry?dryRun=true"),
    ("DELETE", "/api/v1/tenants/acme/telemetry"),
    ("GET", "/api/v1/erasures"),
    ("GET", "/api/v1/erasures/ers_1"),
]
REASON = {"reason": "asked for"}


@pytest.mark.parametrize(("method", "path"), [*(("GET", path) for path in READS), *ADMIN])
async def test_nobody_is_answered_without_a_token(api: Api, method: str, path: str) -> None:
    assert (await api.client.request(method, path)).status_code == 401


@pytest.mark.parametrize(("method", "path"), [*(("GET", path) for path in READS), *ADMIN])
async def test_a_token_for_telemetry_may_look_at_nothing(api: Api, method: str, path: str) -> None:
    api.scope = "ingest"
    assert (await api.call(method, path)).status_code == 403


@pytest.mark.parametrize("scope", ["read", "write"])
@pytest.mark.parametrize(("method", "path"), ADMIN)
async def test_only_an_administrator_erases(api: Api, scope: str, method: str, path: str) -> None:
    api.scope = scope
    assert (await api.call(method, path)).status_code == 403


async def test_another_workspace_sees_and_erases_nothing(api: Api, stranger: Api) -> None:
    for path in READS:
        answer = await stranger.get(path)
        if path in {"/api/v1/traces", "/api/v1/runs"}:
            assert answer.json() == {"items": [], "nextCursor": None}
        else:
            assert answer.status_code == 404
    for method, path in ADMIN[:4]:
        assert (await stranger.call(method, path, json=REASON)).status_code == 404
    erasure = (await api.call("DELETE", f"/api/v1/traces/{TRACE}", json=REASON)).json()
    assert (await stranger.get(f"/api/v1/erasures/{erasure['id']}")).status_code == 404
    assert (await stranger.get("/api/v1/erasures")).json() == {"items": []}


async def test_a_trace_is_answered_whole_with_its_places(api: Api) -> None:
    api.scope = "read"
    body = (await api.get(f"/api/v1/traces/{TRACE.upper()}")).json()
    assert body["summary"]["spanCount"] == 3
    assert body["summary"]["errorCount"] == 2
    assert [(span["spanId"], span["depth"], span["offsetNs"]) for span in body["spans"]] == [
        (span_id(1), 0, 0), (span_id(2), 1, 10_000_000), (span_id(3), 1, 200_000_000),
    ]  # fmt: skip
    assert body["spans"][1]["contents"]["attributes"]["k"] == HOSTILE
    assert body["spans"][1]["meaning"]["tool"] == "search"


async def test_pages_of_spans_fit_together(api: Api) -> None:
    seen, cursor = [], ""
    while cursor is not None:
        body = (await api.get(f"/api/v1/traces/{TRACE}", limit="1", cursor=cursor)).json()
        seen += [span["position"] for span in body["spans"]]
        cursor = body["nextCursor"]
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(
    ("path", "parameters", "field"),
    [
        (f"/api/v1/traces/{TRACE}", {"cursor": "bm8"}, "cursor"),
        (f"/api/v1/traces/{TRACE}", {"limit": "0"}, "limit"),
        ("/api/v1/traces", {"from": "yesterday"}, "from"),
        ("/api/v1/traces", {"from": "0001-01-01T00:00:00Z"}, "from"),
        ("/api/v1/traces", {"to": "0001-01-01T00:00:00Z"}, "from"),
        ("/api/v1/traces", {"status": "odd"}, "status"),
        ("/api/v1/traces", {"minMs": "-1"}, "minMs"),
        ("/api/v1/runs", {"outcome": "odd"}, "outcome"),
        ("/api/v1/runs", {"minCostUsd": "NaN"}, "minCostUsd"),
        ("/api/v1/runs", {"minCostUsd": "-1"}, "minCostUsd"),
        ("/api/v1/runs", {"minCostUsd": "1e99"}, "minCostUsd"),
        ("/api/v1/runs", {"from": "2026-02-07T14:00:00Z", "to": "2026-02-07T14:00:00Z"}, "from"),
        ("/api/v1/runs", {"cursor": "x y"}, "cursor"),
        ("/api/v1/runs", {"limit": "201"}, "limit"),
        ("/api/v1/runs", {"format": "xls"}, "format"),
    ],
)
async def test_bad_values_are_refused_with_the_field_named(
    api: Api, path: str, parameters: dict[str, str], field: str
) -> None:
    answer = await api.get(path, **parameters)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


@pytest.mark.parametrize("trace_id", ["x", "0" * 32, "..%2F..", "' OR 1=1 --"])
async def test_what_is_no_trace_is_not_found(api: Api, trace_id: str) -> None:
    assert (await api.get(f"/api/v1/traces/{trace_id}")).json()["code"] in {"trace_not_found", "not_found"}


async def test_a_run_is_answered_with_cause_steps_and_content(api: Api) -> None:
    body = (await api.get(RUN)).json()
    assert (body["run"]["costUsd"], body["run"]["costSource"], body["run"]["priceVersion"]) == (0.0125, "table", "v1")
    assert (body["isCounted"], body["cause"]["label"], body["cause"]["errorType"]) == (True, "search", "timeout")
    assert [step["depth"] for step in body["steps"]] == [0, 1, 1]
    assert body["contents"] == [{"spanId": span_id(2), "key": "gen_ai.tool.call.arguments", "text": f"a\n{HOSTILE}"}]


async def test_an_inference_inside_a_run_is_told_as_not_counted(api: Api) -> None:
    body = (await api.get(f"/api/v1/runs/{TRACE}/{span_id(3)}")).json()
    assert (body["isCounted"], body["run"]["model"], body["run"]["costUsd"]) == (False, "m", None)


@pytest.mark.parametrize("number", [2, 99])
async def test_a_span_that_is_no_run_is_not_found(api: Api, number: int) -> None:
    answer = await api.get(f"/api/v1/runs/{TRACE}/{span_id(number)}")
    assert (answer.status_code, answer.json()["code"]) == (404, "run_not_found")


async def test_runs_come_as_csv_that_a_spreadsheet_does_not_run(api: Api) -> None:
    answer = await api.get("/api/v1/runs", format="csv")
    assert answer.headers["content-type"].startswith("text/csv")
    header, row = answer.text.split("\r\n", 1)
    assert header.startswith("traceId,spanId,name")
    assert "0.0125" in row


async def test_a_dry_run_counts_and_erases_nothing(api: Api) -> None:
    answer = await api.call("DELETE", f"/api/v1/traces/{TRACE}", params={"dryRun": "true"})
    assert answer.status_code == 200
    assert answer.json()["found"] == {"spans": 3, "logs": 1, "points": 0, "runs": 1, "seconds": 1}
    assert (await api.get(f"/api/v1/traces/{TRACE}")).status_code == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({}, 415),
        ({"json": {}}, 422),
        ({"json": {"reason": " "}}, 422),
        ({"json": {"reason": "x" * 1_001}}, 422),
        ({"json": {"reason": "x", "tenant": "globex"}}, 422),
        ({"content": b"x" * 10_000, "headers": {"content-type": "application/json"}}, 413),
    ],
)
async def test_without_a_reason_nothing_is_erased(api: Api, request_: dict[str, object], status: int) -> None:
    headers = {"authorization": f"Bearer admin:{api.workspace}"} | request_.pop("headers", {})  # type: ignore[operator,arg-type]
    path = f"/api/v1/traces/{TRACE}"
    answer: httpx.Response = await api.client.request("DELETE", path, headers=headers, **request_)  # type: ignore[arg-type] # parts of a request
    assert answer.status_code == status
    assert (await api.get("/api/v1/erasures")).json() == {"items": []}


async def test_an_erased_trace_is_gone_from_every_route(api: Api) -> None:
    erasure = (await api.call("DELETE", f"/api/v1/traces/{TRACE}", json=REASON)).json()
    assert (erasure["state"], erasure["reason"], erasure["subject"]) == ("running", "asked for", TRACE)
    await api.eraser.run_once()
    shown = (await api.get(f"/api/v1/erasures/{erasure['id']}")).json()
    assert (shown["state"], shown["progress"]) == ("held", 1.0)
    assert (await api.get(f"/api/v1/traces/{TRACE}")).status_code == 404
    assert (await api.get(RUN)).status_code == 404
    assert (await api.get("/api/v1/runs")).json()["items"] == []


async def test_a_tenant_whose_name_has_a_slash_can_be_erased(api: Api) -> None:
    answer = await api.call("DELETE", "/api/v1/tenants/acme%2Feu/telemetry", params={"dryRun": "true"})
    assert (answer.status_code, answer.json()["code"]) == (404, "nothing_to_erase")
    answer = await api.call("DELETE", "/api/v1/tenants/acme/telemetry", params={"dryRun": "true"})
    assert answer.json()["found"]["spans"] == 2


async def test_traces_can_be_narrowed_by_the_query(api: Api) -> None:
    assert AT_NS
    found = (await api.get("/api/v1/traces", status="error", tenant="acme", minMs="500")).json()["items"]
    assert [item["traceId"] for item in found] == [TRACE]
    assert (await api.get("/api/v1/traces", minMs="901")).json()["items"] == []


async def test_reading_a_run_with_its_content_and_taking_runs_away_is_recorded(api: Api, database: Database) -> None:
    assert (await api.get(RUN)).json()["contents"]
    assert (await api.call("GET", "/api/v1/runs?format=csv")).headers["content-type"].startswith("text/csv")
    assert (await api.get("/api/v1/runs")).status_code == 200
    found = await PostgresAuditStore(database).list_records(api.workspace, AuditFilter(), below=None, limit=9)
    assert [(one.deed.action, one.deed.target, dict(one.deed.details)) for one in reversed(found)] == [
        ("runs:read", f"run/{TRACE}/{span_id(1)}", {"what": "content"}),
        ("runs:read", "runs", {"what": "export"}),
    ]
