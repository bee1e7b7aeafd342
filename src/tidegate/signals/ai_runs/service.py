"""Looking at runs: those that fit a filter, and one with its steps."""

from tidegate.kernel import Page, WorkspaceId
from tidegate.signals.ai_runs.errors import RunNotFoundError
from tidegate.signals.ai_runs.model import MAX_STEPS, AiRun, RunDetail, RunQuery, describe, members_of
from tidegate.signals.ai_runs.ports import RunStore, TraceReader
from tidegate.telemetry.traces import SpanNotFoundError, TraceNotFoundError


class AiRunService:
    """Reads only. A run's figures are those that were counted; its steps are the spans of this moment."""

    def __init__(self, *, store: RunStore, traces: TraceReader) -> None:
        self._store = store
        self._traces = traces

    async def list_runs(self, workspace: WorkspaceId, query: RunQuery) -> Page[AiRun]:
        """Return runs, the newest first.

        Raises:
            InvalidInputError: the cursor is not one of this list.
            UnavailableError: counting is behind, so that the newest runs would be missing unseen.
        """
        return await self._store.list_runs(workspace, query)

    async def get_run(self, workspace: WorkspaceId, trace_id: str, span_id: str) -> RunDetail:
        """Return one run with its steps, also when it is stored and not counted yet.

        Raises:
            RunNotFoundError: this span is not stored here, or no run.
        """
        trace_id, span_id = trace_id.lower(), span_id.lower()
        try:
            trace = await self._traces.get_trace(workspace, trace_id)
        except (TraceNotFoundError, SpanNotFoundError) as error:
            raise RunNotFoundError from error
        found = members_of(trace, span_id)
        if found is None:
            raise RunNotFoundError
        shown = [span.line.span_id for span in found[1][:MAX_STEPS]]
        details = await self._traces.find_spans(workspace, trace_id, list(dict.fromkeys([span_id, *shown])))
        logs = await self._traces.find_logs(workspace, trace_id)
        run = await self._store.find_run(workspace, trace_id, span_id)
        described = describe(run, trace, {one.line.span_id: one for one in details}, logs, span_id=span_id)
        if described is None:
            raise RunNotFoundError
        return described
