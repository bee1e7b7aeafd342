"""Telemetry in its engine, touched seconds in PostgreSQL."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, Protocol

from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.storage import Database
from tidegate.storage.native import Columns
from tidegate.telemetry.logs.model import LOG_COLUMNS
from tidegate.telemetry.model import Batch, Signal
from tidegate.telemetry.points.model import POINT_COLUMNS
from tidegate.telemetry.span_block import block_and_columns_of

_MAX_INSERT_BYTES = 16 * 2**20  # 8,192 ordinary rows are 10 MB; the engine refuses over 80
_MAX_OWNERS = 500  # of one insert: a claim names at most 1,000 workspaces, and stands in a header
_TABLES: Final[Mapping[Signal, tuple[str, Sequence[str]]]] = {
    Signal.LOGS: ("raw_logs", LOG_COLUMNS),
    Signal.POINTS: ("raw_points", POINT_COLUMNS),
}
Own = tuple[WorkspaceId, Batch]


class InsertEngine(Protocol):
    """The part of the telemetry engine that takes rows."""

    async def insert(
        self, workspaces: Sequence[WorkspaceId], table: str, columns: Sequence[str], rows_json: bytes, *, token: str
    ) -> None: ...

    async def insert_native(
        self, workspaces: Sequence[WorkspaceId], table: str, columns: Sequence[str], block: bytes, *, token: str
    ) -> None: ...


class EngineBatchStore:
    """Keeps the promises of `BatchStore`: the engine syncs part and directory before it answers."""

    def __init__(
        self, engine: InsertEngine, *, max_insert_bytes: int = _MAX_INSERT_BYTES, returns_columns: bool = False
    ) -> None:
        self._engine = engine
        self._max_insert_bytes = max_insert_bytes
        self._returns_columns = returns_columns

    async def add(
        self, batches: Sequence[tuple[WorkspaceId, Batch]], *, signal: Signal, token: str
    ) -> Sequence[Columns]:
        found: list[Columns] = []
        if signal is Signal.TRACES:
            for number, piece in enumerate(_in_pieces(batches, self._max_insert_bytes)):
                bodies = [(workspace, batch.payload) for workspace, batch in piece]
                names, block, columns = block_and_columns_of(bodies)
                owners = sorted({workspace for workspace, _ in piece})
                await self._engine.insert_native(owners, "raw_spans", names, block, token=f"{token}-{number}")
                if self._returns_columns:
                    found.append(columns())
            return found
        table, own_names = _TABLES[signal]
        for number, (workspaces, lines) in enumerate(_joined(batches, self._max_insert_bytes)):
            await self._engine.insert(sorted(workspaces), table, own_names, lines, token=f"{token}-{number}")
        return found


def _in_pieces(batches: Sequence[Own], max_bytes: int) -> Iterator[list[Own]]:
    """Yield batches that the engine takes together, one at least: the same batches, the same pieces."""
    piece: list[Own] = []
    owners: set[WorkspaceId] = set()
    size = 0
    for own in batches:
        is_new = own[0] not in owners
        if piece and (size + own[1].size_bytes > max_bytes or (is_new and len(owners) == _MAX_OWNERS)):
            yield piece
            piece, owners, size = [], set(), 0
        piece.append(own)
        owners.add(own[0])
        size += own[1].size_bytes
    if piece:
        yield piece


def _joined(batches: Sequence[Own], max_bytes: int) -> list[tuple[set[WorkspaceId], bytes]]:
    """Return the lines in parts that the engine takes, each with whose they are: the same batches, the same parts."""
    parts: list[tuple[set[WorkspaceId], bytearray]] = []
    for workspace, batch in batches:
        for line in batch.payload.splitlines(keepends=True):
            is_full = not parts or len(parts[-1][1]) + len(line) > max_bytes
            if is_full or (workspace not in parts[-1][0] and len(parts[-1][0]) == _MAX_OWNERS):
                parts.append((set(), bytearray()))
            parts[-1][0].add(workspace)
            parts[-1][1].extend(line)
    return [(workspaces, bytes(lines)) for workspaces, lines in parts]


_LATE: Final = timedelta(seconds=90)  # an insert ends after 30 s in the engine; one that hangs is killed after 30 more
_GIVEN_UP: Final = timedelta(seconds=60)  # three times as long as one flush may take
_LATE_WRITER: Final = "late"
CHANNEL: Final = "telemetry_touched"


class PostgresTouchLedger:
    """Keeps the promises of `TouchLedger`. One transaction a call, however many workspaces.

    Several writers may live at once, and any of them may be taken for dead by another. What decides is therefore not
    who lives but this: whoever finishes an insert leaves a touch behind that no closing has read before. Confirming
    turns the writer's own announcement into such a touch, or writes a new one when somebody has adopted it meanwhile;
    for the closing that read the adopted one may have counted before the insert, and settles it all the same.
    """

    def __init__(
        self,
        database: Database,
        *,
        writer: str,
        notifies: bool = False,
        late: timedelta = _LATE,
        given_up: timedelta = _GIVEN_UP,
    ) -> None:
        self._database = database
        self._notifies = notifies
        self._writer = writer
        self._late = late
        self._given_up = given_up
        self._announced: dict[str, Mapping[WorkspaceId, Mapping[int, int]]] = {}

    async def announce(self, flush_id: str, seconds: Mapping[WorkspaceId, Mapping[int, int]]) -> None:
        self._announced[flush_id] = seconds  # before it is written: whether it was may stay unknown
        try:
            async with self._database.transaction_over(seconds) as each:
                async for workspace, connection in each:
                    touched = seconds[workspace]
                    await connection.execute(
                        _ANNOUNCE, workspace, flush_id, self._writer, list(touched), list(touched.values())
                    )
        except Exception as error:
            if not isinstance(error, UnavailableError):
                del self._announced[flush_id]  # it was refused
            raise

    async def confirm(self, flush_id: str, workspaces: Sequence[WorkspaceId]) -> None:
        await self._confirm(flush_id, workspaces, in_doubt=False)

    async def confirm_in_doubt(self, flush_id: str, workspaces: Sequence[WorkspaceId]) -> None:
        await self._confirm(flush_id, workspaces, in_doubt=True)

    async def _confirm(self, flush_id: str, workspaces: Sequence[WorkspaceId], *, in_doubt: bool) -> None:
        announced = self._announced.get(flush_id, {})
        async with self._database.transaction_over(workspaces) as each:
            async for workspace, connection in each:
                own = list(announced.get(workspace, ()))
                await connection.execute(_CONFIRM, workspace, flush_id, self._writer, own)
                if in_doubt:
                    await connection.execute(_ADD_LATE, workspace, f"{flush_id}~", own, _LATE_WRITER, self._late)
                if self._notifies:
                    await connection.execute(f"NOTIFY {CHANNEL}")
        self._announced.pop(flush_id, None)

    async def adopt(self) -> None:
        await self._adopt(older_than=timedelta(0))

    async def sweep(self) -> None:
        await self._adopt(older_than=self._given_up)

    async def _adopt(self, *, older_than: timedelta) -> None:
        async with self._database.across_workspaces() as connection:
            found = await connection.fetch("SELECT list_touched_workspace_ids() AS id")
        async with self._database.transaction_over([WorkspaceId(row["id"]) for row in found]) as each:
            async for workspace, connection in each:
                await connection.execute(_LATE_IS_DUE, workspace, _LATE_WRITER)
                rows = await connection.fetch(_ADOPT, workspace, [self._writer, _LATE_WRITER], older_than)
                for row in rows:
                    late_id = f"{row['flush_id']}~"
                    await connection.execute(_ADD_LATE, workspace, late_id, row["seconds"], _LATE_WRITER, self._late)


_ANNOUNCE: Final = """
    INSERT INTO telemetry_touches (workspace, flush_id, writer, state, seconds, row_counts)
    VALUES ($1, $2, $3, 'pending', $4, $5)
