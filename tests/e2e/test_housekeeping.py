"""What nobody should have to look after: a hung engine, logs that grow, the ballast."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.server import Server, wait_until
from tests.factories import auth_span, make_request


@pytest.fixture(scope="module")
def housed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("housed"))
    started.start()
    yield started
    started.stop()


def test_a_ballast_of_sixteen_megabytes_lies_ready(housed: Server) -> None:
    ballast = housed.data_dir / "ballast"
    wait_until(lambda: ballast.exists() and ballast.stat().st_size == 16 * 2**20, what="the ballast")
    assert ballast.stat().st_mode & 0o077 == 0


def test_an_engine_that_runs_and_does_not_answer_is_started_again(housed: Server) -> None:
    pid = housed.children()["engine"]
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: housed.children().get("engine", pid) != pid, what="another engine")
    housed.wait_ready()
    body = make_request(auth_span(200, at_ns=time.time_ns())).SerializeToString()
    headers = {"Content-Type": "application/x-protobuf"}
    assert housed.call("POST", "/v1/traces", token=housed.token("ingest"), body=body, headers=headers)[0] == 200
    assert '"child.silent"' in (housed.data_dir / "logs" / "supervisor.log").read_text()


def test_a_log_that_grew_while_the_server_runs_is_set_aside(housed: Server) -> None:
    log = housed.data_dir / "logs" / "edge.log"
    with log.open("ab") as file:
        file.truncate(17 * 2**20)
    wait_until(lambda: log.stat().st_size < 2**20, what="an emptied log")
    aside = Path(f"{log}.1")
    assert aside.stat().st_size >= 17 * 2**20
    housed.get("/healthz")
    wait_until(lambda: b'"path": "/healthz"' in log.read_bytes(), what="the log going on")
    assert not log.read_bytes().startswith(b"\0")  # it goes on at the new end, not after a hole
