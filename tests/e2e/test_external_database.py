"""A PostgreSQL server of one's own in place of the embedded one: the same server, nothing else changes."""

import json
import time
from pathlib import Path

import asyncpg
import pytest
from tests.e2e.canaries import environments_of
from tests.e2e.server import Server, wait_until
from tests.factories import auth_span, make_request

from tidegate.storage.postgres.layout import PostgresDsns

TOKEN = "a token of whoever starts the server"


async def test_the_server_keeps_its_state_in_the_database_that_is_named(
    tmp_path: Path, state_dsns: PostgresDsns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_DATABASE_URL", state_dsns.serving)
    monkeypatch.setenv("TIDEGATE_OWNER_DATABASE_URL", state_dsns.owner)
    monkeypatch.setenv("TIDEGATE_TOKEN", TOKEN)
    server = Server(tmp_path)
    server.start()
    try:
        assert "postgres" not in server.children()
        texts = [text for child in server.children().values() for text in environments_of(child).values()]
        assert texts
        assert not [text for text in texts if state_dsns.owner in text or TOKEN in text]
        server.cli("workspace", "create", "external")
        ingest, read = server.token("ingest", "external"), server.token("read", "external")
        body = make_request(auth_span(200, at_ns=time.time_ns())).SerializeToString()
        headers = {"Content-Type": "application/x-protobuf"}
        assert server.call("POST", "/v1/traces", token=ingest, body=body, headers=headers)[0] == 200
        wait_until(lambda: server.get("/api/v1/telemetry/stats", read)[1]["spans"] == 1, what="the span counted")
    finally:
        server.stop()
    owner = await asyncpg.connect(state_dsns.owner)
    try:
        assert await owner.fetchval("SELECT count(*) FROM tokens WHERE workspace = 'external'") == 2
    finally:
        await owner.close()


def test_a_role_that_could_read_past_the_walls_is_refused(
    tmp_path: Path, state_dsns: PostgresDsns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_DATABASE_URL", state_dsns.owner)
    server = Server(tmp_path)
    log = server.data_dir / "logs" / "edge.log"
    server.launch()
    try:
        wait_until(lambda: log.exists() and "row-level security" in log.read_text(), what=f"the refusal; {server.log}")
        # Asking would wait: the supervisor listens, and no edge ever comes to answer.
        state = json.loads((server.data_dir / "run" / "state.json").read_text())
        assert not any(child["ready"] for child in state["children"] if child["name"] == "edge")
    finally:
        server.stop()
