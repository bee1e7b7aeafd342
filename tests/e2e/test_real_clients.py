"""Clients as services have them: what the SDK and two AI instrumentations send is counted, in their own spellings."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.openai_standin import ANSWERED_BY, USAGE, running_standin
from tests.e2e.server import PATIENCE_S, Server, wait_until

CLIENTS = Path(__file__).parent / "clients"


def run_client(server: Server, name: str, kind: str, *, workspace: str, **more: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    environment |= {
        "OTEL_SERVICE_NAME": "shop",
        "OTEL_EXPORTER_OTLP_ENDPOINT": server.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{server.token('ingest', workspace)}",
        **more,
    }
    done = subprocess.run(
        [sys.executable, str(CLIENTS / name), kind],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr.lower(), done.stderr


@pytest.fixture(scope="module")
def provider_url() -> Iterator[str]:
    with running_standin() as url:
        yield url


@pytest.mark.parametrize("instrumentation", ["openinference", "openllmetry"])
def test_an_instrumentations_own_spellings_are_understood(
    server: Server, provider_url: str, instrumentation: str
) -> None:
    server.cli("workspace", "create", instrumentation)
    read = server.token("read", instrumentation)
    run_client(
        server,
        "openai_calls.py",
        instrumentation,
        workspace=instrumentation,
        OPENAI_BASE_URL=provider_url,
        OPENAI_API_KEY="made-up",
    )

    def counted() -> Any:
        found = server.get("/metrics/ai", read)[1]["window"]
        return found if found["runCount"] == 3 else None

    figures = wait_until(counted, what="three runs")
    assert (figures["inputTokens"], figures["outputTokens"]) == (
        2 * int(str(USAGE["prompt_tokens"])),
        2 * int(str(USAGE["completion_tokens"])),
    )
    assert figures["cachedInputTokens"] == 128
    assert figures["failedCount"] == 1
    body = server.get("/metrics/ai", read)[1]
    # The model that answered; the call that failed knows only the one that was asked for.
    assert {name: count for name, count in models_of(body).items() if name == ANSWERED_BY} == {ANSWERED_BY: 2}


def models_of(body: dict[str, Any]) -> dict[str, int]:
    """Return the runs of each model."""
    return {name: found if isinstance(found, int) else found["runCount"] for name, found in body["byModel"].items()}


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_the_official_sdk_sends_all_three_signals(server: Server, protocol: str) -> None:
    workspace = f"python-{protocol}"
    server.cli("workspace", "create", workspace)
    read = server.token("read", workspace)
    endpoint = server.url if protocol == "http" else f"http://127.0.0.1:{server.otlp_grpc_port}"
    run_client(server, "python_sdk.py", protocol, workspace=workspace, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)

    def stats() -> Any:
        found = server.get("/api/v1/telemetry/stats", read)[1]
        return found if found["spans"] and found["logs"] == 2 and found["metricPoints"] else None

    wait_until(stats, what="spans, logs and points")
    totals = server.get("/metrics/request?workspaceId=acme", read)[1]["totals"]
    assert (totals["requestCount"], totals["successCount"]) == (1, 1)

    def usage() -> Any:
        found = server.get("/metrics/usage?workspaceId=acme", read)[1]["totals"]
        return found if found["eventCount"] else None

    assert wait_until(usage, what="what was used")["eventCount"] == 1
