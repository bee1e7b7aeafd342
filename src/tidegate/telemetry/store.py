"""Spans in the telemetry engine, touched seconds in PostgreSQL."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, Protocol

import msgspec

from tidegate.kernel import WorkspaceId
from tidegate.storage import Database
from tidegate.telemetry.model import SPAN_COLUMNS, SpanRow

_MAX_INSERT_BYTES = 16 * 2**20  # 8,192 ordinary rows are 10 MB; the engine refuses over 80
_encoder = msgspec.json.Encoder()


class InsertEngine(Protocol):
    """The part of the telemetry engine that takes rows."""

    async def insert(
        self, workspaces: Sequence[WorkspaceId], table: str, columns: Sequence[str], rows_json: bytes, *, token: str
    ) -> None: ...


class EngineSpanStore:
    """Keeps the promises of `SpanStore`: the engine syncs part and directory before it answers."""

    def __init__(self, engine: InsertEngine, *, max_insert_bytes: int = _MAX_INSERT_BYTES) -> None:
        self._engine = engine
        self._max_insert_bytes = max_insert_bytes

    async def add_spans(self, rows: Sequence[SpanRow], *, token: str) -> None:
        for number, (workspaces, lines) in enumerate(_pieces_of(rows, self._max_insert_bytes)):
            piece = token if number == 0 else f"{token}-{number}"
            await self._engine.insert(sorted(workspaces), "raw_spans", SPAN_COLUMNS, lines, token=piece)


def _pieces_of(rows: Iterable[SpanRow], max_bytes: int) -> Iterator[tuple[set[WorkspaceId], bytes]]:
    """Yield `rows` as lines of JSON with whose they are, in pieces that the engine takes: the same rows, the same."""
    lines = bytearray()
    workspaces: set[WorkspaceId] = set()
    for row in rows:
        line = _encoder.encode(row)
        if lines and len(lines) + len(line) > max_bytes:
            yield workspaces, bytes(lines)
            lines, workspaces = bytearray(), set()
        lines += line
        lines += b"\n"
        workspaces.add(row.workspace)
    if lines:
        yield workspaces, bytes(lines)


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
        self._announced: dict[str, Mapping[WorkspaceId, Sequence[int]]] = {}

    async def announce(self, flush_id: str, seconds: Mapping[WorkspaceId, Sequence[int]]) -> None:
        async with self._database.transaction_over(seconds) as each:
            async for workspace, connection in each:
                await connection.execute(
                    """
                    INSERT INTO telemetry_touches (workspace, flush_id, writer, state, seconds)
                    VALUES ($1, $2, $3, 'pending', $4)
                    """,
                    workspace,
                    flush_id,
                    self._writer,
                    seconds[workspace],
                )
        self._announced[flush_id] = seconds

    async def confirm(self, flush_id: str, workspaces: Sequence[WorkspaceId]) -> None:
        await self._confirm(flush_id, workspaces, in_doubt=False)

    async def confirm_in_doubt(self, flush_id: str, workspaces: Sequence[WorkspaceId]) -> None:
        await self._confirm(flush_id, workspaces, in_doubt=True)

    async def _confirm(self, flush_id: str, workspaces: Sequence[WorkspaceId], *, in_doubt: bool) -> None:
        announced = self._announced.get(flush_id, {})
        async with self._database.transaction_over(workspaces) as each:
            async for workspace, connection in each:
                await connection.execute(_CONFIRM, workspace, flush_id, self._writer, announced.get(workspace, ()))
                if in_doubt:
                    await connection.execute(
                        _ADD_LATE, workspace, f"{flush_id}~", announced.get(workspace, ()), _LATE_WRITER, self._late
                    )
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
