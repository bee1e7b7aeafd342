"""Who may ask, what may be chosen from, and how what is wrong is said."""

from typing import Any

import httpx
import pytest
from tests.api.prometheus.conftest import Api, at
from tests.api.prometheus.test_queries import traffic
from tests.signals_rows import request_row

from tidegate.edge.prometheus import PROMETHEUS_PREFIX

GETS: dict[str, dict[str, str]] = {
    "/query": {"query": "1"},
    "/query_range": {"query": "1", "start": "0", "end": "10", "step": "5"},
    "/series": {"match": "tidegate_request_request_total"},
    "/labels": {},
    "/label/service/values": {},
    "/metadata": {},
    "/status/buildinfo": {},
}


@pytest.mark.parametrize("path", GETS)
async def test_only_who_may_read_gets_an_answer(api: Api, path: str) -> None:
    await api.store(traffic(api, 3))  # figures wait until something was counted for the first time
    statuses = [
        (await api.get(path, token=token, **GETS[path])).status_code
        for token in ("", "nonsense", f"ingest:{api.workspace}", f"read:{api.workspace}")
    ]
    assert statuses == [401, 401, 403, 200]
    refused = (await api.get(path, token=f"ingest:{api.workspace}", **GETS[path])).json()
    assert (refused["status"], refused["errorType"]) == ("error", "forbidden")


async def test_another_workspace_finds_nothing(api: Api) -> None:
    await api.store(traffic(api, 20))
    stranger = "read:w-of-somebody-else"
    for path, more in (
        ("/query", {"query": "tidegate_request_request_total"}),
        ("/query", {"query": "tidegate_request_duration_seconds_bucket"}),
        ("/series", {"match": "tidegate_request_request_total"}),
        ("/label/service/values", {}),
        ("/label/tenant/values", {}),
        ("/label/__name__/values", {}),
    ):
        data = (await api.get(path, token=stranger, **more)).json()["data"]
        assert (data["result"] if path == "/query" else data) == []


async def test_a_narrowed_token_reads_its_service_whatever_it_asks_for(api: Api) -> None:
    await api.store(
        [request_row(api.workspace, 200, service=name, end_ns=at(api.now_s - 5)) for name in ("pay", "chat")]
    )
    narrowed = f"read:{api.workspace}:pay"
    for query in (
        "increase(tidegate_request_request_total[5m])",
        'increase(tidegate_request_request_total{service=~".*"}[5m])',
        'increase(tidegate_request_request_total{service=~"chat|pay"}[5m])',
        "sum by (service) (increase(tidegate_request_duration_seconds_count[5m]))",
    ):
        answer = (await api.post("/query", token=narrowed, query=query, time=api.now_s)).json()["data"]["result"]
        assert [one["metric"]["service"] for one in answer] == ["pay"], query
    other = await api.get("/query", token=narrowed, query='tidegate_request_request_total{service="chat"}')
    assert other.json()["data"]["result"] == []
    assert (await api.get("/label/service/values", token=narrowed)).json()["data"] == ["pay"]
    selected = await api.get("/series", token=narrowed, match="tidegate_request_request_total")
    assert {one["service"] for one in selected.json()["data"]} == {"pay"}


async def test_clients_choose_from_metrics_labels_and_values(api: Api) -> None:
    await api.store(traffic(api, 200))
    names = (await api.get("/label/__name__/values")).json()["data"]
    assert "tidegate_request_request_total" in names
    assert "tidegate_request_duration_seconds_bucket" in names
    assert "tidegate_ai_run_run_total" not in names
    assert (await api.get("/label/tenant/values")).json()["data"] == ["acme", "blue"]
    match = 'tidegate_request_request_total{service="pay"}'
    assert (await api.get("/label/route/values", match=match)).json()["data"] == ["/a", "/b.c"]
    assert (await api.post("/labels", match=match)).json()["data"] == [
        "__name__", "environment", "release", "route", "service", "tenant",
    ]  # fmt: skip
    series = (await api.post("/series", match=match)).json()["data"]
    assert len(series) == 6
    cut = (await api.get("/series", match=match, limit=2)).json()
    assert (len(cut["data"]), cut["warnings"]) == (2, ["results truncated due to limit"])
    assert (await api.get("/label/nothing/values")).json() == {"status": "success", "data": []}


