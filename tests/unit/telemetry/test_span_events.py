from collections.abc import Mapping
from typing import Any

import pytest

from tidegate.telemetry.families import FAMILY_BITS
from tidegate.telemetry.span_events import SpanEvent, event_of

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
OK, ERROR = 1, 2


def event(attributes: Mapping[str, str], kind: int = INTERNAL, status: int = OK) -> SpanEvent:
    return event_of(attributes, kind=kind, status=status, has_tenant=False)


def request(**more: str) -> SpanEvent:
    said = {"http.request.method": "GET", "http.route": "/x", "http.response.status_code": "200"}
    return event(said | {key.replace("__", "."): value for key, value in more.items()}, SERVER)


def test_a_route_with_a_tenant_in_it_is_a_tenants() -> None:
    assert request(http__route="/w/{workspaceId}/runs").families == FAMILY_BITS["request"] + FAMILY_BITS["tenant"]


def test_a_granted_access_across_tenants_is_no_leak() -> None:
    across = {"tidegate__principal__tenant": "a", "tidegate__target__tenant": "b"}
    assert request(**across).detail == "leak"
    assert request(**across, tidegate__grant="support").detail == ""
    assert request(**across, http__response__status_code="403").detail == ""
    assert request(**across, tidegate__denial__class="cross-tenant").detail == "cross_tenant"


@pytest.mark.parametrize(
    ("attributes", "kind", "status", "expected"),
    [
        pytest.param(
            {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search", "error.type": "TimeoutError"},
            INTERNAL, ERROR, {"families": 8, "object": "search", "outcome": "timeout"}, id="a tool that took too long",
        ),
        pytest.param(
            {"mcp.method.name": "tools/call", "tool.name": "pay", "error.type": "permission_denied"},
            CLIENT, ERROR, {"families": 8, "object": "pay", "outcome": "denied"}, id="a tool that was not allowed",
        ),
        pytest.param(
            {"messaging.system": "kafka", "messaging.destination.name": "jobs", "tidegate.outcome": "dead_letter"},
            CONSUMER, ERROR, {"families": 16, "object": "jobs", "outcome": "dead_letter"}, id="a job given up",
        ),
        pytest.param(
            {"messaging.system": "kafka", "messaging.destination.name": "jobs"},
            PRODUCER, OK, {"families": 16, "object": "jobs", "outcome": "sent"}, id="a job sent",
        ),
        pytest.param(
            {"messaging.system": "kafka", "tidegate.wait_ms": "1500", "tidegate.attempt": "2"},
            CONSUMER, OK, {"outcome": "done", "wait_ns": 1_500_000_000, "attempt": 2}, id="a job that waited",
        ),
        pytest.param(
            {"openinference.span.kind": "RETRIEVER", "retrieval.documents.0.document.id": "a",
             "retrieval.documents.0.document.content": "x", "retrieval.documents.1.document.id": "b"},
            INTERNAL, OK, {"families": 32, "outcome": "ok", "amount_micro": 2_000_000}, id="two documents found",
        ),
        pytest.param(
            {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.documents": "[]"},
            CLIENT, OK, {"outcome": "empty", "amount_micro": 0}, id="nothing found",
        ),
        pytest.param(
            {"gen_ai.operation.name": "retrieval"},
            CLIENT, OK, {"outcome": "ok", "amount_micro": None}, id="nobody says what was found",
        ),
        pytest.param(
            {"tidegate.connector.name": "crm", "tidegate.signature": "INVALID"},
            CLIENT, ERROR, {"families": 64, "object": "crm", "detail": "invalid", "outcome": "failed"},
            id="a delivery with a bad signature",
        ),
        pytest.param(
            {"gen_ai.evaluation.name": "groundedness", "gen_ai.evaluation.score.value": "0.75"},
            INTERNAL, OK, {"families": 1024, "object": "groundedness", "amount_micro": 750_000}, id="a score",
        ),
        pytest.param({"gen_ai.evaluation.name": "groundedness"}, INTERNAL, OK, {"families": 0}, id="no score"),
        pytest.param({"http.request.method": "GET"}, CLIENT, OK, {"families": 0}, id="somebody else's request"),
    ],
)  # fmt: skip
def test_what_a_span_is(attributes: Mapping[str, str], kind: int, status: int, expected: Mapping[str, Any]) -> None:
    found = event(attributes, kind, status)
    assert {name: getattr(found, name) for name in expected} == expected
