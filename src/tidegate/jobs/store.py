"""The ledger of jobs in PostgreSQL.

Contract of this part:
- Delivery: at least once. A job is added in the transaction of whoever adds it, is run by one worker at a time for as
  long as its lease is renewed, and is settled by whoever claimed it last (`fence`); everybody else is refused.
  `settling` lets effects in PostgreSQL commit together with that, exactly once.
- Who writes: each statement enters one workspace and sees that one only, the functions of 0021_jobs.sql too: they go
  through several workspaces within one call because 100 jobs of 100 workspaces would cost 300 round trips otherwise.
  What crosses workspaces are the look-ups that say where work is, and they return ids of workspaces.
- What is locked: rows that are claimed, for the length of one statement, and skipped by others (`SKIP LOCKED`). A key
  that is added again is locked until its adder commits, so no worker runs it before it can see why it was added.
- Crash: of an adder, nothing was added. Of a worker, its jobs are ready again when their leases run out, by the clock
  of PostgreSQL alone; the attempt counts.
- Bloat: a job is three versions of a row within seconds. Only due jobs stand in the index that is walked, no
  transaction here stays open longer than a statement or a handler's `also`, and vacuum comes early (0021_jobs.sql).
- Ceiling: see docs/explanation/jobs.md; benchmarks/jobs.py measures it.
"""

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tidegate.jobs.contents import json_of, payload_of, storable
from tidegate.jobs.errors import LeaseLostError
from tidegate.jobs.model import Claimed, Dead, Done, JobId, NewJob, Release, Settled
from tidegate.jobs.rows import PostgresJobs
from tidegate.kernel import Clock, IdFactory, RandomIds, WorkspaceId
from tidegate.storage import Database
from tidegate.storage.database import Connection

__all__ = ["CHANNEL", "LEASE", "PostgresJobs", "PostgresLedger", "PostgresOutbox"]

CHANNEL: Final = "jobs_added"
LEASE: Final = timedelta(seconds=30)  # what a crash costs at most; a stall of PostgreSQL of 20 s costs nothing


@dataclass
class _Wanted:
    """A job to be added; several with one key are one."""

    job: NewJob
    payload: str
    run_at: datetime | None
    priority: int


class PostgresOutbox:
    """Keeps the promises of `Outbox`. `clock` judges what is due in place of PostgreSQL's: for time that is played."""

    def __init__(self, *, ids: IdFactory | None = None, clock: Clock | None = None) -> None:
        self._ids = ids or RandomIds()
        self._clock = clock

    async def add(self, connection: Connection, workspace: WorkspaceId, jobs: Sequence[NewJob]) -> list[JobId]:
        if not jobs:
            return []
        wanted: dict[tuple[str, str | int], _Wanted] = {}
        places: list[tuple[str, str | int]] = []
        for number, job in enumerate(jobs):
            place = (job.kind, number if job.key is None else job.key)
            places.append(place)
            if (same := wanted.get(place)) is None:
                wanted[place] = _Wanted(job, payload_of(job), job.run_at, job.priority)
            else:
                same.run_at = None if None in {same.run_at, job.run_at} else min(_some(same.run_at), _some(job.run_at))
                same.priority = max(same.priority, job.priority)
        ids = {place: JobId(self._ids.new_id("job")) for place in wanted}
        await self._insert(connection, workspace, wanted, ids)
        await connection.execute(f"NOTIFY {CHANNEL}")
        return [ids[place] for place in places]

    async def _insert(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        wanted: Mapping[tuple[str, str | int], _Wanted],
        ids: dict[tuple[str, str | int], JobId],
    ) -> None:
        # Keys in their order: two who add the same ones wait for each other instead of locking each other out.
        order = sorted(wanted, key=lambda place: (place[0], str(place[1])))
        each = [wanted[place] for place in order]
        rows = await connection.fetch(
            _ADD,
            workspace,
            [ids[place] for place in order],
            [one.job.kind for one in each],
            [one.job.key for one in each],
            [one.payload for one in each],
            [one.priority for one in each],
            [one.job.max_attempts for one in each],
            [one.run_at for one in each],
            _judged_at(self._clock),
        )
        keyed = {(place[0], place[1]) for place in order if isinstance(place[1], str)}
        for row in rows:
            if row["key"] is not None:
                ids[row["kind"], row["key"]] = JobId(row["id"])
                keyed.discard((row["kind"], row["key"]))
        if keyed:  # there already, and nothing about them changed: they are locked now and cannot go away
            found = await connection.fetch(_UNFINISHED, workspace, [k for k, _ in keyed], [k for _, k in keyed])
            ids.update({(row["kind"], row["key"]): JobId(row["id"]) for row in found})


