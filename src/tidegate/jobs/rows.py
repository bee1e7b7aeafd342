"""Jobs as people and other slices look at them, and what they do with dead ones."""

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tidegate.jobs.model import Job, JobCounts, JobId, JobState
from tidegate.kernel import Cursor, InvalidInputError, Page, WorkspaceId, decode_cursor, encode_cursor
from tidegate.storage import Database
from tidegate.storage.database import Connection

if TYPE_CHECKING:
    import asyncpg

__all__ = ["PostgresJobs"]

_COLUMNS: Final = "id, kind, key, state, attempt, max_attempts, added_at, run_at, finished_at, reason"
_FINISHED: Final = frozenset({JobState.DONE, JobState.DEAD})


class PostgresJobs:
    """Keeps the promises of `JobStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_jobs(
        self, workspace: WorkspaceId, *, state: JobState, kind: str | None, limit: int, cursor: Cursor | None
    ) -> Page[Job]:
        at, job_id = (None, "") if cursor is None else _place_of(cursor)
        # Finished jobs newest first, the others in the order of their moment.
        column, is_behind, order = ("finished_at", "<", "DESC") if state in _FINISHED else ("run_at", ">", "ASC")
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                f"""
                SELECT {_COLUMNS} FROM jobs
                WHERE workspace = $1 AND state = $2 AND ($3::text IS NULL OR kind = $3)
                    AND ($4::timestamptz IS NULL OR ({column}, id) {is_behind} ($4, $5))
                ORDER BY {column} {order}, id {order} LIMIT $6
                """,
                workspace,
                state,
                kind,
                at,
                job_id,
                limit + 1,
            )
        shown = rows[:limit]
        following = encode_cursor(f"{shown[-1][column].isoformat()} {shown[-1]['id']}") if len(rows) > limit else None
        return Page(tuple(_job_of(row) for row in shown), following)

    async def find_job(self, workspace: WorkspaceId, job_id: JobId) -> Job | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM jobs WHERE workspace = $1 AND id = $2", workspace, job_id
            )
        return None if row is None else _job_of(row)

    async def count(self, workspace: WorkspaceId) -> list[JobCounts]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(_COUNT, workspace)
        return [JobCounts(*row.values()) for row in rows]

    async def replay(self, connection: Connection, workspace: WorkspaceId, job_ids: Collection[JobId]) -> set[JobId]:
        rows = await connection.fetch(_REPLAY, workspace, sorted(set(job_ids)))
        await connection.execute("NOTIFY jobs_added")
        return {JobId(row["id"]) for row in rows}

    async def purge(self, connection: Connection, workspace: WorkspaceId, job_ids: Collection[JobId]) -> set[JobId]:
        rows = await connection.fetch(
            "DELETE FROM jobs WHERE workspace = $1 AND id = ANY($2) AND state = 'dead' RETURNING id",
            workspace,
            list(job_ids),
        )
        return {JobId(row["id"]) for row in rows}


def _place_of(cursor: Cursor) -> tuple[datetime, str]:
    moment, _, job_id = decode_cursor(cursor).partition(" ")
    try:
        return datetime.fromisoformat(moment), job_id
    except ValueError as error:
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor") from error


def _job_of(row: "asyncpg.Record") -> Job:
    return Job(
        id=JobId(row["id"]),
        kind=row["kind"],
        key=row["key"],
        state=JobState(row["state"]),
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        added_at=row["added_at"],
        run_at=row["run_at"],
        finished_at=row["finished_at"],
        reason=row["reason"],
    )


_COUNT: Final = """
    SELECT kind, count(*) FILTER (WHERE state IN ('scheduled', 'ready')), count(*) FILTER (WHERE state = 'running'),
        count(*) FILTER (WHERE state = 'dead'),
        greatest(coalesce(extract(epoch FROM now() - min(run_at) FILTER (WHERE state = 'ready')), 0), 0)::float8
    FROM (
        SELECT kind, state, run_at FROM jobs WHERE workspace = $1 AND state IN ('scheduled', 'ready', 'running')
        UNION ALL
        SELECT kind, state, run_at FROM jobs WHERE workspace = $1 AND state = 'dead') AS counted
    GROUP BY kind ORDER BY kind
"""
# Of two dead jobs with one key the older one comes back. A key that somebody adds at this very moment is met by the
# unique index: the caller's transaction fails, and trying again finds it taken.
_REPLAY: Final = """
    UPDATE jobs SET state = 'ready', attempt = 0, run_at = now(), finished_at = NULL
    FROM (
        SELECT DISTINCT ON (kind, coalesce(key, id)) id FROM jobs
        WHERE workspace = $1 AND id = ANY($2) AND state = 'dead'
            AND (key IS NULL OR NOT EXISTS (
                SELECT FROM jobs other
                WHERE other.workspace = $1 AND other.kind = jobs.kind AND other.key = jobs.key
                    AND other.state IN ('scheduled', 'ready', 'running')))
        ORDER BY kind, coalesce(key, id), added_at, id) AS chosen
    WHERE jobs.workspace = $1 AND jobs.id = chosen.id AND jobs.state = 'dead'
    RETURNING jobs.id
"""
