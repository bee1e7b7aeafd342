"""Claim: a gate is measured, decided and the decision recorded within 100 ms over a thousand pieces of evidence.

One authorization regression run of a thousand cases is the evidence of `tenant-isolation`; sign-ins feed `auth-shell`
and AI runs `ai-action`. Each gate is decided again and again over HTTP: measured, judged, recorded with its digests,
read back. The board measures all three for one page.
"""

import argparse
import json
import time
from datetime import UTC, datetime

from tests.e2e.server import Server, wait_until
from tests.factories import auth_span, make_request

from benchmarks.harness import Connection, Figure, Report, Watch, at_most, percentile, running_server
from benchmarks.sender import body_of, refresh

GATES = ("tenant-isolation", "auth-shell", "ai-action")
_CASES = 1_000
_SERVICE, _COMMIT = "loadgen", "0123abc"
_BAR_MS = 100


def prepare(server: Server, connection: Connection) -> None:
    """Give each gate something to judge."""
    sender = Connection(server.url, server.token("ingest"))
    runs = body_of(8 * 60, tenants=3)  # 60 runs: the gate of AI runs asks for 50
    refresh(runs)
    sign_ins = make_request(*(auth_span(200, at_ns=time.time_ns()) for _ in range(100)), service=_SERVICE)
    for request in (runs, sign_ins):
        sender.send("POST", "/v1/traces", request.SerializeToString(), "application/x-protobuf")
    services = [{"service": _SERVICE, "version": "1.0", "commit": _COMMIT}]
    connection.send("POST", "/api/v1/releases", json.dumps({"name": "r-1", "services": services}).encode())
    now = datetime.now(UTC).isoformat()
    case = {"operation": "GET /documents", "actor": "member of another tenant", "expected": "403", "actual": "403"}
    run = {
        "suite": "authz",
        "service": _SERVICE,
        "commit": _COMMIT,
        "runId": "run-1",
        "startedAt": now,
        "finishedAt": now,
        "cases": [{**case, "id": f"case-{number}", "outcome": "passed"} for number in range(_CASES)],
    }
    connection.send("POST", "/release/authz-regression", json.dumps(run).encode())
    wait_until(lambda: connection.stored_spans() == 8 * 60 + 100, within_s=30, what="all spans counted")


def decide(connection: Connection, path: str, times: int, *, method: str = "POST") -> list[float]:
    """Ask `times` times and return the milliseconds of each answer."""
    took = []
    for _ in range(times):
        began = time.monotonic()
        connection.send(method, path)
        took.append((time.monotonic() - began) * 1000)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdict", description=__doc__)
    parser.add_argument("--decisions", type=int, default=100, help="of each gate")
    options = parser.parse_args()
    figures: list[Figure] = []
    with running_server() as server:
        connection = Connection(server.url, server.token("write"))
        prepare(server, connection)
        whole = Watch(server)
        for gate in GATES:
            path = f"/api/v1/gates/{gate}/decisions"
            verdict = connection.send("POST", path)["verdict"]
            watch = Watch(server)
            took = decide(connection, path, options.decisions)
            watch.stop()
            figures += [
                at_most(f"{gate} ({verdict}), p50", percentile(took, 0.5), _BAR_MS, unit="ms", digits=1),
                at_most(f"{gate}, p99", percentile(took, 0.99), _BAR_MS, unit="ms", digits=1),
                Figure(f"{gate}, CPU a decision", f"{watch.cpu_s / options.decisions * 1000:.1f} ms"),
            ]
        board = decide(connection, "/api/v1/board", options.decisions, method="GET")
        whole.stop()
    figures.append(Figure("board of all gates, p50 / p99",
                          f"{percentile(board, 0.5):.1f} / {percentile(board, 0.99):.1f} ms"))  # fmt: skip
    Report("verdict", figures, whole.others_cores, {"cases": _CASES, "cpuS": whole.cpu}).show()


if __name__ == "__main__":
    main()
