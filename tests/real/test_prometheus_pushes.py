"""A Prometheus as Debian has it pushes to tidegate as to an Alertmanager, by nothing but its configuration."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from tests.api.alertmanager.conftest import application, harbour, sea
from tests.contract.alertmanager.conftest import START, Harbour
from tests.e2e.server import free_port

from tidegate.alerts import Alert

__all__ = ["application", "harbour", "sea"]

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="there is no prometheus here that could push"),
]

CONFIG = """
global: {{evaluation_interval: 1s, external_labels: {{region: north}}}}
rule_files: [rules.yml]
alerting:
  alertmanagers:
    - scheme: http
      path_prefix: /
      authorization: {{credentials: "write:{workspace}"}}
      static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
RULES = """
groups:
  - name: pushed
    rules:
      - alert: BurnsForAWhile
        expr: vector(time()) < {until}
        labels: {{severity: critical, service: db, empty: ""}}
        annotations: {{summary: "It burns at {{{{ $value }}}}", runbook_url: "https://runbooks.example/burns"}}
      - alert: BurnsOn
        expr: vector(1)
"""
BURNS_S = 10  # it takes Prometheus five to find whom it pushes to


@pytest.fixture
async def port(application: FastAPI) -> AsyncIterator[int]:
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(30):
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it by a flag
            await asyncio.sleep(0.01)
    yield int(server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    await serving


def set_clock(harbour: Harbour) -> None:
    harbour.sea.clock.advance(datetime.now(UTC) - harbour.sea.clock.now())


def _is_over(alert: Alert | None) -> bool:
    return alert is not None and not alert.is_open


def _is_sent_again(alert: Alert | None) -> bool:
    return alert is not None and alert.outside is not None and alert.outside.updated_at > (alert.fired_at or START)


async def test_prometheus_fires_sends_again_and_resolves(harbour: Harbour, port: int, tmp_path: Path) -> None:
    set_clock(harbour)
    await harbour.sea.route("route: {receiver: ops, group_by: [alertname], group_wait: 0s}")
    (tmp_path / "prometheus.yml").write_text(CONFIG.format(workspace=harbour.sea.workspace, port=port))
    (tmp_path / "rules.yml").write_text(RULES.format(until=int(time.time()) + BURNS_S))
    process = await asyncio.create_subprocess_exec(
        "prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{free_port()}", "--rules.alert.resend-delay=1s",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            found: dict[str, Alert] = {}
            while not (_is_over(found.get("BurnsForAWhile")) and _is_sent_again(found.get("BurnsOn"))):
                await asyncio.sleep(0.2)
                set_clock(harbour)
                await harbour.sea.work()
                found = {alert.code: alert for alert in await harbour.alerts()}
    finally:
        process.terminate()
        await process.wait()
    over, burning = found["BurnsForAWhile"], found["BurnsOn"]
    assert (over.service, over.severity, over.runbook) == ("db", "P1", "https://runbooks.example/burns")
    assert over.outside is not None
    assert dict(over.outside.labels) == {
        "alertname": "BurnsForAWhile", "severity": "critical", "service": "db", "region": "north",
    }  # fmt: skip
    assert over.outside.sender == "Prometheus"
    assert over.sentence.startswith("It burns at 1")
    assert await harbour.kinds(over.id) == ["reported", "ended"]
    assert (burning.state, await harbour.kinds(burning.id)) == ("firing", ["reported"])
    assert {event for _, _, event in harbour.sea.told()} >= {"alert.firing"}
