"""Claim: durable ingest of 512-span bodies of AI runs costs little processor, rollups, sync and rules included.

The load generator is `otlp_load.py`, named by `--load` or `TIDEGATE_LOAD`; without one the plain sender beside this
script takes its place, and the table says so. 200 means stored and synced, so what is measured is the whole way; rules
are evaluated every second meanwhile. Processor seconds are those of all of tidegate's processes, from the first body
until the stored counts show every span. Three runs: as fast as it goes, a steady 2,000 spans/s, and 20,000 spans/s of
which three in a hundred come up to a minute late.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.e2e.server import Server, wait_until

from benchmarks.harness import ROOT, Connection, Figure, Report, Watch, running_server

_STEADY_SPANS_S = 2_000
_RATE_WITH_LATE = 20_000
_LATE_SHARE = 0.03
_LATE_S = 60.0
_VISIBLE_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Load:
    """Which generator, and with what."""

    command: tuple[str, ...]
    name: str
    batch: int
    procs: int
    seconds: float
    more: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: argparse.Namespace) -> "Load":
        command: tuple[str, ...] = (sys.executable, "-m", "benchmarks.sender")
        name = "plain sender"
        if options.load:
            path = Path(options.load).resolve()
            command, name = (sys.executable, str(path)), path.name
        return cls(command, name, options.batch, options.procs, options.seconds)

    def late(self, seconds: float) -> "Load":
        """Return a sender of traces that ended at some moment of the last `seconds`, in bodies of three of them."""
        more = ("--late", str(seconds))
        return Load((sys.executable, "-m", "benchmarks.sender"), "plain sender", 24, 16, self.seconds, more)

    def lasting(self, seconds: float) -> "Load":
        return replace(self, seconds=seconds)

    def send(self, server: Server, token: str, *, rate: int = 0) -> dict[str, Any]:
        """Send for the time and return the generator's own figures."""
        ran = subprocess.run(
            [
                *self.command,
                *("--url", f"{server.url}/v1/traces", "--header", f"Authorization=Bearer {token}"),
                *("--batch", str(self.batch), "--procs", str(self.procs), "--seconds", str(self.seconds)),
                *("--rate", str(rate), *self.more),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=self.seconds + 300,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        figures: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        return figures


@dataclass(frozen=True, slots=True)
class Run:
    """What one load found."""

    generator: dict[str, Any]
    watch: Watch
    visible_after_s: float
    """From the generator's end until every span showed in the stored counts."""
    stored_difference: int
    """Stored minus acknowledged; anything but 0 is an error."""

    @property
    def spans(self) -> int:
        count: int = self.generator["accepted_spans"]
        return count


def run_once(
    server: Server, load: Load, tokens: tuple[str, str], *, rate: int = 0, late: tuple[Load, int] | None = None
) -> Run:
    """Send with `load`, and beside it with the load and rate of `late`; its spans are added to the figures."""
    ingest, read = tokens
    connection = Connection(server.url, read)
    before = connection.stored_spans()
    watch = Watch(server)
    with ThreadPoolExecutor(1) as beside:
        other = beside.submit(late[0].send, server, ingest, rate=late[1]) if late else None
        figures = load.send(server, ingest, rate=rate)
        if other is not None:
            figures["late_spans"] = other.result()["accepted_spans"]
            figures["accepted_spans"] += figures["late_spans"]
    ended = time.monotonic()
    expected = before + figures["accepted_spans"]
    wait_until(lambda: connection.stored_spans() >= expected, within_s=_VISIBLE_WITHIN_S, what=f"{expected} spans")
    visible_after_s = time.monotonic() - ended
    return Run(figures, watch.stop(), visible_after_s, connection.stored_spans() - expected)


def figures_with_late(run: Run) -> list[Figure]:
    per_cpu_s = run.spans / run.watch.cpu_s
    share = run.generator["late_spans"] / run.spans
    return [
        Figure(f"spans per CPU-second at {_RATE_WITH_LATE:,} spans/s, {share:.1%} of them up to {_LATE_S:.0f} s late",
               f"{per_cpu_s:,.0f} at {run.generator['accept_spans_s']:,}/s", "≥ 18,000", per_cpu_s >= 18_000),
        Figure("all of them visible after the last 200", f"{run.visible_after_s:.1f} s"),
        Figure("stored minus acknowledged, with late ones", str(run.stored_difference), "0", not run.stored_difference),
    ]  # fmt: skip


def figures_of(flood: Run, steady: Run) -> list[Figure]:
    told, cpu_s = flood.generator, flood.watch.cpu_s
    cores = steady.watch.cpu_s / steady.generator["accept_s"]
    per_cpu_s = flood.spans / cpu_s
    shares = ", ".join(f"{name} {spent / cpu_s:.0%}" for name, spent in sorted(flood.watch.cpu.items()))
    return [
        Figure("spans accepted, durable", f"{told['accept_spans_s']:,}/s", "≥ 20,000/s",
               told["accept_spans_s"] >= 20_000),
        Figure("spans per CPU-second of all processes", f"{per_cpu_s:,.0f}", "≥ 25,000", per_cpu_s >= 25_000),
        Figure("CPU by process", shares),
        Figure("latency p50 / p95 / p99", " / ".join(f"{told[f'ms_p{share}']:.0f}" for share in (50, 95, 99)) + " ms"),
        Figure("all visible after the last 200", f"{flood.visible_after_s:.2f} s", "≤ 1 s", flood.visible_after_s <= 1),
        Figure("stored minus acknowledged", str(flood.stored_difference + steady.stored_difference), "0",
               flood.stored_difference == steady.stored_difference == 0),
        Figure(f"cores at {_STEADY_SPANS_S:,} spans/s", f"{cores:.2f}", "≤ 0.4", cores <= 0.4),
        Figure("answers other than 200", str({k: v for k, v in told["status"].items() if k != "200"} or "none")),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__)
    parser.add_argument("--load", default=os.environ.get("TIDEGATE_LOAD"), help="otlp_load.py; else TIDEGATE_LOAD")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--procs", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=15, help="of each of the first two runs")
    parser.add_argument("--late-seconds", type=float, default=20, help="of the run with late rows; the bar takes 120")
    options = parser.parse_args()
    load = Load.of(options)
    with running_server() as server:
        tokens = server.token("ingest"), server.token("read")
        flood = run_once(server, load, tokens)
        steady = run_once(server, load, tokens, rate=_STEADY_SPANS_S)
        long = load.lasting(options.late_seconds)
        few = long.late(_LATE_S), round(_LATE_SHARE * _RATE_WITH_LATE)
        mixed = run_once(server, long, tokens, rate=_RATE_WITH_LATE - few[1], late=few)
    figures = [Figure("generator", f"{load.name}, {load.batch} spans a body, {load.procs} processes")]
    details = {
        "flood": flood.generator,
        "steady": steady.generator,
        "withLate": mixed.generator,
        "cpuS": flood.watch.cpu,
        "steadyCpuS": steady.watch.cpu,
        "generatorCpuS": flood.watch.own_cpu_s,
    }
    Report(
        "ingest", [*figures, *figures_of(flood, steady), *figures_with_late(mixed)], flood.watch.others_cores, details
    ).show()


if __name__ == "__main__":
    main()
