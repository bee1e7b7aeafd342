"""The official JavaScript SDK, installed as a service installs it, sends traces, logs and metrics."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.server import Server, wait_until
from tests.unit.replays.test_documentation import example

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        shutil.which("npm") is None or shutil.which("node") is None,
        reason="there is no node or npm: the JavaScript SDK is not tried",
    ),
]

SERVICE = Path(__file__).parents[1] / "e2e" / "clients" / "node_sdk.cjs"
PACKAGES = (
    "api@1",
    "api-logs@0.223",
    "exporter-logs-otlp-proto@0.223",
    "exporter-metrics-otlp-proto@0.223",
    "exporter-trace-otlp-proto@0.223",
    "resources@2",
    "sdk-logs@0.223",
    "sdk-metrics@2",
    "sdk-trace-node@2",
)
INSTALL_WITHIN_S = 180


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the service in a folder of its own, with its packages beside it."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"private": true}')
    subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        + [f"@opentelemetry/{name}" for name in PACKAGES],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=INSTALL_WITHIN_S,
    )
    shutil.copy(SERVICE, folder)
    return folder / SERVICE.name


def run(server: Server, service: Path, workspace: str) -> None:
    environment = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": server.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{server.token('ingest', workspace)}",
    }
    done = subprocess.run(
        ["node", str(service)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_example_of_the_page_sends_what_it_says(server: Server, service: Path) -> None:
    server.cli("workspace", "create", "node-page")
    read = server.token("read", "node-page")
    path = service.with_name("page.cjs")
    path.write_text(example("send-from-an-sdk.md", "node"))
    run(server, path, "node-page")

    def stats() -> Any:
        found = server.get("/api/v1/telemetry/stats", read)[1]
        return found if found["spans"] and found["logs"] else None

    found = wait_until(stats, within_s=10, what="a span and a log record")
    assert (found["spans"], found["logs"]) == (1, 1)


def test_a_node_service_is_counted(server: Server, service: Path) -> None:
    server.cli("workspace", "create", "node")
    read = server.token("read", "node")
    run(server, service, "node")

    def counted() -> Any:
        found = server.get("/metrics/ai?workspaceId=acme", read)[1]["window"]
        return found if found["runCount"] else None

    figures = wait_until(counted, within_s=10, what="a run")
    assert (figures["runCount"], figures["inputTokens"], figures["outputTokens"]) == (1, 120, 30)
    requests = server.get("/metrics/request?workspaceId=acme", read)[1]
    assert requests["totals"]["requestCount"] == 1
    stats = server.get("/api/v1/telemetry/stats", read)[1]
    assert (stats["spans"], stats["logs"]) == (2, 1)
    assert stats["metricPoints"] >= 1

    def used() -> Any:
        return server.get("/metrics/usage?workspaceId=acme", read)[1]["totals"]["eventCount"]

    assert wait_until(used, within_s=20, what="what was used") == 1
