"""From an objective file over telemetry to an alert, and to the channel that is told of it."""

import time
from pathlib import Path
from typing import Any

from tests.e2e.server import Server, wait_until
from tests.factories import auth_span, make_request

WORKSPACE = "objectives"
FILE = """
apiVersion: tidegate/v1
kind: Objective
metadata: {name: sign-ins, title: Sign-ins work, owner: team-identity}
spec:
  service: harbor
  family: request
  indicator: {events: {bad: failureCount, total: requestCount}}
  target: 0.99
  window: {rolling: 1d}
"""


def test_a_budget_that_burns_is_an_alert_and_is_told(server: Server, tmp_path: Path) -> None:
    server.cli("workspace", "create", WORKSPACE)
    write, ingest = server.token("write", WORKSPACE), server.token("ingest", WORKSPACE)
    file = tmp_path / "objectives.yaml"
    file.write_text(FILE)
    applied = server.cli("slo", "apply", str(file), token=write)
    assert applied.returncode == 0, applied.stderr
    body = make_request(*(auth_span(500, at_ns=time.time_ns()) for _ in range(30))).SerializeToString()
    assert server.call("POST", "/v1/traces", token=ingest, body=body,
                       headers={"Content-Type": "application/x-protobuf"})[0] == 200  # fmt: skip

    def burning() -> Any:
        alerts = server.get("/api/v1/alerts?state=firing", write)[1]["items"]
        found = [one for one in alerts if one["code"] == "core_error_budget_burn" and one["severity"] == "P1"]
        return found[0] if found else None

    alert = wait_until(burning, what="core_error_budget_burn")
    assert alert["dimensions"] == {"burn": "fast", "objective": "sign-ins"}
    assert "burns 100 times too fast over 1h" in alert["sentence"]
    assert server.get(f"/api/v1{alert['runbook']}", write)[0] == 200
    pages = server.get(f"/api/v1/alerts/{alert['id']}/pages", write)[1]
    assert [decision["kind"] for decision in pages["decisions"]] == ["no_route"]
    told = server.get("/prometheus/api/v1/alerts", write)[1]["data"]["alerts"]
    assert "sign-ins" in {one["labels"].get("objective") for one in told}
    theirs = server.get("/api/v2/alerts", write)[1]
    assert "sign-ins" in {one["labels"].get("objective") for one in theirs}
