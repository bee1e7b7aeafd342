"""A gate over evidence, driven as people and pipelines do: what a step says is run, and brings the gate on."""

import json
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.server import Server

WORKSPACE = "proofs"
COMMIT = "4f1c2ab4f1c2ab"
GATE = """
apiVersion: tidegate/v1
kind: Gate
id: proven
title: Proven
owner: sre
checks:
  - {id: scan, title: No new finding, kind: scan, owner: security, format: sarif}
  - {id: rollback, title: Rollback rehearsed, kind: rollback_proof, owner: sre, environment: staging, maxRecoveryS: 60}
  - {id: notes, title: Rollback notes, kind: evidence, owner: backend, evidenceKind: rollback-notes}
"""
LOG = {
    "version": "2.1.0",
    "runs": [{"tool": {"driver": {"name": "lint"}}, "results": [], "invocations": [{"executionSuccessful": True}]}],
}
REHEARSAL = {
    "schema": "tidegate.rehearsal/v1", "drill": "rollback", "environment": "staging", "outcome": "passed",
    "recoveryS": 42, "fromVersion": "7", "toVersion": "6", "steps": [{"name": "roll back", "outcome": "passed"}],
}  # fmt: skip


@pytest.fixture
def token(server: Server, tmp_path: Path) -> str:
    made = server.cli("workspace", "create", WORKSPACE)
    assert made.returncode == 0, made.stderr
    token = server.token("admin", WORKSPACE)
    (tmp_path / "gate.yaml").write_text(GATE)
    applied = server.cli("gate", "apply", str(tmp_path / "gate.yaml"), token=token)
    assert applied.returncode == 0, applied.stderr
    created = server.cli(
        "release", "create", "7.0", "--service", f"harbor@7@{COMMIT}", "--repository", "acme/harbor", token=token
    )
    assert created.returncode == 0, created.stderr
    return token


def dashboard(server: Server, token: str) -> Any:
    status, answer = server.get("/release/dashboard?gate=proven", token)
    assert status == 200, answer
    return answer


def test_the_steps_of_a_gate_bring_it_to_go_and_evidence_taken_back_holds_it(
    server: Server, token: str, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    moments = {"startedAt": (now - timedelta(hours=1)).isoformat(), "finishedAt": now.isoformat()}
    files = {"scan": json.dumps(LOG), "rollback": json.dumps(REHEARSAL | moments), "notes": "Turn it back."}
    held = dashboard(server, token)
    assert held["verdict"] == "hold"
    added = {}
    for step in held["toReachGo"]:
        file = tmp_path / step["check"]
        file.write_text(files[step["check"]])
        words = shlex.split(step["step"].removeprefix("add it: tidegate "))
        said = {"FILE": str(file), "TITLE": step["check"], "OWNER": "sre"}
        ran = server.cli(*(said.get(word, word) for word in words), "--json", token=token)
        assert ran.returncode == 0, ran.stderr
        added[step["check"]] = json.loads(ran.stdout)["id"]
    assert set(added) == set(files)
    gone = server.cli("gate", "evaluate", "proven", token=token)
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert {each["outcome"] for each in dashboard(server, token)["checks"]} == {"passed"}

    taken = server.cli("evidence", "withdraw", added["scan"], "--reason", "another branch", token=token)
    assert taken.returncode == 0, taken.stderr
    why = server.cli("gate", "why", "proven", token=token)
    assert why.returncode == 8, why.stdout + why.stderr
    assert "withdrawn" in why.stdout
    assert f"--kind sarif --title scan --owner sre --commit {COMMIT} --service harbor" in why.stdout
