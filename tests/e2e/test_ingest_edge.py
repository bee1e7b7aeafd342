"""A process of its own that takes telemetry in: pages and figures do without it, and it does without them."""

import http.client
import os
import signal
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.e2e.server import Server, free_port, wait_until
from tests.factories import auth_span, make_request

from tidegate.app.memory import memory_by_child

HEADERS = {"Content-Type": "application/x-protobuf"}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("apart"), "--ingest-edge", otlp_port=free_port())
    started.start()
    yield started
    started.stop()


def call(url: str, method: str, path: str, *, token: str = "", body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, body, {**HEADERS, "Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def one_body() -> bytes:
    return make_request(auth_span(200, at_ns=time.time_ns())).SerializeToString()


def stats(server: Server, token: str) -> Any:
    return server.get("/api/v1/telemetry/stats", token)[1]


def test_what_either_process_takes_in_is_counted_within_a_second_or_so(apart: Server) -> None:
    ingest, read = apart.token("ingest"), apart.token("read")
    before = stats(apart, read)["spans"]
    assert call(apart.otlp_url, "POST", "/v1/traces", token=ingest, body=one_body())[0] == 200
    assert call(apart.url, "POST", "/v1/traces", token=ingest, body=one_body())[0] == 200
    wait_until(lambda: stats(apart, read)["spans"] == before + 2, what="both spans counted")


def test_it_serves_health_and_nothing_of_the_pages(apart: Server) -> None:
    assert call(apart.otlp_url, "GET", "/healthz")[0] == 200
    assert b'"intake": "open"' in call(apart.otlp_url, "GET", "/readyz")[1]
    status, problem = call(apart.otlp_url, "GET", "/")
    assert status == 404
    assert b"Only telemetry" in problem
    assert call(apart.otlp_url, "POST", "/v1/traces", body=one_body())[0] == 401


def test_pages_answer_while_it_hangs_and_it_takes_telemetry_in_while_they_hang(apart: Server) -> None:
    ingest = apart.token("ingest")
    children = apart.children()
    os.kill(children["ingest"], signal.SIGSTOP)
    try:
        assert apart.get("/readyz")[0] == 200
    finally:
        os.kill(children["ingest"], signal.SIGCONT)
    os.kill(children["edge"], signal.SIGSTOP)
    try:
        assert call(apart.otlp_url, "POST", "/v1/traces", token=ingest, body=one_body())[0] == 200
    finally:
        os.kill(children["edge"], signal.SIGCONT)


def test_it_is_started_again_when_it_is_killed(apart: Server) -> None:
    pid = apart.children()["ingest"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: apart.children().get("ingest", pid) != pid, what="another ingest edge")
    ingest = apart.token("ingest")
    assert call(apart.otlp_url, "POST", "/v1/traces", token=ingest, body=one_body())[0] == 200


def test_it_has_a_door_of_its_own_even_when_its_port_is_given_up(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = Server(tmp_path_factory.mktemp("portless"), "--ingest-edge")
    server.start()
    try:
        assert "ingest" in server.children()
        wait_until(lambda: "OTLP/HTTP  http://127.0.0.1:" in server.log, what="the banner")
        assert f":{server.port}   (POST" not in server.log
    finally:
        server.stop()


def test_it_is_counted_among_the_processes(apart: Server) -> None:
    memory = memory_by_child(apart.data_dir)
    assert memory["ingest"].private_bytes > 0
    print({name: round(each.private_bytes / 2**20) for name, each in memory.items()})  # noqa: T201 - for the record
