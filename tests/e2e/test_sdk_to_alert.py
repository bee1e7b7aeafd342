"""The official OpenTelemetry SDK, pointed at tidegate: signals, an alert with a runbook, and it resolves."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from tests.e2e.server import Server, wait_until

WORKSPACE = "sdk"


@pytest.fixture(scope="module")
def read(server: Server) -> str:
    server.cli("workspace", "create", WORKSPACE)
    return server.token("read", WORKSPACE)


@pytest.fixture(scope="module")
def tracer(server: Server, read: str) -> Iterator[Tracer]:
    exporter = OTLPSpanExporter(
        endpoint=f"{server.url}/v1/traces", headers={"Authorization": f"Bearer {server.token('ingest', WORKSPACE)}"}
    )
    provider = TracerProvider(
        resource=Resource.create(
            {"service.name": "shop", "service.version": "1.0", "deployment.environment.name": "production"}
        )
    )
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=200))
    yield provider.get_tracer("tests")
    provider.shutdown()


def sign_in(tracer: Tracer, status: int, tenant: str) -> None:
    attributes: dict[str, Any] = {
        "http.request.method": "POST",
        "http.route": "/auth/login",
        "http.response.status_code": status,
        "tenant.id": tenant,
    }
    with tracer.start_as_current_span("POST /auth/login", kind=SpanKind.SERVER, attributes=attributes):
        pass


def test_failing_sign_ins_raise_an_alert_with_a_runbook(server: Server, read: str, tracer: Tracer) -> None:
    for number in range(24):
        sign_in(tracer, 500 if number % 3 == 0 else 200, "acme")

    def burning() -> Any:
        alerts = server.get("/alerts/auth", read)[1]["alerts"]
        found = [a for a in alerts if a["code"] == "auth_failure_rate_high" and a.get("tenant") == "acme"]
        return found[0] if found and found[0].get("state") == "firing" else None

    alert = wait_until(burning, what="auth_failure_rate_high for acme")
    # The figures are those of the moment in which it fired: at the 20th sign-in or a little later.
    assert (alert["severity"], alert["threshold"]) == ("P1", 0.2)
    assert alert["value"] >= 0.2
    assert 20 <= alert["count"] <= 24
    status, runbook = server.get(f"/api/v1{alert['runbook']}", read)
    assert status == 200
    assert "auth_failure_rate_high" in str(runbook)


def test_the_command_line_shows_what_burns(server: Server, read: str) -> None:
    listed = server.cli("alert", "list", "--json", token=read)
    assert listed.returncode == 0, listed.stderr
    assert "auth_failure_rate_high" in listed.stdout


def test_an_override_is_a_preview_and_changes_nothing(server: Server, read: str) -> None:
    calm = server.get("/alerts/auth?p1FailureRate=1", read)[1]
    assert not [a for a in calm["alerts"] if a["code"] == "auth_failure_rate_high"]
    assert [a for a in server.get("/alerts/auth", read)[1]["alerts"] if a["code"] == "auth_failure_rate_high"]


@pytest.mark.parametrize("query", ["p1FailureRate=2", "p1FailureRate=nan", "minAuthRequests=-1", "surprise=1"])
def test_a_bad_override_names_its_field(server: Server, read: str, query: str) -> None:
    status, problem = server.get(f"/alerts/auth?{query}", read)
    assert (status, problem["field"]) == (422, query.partition("=")[0])


def test_runs_with_a_broken_output_are_counted_by_cause(server: Server, read: str, tracer: Tracer) -> None:
    for number in range(30):
        with tracer.start_as_current_span(
            "invoke_agent support",
            attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "support", "tenant.id": "globex"},
        ) as run:
            chat = {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.output_tokens": 10,
                "gen_ai.usage.cost": 0.002,
            }
            if number % 10 == 0:
                chat["error.type"] = "validation_error"
            with tracer.start_as_current_span("chat gpt-4o-mini", kind=SpanKind.CLIENT, attributes=chat) as call:
                if number % 10 == 0:
                    call.set_status(Status(StatusCode.ERROR))
                    run.set_status(Status(StatusCode.ERROR))

    def counted() -> Any:
        figures = server.get("/metrics/ai?workspaceId=globex", read)[1]["window"]
        return figures if figures["runCount"] == 30 else None

    figures = wait_until(counted, what="30 runs")
    assert (figures["validationErrorCount"], figures["failedCount"]) == (3, 0)
    assert (figures["inputTokens"], figures["outputTokens"], figures["unpricedRunCount"]) == (3000, 300, 0)
    assert figures["averageCostPerRunUsd"] == pytest.approx(0.002)
