"""Named events: every family, and what cannot be read."""

from typing import Any

import pytest
from tests.unit.telemetry.logs.records import read_one

from tidegate.telemetry.families import FAMILY_BITS


def columns(name: str, attributes: dict[str, Any], *wanted: str) -> tuple[object, ...]:
    row = read_one("", attributes, event_name=name)
    return tuple(getattr(row, each) for each in wanted)


def families_of(name: str, attributes: dict[str, Any]) -> int:
    return read_one("", attributes, event_name=name).families


@pytest.mark.parametrize(
    ("name", "attributes", "outcome"),
    [
        ("auth.login.failed", {}, "failure"),
        ("auth.login", {"tidegate.outcome": "success"}, "success"),
        ("auth.login.failed", {"tidegate.outcome": "success"}, "success"),
        ("auth.unauthorized", {}, "unauthorized"),
        ("auth.login", {"http.response.status_code": 401}, ""),
    ],
)
def test_sign_ins(name: str, attributes: dict[str, Any], outcome: str) -> None:
    more = {"client.address": "203.0.113.9", "tidegate.auth.method": "password"}
    found = columns(name, attributes | more, "families", "outcome", "client_address", "object")
    assert found == (FAMILY_BITS["auth"], outcome, "203.0.113.9", "password")


def test_a_lifecycle_action_and_how_it_ended() -> None:
    attributes = {"tidegate.lifecycle.action": "suspend", "tidegate.lifecycle.outcome": "out_of_order"}
    wanted = ("families", "lifecycle_action", "lifecycle_outcome", "detail")
    assert columns("tenant.lifecycle", attributes, *wanted) == (FAMILY_BITS["tenant"], "suspend", "out_of_order", "")


@pytest.mark.parametrize(
    ("attributes", "detail"),
    [
        ({"tidegate.denial.class": "cross_tenant", "http.response.status_code": 403}, "cross_tenant"),
        ({"http.response.status_code": 200}, "leak"),
        ({"tidegate.outcome": "allowed"}, "leak"),
        ({"http.response.status_code": 200, "tidegate.grant": "support-42"}, ""),
        ({"http.response.status_code": 200, "tidegate.target.tenant": "a"}, ""),
        ({"http.response.status_code": 500}, ""),
    ],
)
def test_access_across_tenants_is_denied_granted_or_a_leak(attributes: dict[str, Any], detail: str) -> None:
    who = {"tidegate.principal.tenant": "a", "tidegate.target.tenant": "b"}
    assert columns("tenant.access", who | attributes, "families", "detail") == (FAMILY_BITS["tenant"], detail)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("job.done", "done"),
        ("job.index.retried", "retry"),
        ("job.dead_letter", "dead_letter"),
        ("job.failed", "failed"),
        ("job.enqueued", "sent"),
    ],
)
def test_jobs(name: str, outcome: str) -> None:
    attributes = {
        "tidegate.queue": "ingest",
        "tidegate.pipeline.stage": "embed",
        "tidegate.attempt": 3,
        "tidegate.wait_ms": 1.5,
        "tidegate.duration_ms": 20,
    }
    wanted = ("families", "object", "detail", "outcome", "attempt", "wait_ns", "duration_ns")
    found = (FAMILY_BITS["ingestion"], "ingest", "embed", outcome, 3, 1_500_000, 20_000_000)
    assert columns(name, attributes, *wanted) == found


@pytest.mark.parametrize(
    ("name", "attributes", "detail", "outcome"),
    [
        ("delivery.delivered", {"tidegate.signature": "valid"}, "valid", "ok"),
        ("delivery.received", {"tidegate.signature": "INVALID"}, "invalid", ""),
        ("delivery.ok", {"tidegate.duplicate_effect": True}, "duplicate", "ok"),
        ("delivery.dead_letter", {"tidegate.signature": "odd"}, "", "dead_letter"),
    ],
)
def test_deliveries(name: str, attributes: dict[str, Any], detail: str, outcome: str) -> None:
    found = columns(name, attributes | {"tidegate.endpoint": "crm"}, "families", "object", "detail", "outcome")
    assert found == (FAMILY_BITS["delivery"], "crm", detail, outcome)


