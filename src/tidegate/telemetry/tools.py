"""What agents ask of traces and logs."""

from typing import Any, Final

from tidegate.edge.mcp import Tool

__all__ = ["TOOLS"]


def _listed(answer: Any) -> str:  # noqa: ANN401 - JSON
    more = " There are more: pass the cursor." if answer.get("nextCursor") else ""
    return f"{len(answer['items'])} found.{more}"


TOOLS: Final = (
    Tool(
        name="find_traces",
        title="Traces",
        description="List traces by service, tenant, status or duration.",
        operation="GET /api/v1/traces",
        headline=_listed,
        parameters=("service", "tenant", "status", "minMs", "from", "to", "limit", "cursor"),
        page="/traces",
        then="`get_trace` with an id",
        is_direct=False,
    ),
    Tool(
        name="get_trace",
        title="One trace",
        description="Show the spans of one trace in their order.",
        operation="GET /api/v1/traces/{trace_id}",
        headline=lambda answer: f"{len(answer['spans'])} spans on this page.",
        parameters=("limit", "cursor"),
        page="/traces/{trace_id}",
        is_direct=False,
    ),
    Tool(
        name="search_logs",
        title="Log records",
        description="Find log records by words, severity, service, tenant or trace.",
        operation="GET /api/v1/logs",
        headline=_listed,
        parameters=("q", "severity", "service", "tenant", "traceId", "event", "from", "to", "limit", "cursor"),
        fixed={"format": "json"},
        page="/logs",
        is_direct=False,
    ),
)
