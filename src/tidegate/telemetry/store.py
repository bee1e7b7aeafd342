"""Spans in the telemetry engine, touched seconds in PostgreSQL."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

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
            await self._engine.insert(sorted(workspaces), "spans", SPAN_COLUMNS, lines, token=piece)


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


class PostgresTouchLedger:
    """Keeps the promises of `TouchLedger`. One transaction a call, however many workspaces."""

    def __init__(self, database: Database, *, writer: str) -> None:
        self._database = database
        self._writer = writer

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

    async def confirm(self, flush_id: str, workspaces: Sequence[WorkspaceId]) -> None:
        async with self._database.transaction_over(workspaces) as each:
            async for workspace, connection in each:
                await connection.execute(
                    "UPDATE telemetry_touches SET state = 'stored' WHERE workspace = $1 AND flush_id = $2",
                    workspace,
                    flush_id,
                )

    async def adopt(self) -> None:
        async with self._database.across_workspaces() as connection:
            found = await connection.fetch("SELECT list_touched_workspace_ids() AS id")
        async with self._database.transaction_over([WorkspaceId(row["id"]) for row in found]) as each:
            async for workspace, connection in each:
                await connection.execute(
                    "UPDATE telemetry_touches SET state = 'stored' WHERE workspace = $1 AND writer <> $2",
                    workspace,
                    self._writer,
                )
