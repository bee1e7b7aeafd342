"""Claim: a person's pager hears of a crossing within 500 ms (p50) and 1.5 s (p99) while 5,000 rows a second come in.

Again and again, at random moments, a tenant that was never seen crosses a bound: ten unauthorized sign-ins in one body
(`auth_unauthorized_spike`), or one request that read another tenant's data (`cross_tenant_leak`, which tolerates none).
Measured from before that body was sent, and from its 200, until the signed webhook is read by a receiver in this
process. Rows, rules, routing, ledger, egress and signature are the real ones of a real server; the route waits for no
others (`group_wait: 0s`, a group a tenant), because how long a group waits is its owner's choice.
"""

import argparse
import base64
import http.server
import json
import os
import random
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.e2e.server import Server
from tests.factories import auth_span, make_request, make_span

from benchmarks.harness import ROOT, Connection, Figure, Report, Watch, at_most, percentile, running_server
from tidegate.deliveries.formats.signing import verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

SPIKE, LEAK = "auth_unauthorized_spike", "cross_tenant_leak"
_SECRET = "whsec_" + base64.b64encode(b"benchmark-of-paging-0123456789ab").decode()
_GIVE_UP_S = 30.0
_BATCH = 250  # rows of one background body: twenty bodies a second
_SENDERS = 2
_ROUTING = """
apiVersion: tidegate/v1
kind: Routing
route:
  receiver: hook
  group_by: [alertname, tenant]
  group_wait: 0s
"""


class Receiver:
    """Keeps when each tenant's first page arrived; what is not signed is refused."""

    def __init__(self) -> None:
        self._arrived: dict[str, float] = {}
        self._changed = threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                is_signed = verify(_SECRET, headers, body, now_s=int(time.time()))
                if is_signed:
                    receiver.hear(json.loads(body), time.monotonic())
                self.send_response(204 if is_signed else 400)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                del args

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def hear(self, page: Any, at: float) -> None:  # noqa: ANN401 - decoded JSON
        with self._changed:
            for alert in page.get("alerts", ()):
                tenant = alert["labels"].get("tenant", "")
                if alert["status"] == "firing":
                    self._arrived.setdefault(tenant, at)
            self._changed.notify_all()

    def wait_for(self, tenant: str) -> float:
        """Return when the first page about `tenant` arrived."""
        with self._changed:
            assert self._changed.wait_for(lambda: tenant in self._arrived, _GIVE_UP_S), (
                f"no page about {tenant} within {_GIVE_UP_S:.0f} s"
            )
            return self._arrived[tenant]

    def close(self) -> None:
        self._server.shutdown()


@dataclass
class Times:
    """Seconds of each crossing."""

    from_sending: list[float] = field(default_factory=list)
    from_answer: list[float] = field(default_factory=list)


def spikes(tenant: str) -> "list[Span]":
    return [auth_span(401, at_ns=time.time_ns(), tenant=tenant) for _ in range(10)]


def leaks(tenant: str) -> "list[Span]":
    now = time.time_ns()
    attributes = {
        "http.request.method": "GET",
        "http.route": "/tenants/{tenant}/documents",
        "http.response.status_code": 200,
        "tenant.id": tenant,
        "tidegate.principal.tenant": tenant,
        "tidegate.target.tenant": f"other-{tenant}",
    }
    return [
        make_span(
            name="GET /tenants/{tenant}/documents",
            attributes=attributes,
            start_time_unix_nano=now - 5_000_000,
            end_time_unix_nano=now,
        )
    ]


def cross(sender: Connection, receiver: Receiver, times: Times, *, is_strict: bool) -> None:
    tenant = f"crossing-{secrets.token_hex(6)}"
    body = make_request(*(leaks(tenant) if is_strict else spikes(tenant))).SerializeToString()
    sent_at = time.monotonic()
    sender.send("POST", "/v1/traces", body, "application/x-protobuf")
    answered_at = time.monotonic()
    arrived_at = receiver.wait_for(tenant)
    times.from_sending.append(arrived_at - sent_at)
    times.from_answer.append(arrived_at - answered_at)


