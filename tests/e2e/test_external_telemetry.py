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


@pytest.fixture(scope="module", params=["secret", "server"])
def own(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    folder = tmp_path_factory.mktemp("own")
    engine: Own = OwnEngine(folder) if request.param == "secret" else PlainServer(folder)
    engine.start()
    yield engine
    engine.kill()


def naming(own: Own) -> dict[str, str]:
    """Return the variables that name the engine to a server and to the doctor."""
    secret = {"TIDEGATE_TELEMETRY_SECRET": own.secret} if isinstance(own, OwnEngine) else {}
    return {"TIDEGATE_TELEMETRY_URL": own.url, **secret}


@pytest.fixture(scope="module")
def served(own: Own, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("served"))
    with pytest.MonkeyPatch.context() as environment:
        for name, value in naming(own).items():
            environment.setenv(name, value)
        server.start()
    yield server
    server.stop()


def counted(server: Server, token: str) -> Callable[[], int]:
    def count() -> int:
        status, stats = server.get("/api/v1/telemetry/stats", token)
        return int(stats["spans"]) if status == 200 else -1

    return count


def send(server: Server, token: str, spans: int) -> None:
    body = make_request(*(auth_span(200, at_ns=time.time_ns()) for _ in range(spans))).SerializeToString()
    assert server.call("POST", "/v1/traces", token=token, body=body, headers=HEADERS)[0] == 200


def test_it_serves_from_the_engine_that_is_named_and_embeds_none(served: Server, own: Own) -> None:
    assert "engine" not in served.children()
    served.cli("workspace", "create", "mine")
    served.cli("workspace", "create", "other")
    mine, theirs = served.token("read", "mine"), served.token("read", "other")
    send(served, served.token("ingest", "mine"), 3)
    send(served, served.token("ingest", "other"), 2)
    wait_until(lambda: counted(served, mine)() == 3, what="three spans of mine")
    wait_until(lambda: counted(served, theirs)() == 2, what="two spans of the other")
    assert served.get("/metrics/auth", theirs)[1]["totals"]["requestCount"] == 2
    assert not (served.data_dir / "telemetry").exists()
    wait_until(lambda: "telemetry  http://127.0.0.1:" in served.log, what="the banner")
    doctor = {each["name"]: each for each in json.loads(served.cli("doctor", "--json", environment=naming(own)).stdout)}
    assert doctor["telemetry server"]["outcome"] == "ok", doctor
    written = served.log + "".join(file.read_text() for file in (served.data_dir / "logs").iterdir())
    secret = own.secret if isinstance(own, OwnEngine) else own._password
    assert secret not in written


@pytest.mark.parametrize("kills", [1, pytest.param(3, marks=pytest.mark.long)])
def test_kills_of_the_engine_that_is_named_lose_and_double_nothing(served: Server, own: Own, kills: int) -> None:
    # A workspace a time: all that is in it is what was sent here.
    workspace = f"kills-{kills}"
    assert served.cli("workspace", "create", workspace).returncode == 0
    read = served.token("read", workspace)
    load = Load(served.url, served.token("ingest", workspace))
    load.start()
    for _ in range(kills):
        load.wait_for_acknowledged(5)
        own.kill()
        wait_until(lambda: served.get("/readyz")[0] == 503, what="not ready")
        words = served.get("/readyz")[1]["checks"]["telemetry"]
        assert "does not answer" in words
        own.start()
    load.wait_for_acknowledged(3)
    load.stop()
    served.wait_ready()
    wait_until(lambda: counted(served, read)() >= load.acknowledged_spans, what="what was acknowledged")
    load.confirm_everything()
    wait_until(lambda: counted(served, read)() == load.sent_spans, what=f"exactly {load.sent_spans}")


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8123",
        *(
            pytest.param(url, marks=pytest.mark.long)
            for url in ("http://", "ftp://host", "http://host/path", "http://host:0")
        ),
    ],
)
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
