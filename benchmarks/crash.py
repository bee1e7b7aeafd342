"""Claim: `kill -9` of edge, engine, PostgreSQL or supervisor under load loses and doubles nothing; back within 10 s.

Two senders keep book of what was acknowledged and send every body until it is; each round kills the next process at a
random moment and waits for a 200 to a body that was sent after it. `tests/e2e/test_crash.py` fails on the same
conditions; here they are counted.
"""

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Sequence

from tests.e2e.load import Load
from tests.e2e.server import Server
from tests.e2e.test_crash import BACK_WITHIN_S, VICTIMS, WITH_INGEST_EDGE, kill

from benchmarks.harness import Connection, Figure, Report, at_most, percentile, running_server

_GIVE_UP_S = 60.0
_SETTLE_S = 20.0
_SENDERS = 2  # of `Load`: so many answers may be to bodies that were stored before the kill, one more may not


def run_rounds(
    server: Server, load: Load, *, rounds: int, seed: int, victims: Sequence[str] = VICTIMS
) -> dict[str, list[float]]:
    """Kill `rounds` times and return the seconds until the next acknowledgement, by victim."""
    choose = random.Random(seed)
    back: defaultdict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        victim = victims[number % len(victims)]
        load.wait_for_acknowledged(choose.randrange(1, 20))
        time.sleep(choose.uniform(0, 0.3))  # before, during or after a flush: one comes every 250 ms
        kill_began = time.monotonic()
        kill(server, victim)
        # A killed supervisor is started again by `kill`: that start is part of being back.
        load.wait_for_acknowledged(_SENDERS + 1, since=kill_began, within_s=_GIVE_UP_S)
        back[victim].append(time.monotonic() - kill_began)
    return back


def settled_count(connection: Connection, *, at_least: int) -> int:
    """Return the stored count, once it has reached `at_least` or had the time to."""
    deadline = time.monotonic() + _SETTLE_S
    while (count := connection.stored_spans()) < at_least and time.monotonic() < deadline:
        time.sleep(0.1)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--ingest-edge", action="store_true", help="with a second process that takes telemetry in")
    options = parser.parse_args()
    victims = WITH_INGEST_EDGE if options.ingest_edge else VICTIMS
    with running_server(ingest_edge=options.ingest_edge) as server:
        ingest, read = server.token("ingest"), server.token("read")
        load = Load(server.otlp_url, ingest, other_url=server.url)
        load.start()
        try:
            back = run_rounds(server, load, rounds=options.rounds, seed=options.seed, victims=victims)
        finally:
            load.stop()
        server.wait_ready()
        connection = Connection(server.url, read)
        acknowledged = load.acknowledged_spans
        lost = max(0, acknowledged - settled_count(connection, at_least=acknowledged))
        load.confirm_everything()  # what was never acknowledged may be stored or not; now all of it is
        sent = load.sent_spans
        extra = settled_count(connection, at_least=sent) - sent
        signals = connection.get("/metrics/auth")["totals"]["requestCount"] - sent
    every = [seconds for found in back.values() for seconds in found]
    figures = [
        Figure("rounds; spans acknowledged under them", f"{options.rounds}; {acknowledged:,}"),
        Figure("acknowledged spans lost", str(lost), "0", lost == 0),
        Figure("spans stored minus sent, all confirmed", str(extra), "0", extra == 0),
        Figure("the same in the rollup of sign-ins", str(signals), "0", signals == 0),
        at_most("back, worst", max(every), BACK_WITHIN_S, unit="s"),
        Figure("back, p50", f"{percentile(every, 0.5):.2f} s"),
        *(Figure(f"back, worst after {victim}", f"{max(found):.2f} s") for victim, found in back.items()),
    ]
    # Processes die here, and what they took is lost with them: so what others took cannot be told from it.
    Report("crash", figures, None, {"backS": back}).show()


if __name__ == "__main__":
    main()
