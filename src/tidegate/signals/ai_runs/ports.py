"""What looking at runs needs: where counted runs are read, and the traces that they are made of."""

from collections.abc import Sequence
from typing import Protocol

from tidegate.kernel import Page, WorkspaceId
from tidegate.signals.ai_runs.model import AiRun, RunQuery
from tidegate.telemetry.traces import LogLine, SpanDetail, Trace


class RunStore(Protocol):
    """Counted runs: of each second the newest published version."""

    async def list_runs(self, workspace: WorkspaceId, query: RunQuery) -> Page[AiRun]:
        """Return runs, the newest first.

        Raises:
            UnavailableError: the engine does not answer, or counting is behind.
        """
        ...

    async def find_run(self, workspace: WorkspaceId, trace_id: str, span_id: str) -> AiRun | None:
        """Return the run of this span; `None` while it is not counted, or when there is none."""
        ...


class TraceReader(Protocol):
    """Traces, as the slice below gives them."""

    async def get_trace(self, workspace: WorkspaceId, trace_id: str) -> Trace: ...

    async def find_spans(self, workspace: WorkspaceId, trace_id: str, span_ids: Sequence[str]) -> list[SpanDetail]: ...

    async def find_logs(
        self, workspace: WorkspaceId, trace_id: str, *, span_id: str | None = None
    ) -> list[LogLine]: ...
