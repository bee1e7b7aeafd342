"""A backup of a running server that is restored elsewhere: the same decisions, counts, chain and credentials."""

import json
import stat
import time
from pathlib import Path
from typing import Any

from tests.e2e.load import Load
from tests.e2e.server import Server, wait_until
from tests.factories import auth_span, make_request

from tidegate.app.keys import audit_public_texts
from tidegate.audit.verify import Proven, read_keys, verify_export

QUIET_SPANS = 120


class Installation:
    """What can be seen of one from outside."""

    def __init__(self, server: Server, admin: str) -> None:
        self.server = server
        self._admin = admin

    def seen(self) -> dict[str, Any]:
        paths = ("/api/v1/gates/auth-shell/decisions", "/api/v1/gates", "/api/v1/tokens", "/metrics/auth")
        found = {path: self.server.get(path, self._admin) for path in paths}
        assert {status for status, _ in found.values()} == {200}, found
        return {path: _without_moments(body) for path, (_, body) in found.items()}

    def proof(self, *heads: Any, keys: list[str]) -> Proven:
        """Prove the exported audit with one of the keys each."""
        status, text = self.server.get("/api/v1/audit/export", self._admin)
        assert status == 200
        lines = text.encode().splitlines(keepends=True)
        return [verify_export(lines, keys=read_keys([key]), anchors=heads) for key in keys][-1]


def _without_moments(body: Any) -> Any:
    if isinstance(body, dict):
        return {key: _without_moments(value) for key, value in body.items() if key not in {"lastUsedAt", "window"}}
    return [_without_moments(each) for each in body] if isinstance(body, list) else body


def send(server: Server, token: str, count: int) -> None:
    body = make_request(*(auth_span(200, at_ns=time.time_ns()) for _ in range(count))).SerializeToString()
    status, _ = server.call(
        "POST", "/v1/traces", token=token, body=body, headers={"content-type": "application/x-protobuf"}
    )
    assert status == 200


def counted(server: Server, token: str, count: int) -> bool:
    status, body = server.get("/api/v1/telemetry/stats", token)
    return status == 200 and body["spans"] == count


def test_a_backup_of_a_server_that_takes_telemetry_in_brings_everything_back(server: Server, tmp_path: Path) -> None:
    for name in ("quiet", "busy"):
        assert server.cli("workspace", "create", name).returncode == 0
    ingest, admin = (server.token(scope, "quiet") for scope in ("ingest", "admin"))
    busy, busy_read = server.token("ingest", "busy"), server.token("read", "busy")
    first = Installation(server, admin)
    send(server, ingest, QUIET_SPANS)
    wait_until(lambda: counted(server, admin, QUIET_SPANS), what="the quiet workspace is counted")
    decided = server.cli("gate", "evaluate", "auth-shell", "--json", token=admin)
    assert json.loads(decided.stdout)["verdict"] in {"go", "hold", "no_go"}, decided.stderr
    head = server.get("/api/v1/audit/head", admin)[1]
    load = Load(server.url, busy)
    load.start()
    load.wait_for_acknowledged(10)
    acknowledged = load.acknowledged_spans
    made = server.cli("db", "backup", str(tmp_path / "copy"), "--json")
    load.stop()
    assert made.returncode == 0, made.stderr
    seen = first.seen()
    assert {stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "copy").rglob("*")} == {0o600, 0o700}

    second = Server(tmp_path / "second")
    second.data_dir.parent.mkdir()
    restored = server.cli("db", "restore", str(tmp_path / "copy"), "--data-dir", str(second.data_dir))
    assert restored.returncode == 0, restored.stderr
    second.start()
    try:
        again = Installation(second, admin)
        wait_until(lambda: counted(second, admin, QUIET_SPANS), what="the same count")
        assert again.seen() == seen
        assert again.proof(head, keys=audit_public_texts(server.data_dir)).anchors == 1
        wait_until(lambda: _agree(second, busy_read), what="counts and rows agree")
        assert acknowledged <= second.get("/api/v1/telemetry/stats", busy_read)[1]["spans"] <= load.sent_spans
        send(second, ingest, 5)
        wait_until(lambda: counted(second, admin, QUIET_SPANS + 5), what="what comes after is counted once")
        checked = second.cli("db", "check", "--json")
        assert checked.returncode == 0, checked.stdout + checked.stderr
    finally:
        second.stop()
    assert not (second.data_dir / "secrets" / "telemetry.json").exists()
    down = second.cli("db", "backup", str(tmp_path / "down"), "--json")
    assert json.loads(down.stdout)["telemetryRows"] >= QUIET_SPANS + 5, down.stderr


def test_keys_are_rotated_while_tokens_go_on_working_and_old_heads_stay_proven(server: Server) -> None:
    assert server.cli("workspace", "create", "turning").returncode == 0
    admin = server.token("admin", "turning")
    assert server.get("/api/v1/audit/head", admin)[0] == 200
    for purpose in ("credentials", "audit"):
        rotated = server.cli("key", "rotate", purpose, "--json")
        assert rotated.returncode == 0, rotated.stderr
    old = json.loads(server.cli("key", "list", "--json").stdout)["items"][0]
    assert (old["state"], old["inUse"] > 0) == ("earlier", True)
    assert server.cli("key", "retire", "credentials", old["name"]).returncode == 6  # tokens hang on it
    assert server.get("/api/v1/me", admin)[0] == 200
    keys = audit_public_texts(server.data_dir)
    assert len(keys) > 1
    assert Installation(server, admin).proof(keys=keys).key == next(iter(read_keys(keys[-1:])))
    assert {stat.S_IMODE(each.stat().st_mode) for each in (server.data_dir / "secrets").iterdir()} == {0o600}


def _agree(server: Server, token: str) -> bool:
    stats, figures = server.get("/api/v1/telemetry/stats", token), server.get("/metrics/auth", token)
    return stats[0] == 200 == figures[0] and stats[1]["spans"] == figures[1]["totals"]["requestCount"] > 0