@pytest.mark.parametrize(
    ("path", "parameters", "status", "kind", "words"),
    [
        pytest.param("/query", {"query": ""}, 400, "bad_data", "no PromQL", id="nothing asked"),
        pytest.param("/query", {"query": "sum("}, 400, "bad_data", "no PromQL", id="no expression"),
        pytest.param("/query", {"query": "topk(1, x)"}, 400, "bad_data", "`topk`", id="outside the subset"),
        pytest.param("/query", {"query": "1", "time": "noon"}, 400, "bad_data", '"time"', id="no moment"),
        pytest.param("/query", {"query": "1", "time": "9e99"}, 400, "bad_data", '"time"', id="beyond all time"),
        pytest.param("/query", {"query": "x\0"}, 400, "bad_data", "NUL", id="a NUL"),
        pytest.param("/query", {"query": '{service="pay"}'}, 422, "execution", "metrics", id="every metric at once"),
        pytest.param("/query", {"query": "1", "timeout": "x"}, 400, "bad_data", '"timeout"', id="no timeout"),
        pytest.param("/query_range", {"query": "1"}, 400, "bad_data", '"start"', id="no start"),
        pytest.param(
            "/query_range", {"query": "1", "start": "0", "end": "11000", "step": "1"}, 400, "bad_data", "11,000",
            id="too many points",
        ),
        pytest.param(
            "/query_range", {"query": "1", "start": "9", "end": "1", "step": "1"}, 400, "bad_data", "before start",
            id="backwards",
        ),
        pytest.param(
            "/query_range", {"query": "1", "start": "0", "end": "1", "step": "0"}, 400, "bad_data", "zero", id="no step"
        ),
        pytest.param(
            "/query_range", {"query": "x[5m]", "start": "0", "end": "1", "step": "1"}, 400, "bad_data", "range vector",
            id="a range of ranges",
        ),
        pytest.param("/series", {}, 400, "bad_data", "match[]", id="series of nothing"),
        pytest.param("/series", {"match": "1"}, 400, "bad_data", "selector", id="series of a number"),
        pytest.param("/labels", {"match": "x", "limit": "-1"}, 400, "bad_data", '"limit"', id="no limit"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["get", "post"])
async def test_what_is_wrong_is_said_as_prometheus_says_it(
    api: Api, method: str, path: str, parameters: dict[str, Any], status: int, kind: str, words: str
) -> None:
    answer: httpx.Response = await getattr(api, method)(path, **parameters)
    body = answer.json()
    assert (answer.status_code, body["status"], body["errorType"]) == (status, "error", kind), body
    assert words in body["error"]
    assert set(body) == {"status", "errorType", "error"}


async def test_an_evaluation_without_an_answer_is_an_execution_error(api: Api) -> None:
    await api.store(traffic(api, 50))
    query = "tidegate_request_request_total + on (service) tidegate_request_failure_total"
    body = (await api.get("/query", query=query, time=api.now_s)).json()
    assert (body["errorType"], "many-to-many" in body["error"]) == ("execution", True)


async def test_a_body_that_is_no_form_is_refused(api: Api) -> None:
    headers = {"authorization": f"Bearer read:{api.workspace}", "content-type": "application/json"}
    answer = await api.client.post(f"{PROMETHEUS_PREFIX}/query", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["errorType"]) == (400, "bad_data")


async def test_metadata_says_type_and_help_of_each_metric(api: Api) -> None:
    every = (await api.get("/metadata")).json()["data"]
    assert every["tidegate_request_duration_seconds"] == [
        {"type": "histogram", "help": "How long events of family request took", "unit": ""}
    ]
    one = (await api.get("/metadata", metric="tidegate_runtime_value")).json()["data"]
    assert list(one) == ["tidegate_runtime_value"]
    assert (await api.get("/status/buildinfo")).json()["data"]["version"] == "2.42.0"
