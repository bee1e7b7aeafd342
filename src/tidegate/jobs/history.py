"""What is over and kept no longer goes: a job a workspace and day, in batches.

Contract. Who keeps history hands in what removes a batch of it; each batch is a transaction of its own, so that nobody
waits for its locks and vacuum keeps up. A workspace has one such job at a time, however many processes add it. Removing
twice removes nothing, and a job that dies in between is taken again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from tidegate.jobs.model import Claimed, Done, NewJob, Outcome, Retry
from tidegate.jobs.ports import Outbox
from tidegate.kernel import Clock, TidegateError, WorkspaceId
from tidegate.storage import Database

__all__ = ["HISTORY", "HistoryKeeper", "HistoryPurge", "Remover"]

HISTORY: Final = "history.purge"
_EVERY: Final = timedelta(days=1)
_FIRST_AFTER: Final = timedelta(minutes=10)  # a process that starts has better things to do
_LOOK_S: Final = 60.0
_BATCH: Final = 500
_BATCHES_A_JOB: Final = 40  # of each kind: some seconds
_log = structlog.get_logger("tidegate.jobs")


class Remover(Protocol):
    """Removes what is kept no longer."""

    async def remove_old(self, workspace: WorkspaceId, *, before: datetime, limit: int) -> int:
        """Remove the oldest of what was over before that moment, and return how much: less than `limit`, no more."""
        ...


class HistoryPurge:
    """The handler: what each remover finds, after its own time."""

    def __init__(self, removers: Mapping[str, tuple[Remover, timedelta]], clock: Clock, *, batch: int = _BATCH) -> None:
        self._removers = removers
        self._clock = clock
        self._batch = batch

    async def __call__(self, job: Claimed) -> Outcome:
        removed: dict[str, int] = {}
        has_more = False
        for name, (remover, kept) in self._removers.items():
            before = self._clock.now() - kept
            removed[name] = 0
            for _ in range(_BATCHES_A_JOB):
                count = await remover.remove_old(job.workspace, before=before, limit=self._batch)
                removed[name] += count
                if count < self._batch:
                    break
            else:
                has_more = True
        if has_more and job.attempt < job.max_attempts:
            return Retry(f"Removed {removed}, and there is more.", after=timedelta(seconds=1))
        return Done(dict(removed))  # what is left goes with the job of tomorrow


class HistoryKeeper:
    """Adds the job to each workspace once a day."""

    def __init__(
        self,
        *,
        database: Database,
        outbox: Outbox,
        clock: Clock,
        list_workspaces: Callable[[], Awaitable[Sequence[WorkspaceId]]],
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._list_workspaces = list_workspaces
        self._next: datetime | None = None

    async def run(self) -> None:
        """Look every minute until cancelled."""
        while True:
            try:
                await self.keep()
            except TidegateError as error:
                _log.warning("old history is removed later", cause=error.message)
            await asyncio.sleep(_LOOK_S)

    async def keep(self) -> None:
        """Add the jobs, if it is time.

        Raises:
            UnavailableError: PostgreSQL does not answer.
        """
        now = self._clock.now()
        if self._next is None:
            self._next = now + _FIRST_AFTER
        if now < self._next:
            return
        for workspace in await self._list_workspaces():
            async with self._database.transaction(workspace) as connection:
                await self._outbox.add(connection, workspace, [NewJob(HISTORY, {}, key="all", priority=-1)])
        self._next = now + _EVERY
