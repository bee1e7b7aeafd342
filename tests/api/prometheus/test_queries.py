"""Queries over real engines, against a recount of the rows themselves, one by one."""

import math
import random
import secrets
import time
from collections import Counter

from tests.api.prometheus.conftest import Api, at
from tests.contract.signals.test_runtime import point
from tests.signals_rows import Row, agent_rows, insert_rows, request_row

from tidegate.signals.quantiles import upper_bound_ms
from tidegate.storage.telemetry import TelemetryEngine

SERVICES, TENANTS, ROUTES = ("pay", "chat"), ("acme", "blue", ""), ("/a", "/b.c")


def traffic(api: Api, count: int = 300, *, seed: int = 7) -> list[Row]:
    """Return requests of the last 30 minutes before `now_s`."""
    chance = random.Random(seed)
    return [
        request_row(
            api.workspace,
            chance.choice((200, 200, 200, 404, 500)),
            service=chance.choice(SERVICES),
            tenant=chance.choice(TENANTS),
            route=chance.choice(ROUTES),
            end_ns=at(api.now_s - chance.randrange(1, 1_800)),
            duration_ns=chance.choice((3, 40, 900)) * 1_000_000,
        )
        for _ in range(count)
    ]


def within(api: Api, start: int, end: int, **said: object) -> list[Row]:
    return [
        row for row in api.rows if start <= row["second"] < end and all(row[key] == one for key, one in said.items())
    ]


async def test_an_increase_is_the_count_of_what_happened_in_the_range(api: Api) -> None:
    await api.store(traffic(api))
    for length, words in ((60, "1m"), (300, "5m"), (1_800, "30m"), (17, "17s")):
        found = await api.vector(
            f"sum by (service, tenant) (increase(tidegate_request_request_total[{words}]))", time=api.now_s
        )
        expected = Counter((row["service"], row["tenant"]) for row in within(api, api.now_s - length, api.now_s))
        assert {
            (dict(one)["service"], dict(one).get("tenant", "")): value for one, value in found.items() if value
        } == expected


async def test_every_step_of_a_range_query_is_exact_where_steps_fall_on_buckets(api: Api) -> None:
    await api.store(traffic(api))
    start = api.now_s - 1_200
    answer = await api.get(
        "/query_range", query='increase(tidegate_request_failure_total{service="pay",tenant="acme",route="/a"}[1m])',
        start=start, end=api.now_s, step="15s",
    )  # fmt: skip
    [series] = answer.json()["data"]["result"]
    assert series["metric"] == {
        "service": "pay", "environment": "prod", "release": "1", "tenant": "acme", "route": "/a",
    }  # fmt: skip
    assert [point[0] for point in series["values"]] == list(range(start, api.now_s + 1, 15))
    for moment, value in series["values"]:
        rows = within(api, moment - 60, moment, service="pay", tenant="acme", route="/a", http_status=500)
        assert math.isclose(float(value), len(rows), abs_tol=1e-9)


async def test_a_rate_is_the_same_added_up_before_and_after(api: Api) -> None:
    await api.store(traffic(api))
    apart = await api.vector("rate(tidegate_request_request_total[10m])", time=api.now_s)
    together = await api.vector("sum by (service) (rate(tidegate_request_request_total[10m]))", time=api.now_s)
    for labels, value in together.items():
        own = [one for key, one in apart.items() if dict(key)["service"] == dict(labels)["service"]]
        assert math.isclose(value, math.fsum(own))
    assert len(apart) > len(together) == 2


async def test_matchers_of_every_kind_choose_what_they_choose_in_prometheus(api: Api) -> None:
    await api.store(traffic(api))
    for matcher, services, routes in (
        ('service="pay"', {"pay"}, set(ROUTES)),
        ('service!="pay"', {"chat"}, set(ROUTES)),
        ('service=~"pay|chat",route=~"/b\\\\.c"', {"pay", "chat"}, {"/b.c"}),
        ('route=~"/b.*"', {"pay", "chat"}, {"/b.c"}),
        ('route!~"/b.c|x"', {"pay", "chat"}, {"/a"}),
        ('job=""', {"pay", "chat"}, set(ROUTES)),
        ('job="x"', set(), set()),
        ('job=~".+"', set(), set()),
    ):
        found = await api.vector(
            f"sum by (service, route) (increase(tidegate_request_request_total{{{matcher}}}[30m]))", time=api.now_s
        )
        rows = [
            row for row in within(api, api.now_s - 1_800, api.now_s)
            if row["service"] in services and row["route"] in routes
        ]  # fmt: skip
        expected = Counter((row["service"], row["route"]) for row in rows)
        assert {(dict(one)["service"], dict(one)["route"]): value for one, value in found.items()} == expected, matcher


