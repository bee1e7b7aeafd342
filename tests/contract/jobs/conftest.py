"""A ledger of jobs, with kinds that no other test knows."""

import secrets
from collections.abc import Awaitable, Callable

import pytest

from tidegate.jobs import (
    Claimed, Done, Handler, JobId, JobService, NewJob, Outcome, PostgresJobs, PostgresLedger, PostgresOutbox, Worker,
)  # fmt: skip
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database
from tidegate.testing import FakeClock


class World:
    """The jobs of one kind; claims look at all workspaces, so each test has a kind of its own."""

    def __init__(self, database: Database, workspace: WorkspaceId) -> None:
        self.database, self.workspace = database, workspace
        self.kind = f"test.{secrets.token_hex(6)}"
        self.outbox = PostgresOutbox()
        self.ledger = PostgresLedger(database)
        self.jobs = PostgresJobs(database)
        self.service = JobService(self.jobs)
        self.clock = FakeClock()
        self.ran: list[Claimed] = []

    def job(self, **changes: object) -> NewJob:
        return NewJob(**{"kind": self.kind, "payload": {}} | changes)  # type: ignore[arg-type]  # any change

    async def add(self, *jobs: NewJob, workspace: WorkspaceId | None = None) -> list[JobId]:
        where = workspace or self.workspace
        async with self.database.transaction(where) as connection:
            return await self.outbox.add(connection, where, jobs or (self.job(),))

    def worker(self, handler: Handler | None = None, **changes: object) -> Worker:
        settings = {"ledger": self.ledger, "clock": self.clock, "random": lambda: 0.0} | changes
        return Worker(handlers={self.kind: handler or self.note}, **settings)  # type: ignore[arg-type]  # the same

    async def note(self, job: Claimed) -> Outcome:
        self.ran.append(job)
        return Done()

    async def claim(self, *, limit: int = 10, ledger: PostgresLedger | None = None) -> list[Claimed]:
        return await (ledger or self.ledger).claim([self.kind], limit=limit, of_one=limit, busy={})

    async def row(self, job_id: JobId, workspace: WorkspaceId | None = None) -> dict[str, object]:
        where = workspace or self.workspace
        async with self.database.transaction(where) as connection:
            row = await connection.fetchrow("SELECT * FROM jobs WHERE workspace = $1 AND id = $2", where, job_id)
        return {} if row is None else dict(row)

    async def change(self, job_id: JobId, assignment: str) -> None:
        """Change a row behind the ledger's back: time that passes, mostly."""
        async with self.database.transaction(self.workspace) as connection:
            await connection.execute(
                f"UPDATE jobs SET {assignment} WHERE workspace = $1 AND id = $2", self.workspace, job_id
            )

    async def lose_lease(self, job_id: JobId) -> None:
        await self.change(job_id, "lease_until = now() - interval '1 ms'")


@pytest.fixture
def world(database: Database, workspace: WorkspaceId) -> World:
    return World(database, workspace)


NewWorkspace = Callable[[], Awaitable[WorkspaceId]]
