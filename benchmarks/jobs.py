"""The ledger of jobs: what a job costs, and how long a quiet workspace waits: `python -m benchmarks.jobs`.

Processor seconds are those of this process and of its PostgreSQL together, vacuum among them.
"""

import argparse
import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg
from tests.conftest import migrated_state

from benchmarks.harness import Figure, Report, Watch, at_most, cpu_below, fresh_folder, percentile, quieten
from tidegate.jobs import Claimed, Done, Handler, NewJob, Outcome, PostgresLedger, PostgresOutbox, Worker
from tidegate.jobs.store import CHANNEL
from tidegate.kernel import SystemClock, WorkspaceId
from tidegate.storage import Database
from tidegate.storage.hearing import hear

KIND = "bench.nothing"
WHOLE_BAR = 5_000
QUIET_BAR_MS = 100.0
_WORKSPACES = 200


class Bench:
    """One PostgreSQL with some workspaces."""

    def __init__(self, dsn: str, database: Database, workspaces: list[WorkspaceId]) -> None:
        self.dsn, self.database, self.workspaces = dsn, database, workspaces
        self.outbox = PostgresOutbox()

    async def add(self, count: int, *, a_transaction: int, workspaces: list[WorkspaceId], kind: str = KIND) -> None:
        for number in range(0, count, a_transaction):
            workspace = workspaces[number // a_transaction % len(workspaces)]
            jobs = [NewJob(kind, {"event": secrets.token_hex(16), "number": n}) for n in range(a_transaction)]
            async with self.database.transaction(workspace) as connection:
                await self.outbox.add(connection, workspace, jobs)

    async def drain(self, handler: Handler, until: Callable[[], bool], *, kind: str = KIND) -> None:
        """Run a worker, woken as in a server, until enough was done."""
        worker = Worker(
            ledger=PostgresLedger(self.database), handlers={kind: handler}, clock=SystemClock(), concurrency=128
        )
        tasks = [asyncio.create_task(worker.run()), asyncio.create_task(hear(self.dsn, CHANNEL, worker.wake))]
        while True:
            await asyncio.sleep(0.01)
            if until():
                break
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


def processor_s() -> float:
    return time.process_time() + cpu_below(os.getpid())


async def costed(work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Return processor seconds and seconds that `work` took."""
    before, began = processor_s(), time.perf_counter()
    await work()
    return processor_s() - before, time.perf_counter() - began


async def measure_cost(bench: Bench, jobs: int, *, a_transaction: int) -> dict[str, float]:
    ran = 0

    async def nothing(_: Claimed) -> Outcome:
        nonlocal ran
        ran += 1
        return Done()

    adding, _ = await costed(lambda: bench.add(jobs, a_transaction=a_transaction, workspaces=bench.workspaces))
    running, took = await costed(lambda: bench.drain(nothing, lambda: ran >= jobs))
    return {"adding": jobs / adding, "running": jobs / running, "whole": jobs / (adding + running), "s": jobs / took}


async def measure_quiet(bench: Bench, backlog: int, samples: int) -> tuple[list[float], int]:
    """Return how long jobs of a quiet workspace waited, in ms, and how many of the backlog were left then."""
    noisy, quiet = bench.workspaces[0], bench.workspaces[1]
    waited: list[float] = []
    added_at: dict[str, float] = {}
    ran = 0

    async def serve(job: Claimed) -> Outcome:
        nonlocal ran
        if job.workspace == quiet:
            waited.append((time.perf_counter() - added_at[str(job.payload["name"])]) * 1_000)
        else:
            ran += 1
            await asyncio.sleep(0.005)  # a receiver on the same continent
        return Done()

    async def trickle() -> None:
        for number in range(samples):
            name = f"q{number}"
            async with bench.database.transaction(quiet) as connection:
                await bench.outbox.add(connection, quiet, [NewJob("bench.quiet", {"name": name})])
                added_at[name] = time.perf_counter()
            await asyncio.sleep(0.02)

    await bench.add(backlog, a_transaction=500, workspaces=[noisy], kind="bench.quiet")
    trickling = asyncio.create_task(trickle())
    await bench.drain(serve, lambda: len(waited) >= samples, kind="bench.quiet")
    await trickling
    return waited, backlog - ran


async def measure(jobs: int, backlog: int, samples: int) -> list[Figure]:
    with fresh_folder() as folder:
        async with migrated_state(folder) as dsns:
            owner = await asyncpg.connect(dsns.owner)
            workspaces = [WorkspaceId(f"w-{number:04}") for number in range(_WORKSPACES)]
            await owner.execute(
                "INSERT INTO workspaces (id, name, created_at) SELECT id, id, now() FROM unnest($1::text[]) AS id",
                workspaces,
            )
            database = await Database.connect(dsns.serving)
            bench = Bench(dsns.serving, database, workspaces)
            try:
                return await _figures(bench, owner, jobs=jobs, backlog=backlog, samples=samples)
            finally:
                await database.close()
                await owner.close()


async def _figures(
    bench: Bench,
    owner: "asyncpg.Connection[asyncpg.Record]",
    *,
    jobs: int,
    backlog: int,
    samples: int,
) -> list[Figure]:
    await measure_cost(bench, 2_000, a_transaction=100)  # plans and pages
    batched = await measure_cost(bench, jobs, a_transaction=100)
    single = await measure_cost(bench, jobs // 4, a_transaction=1)
    waited, left = await measure_quiet(bench, backlog, samples)
    size = await owner.fetchval("SELECT pg_total_relation_size('jobs')")
    rows = await owner.fetchval("SELECT count(*) FROM jobs")
    return [
        Figure(
            f"{jobs} jobs of 200 workspaces, 100 a transaction: added, claimed, settled, a CPU-second",
            f"{batched['whole']:,.0f}", f"≥ {WHOLE_BAR:,}", batched["whole"] >= WHOLE_BAR,
        ),
        Figure("of that, added / run, a CPU-second", f"{batched['adding']:,.0f} / {batched['running']:,.0f}"),
        Figure("run, a second, one worker", f"{batched['s']:,.0f}"),
        Figure("the whole, one a transaction, a CPU-second", f"{single['whole']:,.0f}"),
        Figure(f"quiet workspace beside a backlog of {backlog:,}, p50", f"{percentile(waited, 0.5):.1f} ms"),
        at_most("the same, p99", percentile(waited, 0.99), QUIET_BAR_MS, unit="ms", digits=1),
        Figure("of the backlog, left when the last quiet job ran", f"{left:,}"),
        Figure("table and indexes, a job that is kept", f"{size / max(rows, 1):,.0f} bytes"),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--backlog", type=int, default=20_000)
    parser.add_argument("--samples", type=int, default=100)
    options = parser.parse_args()
    quieten()
    watch = Watch()
    figures = asyncio.run(measure(options.jobs, options.backlog, options.samples))
    Report("jobs", figures, watch.stop().others_cores).show()


if __name__ == "__main__":
    main()
