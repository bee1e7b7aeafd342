"""A process that runs jobs: each run is written down twice, at once and with the end of its job; made to be killed."""

import asyncio
import random
import sys

from tidegate.jobs import Claimed, Done, Outcome, PostgresLedger, Worker
from tidegate.kernel import SystemClock
from tidegate.storage import Database
from tidegate.storage.database import Connection


async def main(dsn: str, kind: str) -> None:
    database = await Database.connect(dsn, size=4)

    async def run(job: Claimed) -> Outcome:
        print(job.id, flush=True)  # noqa: T201 - the effect in the world outside: this is what a receiver would see
        await asyncio.sleep(random.random() / 200)

        async def write(connection: Connection) -> None:
            await connection.execute("INSERT INTO job_effects (workspace, job) VALUES ($1, $2)", job.workspace, job.id)

        return Done(also=write if job.payload["also"] else None)

    worker = Worker(
        ledger=PostgresLedger(database, holder="child"),
        handlers={kind: run},
        clock=SystemClock(),
        concurrency=8,
        of_one=8,
    )
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
