"""Claim: at rest all processes together keep at most 300 MB of private memory, 450 MB after a million spans.

Private is what processes wrote and nobody shares, in memory or swapped out; PSS also counts their share of the engine's
250 MB of program text. At rest means: nothing sent, and the figure has stopped falling.
"""

import argparse
import time

from tests.e2e.server import Server

from benchmarks.harness import Connection, Figure, Report, Watch, running_server
from benchmarks.sender import body_of, refresh
from tidegate.app.memory import MemorySum, memory_by_child

_MB = 2**20
_BODY_SPANS = 2_000
_SETTLED_MB = 1.0  # less than this between two looks: it rests
_LOOK_S = 5.0
_LOOKS = 12


def at_rest(server: Server) -> dict[str, MemorySum]:
    """Return the memory by process once it has stopped moving, or after a minute."""
    before = float("inf")
    found = memory_by_child(server.data_dir)
    for _ in range(_LOOKS):
        time.sleep(_LOOK_S)
        found = memory_by_child(server.data_dir)
        now = _private_mb(found)
        if abs(before - now) < _SETTLED_MB:
            break
        before = now
    return found


def _private_mb(by_process: dict[str, MemorySum]) -> float:
    return sum(each.private_bytes for each in by_process.values()) / _MB


def send_spans(connection: Connection, spans: int) -> None:
    request = body_of(_BODY_SPANS, tenants=50)
    for _ in range(-(-spans // _BODY_SPANS)):
        refresh(request)
        connection.send("POST", "/v1/traces", request.SerializeToString(), "application/x-protobuf")


def figures_of(by_process: dict[str, MemorySum], when: str, bar_mb: int | None) -> list[Figure]:
    private_mb = _private_mb(by_process)
    pss_mb = sum(each.pss_bytes for each in by_process.values()) / _MB
    each = ", ".join(f"{name} {one.private_bytes / _MB:.0f}" for name, one in sorted(by_process.items()))
    bar, holds = (f"≤ {bar_mb} MB", private_mb <= bar_mb) if bar_mb else ("", None)
    return [
        Figure(f"private, {when}", f"{private_mb:.0f} MB ({each})", bar, holds),
        Figure(f"PSS, {when}", f"{pss_mb:.0f} MB"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--spans", type=int, default=60_000, help="sent before the second look")
    parser.add_argument("--ingest-edge", action="store_true", help="telemetry by a process of its own")
    options = parser.parse_args()
    with running_server(ingest_edge=options.ingest_edge) as server:
        watch = Watch(server)
        ingest, read = server.token("ingest"), server.token("read")
        figures = figures_of(at_rest(server), "at rest", 300)
        send_spans(Connection(server.otlp_url, ingest), options.spans)
        busy = memory_by_child(server.data_dir)  # before anything is given back
        figures += figures_of(busy, f"while the last of {options.spans:,} spans are counted", None)
        # The bar is for a million; fewer are reported beside it.
        bar_mb = 450 if options.spans >= 1_000_000 else None
        figures += figures_of(at_rest(server), f"after {options.spans:,} spans", bar_mb)
        stored = Connection(server.url, read).stored_spans()
        watch.stop()
    details = {"storedSpans": stored, "cpuS": watch.cpu}
    Report("memory", figures, watch.others_cores, details).show()


if __name__ == "__main__":
    main()
