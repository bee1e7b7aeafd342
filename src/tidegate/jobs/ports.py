"""What others need of jobs, and what the worker needs of the ledger."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from tidegate.jobs.model import Claimed, Job, JobCounts, JobId, JobState, NewJob, Settled
from tidegate.kernel import Cursor, Page, WorkspaceId

if TYPE_CHECKING:
    from tidegate.storage.database import Connection


class Outbox(Protocol):
    """Where jobs are added: in the transaction that decides that something is to be done."""

    async def add(self, connection: "Connection", workspace: WorkspaceId, jobs: Sequence[NewJob]) -> list[JobId]:
        """Add in the caller's transaction: with it or not at all. NOTIFY wakes the workers at commit.

        Returns the id of each in the order given; that of the unfinished job where the key is taken.

        Raises:
            JobInvalidError: a kind or key cannot be stored, or the payload is no JSON.
            JobPayloadTooLargeError: a payload has more than 64 KB.
        """
        ...


class Ledger(Protocol):
    """Who runs what. Moments of leases are by the ledger's own clock, never by the caller's."""

    async def claim(
        self, kinds: Collection[str], *, limit: int, of_one: int, busy: Mapping[WorkspaceId, int]
    ) -> list[Claimed]:
        """Take up to `limit` due jobs, in turns between workspaces; with those in `busy` none gets more than `of_one`.

        Jobs of other kinds and of workspaces that are not active stay where they are.
        """
        ...

    async def renew(self, held: Collection[Claimed]) -> set[JobId]:
        """Renew all leases with one statement, and return the jobs that are still ours."""
        ...

    async def settle(self, settled: Sequence[Settled]) -> set[JobId]:
        """End attempts, each at most once, and return the jobs that were still ours; the others are left alone."""
        ...

    def settling(self, settled: Settled) -> AbstractAsyncContextManager["Connection"]:
        """End one attempt in a transaction of its workspace that commits when the block ends well.

        Raises:
            LeaseLostError: the job is no longer ours; nothing was written.
        """
        ...

    async def list_old(self, *, done: timedelta, dead: timedelta) -> list[WorkspaceId]:
        """Return the active workspaces that have jobs finished longer ago than this."""
        ...

    async def delete_old(self, workspace: WorkspaceId, *, done: timedelta, dead: timedelta, limit: int) -> int:
        """Remove up to `limit` jobs of each state that were finished longer ago than this; return how many."""
        ...

    async def delete_orphans(self, *, limit: int) -> int:
        """Remove up to `limit` jobs of each deleted workspace; return how many."""
        ...


class JobStore(Protocol):
    """Jobs as people and other slices look at them."""

    async def list_jobs(
        self, workspace: WorkspaceId, *, state: JobState, kind: str | None, limit: int, cursor: Cursor | None
    ) -> Page[Job]:
        """Return a page of jobs: finished ones newest first, others in the order of their moment."""
        ...

    async def find_job(self, workspace: WorkspaceId, job_id: JobId) -> Job | None: ...

    async def count(self, workspace: WorkspaceId) -> list[JobCounts]:
        """Return counts by kind, for kinds that have any job; done ones are not counted."""
        ...

    async def replay(self, connection: "Connection", workspace: WorkspaceId, job_ids: Collection[JobId]) -> set[JobId]:
        """Make dead jobs ready with all their attempts before them, in the caller's transaction.

        Returns those that were: not those that are not dead, nor those whose key has another unfinished job.
        """
        ...

    async def purge(self, connection: "Connection", workspace: WorkspaceId, job_ids: Collection[JobId]) -> set[JobId]:
        """Remove dead jobs in the caller's transaction, and return those that were."""
        ...