class PostgresLedger:
    """Keeps the promises of `Ledger`. `clock` judges what is due in place of PostgreSQL's; leases never ask it."""

    def __init__(
        self, database: Database, *, holder: str = "", lease: timedelta = LEASE, clock: Clock | None = None
    ) -> None:
        self._database = database
        self._holder = holder
        self._lease = lease
        self._clock = clock
        self._behind = WorkspaceId("")
        """The workspace that was served last: the next claim begins with the one after it."""

    @property
    def lease(self) -> timedelta:
        return self._lease

    async def claim(
        self, kinds: Collection[str], *, limit: int, of_one: int, busy: Mapping[WorkspaceId, int]
    ) -> list[Claimed]:
        async with self._database.across_workspaces() as connection:
            rows = await connection.fetch(
                "SELECT * FROM claim_jobs($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, now()))",
                sorted(kinds),
                limit,
                of_one,
                list(busy),
                list(busy.values()),
                self._behind,
                self._holder,
                self._lease,
                _judged_at(self._clock),
            )
        if rows:
            self._behind = WorkspaceId(rows[-1]["workspace"])
        return [
            Claimed(
                id=JobId(row["id"]),
                workspace=WorkspaceId(row["workspace"]),
                kind=row["kind"],
                key=row["key"],
                payload=json.loads(row["payload"]),
                attempt=row["attempt"],
                added_at=row["added_at"],
                run_at=row["run_at"],
                max_attempts=row["max_attempts"],
                fence=row["fence"],
            )
            for row in rows
        ]

    async def renew(self, held: Collection[Claimed]) -> set[JobId]:
        async with self._database.across_workspaces() as connection:
            rows = await connection.fetch(
                "SELECT renew_jobs($1, $2, $3, $4) AS id",
                [job.workspace for job in held],
                [job.id for job in held],
                [job.fence for job in held],
                self._lease,
            )
        return {JobId(row["id"]) for row in rows}

    async def settle(self, settled: Sequence[Settled]) -> set[JobId]:
        async with self._database.across_workspaces() as connection:
            return await self._settle(connection, settled)

    @asynccontextmanager
    async def settling(self, settled: Settled) -> AsyncIterator[Connection]:
        async with self._database.transaction(settled.job.workspace) as connection:
            # First: the row is locked from here on, so nobody else claims the job while its effects are written.
            if not await self._settle(connection, [settled]):
                raise LeaseLostError(settled.job.id)
            yield connection

    async def _settle(self, connection: Connection, settled: Sequence[Settled]) -> set[JobId]:
        judged_at = _judged_at(self._clock) or await connection.fetchval("SELECT now()")
        ends = [_ending_of(one) for one in settled]
        rows = await connection.fetch(
            "SELECT settle_jobs($1, $2, $3, $4, $5, $6, $7, $8) AS id",
            [one.job.workspace for one in settled],
            [one.job.id for one in settled],
            [one.job.fence for one in settled],
            [ending for ending, _, _ in ends],
            [reason for _, reason, _ in ends],
            [result for _, _, result in ends],
            [judged_at + one.after for one in settled],
            judged_at,
        )
        return {JobId(row["id"]) for row in rows}

    async def list_old(self, *, done: timedelta, dead: timedelta) -> list[WorkspaceId]:
        async with self._database.across_workspaces() as connection:
            rows = await connection.fetch(
                "SELECT list_workspaces_with_old_jobs(now() - $1::interval, now() - $2::interval) AS id", done, dead
            )
        return [WorkspaceId(row["id"]) for row in rows]

    async def delete_old(self, workspace: WorkspaceId, *, done: timedelta, dead: timedelta, limit: int) -> int:
        removed = 0
        async with self._database.transaction(workspace) as connection:
            for state, kept in (("done", done), ("dead", dead)):
                removed += await connection.fetchval(_DELETE_OLD, workspace, state, kept, limit)
        return removed

    async def delete_orphans(self, *, limit: int) -> int:
        async with self._database.across_workspaces() as connection:
            rows = await connection.fetch("SELECT list_deleted_workspaces_with_jobs() AS id")
        removed = 0
        for row in rows:
            async with self._database.transaction(WorkspaceId(row["id"])) as connection:
                removed += await connection.fetchval(_DELETE_ANY, row["id"], limit)
        return removed


