"""The touch ledger in PostgreSQL, as counting sees it: what changed, who counts, and how far counting is published."""

import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from tidegate.kernel import Clock, ConflictError, WorkspaceId
from tidegate.signals.choosing import SURELY_HOT_S
from tidegate.signals.errors import CountingBehindError
from tidegate.signals.ports import Backlog, Progress, Touch, TouchedSeconds
from tidegate.storage import Connection, Database

_MAX_NEWEST: Final = 400  # flushes of a workspace at a time: a hundred seconds of them
_MAX_OLDEST: Final = 100
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
MAX_LAG: Final = timedelta(seconds=15)  # an engine that was killed is back within 10; a signal may be 1 s old
_LEASE: Final = timedelta(seconds=5)  # renewed with each look at the ledger, once a second or more
_HOLDER: Final = secrets.token_hex(8)  # of this process: its closers stand beside each other in tests only

_TOUCHES: Final = """
    SELECT flush_id, extract(epoch FROM announced_at)::float8 AS announced_s, seconds, row_counts FROM telemetry_touches
    WHERE workspace = $1 AND state = 'stored' ORDER BY announced_at DESC LIMIT $2
"""
_OLDEST_TOUCHES: Final = """
    SELECT flush_id, extract(epoch FROM announced_at)::float8 AS announced_s, seconds, row_counts FROM telemetry_touches
    WHERE workspace = $1 AND state = 'stored' AND extract(epoch FROM announced_at) < $2 ORDER BY announced_at LIMIT $3
"""
# Seconds that were long over when they were touched are counted again when there is time: they hold up nobody.
_OLDEST_HOT: Final = """
    SELECT min(announced_at) FROM telemetry_touches
    WHERE workspace = $1
        AND EXISTS (SELECT FROM unnest(seconds) AS one WHERE one >= extract(epoch FROM announced_at) - $2)
"""


class PostgresTouches:
    """Keeps the promises of `Touches`."""

    def __init__(self, database: Database, clock: Clock, *, max_lag: timedelta = MAX_LAG) -> None:
        self._database = database
        self._clock = clock
        self._max_lag = max_lag
        self._published: int | None = None

    async def read(self) -> Backlog | None:
        read_at = self._clock.now()
        async with self._database.across_workspaces() as connection:
            watermark = await connection.fetchval(
                """
                UPDATE rollup_watermark SET holder = $1, lease_until = now() + $2
                WHERE holder = $1 OR lease_until < now() RETURNING version
                """,
                _HOLDER,
                _LEASE,
            )
            if watermark is None:
                return None
            found = await connection.fetch("SELECT list_touched_workspace_ids() AS id")
        touches: list[Touch] = []
        is_all = True
        async with self._database.transaction_over([WorkspaceId(row["id"]) for row in found]) as each:
            async for workspace, connection in each:
                rows = await connection.fetch(_TOUCHES, workspace, _MAX_NEWEST)
                if len(rows) == _MAX_NEWEST:
                    is_all = False
                    rows += await connection.fetch(_OLDEST_TOUCHES, workspace, rows[-1]["announced_s"], _MAX_OLDEST)
                touches += [Touch(workspace, *row) for row in rows]
        return Backlog(touches, watermark, is_all, read_at, is_own=watermark == self._published)

    async def next_version(self) -> int:
        async with self._database.across_workspaces() as connection:
            version: int | None = await connection.fetchval(
                "SELECT nextval('rollup_version') FROM rollup_watermark WHERE holder = $1 AND lease_until > now()",
                _HOLDER,
            )
        if version is None:
            raise ConflictError("Another process counts meanwhile; counting begins again.")
        return version

    async def publish(self, touched: TouchedSeconds, *, version: int, progress: Progress | None = None) -> None:
        workspaces = sorted({*touched.flushes, *([progress.workspace] if progress else [])})
        async with self._database.transaction_over(workspaces) as each:
            moved = False
            async for workspace, connection in each:
                if not moved:
                    # The row lock orders publishers; the old version proves that nobody came in between.
                    moved = await connection.fetchval(
                        """
                        UPDATE rollup_watermark SET version = $1, closed_at = coalesce($3, closed_at)
                        WHERE version = $2 AND $1 > version RETURNING true
                        """,
                        version,
                        touched.watermark,
                        touched.read_at,
                    )
                    if not moved:
                        raise ConflictError("Another process published counts meanwhile; counting begins again.")
                if workspace in touched.flushes:
                    await _forget(connection, workspace, touched)
                if progress is not None and progress.workspace == workspace:
                    await _note(connection, progress)
        self._published = version

    async def caught_up(self, at: datetime) -> None:
        async with self._database.across_workspaces() as connection:
            await connection.execute("UPDATE rollup_watermark SET closed_at = $1 WHERE holder = $2", at, _HOLDER)

    async def watermark(self, workspaces: Collection[WorkspaceId]) -> int:
        """Return the version up to which counts may be read.

        Of one workspace, its own backlog counts as well: one that sends faster than is counted holds up its own
        figures and no others. For many at once it is enough that counting goes on.

        Raises:
            CountingBehindError: what is stored has not been counted for too long.
        """
        oldest: datetime | None = None
        async with self._database.transaction_over(workspaces if len(workspaces) == 1 else ()) as each:
            async for workspace, connection in each:
                oldest = await connection.fetchval(_OLDEST_HOT, workspace, SURELY_HOT_S)
        async with self._database.across_workspaces() as connection:
            row = await connection.fetchrow("SELECT version, closed_at FROM rollup_watermark")
        assert row is not None  # noqa: S101 - the migration wrote it
        since = [moment for moment in (row["closed_at"] or _NEVER, oldest) if moment is not None]
        lag = self._clock.now() - min(since)
        if lag > self._max_lag:
            raise CountingBehindError(lag)
        version: int = row["version"]
        return version


async def _forget(connection: Connection, workspace: WorkspaceId, touched: TouchedSeconds) -> None:
    await connection.execute(
        """
        UPDATE telemetry_touches
        SET (seconds, row_counts) = (
            SELECT coalesce(array_agg(second ORDER BY place), '{}'), coalesce(array_agg(row_count ORDER BY place), '{}')
            FROM unnest(seconds, row_counts) WITH ORDINALITY AS one (second, row_count, place)
            WHERE second <> ALL($3))
        WHERE workspace = $1 AND flush_id = ANY($2)
        """,
        workspace,
        touched.flushes[workspace],
        list(touched.seconds[workspace]),
    )
    await connection.execute(
        "DELETE FROM telemetry_touches WHERE workspace = $1 AND flush_id = ANY($2) AND seconds = '{}'",
        workspace,
        touched.flushes[workspace],
    )


async def _note(connection: Connection, progress: Progress) -> None:
    await connection.execute(
        """
        UPDATE recounts SET position = $3, seconds_done = seconds_done + $4, models = $5
        WHERE workspace = $1 AND id = $2
        """,
        progress.workspace,
        progress.recount_id,
        progress.position,
        progress.seconds_done,
        dict(progress.models),
    )
