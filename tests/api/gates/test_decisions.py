"""When decisions are recorded, what they keep, and what gates say when their sources do not."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.api.gates.conftest import Api
from tests.api.gates.test_tenant_isolation import RELEASE, Owner, make_case, make_run
from tests.unit.gates.fakes import FakeQuiet, FakeSignals

from tidegate.gates import GateService
from tidegate.gates.model import OpenAlert, QuietReading
from tidegate.signals import Family, Totals

DASHBOARD = {
    "gate",
    "release",
    "verdict",
    "sentence",
    "decidedAt",
    "verifiedAt",
    "policyDigest",
    "checks",
    "toReachGo",
    "approvals",
    "waivers",
}
STATUS = {"check", "kind", "outcome", "reason", "value", "bound", "measuredAt", "staleAfter", "evidence"}


async def decisions_of(api: Api, gate: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.get(f"/api/v1/gates/{gate}/decisions")).json()["items"]
    return items


async def dashboard_of(api: Api, gate: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await api.get("/release/dashboard", gate=gate)).json()
    return answer


async def test_a_healthy_service_makes_all_three_gates_go(api: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    await api.post("/release/authz-regression", make_run())
    board = (await api.get("/api/v1/board")).json()["items"]
    assert {item["gate"]: item["verdict"] for item in board} == {
        "ai-action": "go",
        "auth-shell": "go",
        "tenant-isolation": "go",
    }
    assert [item["sentence"] for item in board if item["gate"] == "ai-action"] == [
        "GO: 2026.02.1 passed 4 required checks."
    ]


async def test_telemetry_of_another_version_says_nothing_about_this_one(api: Api, signals: FakeSignals) -> None:
    signals.versions = ("2026.01.9", "")
    await api.post("/api/v1/releases", RELEASE)
    dashboard = await dashboard_of(api, "ai-action")
    assert dashboard["verdict"] == "hold"
    assert "version 2026.01.9, none of 2026.02.1" in dashboard["checks"][0]["reason"]
    signals.versions = ("",)
    assert (await dashboard_of(api, "ai-action"))["verdict"] == "go"


async def test_a_named_service_that_the_release_does_not_bring_holds(api: Api) -> None:
    gate = (
        "{apiVersion: tidegate/v1, kind: Gate, id: auth-shell, title: T, owner: o, checks: ["
        "{id: s, title: S, kind: signal, owner: o, family: auth, service: harbor, window: 15m,"
        " expression: failureRate < 0.2, minCount: 20},"
        "{id: q, title: Q, kind: alerts_quiet, owner: o, service: harbor, severities: [P1], for: 1m}]}"
    )
    assert (await api.post_yaml("/api/v1/gates", gate)).status_code == 201
    await api.post("/api/v1/releases", {"name": "x", "services": [{"service": "a", "version": "1", "commit": "c"}]})
    dashboard = await dashboard_of(api, "auth-shell")
    assert [check["outcome"] for check in dashboard["checks"]] == ["missing", "missing"]
    assert "harbor is not part of the release" in dashboard["checks"][0]["reason"]


async def test_dashboards_have_the_fields_of_the_contract(api: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    dashboard = await dashboard_of(api, "auth-shell")
    assert set(dashboard) == DASHBOARD
    assert [set(check) for check in dashboard["checks"]] == [STATUS | {"runbook"}] * 2
    assert dashboard["checks"][0]["runbook"] == "/runbooks/auth_failure_rate_high"
    assert set((await dashboard_of(api, "tenant-isolation"))["checks"][0]) == STATUS


async def test_looking_again_records_nothing_and_moves_the_moment_of_verification(api: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    first = await dashboard_of(api, "auth-shell")
    second = await dashboard_of(api, "auth-shell")
    assert second["decidedAt"] == first["decidedAt"]
    assert second["verifiedAt"] > first["verifiedAt"]
    assert len(await decisions_of(api, "auth-shell")) == 1


async def test_a_change_of_verdict_outcome_policy_or_evidence_is_recorded(api: Api, signals: FakeSignals) -> None:
    await api.post("/api/v1/releases", RELEASE)
    await dashboard_of(api, "auth-shell")
    signals.by_family = {Family.AUTH: Totals(count=100, failure_count=15, success_count=85)}
    await dashboard_of(api, "auth-shell")
    signals.by_family = {Family.AUTH: Totals(count=100, failure_count=16, success_count=84)}
    await dashboard_of(api, "auth-shell")
    signals.by_family = {Family.AUTH: Totals(count=100, failure_count=40, success_count=60)}
    await dashboard_of(api, "auth-shell")
    recorded = await decisions_of(api, "auth-shell")
    assert [one["verdict"] for one in recorded] == ["no_go", "go", "go"]
    assert [one["checks"][0]["outcome"] for one in recorded] == ["failed", "warned", "passed"]
    assert recorded[1]["sentence"] == "GO: 2026.02.1 passed 2 required checks, with 1 warning."

    await dashboard_of(api, "tenant-isolation")
    for run_id in ("r1", "r2"):
        await api.post("/release/authz-regression", make_run(runId=run_id))
        await dashboard_of(api, "tenant-isolation")
    assert [one["verdict"] for one in await decisions_of(api, "tenant-isolation")] == ["go", "go", "hold"]


async def test_asking_records_a_decision_even_when_nothing_changed(api: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    for _ in range(2):
        assert (await api.post("/api/v1/gates/auth-shell/decisions")).status_code == 201
    first, second = await decisions_of(api, "auth-shell")
    assert first["sequence"] > second["sequence"]
    assert first["id"] != second["id"]


async def test_many_evaluators_at_once_record_one_change(api: Api, services: dict[type[Any], Any]) -> None:
    await api.post("/api/v1/releases", RELEASE)
    gates: GateService = services[GateService]
    await asyncio.gather(*(gates.dashboard(api.workspace, "auth-shell") for _ in range(30)))
    assert len(await decisions_of(api, "auth-shell")) == 1


async def test_history_comes_in_pages_newest_first(api: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    for _ in range(5):
        await api.post("/api/v1/gates/auth-shell/decisions")
    seen, cursor = [], None
    for _ in range(3):
        more = {"cursor": cursor} if cursor else {}
        page = (await api.get("/api/v1/gates/auth-shell/decisions", limit="2", **more)).json()
        seen += [one["sequence"] for one in page["items"]]
        cursor = page["nextCursor"]
    assert cursor is None
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)


async def test_a_named_release_is_judged_by_its_own_commit(api: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    await api.post("/release/authz-regression", make_run())
    newer = {"name": "next", "services": [{"service": "harbor", "version": "8", "commit": "beef"}]}
    await api.post("/api/v1/releases", newer)
    assert (await dashboard_of(api, "tenant-isolation"))["release"] == "next"
    assert (await dashboard_of(api, "tenant-isolation"))["verdict"] == "hold"
    named = (await api.get("/release/dashboard", gate="tenant-isolation", release="2026.02.1")).json()
    assert named["verdict"] == "go"


async def test_an_older_release_sent_again_does_not_become_the_candidate(api: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    await api.post("/api/v1/releases", RELEASE | {"name": "next"})
    again = await api.post("/api/v1/releases", RELEASE)
    assert again.status_code == 200
    assert again.json()["isCandidate"] is False
    changed = await api.post("/api/v1/releases", RELEASE | {"environment": "staging"})
    assert (changed.status_code, changed.json()["code"]) == (409, "release_exists")


@pytest.mark.parametrize(
    ("totals", "outcome", "words"),
    [
        pytest.param(Totals(), "missing", "No auth requests of harbor", id="silence"),
        pytest.param(Totals(count=19, success_count=19), "inconclusive", "Only 19 auth requests", id="too few"),
        pytest.param(
            Totals(count=98, success_count=98, distrusted_count=2),
            "inconclusive",
            "cannot be believed",
            id="distrusted",
        ),
        pytest.param(
            Totals(count=100, success_count=80, failure_count=20),
            "failed",
            "failureRate 0.2 of harbor",
            id="at the bound",
        ),
        pytest.param(Totals(count=100, success_count=81, failure_count=19), "warned", "warning bound", id="warning"),
        pytest.param(Totals(count=10, success_count=11), "error", "contradict each other", id="impossible"),
    ],
)
async def test_what_a_signal_says(api: Api, signals: FakeSignals, totals: Totals, outcome: str, words: str) -> None:
    await api.post("/api/v1/releases", RELEASE)
    signals.by_family = {Family.AUTH: totals}
    check = (await dashboard_of(api, "auth-shell"))["checks"][0]
    assert check["outcome"] == outcome
    assert words in check["reason"]
    assert "UTC" in check["reason"]


async def test_the_cost_of_few_priced_runs_is_not_the_cost_of_fifty(api: Api, signals: FakeSignals) -> None:
    await api.post("/api/v1/releases", RELEASE)
    signals.by_family = {Family.AI_RUN: Totals(count=100, success_count=100, priced_count=3, cost_nano_usd=9)}
    checks = {check["check"]: check for check in (await dashboard_of(api, "ai-action"))["checks"]}
    assert checks["run-failure-rate"]["outcome"] == "passed"
    assert checks["average-cost"]["outcome"] == "inconclusive"
    assert "Only 3 runs with a price" in checks["average-cost"]["reason"]


def a_quiet(**changes: Any) -> QuietReading:
    now = datetime.now(UTC)
    facts = {"open_alerts": (), "last_closed_at": None, "evaluated_at": now, "watched_since": now - timedelta(days=1)}
    return QuietReading(**facts | changes)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        pytest.param({}, "passed", id="quiet"),
        pytest.param({"evaluated_at": None}, "missing", id="never evaluated"),
        pytest.param({"evaluated_at": datetime.now(UTC) - timedelta(minutes=5)}, "stale", id="evaluator away"),
        pytest.param({"watched_since": None}, "missing", id="nobody knows since when"),
        pytest.param({"watched_since": datetime.now(UTC) - timedelta(minutes=30)}, "pending", id="watched too short"),
        pytest.param({"last_closed_at": datetime.now(UTC) - timedelta(minutes=30)}, "pending", id="closed lately"),
        pytest.param(
            {"open_alerts": (OpenAlert("alr_1", "auth_failure_rate_high", "harbor", datetime.now(UTC)),)},
            "failed",
            id="open",
        ),
    ],
)
async def test_what_silence_says(api: Api, quiet: FakeQuiet, changes: dict[str, Any], outcome: str) -> None:
    await api.post("/api/v1/releases", RELEASE)
    quiet.reading = a_quiet(**changes)
    assert (await dashboard_of(api, "auth-shell"))["checks"][1]["outcome"] == outcome


async def test_the_silence_of_a_service_that_sends_nothing_is_missing_not_quiet(api: Api, signals: FakeSignals) -> None:
    await api.post("/api/v1/releases", RELEASE)
    signals.by_family = {Family.AUTH: Totals()}
    check = (await dashboard_of(api, "auth-shell"))["checks"][1]
    assert check["outcome"] == "missing"
    assert "their silence says nothing" in check["reason"]


async def test_an_engine_that_is_away_holds_what_it_feeds_and_nothing_else(api: Api, signals: FakeSignals) -> None:
    await api.post("/api/v1/releases", RELEASE)
    await api.post("/release/authz-regression", make_run())
    signals.is_away = True
    board = {item["gate"]: item for item in (await api.get("/api/v1/board")).json()["items"]}
    assert board["auth-shell"]["verdict"] == "hold"
    assert {check["outcome"] for check in board["auth-shell"]["checks"]} == {"error"}
    assert board["tenant-isolation"]["verdict"] == "go"


async def test_checks_that_ask_the_same_cost_one_query(api: Api, signals: FakeSignals) -> None:
    await api.post("/api/v1/releases", RELEASE)
    await dashboard_of(api, "ai-action")
    assert len(signals.scopes) == 1


async def test_a_gate_may_count_only_telemetry_of_the_release(api: Api, signals: FakeSignals) -> None:
    await api.post("/api/v1/releases", RELEASE)
    check = "{id: c, title: C, kind: signal, owner: o, family: auth, version: release, expression: failureRate < 0.2}"
    gate = f"{{apiVersion: tidegate/v1, kind: Gate, id: own, title: T, owner: o, checks: [{check}]}}"
    await api.post_yaml("/api/v1/gates", gate)
    await dashboard_of(api, "own")
    assert [(scope.service, scope.release) for scope in signals.scopes] == [("harbor", "2026.02.1")]


async def test_a_crashed_source_holds_its_gate(api: Api, signals: FakeSignals, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.post("/api/v1/releases", RELEASE)

    async def crash(*_: object, **__: object) -> Totals:
        raise ZeroDivisionError

    monkeypatch.setattr(signals, "totals", crash)
    dashboard = await dashboard_of(api, "auth-shell")
    assert dashboard["verdict"] == "hold"
    assert "The source failed" in dashboard["checks"][0]["reason"]


async def test_applied_gates_replace_those_of_the_package_and_count_versions(api: Api) -> None:
    assert [item["version"] for item in (await api.get("/api/v1/gates")).json()["items"]] == [0, 0, 0]
    text = "{apiVersion: tidegate/v1, kind: Gate, id: auth-shell, title: T, owner: o, checks: []}"
    first = (await api.post_yaml("/api/v1/gates", text)).json()
    same = (await api.post_yaml("/api/v1/gates", text.replace("title: T", "title:   T"))).json()
    second = (await api.post_yaml("/api/v1/gates", text.replace("title: T", "title: U"))).json()
    assert [one["version"] for one in (first, same, second)] == [1, 1, 2]
    assert first["policyDigest"] == same["policyDigest"] != second["policyDigest"]
    assert [item["id"] for item in (await api.get("/api/v1/gates")).json()["items"]] == ["auth-shell"]
    await api.post("/api/v1/releases", RELEASE)
    dashboard = await dashboard_of(api, "auth-shell")
    assert dashboard["verdict"] == "hold"
    assert "no required check" in dashboard["sentence"]


async def test_a_gate_file_altered_in_the_store_holds_and_hides_no_other(api: Api, owner_connection: Owner) -> None:
    await api.post("/api/v1/releases", RELEASE)
    for gate in ("one", "two"):
        text = f"{{apiVersion: tidegate/v1, kind: Gate, id: {gate}, title: T, owner: o, checks: []}}"
        await api.post_yaml("/api/v1/gates", text)
    await owner_connection.execute(
        "UPDATE gates SET body = 'nonsense' WHERE workspace = $1 AND id = 'one'", api.workspace
    )
    board = {item["gate"]: item for item in (await api.get("/api/v1/board")).json()["items"]}
    assert set(board) == {"one", "two"}
    assert "was altered after it was applied" in board["one"]["sentence"]
    assert board["one"]["verdict"] == "hold"


async def test_a_failure_says_who_does_what(api: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    failed = make_case(id="documents.delete.foreign_owner", actual="204", outcome="failed")
    await api.post("/release/authz-regression", make_run(cases=[failed]))
    steps = (await dashboard_of(api, "tenant-isolation"))["toReachGo"]
    assert steps == [
        {
            "check": "authz-regression",
            "owner": "backend",
            "step": "fix 1 case (documents.delete.foreign_owner) and report a run that passes",
        }
    ]


async def test_the_refresher_records_what_changed_without_being_asked(
    api: Api, services: dict[type[Any], Any], signals: FakeSignals
) -> None:
    await api.post("/api/v1/releases", RELEASE)
    gates: GateService = services[GateService]
    await gates.refresh_all([api.workspace])
    signals.by_family = {}
    await gates.refresh_all([api.workspace])
    await gates.refresh_all([api.workspace])
    assert [one["verdict"] for one in await decisions_of(api, "auth-shell")] == ["hold", "go"]


async def test_what_changed_since_the_decision_before_is_said(api: Api, stranger: Api) -> None:
    await api.post("/api/v1/releases", RELEASE)
    gate = "tenant-isolation"
    await dashboard_of(api, gate)
    (first,) = await decisions_of(api, gate)
    path = f"/api/v1/gates/{gate}/decisions"
    alone = await api.get(f"{path}/{first['id']}/diff")
    assert (alone.status_code, alone.json()["code"]) == (404, "no_earlier_decision")
    await api.post("/release/authz-regression", make_run())
    await dashboard_of(api, gate)
    newest = (await decisions_of(api, gate))[0]
    diff = (await api.get(f"{path}/{newest['id']}/diff")).json()
    assert diff["sentence"] == "HOLD became GO: 1 check changed."
    assert [(change["check"], change["kinds"][0]) for change in diff["changes"]] == [("authz-regression", "outcome")]
    assert diff["before"]["id"] == first["id"]
    back = (await api.get(f"{path}/{first['id']}/diff", against=newest["id"])).json()
    assert back["sentence"] == "GO became HOLD: 1 check changed."
    for asked in (
        api.get(f"/api/v1/gates/auth-shell/decisions/{newest['id']}/diff"),
        stranger.get(f"{path}/{first['id']}/diff"),
    ):
        assert (await asked).status_code == 404
