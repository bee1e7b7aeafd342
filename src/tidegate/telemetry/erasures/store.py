"""Rows in the telemetry engine, erasures and touches in PostgreSQL."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, Protocol

from asyncpg import Record, UniqueViolationError

from tidegate.audit import AuditTrail, Deed
from tidegate.kernel import ConflictError, WorkspaceId
from tidegate.storage import Connection, Database
from tidegate.storage.scope import SCOPE
from tidegate.telemetry.erasures.model import Erasure, ErasureKind, ErasureState, Found, Target
from tidegate.telemetry.model import NANO

_RAW: Final = ("raw_spans", "raw_logs", "raw_points")
_TABLES: Final[Mapping[ErasureKind, tuple[str, ...]]] = {
    # A point has no trace: it is of no single request.
    ErasureKind.TRACE: ("raw_spans", "raw_logs", "ai_runs"),
    ErasureKind.TENANT: (*_RAW, "ai_runs"),
}
_COUNTED: Final = {"raw_spans": "spans", "raw_logs": "logs", "raw_points": "points", "ai_runs": "runs"}
# Rows that say when a second was counted have neither trace nor tenant, and stay.
_OF_TENANT: Final = """tenant = {subject:String}
    AND (second <= toDateTime({until:UInt32}, 'UTC') OR received_ns <= {until_ns:UInt64})"""
_OF_TENANT_RUNS: Final = "tenant = {subject:String} AND second <= toDateTime({until:UInt32}, 'UTC')"
_IN_SECONDS: Final = """second >= toDateTime({first:UInt32}, 'UTC') AND second <= toDateTime({last:UInt32}, 'UTC')
    AND has({seconds:Array(UInt32)}, toUInt32(second))"""
_CAME_IN: Final = "received_ns >= {since:UInt64}"
_IDS_A_STATEMENT: Final = 500  # ids are bound in the engine's URL, which has 64 kB
_LAST_SECOND: Final = 2**32 - 1
_OWN: Final = "workspace = $1 AND id = $2 AND holder = $3 AND state = 'running'"


class RowsEngine(Protocol):
    """The part of the telemetry engine that erasing uses."""

    async def select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]: ...

    async def delete(
        self,
        workspaces: Collection[WorkspaceId],
        table: str,
        condition: str,
        parameters: Mapping[str, object] | None = None,
    ) -> None: ...

    async def admin(self, sql: str) -> list[dict[str, Any]]: ...


class EngineErasedRows:
    """Keeps the promises of `ErasedRows`."""

    def __init__(self, engine: RowsEngine) -> None:
        self._engine = engine

    async def count(self, workspace: WorkspaceId, target: Target) -> Found:
        parts = [
            f"SELECT '{_COUNTED[table]}' AS what, count() AS rows FROM {table} WHERE {SCOPE} AND {condition}"
            for table, condition in _conditions(target)
        ]
        seconds = " UNION ALL ".join(
            f"SELECT second FROM {table} WHERE {SCOPE} AND {condition}" for table, condition in _conditions(target)
        )
        parts.append(f"SELECT 'seconds' AS what, uniqExact(second) AS rows FROM ({seconds})")
        rows = await self._engine.select([workspace], " UNION ALL ".join(parts), _bound(target))
        return Found(**{str(row["what"]): int(row["rows"]) for row in rows})

    async def seconds_of(self, workspace: WorkspaceId, target: Target, *, after: int, limit: int) -> list[int]:
        later = " AND second > toDateTime({after:UInt32}, 'UTC')" if after >= 0 else ""
        parts = " UNION ALL ".join(
            f"SELECT toUInt32(second) AS moment FROM {table} WHERE {SCOPE} AND ({condition}){later}"
            for table, condition in _conditions(target)
        )
        sql = f"SELECT DISTINCT moment FROM ({parts}) ORDER BY moment LIMIT {{limit:UInt32}}"
        rows = await self._engine.select([workspace], sql, {**_bound(target), "after": max(0, after), "limit": limit})
        return [int(row["moment"]) for row in rows]

    async def counted_with(self, workspace: WorkspaceId, target: Target, seconds: Sequence[int]) -> set[int]:
        condition = dict(_conditions(target))["raw_spans"]
        sql = f"""
            SELECT DISTINCT toUInt32(second) AS moment FROM raw_spans
            WHERE {SCOPE} AND role IN ('agent', 'inference') AND trace_id IN (
                SELECT trace_id FROM raw_spans WHERE {SCOPE} AND role != '' AND ({condition}) AND {_IN_SECONDS})
        """
        rows = await self._engine.select([workspace], sql, {**_bound(target), **_moments(seconds)})
        return {int(row["moment"]) for row in rows}

    async def delete(self, workspace: WorkspaceId, target: Target, seconds: Sequence[int]) -> None:
        for table, condition in _conditions(target):
            await self._engine.delete(
                [workspace], table, f"({condition}) AND {_IN_SECONDS}", {**_bound(target), **_moments(seconds)}
            )

    async def free(self) -> None:
        for table in (*_RAW, "ai_runs"):
            await self._engine.admin(f"ALTER TABLE tidegate.{table} APPLY DELETED MASK")

    async def find_late(self, workspace: WorkspaceId, targets: Collection[Target], *, since: datetime) -> set[Target]:
        came = {"since": max(0, _nano(since))}
        by_trace = {target.subject: target for target in targets if target.kind is ErasureKind.TRACE}
        sql = " UNION DISTINCT ".join(
            f"SELECT trace_id FROM {table} WHERE {SCOPE} AND trace_id IN {{ids:Array(String)}} AND {_CAME_IN}"
            for table in _TABLES[ErasureKind.TRACE]
            if table in _RAW
        )
        found: set[Target] = set()
        for some in _pieces(sorted(by_trace), _IDS_A_STATEMENT):
            rows = await self._engine.select([workspace], sql, {**came, "ids": some})
            found |= {by_trace[str(row["trace_id"])] for row in rows}
        for target in targets:
            if target.kind is ErasureKind.TENANT and await self._came_in(workspace, target, came):
                found.add(target)
        return found

    async def _came_in(self, workspace: WorkspaceId, target: Target, came: Mapping[str, object]) -> bool:
        sql = " UNION ALL ".join(
            f"SELECT 1 AS one FROM {table} WHERE {SCOPE} AND ({condition}) AND {_CAME_IN}"
            for table, condition in _conditions(target)
            if table in _RAW
        )
        return bool(
            await self._engine.select([workspace], f"SELECT one FROM ({sql}) LIMIT 1", {**_bound(target), **came})
        )


def _conditions(target: Target) -> list[tuple[str, str]]:
    """Return the tables that hold rows of `target`, each with what chooses them."""
    if target.kind is ErasureKind.TRACE:
        return [(table, "trace_id = {subject:String}") for table in _TABLES[target.kind]]
    return [(table, _OF_TENANT if table in _RAW else _OF_TENANT_RUNS) for table in _TABLES[target.kind]]


def _bound(target: Target) -> dict[str, object]:
    until = min(int(target.until.timestamp()), _LAST_SECOND)
    return {"subject": target.subject, "until": until, "until_ns": _nano(target.until)}


def _nano(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * (NANO // 1_000_000)


def _moments(seconds: Sequence[int]) -> dict[str, object]:
    return {"first": min(seconds), "last": max(seconds), "seconds": list(seconds)}


def _pieces(items: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


class PostgresErasures:
    """Keeps the promises of `ErasureStore`."""

    def __init__(self, database: Database, trail: AuditTrail) -> None:
        self._database = database
        self._trail = trail

    async def add(self, workspace: WorkspaceId, erasure: Erasure, *, deed: Deed) -> Erasure:
        try:
            async with self._database.transaction(workspace) as connection:
                await connection.execute(
                    """
                    INSERT INTO erasures
                        (workspace, id, kind, subject, reason, requested_by, requested_at, state, found, held_until)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, 'running', $8, $9)
                    """,
                    workspace,
                    erasure.id,
                    erasure.target.kind.value,
                    erasure.target.subject,
                    erasure.reason,
                    erasure.requested_by,
                    erasure.requested_at,
                    asdict(erasure.found),
                    erasure.held_until,
                )
                await self._trail.append(workspace, deed, within=connection)
        except UniqueViolationError:
            async with self._database.transaction(workspace) as connection:
                row = await connection.fetchrow(
                    "SELECT * FROM erasures WHERE workspace = $1 AND kind = $2 AND subject = $3 AND state = 'running'",
                    workspace,
                    erasure.target.kind.value,
                    erasure.target.subject,
                )
            if row is None:  # it was finished in this instant
                raise ConflictError("Another erasure of this just ended. Ask again if rows are left.") from None
            return _erasure_of(row)
        return erasure

    async def find(self, workspace: WorkspaceId, erasure_id: str) -> Erasure | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                "SELECT * FROM erasures WHERE workspace = $1 AND id = $2", workspace, erasure_id
            )
        return _erasure_of(row) if row else None

    async def list_newest(self, workspace: WorkspaceId, *, limit: int) -> list[Erasure]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch(
                "SELECT * FROM erasures WHERE workspace = $1 ORDER BY requested_at DESC, id DESC LIMIT $2",
                workspace,
                limit,
            )
        return [_erasure_of(row) for row in rows]

    async def list_open_workspaces(self) -> list[WorkspaceId]:
        async with self._database.across_workspaces() as connection:
            rows = await connection.fetch("SELECT list_workspaces_with_erasures() AS id")
        return [WorkspaceId(row["id"]) for row in rows]

    async def list_held(self, workspace: WorkspaceId) -> list[Erasure]:
        async with self._database.transaction(workspace) as connection:
            rows = await connection.fetch("SELECT * FROM erasures WHERE workspace = $1 AND state = 'held'", workspace)
        return [_erasure_of(row) for row in rows]

    async def claim(self, workspace: WorkspaceId, *, holder: str, now: datetime, until: datetime) -> Erasure | None:
        async with self._database.transaction(workspace) as connection:
            row = await connection.fetchrow(
                """
                UPDATE erasures SET holder = $2, lease_until = $4
                WHERE workspace = $1 AND id = (
                    SELECT id FROM erasures
                    WHERE workspace = $1 AND state = 'running' AND (lease_until <= $3 OR holder = $2)
                    ORDER BY requested_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING *
                """,
                workspace,
                holder,
                now,
                until,
            )
        return _erasure_of(row) if row else None

    async def announce(self, workspace: WorkspaceId, erasure: Erasure, seconds: Collection[int]) -> None:
        async with self._database.transaction(workspace) as connection:
            # The number is kept with the touch: a crash right after must not give it to other seconds.
            await connection.execute(
                "UPDATE erasures SET batch = greatest(batch, $3) WHERE workspace = $1 AND id = $2",
                workspace,
                erasure.id,
                erasure.batch,
            )
            await connection.execute(
                """
                INSERT INTO telemetry_touches (workspace, flush_id, writer, state, seconds)
                VALUES ($1, $2, $3, 'pending', $4)
                """,
                workspace,
                _touch_of(erasure),
                erasure.id,
                sorted(seconds),
            )

    async def confirm(
        self, workspace: WorkspaceId, erasure: Erasure, *, done: int, holder: str, until: datetime
    ) -> Erasure:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                "UPDATE telemetry_touches SET state = 'stored' WHERE workspace = $1 AND writer = $2",
                workspace,
                erasure.id,
            )
            row = await connection.fetchrow(
                f"UPDATE erasures SET seconds_done = seconds_done + $4, lease_until = $5 WHERE {_OWN} RETURNING *",
                workspace,
                erasure.id,
                holder,
                done,
                until,
            )
        if row is None:
            raise ConflictError("Another process goes on with this erasure.")
        return _erasure_of(row)

    async def finish(self, workspace: WorkspaceId, erasure: Erasure, *, at: datetime, holder: str) -> None:
        async with self._database.transaction(workspace) as connection:
            await _confirm_leftovers(connection, workspace, erasure)
            await connection.execute(
                f"UPDATE erasures SET state = 'held', finished_at = coalesce(finished_at, $4) WHERE {_OWN}",
                workspace,
                erasure.id,
                holder,
                at,
            )

    async def refuse(self, workspace: WorkspaceId, erasure: Erasure, *, why: str, at: datetime, holder: str) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                f"UPDATE erasures SET state = 'over', finished_at = $4, refused_because = $5 WHERE {_OWN}",
                workspace,
                erasure.id,
                holder,
                at,
                why,
            )

    async def reopen(self, workspace: WorkspaceId, erasure_ids: Collection[str]) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                """
                UPDATE erasures SET state = 'running', lease_until = '-infinity'
                WHERE workspace = $1 AND id = ANY($2) AND state = 'held'
                AND NOT EXISTS (SELECT FROM erasures AS other WHERE other.workspace = $1 AND other.state = 'running'
                    AND other.kind = erasures.kind AND other.subject = erasures.subject)
                """,
                workspace,
                list(erasure_ids),
            )

    async def end_holds(self, workspace: WorkspaceId, *, now: datetime) -> None:
        async with self._database.transaction(workspace) as connection:
            await connection.execute(
                "UPDATE erasures SET state = 'over' WHERE workspace = $1 AND state = 'held' AND held_until <= $2",
                workspace,
                now,
            )


async def _confirm_leftovers(connection: Connection, workspace: WorkspaceId, erasure: Erasure) -> None:
    """Confirm touches of a process that died between deleting and saying so: its rows are gone, nothing is left."""
    await connection.execute(
        "UPDATE telemetry_touches SET state = 'stored' WHERE workspace = $1 AND writer = $2", workspace, erasure.id
    )


def _touch_of(erasure: Erasure) -> str:
    return f"{erasure.id}-{erasure.batch}"


def _erasure_of(row: Record) -> Erasure:
    return Erasure(
        workspace=WorkspaceId(row["workspace"]),
        id=row["id"],
        target=Target(ErasureKind(row["kind"]), row["subject"], row["requested_at"]),
        reason=row["reason"],
        requested_by=row["requested_by"],
        state=ErasureState.REFUSED if row["refused_because"] else ErasureState(row["state"]),
        found=Found(**row["found"]),
        seconds_done=row["seconds_done"],
        batch=row["batch"],
        held_until=row["held_until"],
        finished_at=row["finished_at"],
    )