def _ending_of(settled: Settled) -> tuple[str, str | None, str | None]:
    """Return how the attempt ends, the reason, and the result."""
    outcome, job = settled.outcome, settled.job
    if isinstance(outcome, Done):
        return "done", None, None if outcome.result is None else json_of(outcome.result)
    if isinstance(outcome, Release):
        return "release", None, None
    is_over = isinstance(outcome, Dead) or job.attempt >= job.max_attempts
    return "dead" if is_over else "retry", storable(outcome.reason), None


def _judged_at(clock: Clock | None) -> datetime | None:
    return None if clock is None else clock.now()


def _some(moment: datetime | None) -> datetime:
    assert moment is not None  # noqa: S101 - asked for where it is known
    return moment


# A job that waits is moved earlier only; one that runs is to run again. Where neither is needed the row is locked all
# the same, until the adder commits: a worker that would claim it in between could not see why it was added again.
_ADD: Final = """
    INSERT INTO jobs AS kept (workspace, id, kind, key, payload, priority, max_attempts, state, added_at, run_at)
    SELECT $1, n.id, n.kind, n.key, n.payload, n.priority, n.max_attempts,
        CASE WHEN n.run_at > at.judged THEN 'scheduled' ELSE 'ready' END, at.judged, coalesce(n.run_at, at.judged)
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[], $8::timestamptz[])
        WITH ORDINALITY AS n (id, kind, key, payload, priority, max_attempts, run_at, place)
    CROSS JOIN (SELECT coalesce($9, now()) AS judged) AS at
    ORDER BY n.place
    ON CONFLICT (workspace, kind, key) WHERE state IN ('scheduled', 'ready', 'running')
    DO UPDATE SET
        again_at = CASE WHEN kept.state = 'running' THEN least(kept.again_at, excluded.run_at) END,
        run_at = CASE WHEN kept.state = 'running' THEN kept.run_at ELSE excluded.run_at END,
        state = CASE WHEN kept.state = 'running' THEN 'running' ELSE excluded.state END
    WHERE CASE kept.state
        WHEN 'running' THEN kept.again_at IS NULL OR excluded.run_at < kept.again_at
        WHEN 'scheduled' THEN excluded.run_at < kept.run_at
        ELSE false END
    RETURNING id, kind, key
"""
_UNFINISHED: Final = """
    SELECT j.id, j.kind, j.key FROM unnest($2::text[], $3::text[]) AS wanted (kind, key)
    JOIN jobs j ON j.workspace = $1 AND j.kind = wanted.kind AND j.key = wanted.key
    WHERE j.state IN ('scheduled', 'ready', 'running')
"""
_DELETE_OLD: Final = """
    WITH gone AS (
        DELETE FROM jobs WHERE workspace = $1 AND id IN (
            SELECT id FROM jobs WHERE workspace = $1 AND state = $2 AND finished_at < now() - $3::interval
            ORDER BY finished_at LIMIT $4)
        RETURNING 1)
    SELECT count(*) FROM gone
"""
_DELETE_ANY: Final = """
    WITH gone AS (
        DELETE FROM jobs WHERE workspace = $1 AND id IN (SELECT id FROM jobs WHERE workspace = $1 LIMIT $2) RETURNING 1)
    SELECT count(*) FROM gone
"""