@contextmanager
def load(server: Server, token: str, *, rate: int, seconds: float) -> "Iterator[None]":
    """Send `rate` rows a second beside what is measured, from processes of their own."""
    command = [
        *(sys.executable, "-m", "benchmarks.sender", "--url", f"{server.url}/v1/traces"),
        *("--header", f"Authorization=Bearer {token}", "--batch", str(_BATCH), "--procs", str(_SENDERS)),
        *("--rate", str(rate), "--seconds", str(seconds)),
    ]
    sending = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
        assert sending.poll() is None, "the load ended before the crossings did"
    finally:
        os.killpg(sending.pid, 15)
        sending.wait()


def route_to(server: Server, receiver: Receiver) -> None:
    admin = Connection(server.url, server.token("admin"))
    hook = {"name": "hook", "webhook": {"url": f"http://127.0.0.1:{receiver.port}/", "secret": _SECRET}}
    admin.send("POST", "/api/v1/channels", json.dumps(hook).encode())
    admin.send("PUT", "/api/v1/routing", _ROUTING.encode(), "application/yaml")


def measure(server: Server, receiver: Receiver, *, crossings: int, rate: int) -> tuple[Times, Times, Watch]:
    route_to(server, receiver)
    ingest = server.token("ingest")
    sender = Connection(server.url, ingest)
    choose = random.Random(5)
    spike, leak = Times(), Times()
    with load(server, ingest, rate=rate, seconds=30 + crossings * 8):
        time.sleep(5)  # the load has begun
        for is_strict in (False, True):  # the first ones also warm statements up
            cross(sender, receiver, Times(), is_strict=is_strict)
        watch = Watch(server)
        for number in range(2 * crossings):
            time.sleep(choose.uniform(0, 1))  # flushes and evaluations have a rhythm: do not fall into step with it
            is_strict = bool(number % 2)
            cross(sender, receiver, leak if is_strict else spike, is_strict=is_strict)
        watch.stop()
    return spike, leak, watch


def figures_of(spike: Times, leak: Times) -> list[Figure]:
    return [
        at_most("page received after sending, p50", percentile(spike.from_sending, 0.5), 0.5, unit="s"),
        at_most("page received after sending, p99", percentile(spike.from_sending, 0.99), 1.5, unit="s"),
        at_most("the same with zero tolerance, p99", percentile(leak.from_sending, 0.99), 1, unit="s"),
        Figure("the same with zero tolerance, p50", f"{percentile(leak.from_sending, 0.5):.2f} s"),
        Figure("page received after the 200, p50 / p99", _both(spike.from_answer)),
        Figure("the same with zero tolerance, p50 / p99", _both(leak.from_answer)),
    ]


def _both(times: Sequence[float]) -> str:
    return f"{percentile(times, 0.5):.2f} / {percentile(times, 0.99):.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paging", description=__doc__)
    parser.add_argument("--crossings", type=int, default=40, help="of each of the two rules")
    parser.add_argument("--rate", type=int, default=5_000, help="rows a second meanwhile")
    options = parser.parse_args()
    receiver = Receiver()
    os.environ["TIDEGATE_EGRESS_ALLOW"] = f"127.0.0.1:{receiver.port}"
    try:
        with running_server() as server:
            spike, leak, watch = measure(server, receiver, crossings=options.crossings, rate=options.rate)
    finally:
        receiver.close()
    figures = [
        *figures_of(spike, leak),
        Figure("crossings of each; rows meanwhile", f"{options.crossings}; {options.rate:,}/s"),
        Figure("CPU of all processes", f"{watch.cpu_s / watch.wall_s:.2f} cores"),
    ]
    details = {"spikeS": spike.from_sending, "leakS": leak.from_sending, "cpuS": watch.cpu}
    Report("paging", figures, watch.others_cores, details).show()


if __name__ == "__main__":
    main()
