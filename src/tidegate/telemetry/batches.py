"""Batches of log records and metric points on their way through the ingest, beside the spans.

The ingest coalesces, announces touched seconds and confirms them; here stands what it stores for these two signals. A
batch is one piece with all its lines and a piece for each further second it touches.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from tidegate.kernel import Clock, WorkspaceId
from tidegate.telemetry.logs.model import LOG_COLUMNS
from tidegate.telemetry.model import Batch, Signal
from tidegate.telemetry.points.model import POINT_COLUMNS

_NANO_PER_DAY: Final = 86_400 * 10**9
_MAX_INSERT_BYTES: Final = 16 * 2**20  # the engine refuses over 80, and larger ones stall readers
_TABLES: Final[Mapping[Signal, tuple[str, Sequence[str]]]] = {
    Signal.LOGS: ("raw_logs", LOG_COLUMNS),
    Signal.POINTS: ("raw_points", POINT_COLUMNS),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a batch, as the ingest sees a row."""

    workspace: WorkspaceId
    second: int
    signal: Signal
    received_ns: int
    """The day of arrival is the partition."""
    payload: bytes = b""


class RowIngest(Protocol):
    """The ingest that takes rows."""

    async def accept(self, workspace: WorkspaceId, rows: Sequence[Piece], *, size_bytes: int = 0) -> None: ...

    def refuse_if_full(self, workspace: WorkspaceId) -> None: ...


class InsertEngine(Protocol):
    """The part of the telemetry engine that takes rows."""

    async def insert(
        self, workspaces: Sequence[WorkspaceId], table: str, columns: Sequence[str], rows_json: bytes, *, token: str
    ) -> None: ...


class BatchIngest:
    """Takes batches and hands them to the ingest in pieces."""

    def __init__(self, ingest: RowIngest, clock: Clock) -> None:
        self._ingest = ingest
        self._clock = clock

    def refuse_if_full(self, workspace: WorkspaceId) -> None:
        """Say what `accept` would say to a batch of any size.

        Raises:
            IngestFullError: too much of `workspace` is waiting.
            UnavailableError: intake is stopped.
        """
        self._ingest.refuse_if_full(workspace)

    async def accept(self, workspace: WorkspaceId, batch: Batch) -> None:
        """Store the batch; returns when it is durable.

        Raises:
            IngestFullError: too much is waiting; nothing of it was stored.
            UnavailableError: the engines do not answer, or take nothing now; sending again is safe.
        """
        received_ns = int(self._clock.now().timestamp()) * 10**9
        first, *others = sorted(batch.seconds) or [0]
        pieces = [Piece(workspace, first, batch.signal, received_ns, batch.payload)]
        pieces += [Piece(workspace, second, batch.signal, received_ns) for second in others]
        await self._ingest.accept(workspace, pieces, size_bytes=len(batch.payload))


class EngineRecordStore:
    """Stores pieces: the engine syncs part and directory before it answers, and stores a token once."""

    def __init__(self, engine: InsertEngine) -> None:
        self._engine = engine

    async def add_spans(self, rows: Sequence[Piece], *, token: str) -> None:
        """Store the lines of all pieces, one insert a table, day and 16 MB."""
        found: defaultdict[tuple[Signal, int], list[Piece]] = defaultdict(list)
        for piece in rows:
            if piece.payload:
                found[piece.signal, piece.received_ns // _NANO_PER_DAY].append(piece)
        for (signal, day), pieces in sorted(found.items()):
            table, columns = _TABLES[signal]
            for number, (workspaces, lines) in enumerate(_joined(pieces)):
                part = f"{token}-{signal}-{day}-{number}"
                await self._engine.insert(sorted(workspaces), table, columns, lines, token=part)


def _joined(pieces: Sequence[Piece]) -> list[tuple[set[WorkspaceId], bytes]]:
    """Return the lines in parts that the engine takes, each with whose they are: the same pieces, the same parts."""
    parts: list[tuple[set[WorkspaceId], bytearray]] = []
    for piece in pieces:
        for line in piece.payload.splitlines(keepends=True):
            if not parts or len(parts[-1][1]) + len(line) > _MAX_INSERT_BYTES:
                parts.append((set(), bytearray()))
            parts[-1][0].add(piece.workspace)
            parts[-1][1].extend(line)
    return [(workspaces, bytes(lines)) for workspaces, lines in parts]
