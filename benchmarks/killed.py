"""Claim: `kill -9` anywhere on the way from a rule to a webhook loses no page and forgets nothing.

The process that evaluates, pages and sends is killed at random moments of a played time, again and again, and goes on.
Then alerts with their pending age, keep-firing and flaps, acknowledgements and pages must be those of a run of the same
time without a crash, to the row; every page must have been received, at most one in a hundred twice, and that under its
one id. `tests/contract/alerts/test_way_crashes.py` fails on the same conditions; here they are counted.
"""

import argparse
import asyncio
from pathlib import Path

import asyncpg
from tests.conftest import migrated_state
from tests.contract.alerts.killing import Found, Stores, kill_on_the_way

from benchmarks.harness import Figure, Report, at_most, fresh_folder, quieten
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

_MOST_STEPS = 400  # minutes: what the schedule knows
_STEPS_A_ROUND = 8  # the last of them go by unhurt
_TWICE_PERCENT = 1.0


async def measure(folder: Path, *, rounds: int, seed: int) -> Found:
    async with migrated_state(folder) as dsns:
        owner = await asyncpg.connect(dsns.owner)
        database = await Database.connect(dsns.serving)
        try:
            workspaces = WorkspaceId("unhurt"), WorkspaceId("hurt")
            for workspace in workspaces:
                await owner.execute(
                    "INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, '2026-01-01')", workspace
                )
            stores = Stores(owner, database, dsns.serving)
            return await kill_on_the_way(
                stores, workspaces, kills=rounds, steps=min(_MOST_STEPS, rounds * _STEPS_A_ROUND), seed=seed
            )
        finally:
            await database.close()
            await owner.close()


def figures_of(found: Found, rounds: int) -> list[Figure]:
    kept = {name: found.expected[name] == found.outcome[name] for name in found.expected}
    pages = len(found.received)
    return [
        Figure("rounds; pages that were due; webhooks that arrived",
               f"{rounds}; {len(found.expected['pages']):,}; {found.received.total():,}"),
        Figure("alerts, pending age, keep-firing, flaps as unhurt", _said(kept["episodes"]), "yes", kept["episodes"]),
        Figure("each of their transitions", _said(kept["moves"]), "yes", kept["moves"]),
        Figure("acknowledgements", _said(kept["cares"]), "yes", kept["cares"]),
        Figure("pages, with their moments", _said(kept["pages"]), "yes", kept["pages"]),
        Figure("pages lost", str(found.lost_count), "0", found.lost_count == 0),
        at_most("sent twice, under one id", 100 * found.twice_count / max(1, pages), _TWICE_PERCENT, unit="%"),
    ]  # fmt: skip


def _said(holds: bool) -> str:  # noqa: FBT001 - the word for it
    return "yes" if holds else "no"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.killed", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    quieten()
    with fresh_folder() as folder:
        found = asyncio.run(measure(folder, rounds=options.rounds, seed=options.seed))
    # Processes die here, and what they took is lost with them: so what others took cannot be told from it.
    Report("killed", figures_of(found, options.rounds), None, {"twice": found.twice_count}).show()


if __name__ == "__main__":
    main()
