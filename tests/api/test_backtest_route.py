"""Trying rules over HTTP: who may ask, what is answered, what is refused."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.api.test_alert_routes import FakeAuthenticator
from tests.applications import include
from tests.authority import shipped_authorizer
from tests.unit.alerts.backtest.history import History

from tidegate.alerts.backtest.routes import router
from tidegate.alerts.backtest.service import BacktestService
from tidegate.alerts.model import Rule
from tidegate.alerts.paging.model import Route, Routing, Silence
from tidegate.alerts.rules import BUILT_IN_RULES
from tidegate.edge.http import build_http_app
from tidegate.kernel import WorkspaceId, format_utc
from tidegate.signals import Totals
from tidegate.testing import FakeClock

ACME = WorkspaceId("acme")
HOUR = timedelta(hours=1)
FILE = """
apiVersion: tidegate/v1
kind: Rules
metadata: {name: mine}
rules:
  - {code: broken, severity: P1, signal: request.failureRate, threshold: 0.2, window: 90s,
     runbook: auth_failure_rate_high}
"""


class Shelf:
    async def list_rules(self, workspace: WorkspaceId) -> list[Rule]:
        return list(BUILT_IN_RULES)


class Paged:
    async def routing(self, workspace: WorkspaceId) -> Routing:
        return Routing(Route("{}", channels=("pager",), group_by=("service",)))

    async def silences(self, workspace: WorkspaceId, *, ending_after: datetime) -> list[Silence]:
        return []


@dataclass
class World:
    client: httpx.AsyncClient
    clock: FakeClock

    async def post(self, token: str = f"{ACME}:read", **changes: object) -> httpx.Response:
        end = self.clock.now().replace(second=0, microsecond=0)
        body: dict[str, Any] = {"rules": FILE, "from": format_utc(end - HOUR), "to": format_utc(end), **changes}
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await self.client.post("/api/v1/rules/backtest", json=body, headers=headers)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = FakeClock()
    end = int(clock.now().timestamp()) // 60 * 60
    counts = {
        end - minute * 60: {("api", "blue", "/a"): Totals(count=100, failure_count=50 if 20 < minute <= 40 else 0)}
        for minute in range(90)
    }
    history = History(ACME, 60, counts, {})
    service = BacktestService(reader=history, rules=Shelf(), paging=Paged(), clock=clock)
    app = build_http_app(
        version="0",
        authenticator=FakeAuthenticator(),
        authorizer=shipped_authorizer(),
        services={BacktestService: service},
    )
    include(app, router)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://tidegate.test") as client:
        yield World(client, clock)


@pytest.mark.parametrize(
    ("token", "status"),
    [
        pytest.param("", 401, id="anonymous"),
        pytest.param("acme:ingest", 403, id="wrong scope"),
        pytest.param("acme:read", 200, id="reader"),
    ],
)
async def test_who_may_try_rules(world: World, token: str, status: int) -> None:
    assert (await world.post(token)).status_code == status


async def test_the_answer_tells_transitions_pages_and_how_good_that_is(world: World) -> None:
    end = world.clock.now().replace(second=0, microsecond=0)
    began = end - timedelta(minutes=42)
    incidents = [
        {"from": format_utc(began), "to": format_utc(began + timedelta(minutes=20)), "tenant": "blue"},
        {"from": format_utc(end - timedelta(minutes=9)), "to": format_utc(end)},
    ]

    found = (await world.post(withOthers=False, incidents=incidents)).json()

    moves = [(one["tenant"], one["fromState"], one["toState"]) for one in found["transitions"]]
    of_one = [("inactive", "pending"), ("pending", "firing"), ("firing", "resolved")]
    assert sorted(moves, key=str) == sorted([(who, *move) for who in (None, "blue") for move in of_one], key=str)
    assert (found["stepS"], found["lookCount"], found["widened"]) == (60, 60, ["broken"])
    assert [(page["reason"], page["alertCount"]) for page in found["pages"]] == [
        ("first notification", 2), ("all alerts resolved", 2),
    ]  # fmt: skip
    score = found["score"]
    assert (score["precision"], score["recall"]) == (1.0, 0.5)
    assert score["medianDelayS"] == pytest.approx(119 + 60, abs=61)
    assert [(one["code"], one["isOfFile"], one["firedCount"]) for one in found["rules"]] == [("broken", True, 2)]


async def test_all_other_rules_of_the_workspace_are_tried_unless_left_out(world: World) -> None:
    found = (await world.post()).json()

    assert {one["code"] for one in found["rules"]} == {"broken", *(rule.code for rule in BUILT_IN_RULES)}


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        pytest.param({"rules": "rules: 1"}, "rule_file_invalid", "", id="no rule file"),
        pytest.param({"from": "2020-01-01T00:00:00Z"}, "backtest_too_large", "At most 30 days", id="too long"),
        pytest.param({"stepS": 90}, "backtest_too_large", "steps of 60 s", id="no multiple of what is kept"),
        pytest.param({"stepS": 0}, "invalid_input", "stepS", id="no step"),
        pytest.param({"to": "2020-01-01T00:00:00Z"}, "invalid_input", "range is empty", id="ends before it begins"),
        pytest.param({"from": "yesterday"}, "invalid_input", "from", id="no moment"),
        pytest.param({"incidents": [{"from": "2026-01-01T00:00:00Z"}]}, "invalid_input", "incidents.0.to", id="no end"),
    ],
)
async def test_what_cannot_be_tried_is_refused_by_name(
    world: World, changes: dict[str, object], code: str, words: str
) -> None:
    answer = await world.post(**changes)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert words in answer.json()["detail"]
