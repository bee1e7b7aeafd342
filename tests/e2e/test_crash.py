"""The power plug: every process is killed while spans come in, and nothing acknowledged is lost or doubled."""

import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.e2e.load import Load
from tests.e2e.server import Server, free_port, wait_until

BACK_WITHIN_S = 10.0  # each of them, at least once: the rest is for the machine to say
VICTIMS = ("edge", "engine", "postgres", "supervisor")
WITH_INGEST_EDGE = ("ingest", *VICTIMS)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path)
    started.start()
    yield started
    started.stop()


@pytest.fixture
def server_with_ingest_edge(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path, "--ingest-edge", otlp_port=free_port())
    started.start()
    yield started
    started.stop()


def kill(server: Server, victim: str) -> None:
    if victim == "supervisor":
        server.kill()
        server.start()
        return
    os.kill(server.children()[victim], signal.SIGKILL)


def run_rounds(server: Server, *, rounds: int, seed: int, victims: Sequence[str] = VICTIMS) -> None:
    token, read = server.token("ingest"), server.token("read")
    choose = random.Random(seed)
    load = Load(server.otlp_url, token, other_url=server.url)
    load.start()
    back_s: dict[str, list[float]] = {}
    try:
        for number in range(rounds):
            victim = victims[number % len(victims)]
            load.wait_for_acknowledged(choose.randrange(1, 20))
            time.sleep(choose.uniform(0, 0.3))  # before, during or after a flush: one comes every 250 ms
            kill(server, victim)
            killed_at = time.monotonic()
            load.wait_for_acknowledged(1, since=killed_at)
            back_s.setdefault(victim, []).append(time.monotonic() - killed_at)
    finally:
        load.stop()
    assert max(min(of_victim) for of_victim in back_s.values()) <= BACK_WITHIN_S, back_s
    server.wait_ready()
    expected = load.acknowledged_spans

    def counted() -> bool:
        stats = server.get("/api/v1/telemetry/stats", read)
        return stats[0] == 200 and stats[1]["spans"] >= expected

    wait_until(counted, what=f"{expected} spans counted; {server.get('/api/v1/telemetry/stats', read)}")
    load.confirm_everything()  # what was sent and never acknowledged may be stored or not; now all of it is
    total = load.sent_spans
    wait_until(
        lambda: server.get("/api/v1/telemetry/stats", read)[1]["spans"] == total,
        what=f"exactly {total} spans; {server.get('/api/v1/telemetry/stats', read)}",
    )
    figures = server.get("/metrics/auth", read)[1]["totals"]
    assert figures["requestCount"] == total


def test_a_kill_of_each_process_under_load_loses_and_doubles_nothing(server_with_ingest_edge: Server) -> None:
    """Two processes take telemetry in: each other one is killed as in a server with one."""
    assert "ingest" in server_with_ingest_edge.children()
    run_rounds(server_with_ingest_edge, rounds=len(WITH_INGEST_EDGE), seed=3, victims=WITH_INGEST_EDGE)


@pytest.mark.long
def test_a_kill_of_each_process_of_a_server_with_one_that_takes_telemetry_in(own_server: Server) -> None:
    run_rounds(own_server, rounds=len(VICTIMS), seed=1)


@pytest.mark.long
def test_a_hundred_kills_with_two_processes_that_take_telemetry_in(server_with_ingest_edge: Server) -> None:
    run_rounds(server_with_ingest_edge, rounds=100, seed=4, victims=WITH_INGEST_EDGE)


@pytest.mark.long
def test_a_hundred_kills_under_load_lose_and_double_nothing(own_server: Server) -> None:
    run_rounds(own_server, rounds=100, seed=2)
