"""A telemetry engine of one's own, in place of the embedded one: by a URL and a secret, and as a plain server."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.test_telemetry_server import PlainServer
from tests.e2e.load import Load
from tests.e2e.server import Server, wait_until
from tests.factories import auth_span, make_request

HEADERS = {"Content-Type": "application/x-protobuf"}


class OwnEngine:
    """`python -m tidegate.storage.engine`, started by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secret = secrets.token_hex(32)
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tidegate.storage.engine", "--data-dir", str(self.folder / "engine")]
        with (self.folder / "engine.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self._port), "--port-file", str(port_file)],
                env={**os.environ, "TIDEGATE_ENGINE_SECRET": self.secret},
                stdout=log,
                stderr=log,
            )
        wait_until(port_file.exists, what="the engine of one's own")
        self._port = int(port_file.read_text())

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()


Own = OwnEngine | PlainServer


@pytest.fixture(params=["secret", "server"])
def own(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Own]:
    engine: Own = OwnEngine(tmp_path) if request.param == "secret" else PlainServer(tmp_path)
    engine.start()
    monkeypatch.setenv("TIDEGATE_TELEMETRY_URL", engine.url)
    if isinstance(engine, OwnEngine):
        monkeypatch.setenv("TIDEGATE_TELEMETRY_SECRET", engine.secret)
    yield engine
    engine.kill()


def counted(server: Server, token: str) -> Callable[[], int]:
    def count() -> int:
        status, stats = server.get("/api/v1/telemetry/stats", token)
        return int(stats["spans"]) if status == 200 else -1

    return count


def send(server: Server, token: str, spans: int) -> None:
    body = make_request(*(auth_span(200, at_ns=time.time_ns()) for _ in range(spans))).SerializeToString()
    assert server.call("POST", "/v1/traces", token=token, body=body, headers=HEADERS)[0] == 200


def test_it_serves_from_the_engine_that_is_named_and_embeds_none(tmp_path: Path, own: Own) -> None:
    server = Server(tmp_path)
    server.start()
    try:
        assert "engine" not in server.children()
        server.cli("workspace", "create", "other")
        mine, theirs = server.token("read"), server.token("read", "other")
        send(server, server.token("ingest"), 3)
        send(server, server.token("ingest", "other"), 2)
        wait_until(lambda: counted(server, mine)() == 3, what="three spans of mine")
        wait_until(lambda: counted(server, theirs)() == 2, what="two spans of the other")
        assert server.get("/metrics/auth", theirs)[1]["totals"]["requestCount"] == 2
        assert not (server.data_dir / "telemetry").exists()
        wait_until(lambda: "telemetry  http://127.0.0.1:" in server.log, what="the banner")
        doctor = {each["name"]: each for each in json.loads(server.cli("doctor", "--json").stdout)}
        assert doctor["telemetry server"]["outcome"] == "ok", doctor
        written = server.log + "".join(file.read_text() for file in (server.data_dir / "logs").iterdir())
        secret = own.secret if isinstance(own, OwnEngine) else own._password
        assert secret not in written
    finally:
        server.stop()


def test_kills_of_the_engine_that_is_named_lose_and_double_nothing(tmp_path: Path, own: Own) -> None:
    server = Server(tmp_path)
    server.start()
    try:
        read = server.token("read")
        load = Load(server.url, server.token("ingest"))
        load.start()
        for _ in range(3):
            load.wait_for_acknowledged(5)
            own.kill()
            wait_until(lambda: server.get("/readyz")[0] == 503, what="not ready")
            words = server.get("/readyz")[1]["checks"]["telemetry"]
            assert "does not answer" in words
            own.start()
        load.wait_for_acknowledged(3)
        load.stop()
        server.wait_ready()
        wait_until(lambda: counted(server, read)() >= load.acknowledged_spans, what="what was acknowledged")
        load.confirm_everything()
        wait_until(lambda: counted(server, read)() == load.sent_spans, what=f"exactly {load.sent_spans}")
    finally:
        server.stop()


@pytest.mark.parametrize("url", ["127.0.0.1:8123", "http://", "ftp://host", "http://host/path", "http://host:0"])
def test_an_address_that_is_none_stops_the_start_with_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("TIDEGATE_TELEMETRY_URL", url)
    started = Server(tmp_path).cli("serve", "--port", "0", "--otlp-port", "0")
    assert started.returncode == 2
    assert "TIDEGATE_TELEMETRY_URL" in started.stderr


def test_a_wrong_password_stops_the_start_with_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = PlainServer(tmp_path)
    engine.start()
    try:
        monkeypatch.setenv("TIDEGATE_TELEMETRY_URL", engine.url)
        monkeypatch.setenv("TIDEGATE_TELEMETRY_PASSWORD", "wrong")
        started = Server(tmp_path).cli("serve", "--port", "0", "--otlp-port", "0")
        assert started.returncode == 1
        assert "refused" in started.stderr
        assert "wrong" not in started.stderr
    finally:
        engine.stop()
