"""Made-up traces and runs for page tests; the fakes keep the promises of the stores that they stand for."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.pages.worlds import HARBOR
from tests.telemetry_rows import AT_NS, TRACE, span_id

from tidegate.kernel import Page, UnavailableError, WorkspaceId
from tidegate.signals.ai_runs import AiRun, RunQuery
from tidegate.telemetry.traces import LogLine, SpanDetail, SpanEvent, SpanLine, SpanLink, TraceEntry, TraceQuery

MS = 1_000_000


def make_line(number: int = 1, **changes: Any) -> SpanLine:
    parent = changes.pop("parent", 0)
    start_ns = AT_NS + changes.pop("start_ms", 0) * MS
    facts: dict[str, Any] = {
        "span_id": span_id(number),
        "parent_span_id": span_id(parent) if parent else "",
        "start_ns": start_ns,
        "end_ns": start_ns + changes.pop("length_ms", 100) * MS,
        "name": f"step {number}",
        "kind": 1,
        "status": 0,
        "service": "harbor-api",
        "distrusted": 0,
        "replayed": 0,
        "families": 0,
        "role": "",
        "operation": "",
        "run_outcome": "",
        "outcome": "",
        "error_type": "",
        "provider": "",
        "model": "",
        "tool": "",
        "agent_name": "",
        "tenant": "",
        "http_status": 0,
    }
    return SpanLine(**(facts | changes))


def make_detail(line: SpanLine, **changes: Any) -> SpanDetail:
    facts: dict[str, Any] = dict.fromkeys(
        ("status_message", "trace_state", "scope", "environment", "release", "route", "http_method", "finish_reason",
         "prompt_version", "conversation_id", "object", "detail"), ""
    )  # fmt: skip
    facts |= dict.fromkeys(
        ("attempt", "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens",
         "ttfc_ns"), 0
    )  # fmt: skip
    facts |= {"amount_micro": None, "attributes": {}, "resource": {}, "events": (), "links": ()}
    return SpanDetail(line=line, **(facts | changes))


def make_run(number: int = 1, **changes: Any) -> AiRun:
    texts = ("environment", "release", "tenant", "agent_name", "prompt_version", "conversation_id", "finish_reason",
             "error_code", "cost_source", "price_version")  # fmt: skip
    numbers = ("cached_input_tokens", "cache_write_tokens", "reasoning_tokens", "is_cache_exclusive", "cost_nano_usd",
               "is_priced", "ttfc_ns", "is_parent_missing", "is_sampled", "replayed")  # fmt: skip
    facts: dict[str, Any] = dict.fromkeys(texts, "") | dict.fromkeys(numbers, 0)
    start_ns = AT_NS + changes.pop("start_ms", 0) * MS
    facts |= {
        "trace_id": TRACE,
        "span_id": span_id(number),
        "start_ns": start_ns,
        "end_ns": start_ns + changes.pop("length_ms", 1_200) * MS,
        "name": "invoke_agent assistant",
        "operation": "invoke_agent",
        "service": "harbor-api",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "outcome": "ok",
        "input_tokens": 1_200,
        "output_tokens": 300,
        "span_count": 5,
        "weight_milli": 1_000,
    }
    return AiRun(**(facts | changes))


def agent_details(*, name: str = "invoke_agent assistant", text: str = "hello") -> list[SpanDetail]:
    """Return a run as it may be: an agent that asks a guardrail, retrieves, calls a tool twice and a model."""
    root = make_line(1, name=name, role="agent", operation="invoke_agent", agent_name="assistant", run_outcome="failed",
                     tenant="acme", length_ms=1_200)  # fmt: skip
    guard = make_line(2, parent=1, name="guardrail input", role="step", operation="guardrail", run_outcome="ok")
    found = make_line(3, parent=1, start_ms=110, name="retrieval docs", role="step", operation="retrieval",
                      run_outcome="ok")  # fmt: skip
    tool = {"parent": 1, "name": "execute_tool search", "role": "step", "operation": "execute_tool", "tool": "search"}
    first = make_line(4, start_ms=220, run_outcome="failed", outcome="timeout", error_type="timeout", status=2, **tool)
    second = make_line(5, start_ms=330, run_outcome="ok", outcome="ok", **tool)
    model = make_line(6, parent=1, start_ms=440, length_ms=700, name="chat gpt-4o-mini", role="inference",
                      operation="chat", provider="openai", model="gpt-4o-mini", run_outcome="failed",
                      error_type="rate_limit", status=2)  # fmt: skip
    score = SpanEvent("gen_ai.evaluation.result", AT_NS, {
        "gen_ai.evaluation.name": "groundedness", "gen_ai.evaluation.score.value": "0.42",
        "gen_ai.evaluation.score.label": "low",
    })  # fmt: skip
    documents = '[{"id": "doc-7", "score": 0.91}, {"id": "doc-9", "score": 0.4}]'
    return [
        make_detail(root, attributes={"tenant.id": "acme"}),
        make_detail(guard),
        make_detail(found, object="handbook", attributes={"gen_ai.retrieval.documents": documents}),
        make_detail(first, attributes={"gen_ai.tool.call.arguments": text}),
        make_detail(second),
        make_detail(
            model,
            input_tokens=1_200,
            output_tokens=300,
            status_message="429 from the provider",
            attributes={"gen_ai.input.messages": f"{text} [redacted]", "gen_ai.request.temperature": "0.2"},
            events=(score,),
            links=(SpanLink("f" * 32, "e" * 16, {}),),
            resource={"service.name": "harbor-api"},
        ),
    ]


def make_log(**changes: Any) -> LogLine:
    facts: dict[str, Any] = {
        "log_id": "l1", "time_ns": AT_NS, "span_id": "", "severity": 9, "severity_text": "INFO", "event_name": "",
        "body": "a line", "service": "harbor-api", "families": 0, "object": "", "detail": "", "outcome": "",
        "amount_micro": None, "attributes": {},
    }  # fmt: skip
    return LogLine(**(facts | changes))


class FakeTraceStore:
    """Traces by workspace and id."""

    def __init__(self) -> None:
        self.spans: dict[tuple[WorkspaceId, str], list[SpanDetail]] = {}
        self.logs: dict[tuple[WorkspaceId, str], list[LogLine]] = {}
        self.is_away = False

    def put(self, *details: SpanDetail, workspace: WorkspaceId = HARBOR, trace_id: str = TRACE) -> None:
        self.spans[workspace, trace_id] = list(details)

    def put_lines(self, *lines: SpanLine) -> None:
        self.put(*map(make_detail, lines))

    async def find_lines(self, workspace: WorkspaceId, trace_id: str, *, limit: int) -> list[SpanLine]:
        self._refuse_while_away()
        found = [detail.line for detail in self.spans.get((workspace, trace_id), ())]
        return sorted(found, key=lambda line: (line.start_ns, line.span_id))[:limit]

    async def find_details(self, workspace: WorkspaceId, trace_id: str, span_ids: Sequence[str]) -> list[SpanDetail]:
        return [one for one in self.spans.get((workspace, trace_id), ()) if one.line.span_id in set(span_ids)]

    async def find_logs(
        self, workspace: WorkspaceId, trace_id: str, *, span_id: str | None, limit: int
    ) -> list[LogLine]:
        found = self.logs.get((workspace, trace_id), [])
        return [line for line in found if span_id in {None, line.span_id}][:limit]

    async def list_traces(self, workspace: WorkspaceId, query: TraceQuery) -> Page[TraceEntry]:
        self._refuse_while_away()
        entries = [
            TraceEntry(trace_id, one.span_id, one.name, one.service, one.tenant, one.start_ns, one.end_ns, one.is_error)
            for (owner, trace_id), details in self.spans.items()
            for one in [details[0].line]
            if owner == workspace and query.service in {None, one.service} and query.tenant in {None, one.tenant}
        ]
        return Page(tuple(entries), None)

    def _refuse_while_away(self) -> None:
        if self.is_away:
            raise UnavailableError("The telemetry engine does not answer at the moment.", retry_after_s=2)


class FakeRunStore:
    """Runs by workspace."""

    def __init__(self) -> None:
        self.runs: dict[WorkspaceId, list[AiRun]] = {}
        self.asked: list[RunQuery] = []

    async def list_runs(self, workspace: WorkspaceId, query: RunQuery) -> Page[AiRun]:
        self.asked.append(query)
        found = [
            run
            for run in self.runs.get(workspace, [])
            if query.outcome in {None, run.outcome}
            and query.tenant in {None, run.tenant}
            and not (query.is_unpriced and run.is_priced)
        ]
        start = int(query.cursor or 0)
        rest = found[start + query.limit :]
        return Page(tuple(found[start : start + query.limit]), str(start + query.limit) if rest else None)

    async def find_run(self, workspace: WorkspaceId, trace_id: str, span_id: str) -> AiRun | None:
        runs = self.runs.get(workspace, [])
        return next((run for run in runs if (run.trace_id, run.span_id) == (trace_id, span_id)), None)


def renamed(run: AiRun, **changes: Any) -> AiRun:
    return replace(run, **changes)
