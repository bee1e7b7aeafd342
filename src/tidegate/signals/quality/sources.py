"""Where evaluations go: into the log records of telemetry, by the ingest that stores those."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from tidegate.kernel import WorkspaceId
from tidegate.telemetry.model import Batch, Signal

_encoder = msgspec.json.Encoder()


class LogIngest(Protocol):
    """The ingest of log records."""

    async def accept(self, workspace: WorkspaceId, batch: Batch) -> None: ...


class IngestedEvaluations:
    """Keeps the promises of `EvaluationSink`."""

    def __init__(self, ingest: LogIngest) -> None:
        self._ingest = ingest

    async def accept(self, workspace: WorkspaceId, rows: Sequence[Mapping[str, object]]) -> None:
        seconds = frozenset(int(str(row["second"])) for row in rows)
        await self._ingest.accept(workspace, Batch(Signal.LOGS, _encoder.encode_lines(rows), len(rows), seconds))
