"""What ingest costs elsewhere: spans per CPU-second of Phoenix and MLflow, under the load that measures tidegate.

The load generator is `otlp_load.py`, named by `--load` or `TIDEGATE_LOAD`. Processor seconds are those of all processes
of the peer, from the first body until every acknowledged span stands in its database, or the time is over: then what
stands there counts, which is kind to it. The same bodies of 512 spans; few processes: a peer answers few at once.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, Figure, Report, Watch, fresh_folder
from benchmarks.peer_servers import PEERS, Peer, wait_for_spans

_VISIBLE_WITHIN_S = 60.0
_SETTLE_S = 15.0
_BATCH = 512


@dataclass(frozen=True, slots=True)
class Found:
    """What one peer took."""

    spans: int
    """That stand in its database."""
    accepted: int
    cpu_s: float
    waited_s: float
    generator: dict[str, Any]


def measure(kind: type[Peer], venvs: Path, options: argparse.Namespace) -> Found:
    with fresh_folder() as folder:
        peer = kind(venvs, folder)
        peer.install()
        with peer.running():
            # Not its start: workers come up and price lists are sought after it answers first.
            first = _send(peer, options, spans=_BATCH * options.procs)
            wait_for_spans(peer, first["accepted_spans"], within_s=_VISIBLE_WITHIN_S)
            time.sleep(_SETTLE_S)
            warm, before = peer.span_count(), peer.cpu_s()
            told = _send(peer, options, spans=options.spans)
            waited = wait_for_spans(peer, warm + told["accepted_spans"], within_s=_VISIBLE_WITHIN_S)
            spent = peer.cpu_s() - before
            return Found(peer.span_count() - warm, told["accepted_spans"], spent, waited, told)


def _send(peer: Peer, options: argparse.Namespace, *, spans: int) -> dict[str, Any]:
    headers = [word for name, value in peer.headers.items() for word in ("--header", f"{name}={value}")]
    ran = subprocess.run(
        [
            sys.executable,
            str(Path(options.load).resolve()),
            *("--url", f"{peer.url}/v1/traces", *headers),
            *("--batch", str(_BATCH), "--procs", str(options.procs)),
            *("--spans", str(spans), "--seconds", str(options.seconds)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=options.seconds + 120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    figures: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--load", default=os.environ.get("TIDEGATE_LOAD"), help="otlp_load.py; else TIDEGATE_LOAD")
    parser.add_argument("--venvs", type=Path, help="where the peers are installed, and stay")
    parser.add_argument("--spans", type=int, default=8_192)
    parser.add_argument("--procs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20, help="at most, for each peer")
    parser.add_argument("--tidegate", type=float, help="tidegate's spans per CPU-second on this machine, for the ratio")
    names = [kind.__name__.lower() for kind in PEERS]
    parser.add_argument("--only", action="append", choices=names, help="one peer; may be given several times")
    options = parser.parse_args()
    if not options.load:
        parser.error("name the load generator: --load otlp_load.py, or TIDEGATE_LOAD")
    watch, figures, details = Watch(), [], {}
    with tempfile.TemporaryDirectory(prefix="tidegate-peers-") as folder:
        venvs = options.venvs or Path(folder)
        venvs.mkdir(parents=True, exist_ok=True)
        for kind in PEERS:
            if options.only and kind.__name__.lower() not in options.only:
                continue
            found = measure(kind, venvs, options)
            per_cpu_s = found.spans / found.cpu_s
            ratio = f", tidegate {options.tidegate / per_cpu_s:,.0f} times as many" if options.tidegate else ""
            figures += [
                Figure(f"{kind.package}: spans per CPU-second", f"{per_cpu_s:,.0f}{ratio}"),
                Figure(f"{kind.package}: stored of acknowledged", f"{found.spans:,} of {found.accepted:,}"),
            ]
            details[kind.package] = {"cpuS": round(found.cpu_s, 2), "waitedS": round(found.waited_s, 1)} | {
                key: found.generator[key] for key in ("accept_s", "accept_spans_s", "ms_p50", "status")
            }
    Report("peers", figures, watch.stop().others_cores, details).show()


if __name__ == "__main__":
    main()
