"""Claim: tidegate counts the tokens and cost of every trap rightly; Phoenix and MLflow stand beside, on the same spans.

The traps and their figures, worked out by hand, stand in `tests/traps.py`. A figure is right when input tokens, output
tokens and cost are, or when a call that nobody can price shows no cost: a zero would be wrong. Peers are installed from
PyPI into a folder that is removed afterwards, unless `--venvs` names one to keep.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.e2e.server import wait_until
from tests.traps import TRAPS, Trap, request_of

from benchmarks.harness import Connection, Figure, Report, Watch, fresh_folder, running_server
from benchmarks.peer_servers import PEERS, Peer, PeerFigures, wait_for_spans

_VISIBLE_WITHIN_S = 60.0
_SETTLE_S = 5.0  # peers compute costs after they store spans
Verdicts = Mapping[str, str]


def bodies() -> Sequence[bytes]:
    """Return the deliveries: all traps, then again those that are delivered twice."""
    end_ns = time.time_ns()
    return [
        request_of([trap for trap in TRAPS if trap.sent > n], end_ns=end_ns, service="traps").SerializeToString()
        for n in range(max(trap.sent for trap in TRAPS))
    ]


def verdict_of(trap: Trap, shown: PeerFigures | None) -> str:
    if shown is None:
        return "not shown"
    wrong = []
    if (trap.input_tokens, trap.output_tokens) not in shown.tokens:
        wrong.append("tokens " + " or ".join(f"{a}+{b}" for a, b in sorted(shown.tokens)))
    if trap.nano_usd is None:
        wrong += [] if shown.usd is None else [f"${shown.usd:g} for what has no price"]
    elif shown.usd is None:
        wrong.append("no cost")
    elif not math.isclose(shown.usd, trap.nano_usd / 10**9, rel_tol=1e-6, abs_tol=1e-12):
        wrong.append(f"${shown.usd:g}, not ${trap.nano_usd / 10**9:g}")
    return "; ".join(wrong) or "right"


def measure_tidegate() -> Verdicts:
    with running_server() as server:
        server.cli("workspace", "create", "traps")
        ingest, read = server.token("ingest", "traps"), server.token("read", "traps")
        for body in bodies():
            headers = {"Content-Type": "application/x-protobuf"}
            assert server.call("POST", "/v1/traces", token=ingest, body=body, headers=headers)[0] == 200
        connection, runs = Connection(server.url, read), sum(trap.runs for trap in TRAPS)
        wait_until(
            lambda: connection.get("/metrics/ai")["totals"]["runCount"] >= runs,
            within_s=_VISIBLE_WITHIN_S,
            what=f"{runs} runs",
        )
        return {trap.name: verdict_of(trap, _shown_by_tidegate(connection, trap)) for trap in TRAPS}


def _shown_by_tidegate(connection: Connection, trap: Trap) -> PeerFigures:
    totals = connection.get(f"/metrics/ai?workspaceId={trap.name}")["totals"]
    is_priced = totals["runCount"] > 0 and totals["unpricedRunCount"] == 0
    tokens = frozenset({(totals["inputTokens"], totals["outputTokens"])})
    return PeerFigures(tokens, totals["costUsd"] if is_priced else None)


def measure_peer(kind: type[Peer], venvs: Path) -> Verdicts:
    with fresh_folder() as folder:
        peer = kind(venvs, folder)
        peer.install()
        with peer.running():
            for (
                trap
            ) in TRAPS:  # one at a time: MLflow takes 7 s for a model it does not know, and more than a minute for all
                body = request_of([trap], end_ns=time.time_ns(), service="traps").SerializeToString()
                for _ in range(trap.sent):
                    assert peer.post(body) == 200
            wait_for_spans(peer, sum(len(trap.spans) for trap in TRAPS), within_s=_VISIBLE_WITHIN_S)
            time.sleep(_SETTLE_S)
            return {trap.name: verdict_of(trap, peer.figures(trap.trace_id().hex())) for trap in TRAPS}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.traps", description=__doc__)
    parser.add_argument("--venvs", type=Path, help="where the peers are installed, and stay")
    parser.add_argument("--only", action="append", choices=["tidegate", *(kind.__name__.lower() for kind in PEERS)])
    options = parser.parse_args()
    watch = Watch()
    found: dict[str, Verdicts] = {}
    with tempfile.TemporaryDirectory(prefix="tidegate-peers-") as folder:
        venvs = options.venvs or Path(folder)
        venvs.mkdir(parents=True, exist_ok=True)
        if not options.only or "tidegate" in options.only:
            found["tidegate"] = measure_tidegate()
        for kind in PEERS:
            if not options.only or kind.__name__.lower() in options.only:
                found[kind.package] = measure_peer(kind, venvs)
    Report("traps", figures_of(found), watch.stop().others_cores, {"verdicts": found}).show()


def figures_of(found: Mapping[str, Verdicts]) -> list[Figure]:
    rows = [
        Figure(f"{trap.name}: {trap.why}", " | ".join(f"{who}: {own[trap.name]}" for who, own in found.items()))
        for trap in TRAPS
    ]
    for who, own in found.items():
        right = sum(verdict == "right" for verdict in own.values())
        is_ours = who == "tidegate"
        bar, holds = (str(len(TRAPS)), right == len(TRAPS)) if is_ours else ("", None)
        rows.append(Figure(f"right, of {len(TRAPS)}: {who}", str(right), bar, holds))
    return rows


if __name__ == "__main__":
    main()
