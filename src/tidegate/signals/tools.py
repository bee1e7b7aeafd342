"""What agents ask of signals, tenants and AI runs."""

from typing import Any, Final

from tidegate.edge.mcp import Tool

__all__ = ["TOOLS"]

_WHERE: Final = ("service", "environment", "release", "tenant", "range", "from", "to")


def _series(answer: Any) -> str:  # noqa: ANN401 - JSON
    return f"{len(answer['lines'])} lines over {len(answer['starts'])} steps of {answer['stepS']} s."


def _listed(noun: str) -> Any:  # noqa: ANN401 - a function from JSON to words
    def headline(answer: Any) -> str:  # noqa: ANN401 - JSON
        more = " There are more: pass the cursor." if answer.get("nextCursor") else ""
        return f"{len(answer['items'])} {noun}.{more}"

    return headline


def _run(answer: Any) -> str:  # noqa: ANN401 - JSON
    run = answer["run"]
    cost = "unpriced" if run["costUsd"] is None else f"{run['costUsd']} USD"
    return (
        f"{run['inputTokens']} tokens in, {run['outputTokens']} out, {cost}; {len(answer['steps'])} steps, "
        f"{answer['hiddenStepCount']} not shown."
    )


TOOLS: Final = (
    Tool(
        name="query_signal",
        title="A signal over time",
        description=(
            "Give the exact figures of one family over time, split by one dimension when `by` is given. "
            "Families: request, auth, tenant, ai_run, tool_call, ingestion, retrieval, delivery, access_sync, usage, "
            "runtime, policy. A figure that is null has no data, which is not zero."
        ),
        operation="GET /api/v1/signals/{family}/series",
        headline=_series,
        parameters=(*_WHERE, "by", "step", "figures", "limit"),
        fixed={"format": "json"},
        page="/signals/{family}",
        then="`find_alerts` for what crossed a bound",
    ),
    Tool(
        name="get_tenant_health",
        title="How one tenant does",
        description="Show one tenant of the watched services: its rank against the median, families and alerts.",
        operation="GET /api/v1/tenants/{tenant}",
        headline=lambda answer: f"{len(answer['families'])} families have data of this tenant.",
        parameters=("service", "environment", "release", "range", "from", "to"),
        page="/tenants/{tenant}",
        then="`find_ai_runs` with this tenant",
    ),
    Tool(
        name="find_ai_runs",
        title="AI runs",
        description="List AI runs by outcome, model, tenant or cost. Use it to find what failed or was expensive.",
        operation="GET /api/v1/runs",
        headline=_listed("runs"),
        parameters=(
            "outcome", "model", "provider", "tenant", "service", "release", "from", "to", "minCostUsd", "unpriced",
            "limit", "cursor",
        ),
        fixed={"format": "json"},
        page="/ai-runs",
        then="`get_ai_run` with trace and span",
    ),
    Tool(
        name="get_ai_run",
        title="One AI run",
        description="Show one AI run step by step: model, tools, tokens, cost with its source, and what broke it.",
        operation="GET /api/v1/runs/{trace_id}/{span_id}",
        headline=_run,
        page="/ai-runs/{trace_id}/{span_id}",
    ),
    Tool(
        name="find_tenants",
        title="Tenants",
        description="Rank the tenants of watched services: requests, denials, error and cost ratios beside the median.",
        operation="GET /api/v1/tenants",
        headline=_listed("tenants"),
        parameters=(*_WHERE, "q", "sort", "order", "limit", "cursor"),
        fixed={"format": "json"},
        page="/tenants",
        is_direct=False,
    ),
    Tool(
        name="get_signal_health",
        title="Is every family well",
        description="Say for every family of signals whether it is well now, with its bounds.",
        operation="GET /api/v1/signals/health",
        headline=_listed("families"),
        parameters=("service", "environment", "release", "tenant"),
        page="/signals",
        is_direct=False,
    ),
)  # fmt: skip