async def test_splits_count_by_their_dimension(api: Api) -> None:
    await api.store(traffic(api))
    found = await api.vector('sum by (status) (increase(tidegate_request_by_status_total{status=~"5..|404"}[30m]))',
                             time=api.now_s)  # fmt: skip
    expected = Counter(str(row["http_status"]) for row in api.rows if row["http_status"] != 200)
    assert {dict(one)["status"]: value for one, value in found.items()} == expected


async def test_buckets_are_cumulative_and_a_quantile_is_within_its_bucket(api: Api) -> None:
    await api.store(traffic(api))
    found = await api.vector("sum by (le) (increase(tidegate_request_duration_seconds_bucket[30m]))", time=api.now_s)
    for labels, value in found.items():
        bound = float(dict(labels)["le"])
        assert value == sum(row["duration_ns"] / 1e9 < bound for row in api.rows)
    total = await api.vector("sum(increase(tidegate_request_duration_seconds_count[30m]))", time=api.now_s)
    spent = await api.vector("sum(increase(tidegate_request_duration_seconds_sum[30m]))", time=api.now_s)
    assert total == {(): len(api.rows)}
    assert math.isclose(spent[()], sum(row["duration_ns"] for row in api.rows) / 1e9)
    query = "histogram_quantile(0.99, sum by (le) (rate(tidegate_request_duration_seconds_bucket[30m])))"
    [highest] = (await api.vector(query, time=api.now_s)).values()
    end = next(end for bucket in range(400) if (end := upper_bound_ms(bucket)) > 900)
    assert 0.9 / 1.1 < highest <= end / 1000


async def test_money_and_tokens_of_runs_are_counters(api: Api) -> None:
    await api.store([row for second in range(60, 120, 20) for row in agent_rows(api.workspace, at(api.now_s - second))])
    answer = await api.vector("sum by (model) (increase(tidegate_ai_run_cost_usd_total[5m]))", time=api.now_s)
    assert answer == {(("model", "m"),): 0.75}
    tokens = await api.vector("sum(increase(tidegate_ai_run_input_tokens_total[5m]))", time=api.now_s)
    assert tokens == {(): 2_100}


async def test_counts_that_are_kept_by_the_minute_are_exact_by_the_minute_and_say_so_below(api: Api) -> None:
    start = api.now_s - 5 * 3_600
    rows = [request_row(api.workspace, 200, service="pay", end_ns=at(start + 7 * place)) for place in range(100)]
    await api.store(rows)
    query = "sum(increase(tidegate_request_request_total[5m]))"
    answer = await api.get("/query_range", query=query, start=start, end=start + 900, step=60)
    body = answer.json()
    assert "warnings" not in body
    for moment, value in body["data"]["result"][0]["values"]:
        assert math.isclose(float(value), len(within(api, moment - 300, moment)))
    finer = (await api.get("/query_range", query=query, start=start, end=start + 900, step=7)).json()
    assert "read in steps of 1m" in finer["warnings"][0]


async def test_what_is_not_believed_is_a_warning(api: Api) -> None:
    good = [request_row(api.workspace, 200, end_ns=at(api.now_s - 5)) for _ in range(3)]
    await api.store(
        [*good, request_row(api.workspace, 200, distrusted=1, end_ns=at(api.now_s - 5), received_ns=at(api.now_s))]
    )
    body = (await api.get("/query", query="tidegate_request_request_total")).json()
    other = (await api.get("/query", token=f"read:{api.workspace}:pay", query="tidegate_request_request_total")).json()
    assert "warnings" not in other
    [words] = body["warnings"]
    assert words.startswith("1 events of family request claim times that cannot be believed and are in no series; 3 ")


