"""Claim: a workspace that sends ten times what can be stored costs another at most twice its own p99, and no 429.

One quiet sender with a workspace of its own sends small bodies at a steady pace, first alone, then beside a flood: many
connections that send large bodies as fast as they are answered and do not wait when they are told to. Beside it, what
the pages answer meanwhile, and the private memory of all processes. The flood gives way to the server on the processor
(it runs on the same cores, which it would not in earnest).
"""

import argparse
import contextlib
import http.client
import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.server import Server, free_port

from benchmarks.harness import Connection, Figure, Report, Watch, fresh_folder, percentile
from benchmarks.sender import body_of, refresh
from tidegate.app.memory import memory_by_child

_QUIET_SPANS, _QUIET_EVERY_S = 40, 0.1
_FLOOD_SPANS, _FLOOD_BODIES = 512, 2
_CONNECTIONS_A_PROCESS = 50
_REFUSED_WITHIN_S = 240.0  # on a busy machine making the bodies alone may take a minute
_MB = 2**20


@dataclass
class Heard:
    """What one sender was answered."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Signals:
    """What the processes of a flood tell each other."""

    stop: Event
    refused: Event


def _post(connection: http.client.HTTPConnection, body: bytes, token: str) -> int:
    headers = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {token}"}
    try:
        connection.request("POST", "/v1/traces", body, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0
    return answer.status


def send_quietly(url: str, token: str, seconds: float, heard: "multiprocessing.Queue[Heard]") -> None:
    """Send at a steady pace, late or not: a slow answer does not excuse the next."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    request, found = body_of(_QUIET_SPANS, tenants=5), Heard()
    began = time.monotonic()
    for number in range(int(seconds / _QUIET_EVERY_S)):
        if time.monotonic() - began > 2 * seconds:
            break  # far behind its pace: what was seen says enough
        refresh(request)
        body = request.SerializeToString()
        due = began + number * _QUIET_EVERY_S
        time.sleep(max(0.0, due - time.monotonic()))
        sent_at = time.monotonic()
        status = _post(connection, body, token)
        found.statuses[status] += 1
        if status == 200:
            found.latencies_s.append(time.monotonic() - sent_at)
    heard.put(found)


def flood(url: str, token: str, signals: Signals, heard: "multiprocessing.Queue[Heard]") -> None:
    """Send as fast as answers come, whatever they say, over many connections."""
    os.nice(15)
    each = [Heard() for _ in range(_CONNECTIONS_A_PROCESS)]
    threads = [threading.Thread(target=_flood_one, args=(url, token, signals, found)) for found in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = Heard()
    for found in each:
        total.statuses.update(found.statuses)
    heard.put(total)


def _flood_one(url: str, token: str, signals: Signals, found: Heard) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    bodies = []
    for _ in range(_FLOOD_BODIES):
        request = body_of(_FLOOD_SPANS, tenants=50)
        refresh(request)
        bodies.append(request.SerializeToString())
    while not signals.stop.is_set():
        for body in bodies:
            status = _post(connection, body, token)
            found.statuses[status] += 1
            if status == 429:
                signals.refused.set()
            if signals.stop.is_set():
                break


@contextlib.contextmanager
def flooding(url: str, token: str, connections: int) -> Iterator[Counter[int]]:
    """Flood for the length of the block, which begins when it is under way: after its first 429.

    Afterwards what was given holds the answers by status.
    """
    signals = Signals(stop=multiprocessing.Event(), refused=multiprocessing.Event())
    heard: multiprocessing.Queue[Heard] = multiprocessing.Queue()
    answers: Counter[int] = Counter()
    count = -(-connections // _CONNECTIONS_A_PROCESS)
    senders = [multiprocessing.Process(target=flood, args=(url, token, signals, heard)) for _ in range(count)]
    for sender in senders:
        sender.start()
    time.sleep(3)
    signals.refused.wait(_REFUSED_WITHIN_S)
    try:
        yield answers
    finally:
        signals.stop.set()
        for _ in senders:
            answers.update(heard.get(timeout=_REFUSED_WITHIN_S).statuses)
        for sender in senders:
            sender.join()


def quiet_beside(url: str, token: str, seconds: float) -> Heard:
    heard: multiprocessing.Queue[Heard] = multiprocessing.Queue()
    sender = multiprocessing.Process(target=send_quietly, args=(url, token, seconds, heard))
    sender.start()
    found = heard.get(timeout=seconds + 120)
    sender.join()
    return found


def measure(server: Server, *, seconds: float, connections: int) -> tuple[Heard, Heard, Counter[int], dict[str, Any]]:
    """Return the quiet sender alone, the same beside the flood, the flood's answers, and memory by process then."""
    server.cli("workspace", "create", "flood")
    server.cli("workspace", "create", "quiet")
    quiet, wild = server.token("ingest", "quiet"), server.token("ingest", "flood")
    quiet_beside(server.otlp_url, quiet, 2)  # the first requests compile statements
    alone = quiet_beside(server.otlp_url, quiet, seconds)
    with flooding(server.otlp_url, wild, connections) as answers:
        beside = quiet_beside(server.otlp_url, quiet, seconds)
        memory = {name: one.private_bytes / _MB for name, one in memory_by_child(server.data_dir).items()}
    return alone, beside, answers, memory


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flood", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=200, help="of the flood; 128 of its bodies may wait")
    parser.add_argument("--ingest-edge", action="store_true", help="telemetry by a process of its own")
    options = parser.parse_args()
    more = ("--ingest-edge",) if options.ingest_edge else ()
    with fresh_folder() as folder:
        server = Server(folder, *more, otlp_port=free_port())
        server.start()
        try:
            watch = Watch(server)
            alone, beside, answers, memory = measure(server, seconds=options.seconds, connections=options.connections)
            watch.stop()
            board_ms = _page_ms(server)
        finally:
            server.stop()
    offered = sum(answers.values())
    ratio = percentile(beside.latencies_s, 0.99) / percentile(alone.latencies_s, 0.99)
    private = sum(memory.values())
    figures = [
        Figure("flood: offered against stored", f"{offered / max(1, answers[200]):.1f}x", "≥ 10x", None),
        Figure("quiet sender, p99 alone", f"{percentile(alone.latencies_s, 0.99) * 1000:.0f} ms"),
        Figure("quiet sender, p99 beside the flood", f"{percentile(beside.latencies_s, 0.99) * 1000:.0f} ms"),
        Figure("the second against the first", f"{ratio:.2f}x", "≤ 2x", ratio <= 2),
        Figure("429 to the quiet sender", str(beside.statuses[429]), "0", beside.statuses[429] == 0),
        Figure("other refusals to it", str(sum(beside.statuses.values()) - beside.statuses[200]), "0", None),
        Figure("private memory during the flood", f"{private:.0f} MB", "≤ 450 MB", private <= 450),
        Figure("stats answer after the flood", f"{board_ms:.0f} ms"),
    ]
    details = {"flood": {str(k): v for k, v in answers.items()}, "memoryMb": memory, "cpuS": watch.cpu}
    Report("flood", figures, watch.others_cores, details).show()


def _page_ms(server: Server) -> float:
    connection = Connection(server.url, server.token("read", "quiet"))
    began = time.monotonic()
    connection.stored_spans()
    return (time.monotonic() - began) * 1000


if __name__ == "__main__":
    main()
