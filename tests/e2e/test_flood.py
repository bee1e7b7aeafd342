"""One workspace floods, another sends as ever: nobody tells the second to slow down, and its spans are all counted."""

import contextlib
import socket
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from benchmarks.flood import flooding, quiet_beside
from tests.e2e.server import Server, wait_until


@pytest.fixture(scope="module")
def flooded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("flooded"))
    started.start()
    yield started
    started.stop()


def quiet_until_untroubled(server: Server, token: str) -> list[Counter[int]]:
    """Send quietly until a round is all taken, three at most: where processors are short a body may be late, a 503."""
    rounds: list[Counter[int]] = []
    while not rounds or (set(rounds[-1]) != {200} and len(rounds) < 3):
        rounds.append(quiet_beside(server.url, token, 2).statuses)
    return rounds


def test_a_flood_is_told_to_wait_and_its_neighbour_is_not(flooded: Server) -> None:
    flooded.cli("workspace", "create", "wild")
    flooded.cli("workspace", "create", "quiet")
    quiet, read = flooded.token("ingest", "quiet"), flooded.token("read", "quiet")
    with flooding(flooded.url, flooded.token("ingest", "wild"), 250) as answers:
        rounds = quiet_until_untroubled(flooded, quiet)
    assert set(rounds[-1]) == {200}, rounds
    told = sum(rounds, Counter())
    assert 429 not in told, rounds
    assert answers[429] > 0, answers
    # 503 says to wait as well: on a busy machine some bodies are not stored within the bound of a flush.
    assert set(answers) <= {200, 429, 503, 0}, answers
    expected = 40 * told[200]
    wait_until(
        lambda: flooded.get("/api/v1/telemetry/stats", read)[1].get("spans", 0) >= expected,
        what=f"{expected} spans of the quiet one",
    )
    assert flooded.get("/api/v1/telemetry/stats", read)[1]["spans"] <= 40 * told.total()


def test_connections_that_say_nothing_are_cut_off_and_hold_up_nobody(flooded: Server) -> None:
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", flooded.port))) for _ in range(300)]
        for connection in idle[:150]:
            connection.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert flooded.get("/healthz")[0] == 200
        deadline = time.monotonic() + 25
        for connection in idle:
            connection.settimeout(max(0.1, deadline - time.monotonic()))
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""


def test_a_body_that_trickles_in_is_refused_with_words(flooded: Server) -> None:
    token = flooded.token("ingest")
    with socket.create_connection(("127.0.0.1", flooded.port), timeout=40) as connection:
        head = (
            f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/x-protobuf\r\nContent-Length: 100000\r\n\r\n"
        )
        connection.sendall(head.encode() + b"\n")
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"body_too_slow" in answer
