"""Jobs in the background, and their parts for `app` to put together."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import structlog

from tidegate.jobs.model import Claimed, Done, Handler, NewJob, Outcome, Retry
from tidegate.jobs.ports import Ledger, Outbox
from tidegate.jobs.store import PostgresLedger, PostgresOutbox
from tidegate.jobs.worker import Worker
from tidegate.kernel import Clock, IdFactory, TidegateError
from tidegate.storage import Database

__all__ = ["PURGE", "JobKeeper", "Purge", "build_worker"]

PURGE: Final = "jobs.purge"
_DONE_KEPT: Final = timedelta(days=1)  # for people who ask whether something was done
_DEAD_KEPT: Final = timedelta(days=30)  # for people who come back from a holiday
_LOOK_S: Final = 60.0
_BATCH: Final = 1_000  # some 10 ms: nobody waits for its locks, and vacuum keeps up
_BATCHES_A_JOB: Final = 100
_log = structlog.get_logger("tidegate.jobs")


class Purge:
    """The handler that removes what is kept no longer, in batches, from the workspace of its job."""

    def __init__(self, ledger: Ledger, *, batch: int = _BATCH) -> None:
        self._ledger = ledger
        self._batch = batch

    async def __call__(self, job: Claimed) -> Outcome:
        removed = 0
        for _ in range(_BATCHES_A_JOB):
            count = await self._ledger.delete_old(job.workspace, done=_DONE_KEPT, dead=_DEAD_KEPT, limit=self._batch)
            removed += count
            if count < self._batch:
                return Done({"removed": removed})
        return Retry(f"{removed} jobs were removed, and there are more.", after=timedelta(seconds=1))


class JobKeeper:
    """Adds a job that purges to each workspace that needs one; jobs of deleted workspaces it drops itself."""

    def __init__(self, *, database: Database, ledger: Ledger, outbox: Outbox, look_s: float = _LOOK_S) -> None:
        self._database = database
        self._ledger = ledger
        self._outbox = outbox
        self._look_s = look_s

    async def run(self) -> None:
        """Keep the ledger small until cancelled."""
        while True:
            try:
                await self.keep()
            except TidegateError as error:
                _log.warning("old jobs are removed later", cause=error.message)
            await asyncio.sleep(self._look_s)

    async def keep(self) -> None:
        """Look once. However many processes look, a workspace has one such job at a time.

        Raises:
            UnavailableError: PostgreSQL does not answer.
        """
        # Nobody runs jobs of a deleted workspace, so none would run one that purges it.
        while await self._ledger.delete_orphans(limit=_BATCH):
            continue
        for workspace in await self._ledger.list_old(done=_DONE_KEPT, dead=_DEAD_KEPT):
            async with self._database.transaction(workspace) as connection:
                await self._outbox.add(connection, workspace, [NewJob(PURGE, {}, key="all", priority=-1)])


def build_worker(
    database: Database, handlers: Mapping[str, Handler], *, ids: IdFactory, clock: Clock
) -> tuple[Worker, JobKeeper]:
    """Return what runs the jobs of a process, for the handlers of all slices."""
    ledger = PostgresLedger(database, holder=ids.new_id("wrk"))
    worker = Worker(ledger=ledger, handlers={PURGE: Purge(ledger), **handlers}, clock=clock)
    return worker, JobKeeper(database=database, ledger=ledger, outbox=PostgresOutbox(ids=ids))
