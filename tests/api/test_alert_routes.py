"""Alerts and runbooks over HTTP: who may ask, what is answered, what is refused."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
from tests.applications import include
from tests.authority import shipped_authorizer
from tests.unit.alerts.fakes import FakeReader, FakeStores

from tidegate.alerts import AlertEvaluator, AlertService, load_rules
from tidegate.alerts.prometheus.routes import router as prometheus_router
from tidegate.alerts.routes import router as alert_router
from tidegate.edge.caller import Caller, Scope
from tidegate.edge.http import build_http_app
from tidegate.kernel import UnauthenticatedError, WorkspaceId
from tidegate.runbooks.routes import router as runbook_router
from tidegate.signals import NANO_PER_USD, Family, GroupTotals, Totals, figures_of
from tidegate.testing import CountingIds, FakeClock

WORKSPACE, OTHER = WorkspaceId("acme"), WorkspaceId("other")
STORED = "alr_00002"  # the evaluator takes the first id for itself
PATHS = [
    "/alerts/auth",
    "/alerts/ai",
    "/alerts/ai_run",
    "/alerts/request",
    "/alerts/tenant",
    "/alerts/delivery",
    "/api/v1/alerts",
    f"/api/v1/alerts/{STORED}",
    "/prometheus/api/v1/rules",
    "/prometheus/api/v1/alerts",
    "/api/v1/runbooks",
    "/api/v1/runbooks/run_failure_rate_high",
]


class FakeAuthenticator:
    """Tokens are written `workspace:scope`."""

    async def caller_of_token(self, token: str) -> Caller:
        workspace, _, scope = token.partition(":")
        if not scope:
            raise UnauthenticatedError("This token is not valid.")
        return Caller(WorkspaceId(workspace), Scope(scope), "tok_1", by_session=False)

    async def caller_of_session(self, session: str) -> Caller:
        raise UnauthenticatedError("No sessions here.")


@dataclass
class World:
    client: httpx.AsyncClient
    reader: FakeReader
    stores: FakeStores
    evaluator: AlertEvaluator
    clock: FakeClock

    async def get(self, path: str, token: str = f"{WORKSPACE}:read") -> httpx.Response:
        return await self.client.get(path, headers={"authorization": f"Bearer {token}"} if token else {})


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock, reader, stores = FakeClock(), FakeReader(), FakeStores()
    rules = load_rules()
    stores.workspaces |= {WORKSPACE: clock.now(), OTHER: clock.now()}
    evaluator = AlertEvaluator(rules=rules, reader=reader, alerts=stores, watch=stores, clock=clock, ids=CountingIds())
    service = AlertService(rules=rules, reader=reader, store=stores, clock=clock)
    app = build_http_app(
        version="0",
        authenticator=FakeAuthenticator(),
        authorizer=shipped_authorizer(),
        services={AlertService: service},
    )
    include(app, alert_router, prometheus_router, runbook_router)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://tidegate.test") as client:
        yield World(client, reader, stores, evaluator, clock)


@pytest.fixture
async def burning(world: World) -> World:
    """Sign-ins fail for one tenant, and its service stays within the bounds; runs are fine."""
    runs = Totals(count=20, failed_count=1, priced_count=20, cost_nano_usd=8 * NANO_PER_USD)
    world.reader.by_family = {
        Family.AUTH: [
            GroupTotals(WORKSPACE, "api", None, Totals(count=100, failure_count=6, unauthorized_count=6)),
            GroupTotals(WORKSPACE, "api", "blue", Totals(count=20, failure_count=6, unauthorized_count=6)),
        ],
        Family.AI_RUN: [GroupTotals(WORKSPACE, "api", None, runs)],
    }
    await world.evaluator.evaluate_once(world.clock.now())
    return world


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("token", "status"),
    [
        pytest.param("", 401, id="anonymous"),
        pytest.param("nonsense", 401, id="unknown token"),
        pytest.param(f"{WORKSPACE}:ingest", 403, id="wrong role"),
        pytest.param(f"{WORKSPACE}:read", 200, id="right one"),
    ],
)
async def test_only_who_may_read_gets_an_answer(burning: World, path: str, token: str, status: int) -> None:
    assert (await burning.get(path, token)).status_code == status


async def test_another_workspace_sees_neither_alerts_nor_figures(burning: World) -> None:
    reader = f"{OTHER}:read"

    family = (await burning.get("/alerts/auth?p1FailureRate=0", reader)).json()
    listed = (await burning.get("/api/v1/alerts", reader)).json()
    shown = await burning.get(f"/api/v1/alerts/{STORED}", reader)

    assert (family["alerts"], family["metrics"]["requestCount"], listed["items"]) == ([], 0, [])
    assert (shown.status_code, shown.json()["code"]) == (404, "alert_not_found")


async def test_the_auth_route_shows_window_figures_and_what_is_stored(burning: World) -> None:
    answer = (await burning.get("/alerts/auth")).json()

    assert answer == {
        "window": {"from": "2026-02-07T13:45:01Z", "to": "2026-02-07T14:00:01Z"},
        "evaluatedAt": "2026-02-07T14:00:00Z",
        "metrics": {
            "requestCount": 100,
            "successCount": 0,
            "failureCount": 6,
            "unauthorizedCount": 6,
            "failureRate": 0.06,
            "distrustedCount": 0,
            "sampledCount": 0,
            "replayedCount": 0,
            "statusCounts": {"401": 6},
            "errorCodeCounts": {"invalid_credentials": 6},
        },
        "alerts": [
            {
                "code": "auth_failure_rate_high",
                "severity": "P1",
                "message": "30% of 20 auth requests failed on service api, tenant blue in 15m; the bound is 20%.",
                "value": 0.3,
                "threshold": 0.2,
                "count": 20,
                "since": "2026-02-07T14:00:00Z",
                "runbook": "/runbooks/auth_failure_rate_high",
                "service": "api",
                "tenant": "blue",
                "state": "firing",
            }
        ],
        "preview": False,
    }


async def test_before_the_first_evaluation_an_empty_list_says_that_nobody_looked(world: World) -> None:
    answer = (await world.get("/alerts/ai")).json()

    assert answer["evaluatedAt"] is None
    assert answer["alerts"] == []
    assert answer["metrics"]["failureRate"] is None


async def test_an_override_changes_one_answer_and_nothing_that_is_stored(burning: World) -> None:
    stored = (await burning.get("/api/v1/alerts")).json()

    stricter = (await burning.get("/alerts/auth?minAuthRequests=21&p1FailureRate=0.06&p2UnauthorizedAttempts=6")).json()
    after = (await burning.get("/alerts/auth")).json()

    assert stricter["preview"] is True
    assert [(a["code"], a["tenant"], a["threshold"]) for a in stricter["alerts"]] == [
        ("auth_failure_rate_high", None, 0.06),
        ("auth_unauthorized_spike", None, 6),
        ("auth_unauthorized_spike", "blue", 6),
    ]
    assert [(a["code"], a["tenant"]) for a in after["alerts"]] == [("auth_failure_rate_high", "blue")]
    assert (await burning.get("/api/v1/alerts")).json() == stored


async def test_a_preview_keeps_the_moment_since_when_a_stored_alert_is_open(burning: World) -> None:
    burning.clock.advance(timedelta(minutes=2))

    answer = (await burning.get("/alerts/auth?p1FailureRate=0.01")).json()

    assert [(a["tenant"], a["since"]) for a in answer["alerts"]] == [
        (None, "2026-02-07T14:02:00Z"),
        ("blue", "2026-02-07T14:00:00Z"),
    ]


async def test_workspace_id_filters_by_tenant(burning: World) -> None:
    blue = (await burning.get("/alerts/auth?workspaceId=blue")).json()
    green = (await burning.get("/alerts/auth?workspaceId=green&p1FailureRate=0")).json()

    assert (blue["metrics"]["requestCount"], len(blue["alerts"])) == (20, 1)
    assert (green["metrics"]["requestCount"], green["alerts"]) == (0, [])


async def test_the_ai_route_takes_each_bound_of_its_rules_under_both_names(burning: World) -> None:
    query = "minRunCount=1&p1RunFailureRate=0.05&p2PolicyBlockRate=0&p2SchemaMismatchRate=0&p2AverageCostPerRunUsd=0.4"

    answers = [(await burning.get(f"/alerts/{name}?{query}")).json() for name in ("ai", "ai_run")]

    assert answers[0] == answers[1]
    assert [(alert["code"], alert["value"], alert["count"]) for alert in answers[0]["alerts"]] == [
        ("run_failure_rate_high", 0.05, 20),
        ("policy_block_rate_high", 0.0, 20),
        ("schema_mismatch_rate_high", 0.0, 20),
        ("average_cost_per_run_high", 0.4, 20),
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("p1FailureRate=NaN", "p1FailureRate"),
        ("p1FailureRate=inf", "p1FailureRate"),
        ("p1FailureRate=1e999", "p1FailureRate"),
        ("p1FailureRate=-0.1", "p1FailureRate"),
        ("p1FailureRate=1.01", "p1FailureRate"),
        ("p1FailureRate=", "p1FailureRate"),
        ("p1FailureRate=0,2", "p1FailureRate"),
        ("p1FailureRate=%D9%A0", "p1FailureRate"),
        ("p1FailureRate=0.1&p1FailureRate=0.2", "p1FailureRate"),
        ("minAuthRequests=1.5", "minAuthRequests"),
        ("minAuthRequests=-1", "minAuthRequests"),
        ("minAuthRequests=1_0", "minAuthRequests"),
        ("minAuthRequests=" + "9" * 4000, "minAuthRequests"),
        ("p2UnauthorizedAttempts=true", "p2UnauthorizedAttempts"),
        ("p1RunFailureRate=0.1", "p1RunFailureRate"),
        ("P1FailureRate=0.1", "P1FailureRate"),
        ("limit=5", "limit"),
    ],
)
async def test_a_bad_bound_is_refused_with_its_field(burning: World, query: str, field: str) -> None:
    answer = await burning.get(f"/alerts/auth?{query}")

    problem = answer.json()
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["code"], problem["field"]) == ("alert_override_invalid", field)


async def test_a_nul_finds_nothing_and_breaks_nothing(burning: World) -> None:
    assert (await burning.get("/alerts/auth?workspaceId=a%00")).json()["field"] == "workspaceId"
    assert (await burning.get("/api/v1/alerts/alr%00")).status_code == 404


async def test_an_engine_that_is_away_is_a_503(burning: World) -> None:
    burning.reader.is_away = True

    answer = await burning.get("/alerts/auth")

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_a_list_is_paged_and_filtered(burning: World) -> None:
    web = GroupTotals(WORKSPACE, "web", "blue", Totals(count=20, failure_count=20, unauthorized_count=20))
    burning.reader.by_family[Family.AUTH] = [web]
    burning.clock.advance(timedelta(seconds=1))
    await burning.evaluator.evaluate_once(burning.clock.now())

    first = (await burning.get("/api/v1/alerts?limit=2")).json()
    second = (await burning.get(f"/api/v1/alerts?limit=2&cursor={first['nextCursor']}")).json()
    held = (await burning.get("/api/v1/alerts?state=pending,firing&service=api")).json()

    assert [(item["code"], item["service"]) for item in first["items"]] == [
        ("auth_unauthorized_spike", "web"),
        ("auth_failure_rate_high", "web"),
    ]
    assert [(item["code"], item["service"]) for item in second["items"]] == [("auth_failure_rate_high", "api")]
    assert second["nextCursor"] is None
    assert [item["heldSince"] for item in held["items"]] == ["2026-02-07T14:00:01Z"]
    assert (held["ruleCount"], held["evaluatedAt"]) == (len(load_rules()), "2026-02-07T14:00:01Z")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=inactive", "state"),
        ("state=open", "state"),
        ("state=", "state"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=%21", "cursor"),
        ("cursor=YWJj", "cursor"),
        ("cursor=MjAyNi0wMi0wN1QxNDowMDowMFogYQBi", "cursor"),
        ("cursor=MDAwMS0wMS0wMVQwMDowMDowMCsxNDowMCB4", "cursor"),
        ("service=a%00b", "service"),
    ],
)
async def test_a_bad_list_query_is_refused_with_its_field(burning: World, query: str, field: str) -> None:
    answer = await burning.get(f"/api/v1/alerts?{query}")

    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_an_alert_is_shown_with_each_move_and_its_cause(burning: World) -> None:
    answer = (await burning.get(f"/api/v1/alerts/{STORED}")).json()

    assert answer["alert"]["sentence"].startswith("30% of 20 auth requests failed on service api, tenant blue")
    assert [
        (move["sequence"], move["fromState"], move["toState"], move["cause"]["kind"]) for move in answer["transitions"]
    ] == [(1, "inactive", "pending", "crossed"), (2, "pending", "firing", "sustained")]
    assert answer["transitions"][0]["cause"] == {
        "kind": "crossed",
        "value": 0.3,
        "threshold": 0.2,
        "count": 20,
        "minCount": 20,
        "windowS": 900.0,
        "words": "30% of 20 auth requests failed in 15m; the bound is 20%.",
    }


async def test_each_rule_has_a_runbook_behind_its_link(burning: World) -> None:
    listed = (await burning.get("/api/v1/runbooks")).json()["items"]
    pages = [(await burning.get(f"/api/v1{item['link']}")).json() for item in listed]

    assert {page["slug"] for page in pages} >= {rule.code for rule in load_rules()}
    assert all(page["markdown"].startswith(f"# {page['title']}\n") for page in pages)


async def test_an_unknown_runbook_is_a_404(world: World) -> None:
    answer = await world.get("/api/v1/runbooks/nothing")

    assert (answer.status_code, answer.json()["code"]) == (404, "runbook_not_found")


async def test_the_ids_of_alerts_are_left_to_the_pages(world: World) -> None:
    assert (await world.get("/alerts")).status_code == 404
    assert (await world.get(f"/alerts/{STORED}")).status_code == 404


@pytest.mark.parametrize("family", [family for family in Family if family not in {Family.AUTH, Family.AI_RUN}])
async def test_every_family_answers_with_its_figures_and_no_alert_that_is_not(burning: World, family: Family) -> None:
    answer = (await burning.get(f"/alerts/{family}")).json()

    assert answer["alerts"] == []
    assert set(answer["metrics"]) >= set(figures_of(family, Totals()))


async def test_a_family_that_there_is_not_is_not_found(burning: World) -> None:
    answer = await burning.get("/alerts/nothing")

    assert (answer.status_code, answer.json()["code"]) == (404, "family_not_found")


async def test_a_leak_fires_on_one_event(burning: World) -> None:
    burning.reader.by_family[Family.TENANT] = [
        GroupTotals(WORKSPACE, "api", "blue", Totals(count=1, success_count=1, leak_count=1))
    ]
    await burning.evaluator.evaluate_once(burning.clock.now())

    (alert,) = (await burning.get("/alerts/tenant")).json()["alerts"]

    assert (alert["code"], alert["severity"], alert["state"], alert["value"]) == (
        "cross_tenant_leak",
        "P1",
        "firing",
        1,
    )


async def test_the_tenant_route_takes_each_bound_of_its_rules(burning: World) -> None:
    burning.reader.by_family[Family.TENANT] = [
        GroupTotals(
            WORKSPACE,
            "api",
            None,
            Totals(
                count=10,
                denied_count=2,
                cross_tenant_denied_count=1,
                membership_denied_count=1,
                lifecycle_count=4,
                lifecycle_anomaly_count=1,
            ),
        )
    ]
    query = "minTenantRequests=1&p1CrossTenantDeniedCount=1&p2UnauthorizedTenantRate=0.2&p2MembershipDeniedCount=1"

    answer = (await burning.get(f"/alerts/tenant?{query}&p2WorkspaceLifecycleAnomalyRate=0.25")).json()

    assert {(alert["code"], alert["value"]) for alert in answer["alerts"]} == {
        ("cross_tenant_denied", 1),
        ("tenant_unauthorized_rate_high", 0.2),
        ("workspace_lifecycle_anomaly_rate_high", 0.25),
        ("membership_denied_spike", 1),
    }
    assert answer["preview"] is True


async def test_open_alerts_and_rules_have_the_shapes_of_prometheus(burning: World) -> None:
    alerts = (await burning.get("/prometheus/api/v1/alerts")).json()["data"]["alerts"]
    assert [alert["labels"] for alert in alerts if alert["labels"]["alertname"] == "auth_failure_rate_high"] == [
        {"alertname": "auth_failure_rate_high", "severity": "P1", "family": "auth", "service": "api", "tenant": "blue"}
    ]
    assert {alert["state"] for alert in alerts} <= {"pending", "firing"}
    assert set(alerts[0]) == {"labels", "annotations", "state", "activeAt", "value"}

    body = (await burning.get("/prometheus/api/v1/rules")).json()["data"]
    rules = {rule["name"]: rule for group in body["groups"] for rule in group["rules"]}
    assert set(rules) == {rule.code for rule in load_rules()}
    high = rules["auth_failure_rate_high"]
    assert (high["type"], high["state"], high["health"], len(high["alerts"])) == ("alerting", "firing", "ok", 1)
    assert high["query"] == "tidegate:auth:failureRate:15m >= 0.2"
    assert rules["run_failure_rate_high"]["state"] == "inactive"


async def test_rules_may_be_chosen_by_name_and_kind(burning: World) -> None:
    one = await burning.get("/prometheus/api/v1/rules?rule_name[]=auth_failure_rate_high&exclude_alerts=true")
    [group] = one.json()["data"]["groups"]
    assert [("alerts" in rule, rule["name"]) for rule in group["rules"]] == [(False, "auth_failure_rate_high")]
    assert (await burning.get("/prometheus/api/v1/rules?type=record")).json()["data"] == {"groups": []}
    wrong = await burning.get("/prometheus/api/v1/rules?type=x")
    assert (wrong.status_code, wrong.json()["errorType"]) == (400, "bad_data")


async def test_another_workspace_sees_no_alert_of_this_one_in_prometheus_shapes(burning: World) -> None:
    reader = f"{OTHER}:read"
    assert (await burning.get("/prometheus/api/v1/alerts", reader)).json()["data"] == {"alerts": []}
    body = (await burning.get("/prometheus/api/v1/rules", reader)).json()["data"]
    assert {rule["state"] for group in body["groups"] for rule in group["rules"]} == {"inactive"}
