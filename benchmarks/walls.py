"""Claim: nothing of another workspace comes back or changes, whichever one of three walls is taken away.

Requests are generated over every route with ids of others in every slot, sent to the real application over real engines
within this process: with all walls, without the conditions of the code, without row-level security and claims, without
the policies. The mutants remove conditions and policies one and two at a time. And with all walls one cannot tell by
the time of an answer whether an id is somebody else's or nobody's.
"""

import argparse
import asyncio
import os
import time
from collections import Counter
from pathlib import Path
from statistics import median

from tests.api.walls.filling import open_installation
from tests.api.walls.judging import Judge, Verdicts, collect
from tests.api.walls.mutants import Mutant, policy_mutants, record, state_mutants, telemetry_mutants
from tests.api.walls.requests import Generator
from tests.api.walls.timing import Pair, differences_by_operation, time_pairs
from tests.api.walls.unwalled import WALLS, without
from tests.api.walls.world import Installation, document_of

from benchmarks.harness import Figure, Report, at_most, fresh_folder, quieten

_BAR_REQUESTS = 5_000
_BAR_MUTANTS = 200
_BAR_MS = 1
_RECORDED = 400
_PAIRS = 1_000
_WITHOUT = {"none": "all walls", "code": "without the code's", "engines": "without the engines'",
            "policies": "without the policies'"}  # fmt: skip


async def send_many(installation: Installation, *, count: int) -> dict[str, Verdicts]:
    """Return what `count` requests found, a quarter of them by each choice of walls."""
    judge, found = Judge(installation), {}
    for number, wall in enumerate(WALLS):
        async with without(installation, wall) as doors:
            generator = Generator(installation, document_of(doors), seed=number)
            await collect(doors, installation, generator)
            found[wall] = await judge.run(doors, generator, count=count // len(WALLS))
    return found


async def measure(folder: Path, *, count: int) -> tuple[list[Figure], dict[str, object]]:
    began = time.process_time()
    async with open_installation(folder, count=3) as installation:
        # First: requests that are generated make things of the caller's own under names that others use as well.
        async with without(installation, "none") as doors:
            operations = Generator(installation, document_of(doors), seed=1).operations
            pairs = await time_pairs(doors, operations, installation.own, installation.others[0], count=_PAIRS)
        recorded = await record(installation, count=_RECORDED, seed=1)
        mutants = [each for make in (state_mutants, policy_mutants, telemetry_mutants)
                   for each in await make(installation, recorded)]  # fmt: skip
        found = await send_many(installation, count=count)
    spent = time.process_time() - began
    problems = {wall: each.summary() for wall, each in found.items() if not each.is_clean}
    details = {"problems": problems, "ownCpuS": round(spent, 1), "msByOperation": differences_by_operation(pairs)}
    return [*_of_requests(found), *_of_times(pairs), *_of_mutants(mutants)], details


def _of_times(pairs: list[Pair]) -> list[Figure]:
    foreign, unknown = median(each.foreign_ms for each in pairs), median(each.unknown_ms for each in pairs)
    return [
        Figure(f"{len(pairs):,} foreign ids beside unknown ones, median answer", f"{foreign:.2f} / {unknown:.2f} ms"),
        at_most("difference of the medians", abs(foreign - unknown), _BAR_MS, unit="ms"),
    ]


def _of_requests(found: dict[str, Verdicts]) -> list[Figure]:
    total = sum(each.request_count for each in found.values())
    figures = [Figure("requests", f"{total:,}", f"≥ {_BAR_REQUESTS:,}", total >= _BAR_REQUESTS)]
    for wall, each in found.items():
        bad = len(each.leaks) + len(each.changes)
        figures.append(Figure(f"foreign rows or effects, {_WITHOUT[wall]}", str(bad), "0", bad == 0))
    differing = sum(len(each.differences) + len(each.server_errors) for each in found.values())
    pairs = sum(each.pair_count for each in found.values())
    return [*figures, Figure(f"of {pairs:,} foreign ids told from unknown ones, and errors", str(differing), "0",
                             differing == 0)]  # fmt: skip


def _of_mutants(mutants: list[Mutant]) -> list[Figure]:
    counted = [each for each in mutants if not each.reason]
    escaped = [each for each in counted if not each.caught_by]
    by_kind = Counter((each.kind, each.caught_by.partition(":")[0]) for each in counted)
    figures = [
        Figure("mutants", str(len(counted)), f"≥ {_BAR_MUTANTS}", len(counted) >= _BAR_MUTANTS),
        Figure("mutants that nothing caught", str(len(escaped)), "0", not escaped),
        Figure("mutants not counted: nothing is reached with the values that ran", str(len(mutants) - len(counted))),
    ]
    return figures + [Figure(f"without {kind}: caught by {by}", str(number))
                      for (kind, by), number in sorted(by_kind.items())]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.walls", description=__doc__)
    parser.add_argument("--requests", type=int, default=_BAR_REQUESTS, help="by all choices of walls together")
    options = parser.parse_args()
    os.environ["TIDEGATE_REQUEST_LIMIT"] = "0"
    quieten()
    with fresh_folder() as folder:
        figures, details = asyncio.run(measure(folder, count=options.requests))
    Report("walls", figures, None, details).show()


if __name__ == "__main__":
    main()
