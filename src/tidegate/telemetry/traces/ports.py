"""What looking at traces needs: where spans and logs are read."""

from collections.abc import Sequence
from typing import Protocol

from tidegate.kernel import Page, WorkspaceId
from tidegate.telemetry.traces.model import LogLine, SpanDetail, SpanLine, TraceEntry, TraceQuery


class TraceStore(Protocol):
    """Stored spans, each once: of copies the one that counts.

    Each method raises `UnavailableError` while the telemetry engine does not answer, or takes too long.
    """

    async def find_lines(self, workspace: WorkspaceId, trace_id: str, *, limit: int) -> list[SpanLine]:
        """Return the spans of a trace by their start, at most `limit`; none when it is not stored."""
        ...

    async def find_details(self, workspace: WorkspaceId, trace_id: str, span_ids: Sequence[str]) -> list[SpanDetail]:
        """Return all that is stored of these spans, in any order."""
        ...

    async def find_logs(
        self, workspace: WorkspaceId, trace_id: str, *, span_id: str | None, limit: int
    ) -> list[LogLine]:
        """Return log records that name the trace, or one span of it, the oldest first."""
        ...

    async def list_traces(self, workspace: WorkspaceId, query: TraceQuery) -> Page[TraceEntry]:
        """Return traces, the newest first."""
        ...