async def test_numbers_texts_and_ranges_have_the_types_of_prometheus(api: Api) -> None:
    await api.store(traffic(api, 20))
    number = (await api.post("/query", query="1 + 1", time="2026-11-20T12:00:00.5Z")).json()
    assert number == {"status": "success", "data": {"resultType": "scalar", "result": [1795176000.5, "2"]}}
    text = (await api.get("/query", query='"words"', time=5)).json()
    assert text["data"] == {"resultType": "string", "result": [5, "words"]}
    matrix = (await api.get("/query", query="tidegate_request_request_total[30m]", time=api.now_s)).json()["data"]
    assert matrix["resultType"] == "matrix"
    assert sum(float(one["values"][-1][1]) - float(one["values"][0][1]) for one in matrix["result"]) == 20
    flat = (await api.get("/query_range", query="2", start=0, end=20, step=10)).json()["data"]["result"]
    assert flat == [{"metric": {}, "values": [[0, "2"], [10, "2"], [20, "2"]]}]


async def test_metric_points_are_gauges_by_their_attributes(api: Api, engine: TelemetryEngine) -> None:
    rows = [
        point(
            api.workspace, api.now_s - ago, value, metric="queue.depth", kind="gauge", temporality="", is_monotonic=0,
            service="pay", attributes={"queue.name": name, "tenant": "x"}, series_id=len(name),
        )
        for ago, name, value in ((200, "a", 3.0), (60, "a", 5.0), (40, "bb", 7.5), (400, "a", 90.0))
    ]  # fmt: skip
    rows.append(point(api.workspace, api.now_s - 60, 9.0, metric="jobs", temporality="delta", service="pay"))
    await insert_rows(engine, "raw_points", rows, token=secrets.token_hex(8))
    found = await api.vector('tidegate_runtime_value{metric="queue.depth"}', time=api.now_s)
    told = {dict(labels)["queue_name"]: value for labels, value in found.items()}
    assert told == {"a": 5.0, "bb": 7.5}
    assert {dict(labels)["attribute_tenant"] for labels in found} == {"x"}
    [highest] = (
        await api.vector('max(max_over_time(tidegate_runtime_value{queue_name="a"}[5m]))', time=api.now_s)
    ).values()
    assert highest == 5.0
    answer = await api.get("/query_range", query='sum(tidegate_runtime_value{service="pay"})', start=api.now_s - 210,
                           end=api.now_s, step=30)  # fmt: skip
    values = [value for _, value in answer.json()["data"]["result"][0]["values"]]
    assert values == ["90", "3", "3", "3", "3", "5", "12.5", "12.5"]
    narrowed = await api.get(
        "/query", token=f"read:{api.workspace}:chat", query="tidegate_runtime_value", time=api.now_s
    )
    assert narrowed.json()["data"]["result"] == []
    assert (await api.get("/label/metric/values", start=api.now_s - 900, end=api.now_s)).json()["data"] == [
        "queue.depth"
    ]


async def test_a_client_whose_clock_is_ahead_sees_what_there_is_now(api: Api) -> None:
    now_s = int(time.time())
    await api.store([request_row(api.workspace, 200, end_ns=at(now_s - 20)) for _ in range(10)])
    found = await api.vector("sum(increase(tidegate_request_request_total[5m]))", time=now_s + 30)
    assert math.isclose(found[()], 10, rel_tol=0.15)


async def test_centuries_are_read_by_the_hour(api: Api) -> None:
    await api.store(traffic(api, 20))
    found = await api.vector("sum(increase(tidegate_request_request_total[100y]))", time=api.now_s + 3_600)
    assert math.isclose(found[()], 20, rel_tol=1e-5)
    everything = await api.get("/label/service/values", start=0, end="2099-01-01T00:00:00Z")
    assert set(everything.json()["data"]) == {row["service"] for row in api.rows}
    far = await api.get("/query", query="tidegate_request_request_total offset -70y", time="2098-01-01T00:00:00Z")
    assert far.json()["data"]["result"] == []


async def test_more_samples_than_one_query_may_read_are_refused_by_their_number(api: Api) -> None:
    await api.store([request_row(api.workspace, 200, route=f"/{n}", end_ns=at(api.now_s - 5)) for n in range(1_000)])
    answer = await api.get("/query_range", query="tidegate_request_request_total", start=api.now_s - 6_000,
                           end=api.now_s, step=1)  # fmt: skip
    assert (answer.status_code, answer.json()["errorType"]) == (422, "execution")
    assert "4000000 samples are the most" in answer.json()["error"]
    small = await api.vector("sum(rate(tidegate_request_request_total[5m]))", time=api.now_s)
    assert math.isclose(small[()], 1_000 / 300)
