"""What people and other slices may ask about jobs, and do with dead ones.

It has no door of its own, and writes no audit: whoever offers these use cases to people knows who asks. So what writes
takes the transaction in which its caller records the deed.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tidegate.jobs.errors import JobKeyTakenError, JobNotDeadError, JobNotFoundError
from tidegate.jobs.model import Job, JobCounts, JobId, JobState
from tidegate.jobs.ports import JobStore
from tidegate.kernel import DEFAULT_LIMIT, Cursor, Page, WorkspaceId

if TYPE_CHECKING:
    from tidegate.storage.database import Connection

__all__ = ["JobService"]


class JobService:
    """The jobs of a workspace."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    async def list_jobs(
        self,
        workspace: WorkspaceId,
        *,
        state: JobState,
        kind: str | None = None,
        limit: int = DEFAULT_LIMIT,
        cursor: Cursor | None = None,
    ) -> Page[Job]:
        """Return jobs in `state`: finished ones newest first, others in the order of their moment."""
        return await self._store.list_jobs(workspace, state=state, kind=kind, limit=limit, cursor=cursor)

    async def get(self, workspace: WorkspaceId, job_id: JobId) -> Job:
        """Return one job.

        Raises:
            JobNotFoundError: the workspace has none of this id.
        """
        job = await self._store.find_job(workspace, job_id)
        if job is None:
            raise JobNotFoundError(job_id)
        return job

    async def count(self, workspace: WorkspaceId) -> Sequence[JobCounts]:
        """Return counts by kind."""
        return await self._store.count(workspace)

    async def replay(self, connection: "Connection", workspace: WorkspaceId, job_id: JobId) -> None:
        """Run a dead job again under the same id, with all its attempts, in the caller's transaction.

        Raises:
            JobNotFoundError: the workspace has none of this id.
            JobNotDeadError: it waits, runs, or is done.
            JobKeyTakenError: another job with its key waits or runs.
        """
        if await self._store.replay(connection, workspace, [job_id]):
            return
        job = await self.get(workspace, job_id)
        if job.state is JobState.DEAD:
            raise JobKeyTakenError(job_id)
        raise JobNotDeadError(job_id, job.state)

    async def purge(self, connection: "Connection", workspace: WorkspaceId, job_id: JobId) -> None:
        """Remove a dead job for good, in the caller's transaction.

        Raises:
            JobNotFoundError: the workspace has none of this id.
            JobNotDeadError: it waits, runs, or is done.
        """
        if not await self._store.purge(connection, workspace, [job_id]):
            job = await self.get(workspace, job_id)
            raise JobNotDeadError(job_id, job.state)