@pytest.mark.parametrize(("actual", "detail"), [("active", ""), ("revoked", "active→revoked"), ("", "active→")])
def test_access_that_differs_from_its_source_has_drifted(actual: str, detail: str) -> None:
    attributes = {
        "tidegate.subject.kind": "user",
        "tidegate.resource": "workspace",
        "tidegate.access.expected": "active",
        "tidegate.access.actual": actual,
        "tidegate.lag_s": 2.25,
    }
    wanted = ("families", "object", "detail", "outcome", "amount_micro")
    found = (FAMILY_BITS["access_sync"], "user/workspace", detail, "ok", 2_250_000)
    assert columns("access_sync.applied", attributes, *wanted) == found


def test_usage_has_a_meter_a_quantity_and_a_limit() -> None:
    attributes = {"tidegate.meter": "tokens", "tidegate.quantity": 123_456_789, "tidegate.limit": "1000000000"}
    wanted = ("families", "object", "outcome", "amount_micro", "limit_micro")
    usage = FAMILY_BITS["usage"]
    assert columns("usage.recorded", attributes, *wanted) == (usage, "tokens", "ok", 123_456_789_000_000, 10**15)
    assert columns("usage.refused", attributes, "outcome") == ("refused",)


@pytest.mark.parametrize(("word", "outcome"), [("Deny", "deny"), ("permit", "allow")])
def test_policy_decisions(word: str, outcome: str) -> None:
    attributes = {"tidegate.policy.id": "pii", "policy.decision": word}
    found = columns("policy.decision", attributes, "families", "object", "outcome")
    assert found == (FAMILY_BITS["policy"], "pii", outcome)


def test_evaluations() -> None:
    attributes = {
        "gen_ai.evaluation.name": "groundedness",
        "gen_ai.evaluation.score.value": 0.87,
        "gen_ai.evaluation.score.label": "pass",
    }
    wanted = ("families", "object", "detail", "outcome", "amount_micro")
    found = (FAMILY_BITS["evaluation"], "groundedness", "pass", "ok", 870_000)
    assert columns("gen_ai.evaluation.result", attributes, *wanted) == found
    assert columns("gen_ai.evaluation.result", attributes | {"error.type": "timeout"}, "outcome") == ("failed",)


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("auth.started", {}),
        ("auth", {"tidegate.outcome": "success"}),
        ("auth.login", {"tidegate.outcome": "perhaps", "event.outcome": "success"}),
        ("job.started", {"tidegate.queue": "q"}),
        ("tenant.lifecycle", {"tidegate.lifecycle.action": "suspend"}),
        ("usage.recorded", {"tidegate.quantity": 1}),
        ("usage.recorded", {"tidegate.meter": "m", "tidegate.quantity": "nan"}),
        ("usage.recorded", {"tidegate.meter": "m", "tidegate.quantity": -1}),
        ("usage.recorded", {"tidegate.meter": "m", "tidegate.quantity": 1e300}),
        ("policy.decision", {"tidegate.policy.id": "p"}),
        ("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "e"}),
        ("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "e", "gen_ai.evaluation.score.value": "inf"}),
        ("delivery.started", {}),
        ("browser.page_view", {"tidegate.outcome": "success"}),
    ],
)
def test_what_cannot_be_read_counts_nowhere(name: str, attributes: dict[str, Any]) -> None:
    assert families_of(name, attributes) == 0


def test_the_older_place_of_an_events_name_is_read() -> None:
    row = read_one("", {"event.name": "job.done"})
    assert (row.event_name, row.families) == ("job.done", FAMILY_BITS["ingestion"])


def test_an_event_may_say_its_facts_as_a_json_body() -> None:
    row = read_one('{"tidegate.queue": "q"}', event_name="job.done")
    assert (row.object, row.outcome) == ("q", "done")