"""
# Row locks decide between a writer that confirms and another that adopts: the second finds the state changed.
_CONFIRM: Final = """
    WITH own AS (
        UPDATE telemetry_touches SET state = 'stored'
        WHERE workspace = $1 AND flush_id = $2 AND state = 'pending' RETURNING 1)
    INSERT INTO telemetry_touches (workspace, flush_id, writer, state, seconds)
    SELECT $1, $2 || '+', $3, 'stored', $4 WHERE NOT EXISTS (SELECT FROM own)
    ON CONFLICT (workspace, flush_id) DO NOTHING
"""
# Announced in the future: it waits until then, and nobody's figures wait for it.
_ADD_LATE: Final = """
    INSERT INTO telemetry_touches (workspace, flush_id, writer, state, seconds, announced_at)
    VALUES ($1, $2, $4, 'pending', $3, now() + $5::interval)
    ON CONFLICT (workspace, flush_id) DO NOTHING
"""
_LATE_IS_DUE: Final = """
    UPDATE telemetry_touches SET state = 'stored'
    WHERE workspace = $1 AND writer = $2 AND state = 'pending' AND announced_at <= now()
"""
_ADOPT: Final = """
    UPDATE telemetry_touches SET state = 'stored'
    WHERE workspace = $1 AND state = 'pending' AND writer <> ALL($2) AND announced_at <= now() - $3::interval
    RETURNING flush_id, seconds
"""
