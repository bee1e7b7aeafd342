"""Claim: from a crossing to its alert's row p50 ≤ 1 s, p99 ≤ 3 s, while other sign-ins go on.

Healthy sign-ins come in at a steady rate. Again and again, at random moments, a tenant that was never seen sends ten
unauthorized sign-ins in one body: the bound of `auth_unauthorized_spike`. Measured from before that body was sent, and
from its 200, until the alerts API shows the row, asked every 20 ms. The peer is Prometheus, scraping and evaluating
every second, where its binary is installed.
"""

import argparse
import random
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.e2e.server import Server
from tests.factories import auth_span, make_request

from benchmarks.harness import Connection, Figure, Report, Watch, at_most, percentile, running_server
from benchmarks.prometheus_peer import find_prometheus, measure_prometheus

RULE = "auth_unauthorized_spike"
BOUND = 10
_POLL_S = 0.02
_GIVE_UP_S = 30.0
_BACKGROUND_BODY_S = 0.1


class Background(threading.Thread):
    """Healthy sign-ins of fifty tenants at a steady rate, until stopped."""

    def __init__(self, server: Server, token: str, *, spans_s: int) -> None:
        super().__init__(daemon=True)
        self._connection = Connection(server.url, token)
        self._spans = max(1, round(spans_s * _BACKGROUND_BODY_S))
        self._stopping = threading.Event()

    def run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            due += _BACKGROUND_BODY_S
            now = time.time_ns()
            spans = [auth_span(200, at_ns=now, tenant=f"t-{number % 50}") for number in range(self._spans)]
            body = make_request(*spans).SerializeToString()
            self._connection.send("POST", "/v1/traces", body, "application/x-protobuf")

    def stop(self) -> None:
        self._stopping.set()
        self.join(30)


@dataclass
class Times:
    """Seconds of each crossing."""

    from_sending: list[float] = field(default_factory=list)
    from_answer: list[float] = field(default_factory=list)
    fired: list[float] = field(default_factory=list)
    """From sending to the moment that the row itself names."""


def cross(sender: Connection, reader: Connection, times: Times) -> None:
    tenant = f"crossing-{secrets.token_hex(6)}"
    sent_wall_s = time.time()
    spans = [auth_span(401, at_ns=time.time_ns(), tenant=tenant) for _ in range(BOUND)]
    body = make_request(*spans).SerializeToString()
    sent_at = time.monotonic()
    sender.send("POST", "/v1/traces", body, "application/x-protobuf")
    answered_at = time.monotonic()
    row = _wait_for_row(reader, tenant)
    seen_at = time.monotonic()
    times.from_sending.append(seen_at - sent_at)
    times.from_answer.append(seen_at - answered_at)
    times.fired.append(_unix_s(row["firedAt"]) - sent_wall_s)


def _unix_s(text: str) -> float:
    from tidegate.kernel import parse_utc

    return parse_utc(text, field="firedAt").timestamp()


def _wait_for_row(reader: Connection, tenant: str) -> dict[str, str]:
    deadline = time.monotonic() + _GIVE_UP_S
    while time.monotonic() < deadline:
        asked_at = time.monotonic()
        rows: list[dict[str, str]] = reader.get("/api/v1/alerts?state=firing&limit=20")["items"]
        for row in rows:
            if row["tenant"] == tenant and row["code"] == RULE:
                return row
        time.sleep(max(0.0, asked_at + _POLL_S - time.monotonic()))
    raise AssertionError(f"no alert for {tenant} within {_GIVE_UP_S:.0f} s")


def measure(server: Server, *, crossings: int, spans_s: int) -> tuple[Times, Watch]:
    ingest, read = server.token("ingest"), server.token("read")
    background = Background(server, ingest, spans_s=spans_s)
    sender, reader = Connection(server.url, ingest), Connection(server.url, read)
    choose = random.Random(7)
    times = Times()
    background.start()
    try:
        cross(sender, reader, Times())  # the first one also warms statements up
        watch = Watch(server)
        for _ in range(crossings):
            time.sleep(choose.uniform(0, 1))  # flushes and evaluations have a rhythm: do not fall into step with it
            cross(sender, reader, times)
        watch.stop()
    finally:
        background.stop()
    return times, watch


def peer_figures(ours: Sequence[float], *, crossings: int) -> list[Figure]:
    if find_prometheus() is None:
        return [Figure("peer: Prometheus at 1 s / 1 s", "its binary is not installed: not compared")]
    theirs, cpu_s = measure_prometheus(crossings)
    p50, p99 = percentile(theirs, 0.5), percentile(theirs, 0.99)
    return [
        Figure("peer: Prometheus at 1 s / 1 s, p50 / p99", f"{p50:.2f} / {p99:.2f} s"),
        Figure("peer: CPU-seconds a crossing", f"{cpu_s / crossings:.3f}"),
        Figure("ratio of p50, peer to tidegate from sending", f"{p50 / percentile(ours, 0.5):.1f}"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detect", description=__doc__)
    parser.add_argument("--crossings", type=int, default=60)
    parser.add_argument("--rate", type=int, default=200, help="healthy sign-ins a second meanwhile")
    parser.add_argument("--peer-crossings", type=int, default=20)
    options = parser.parse_args()
    with running_server() as server:
        times, watch = measure(server, crossings=options.crossings, spans_s=options.rate)
    figures = [
        at_most("row seen after the 200, p50", percentile(times.from_answer, 0.5), 1, unit="s"),
        at_most("row seen after the 200, p99", percentile(times.from_answer, 0.99), 3, unit="s"),
        at_most("row seen after sending, p50", percentile(times.from_sending, 0.5), 1, unit="s"),
        at_most("row seen after sending, p99", percentile(times.from_sending, 0.99), 3, unit="s"),
        Figure("row's own firedAt after sending, p50", f"{percentile(times.fired, 0.5):.2f} s"),
        Figure("crossings; healthy sign-ins meanwhile", f"{options.crossings}; {options.rate}/s"),
        Figure("CPU of all processes, polls included", f"{watch.cpu_s / watch.wall_s:.2f} cores"),
        *peer_figures(times.from_sending, crossings=options.peer_crossings),
    ]
    Report("detect", figures, watch.others_cores, {"fromAnswerS": times.from_answer, "cpuS": watch.cpu}).show()


if __name__ == "__main__":
    main()
