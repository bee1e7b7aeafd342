"""What agents ask of alerts."""

from collections import Counter
from typing import Any, Final

from tidegate.edge.mcp import Tool

__all__ = ["TOOLS"]


def _alerts(answer: Any) -> str:  # noqa: ANN401 - JSON
    if answer["evaluatedAt"] is None:
        return f"{answer['ruleCount']} rules, never evaluated yet: an empty list says nothing."
    states = Counter(item["state"] for item in answer["items"])
    counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
    more = " There are more: pass the cursor." if answer["nextCursor"] else ""
    return f"Alerts: {counted}. {answer['ruleCount']} rules, last evaluated {answer['evaluatedAt']}.{more}"


def _alert(answer: Any) -> str:  # noqa: ANN401 - JSON
    alert = answer["alert"]
    return (
        f"{alert['severity']}, {alert['state']} since {alert['since']}, {len(answer['transitions'])} transitions. "
        f"Runbook: {alert['runbook']}"
    )


TOOLS: Final = (
    Tool(
        name="find_alerts",
        title="What burns",
        description=(
            "List alerts, the newest first: which rule, service and tenant, since when, value against bound. "
            "Without `state` resolved ones are listed too."
        ),
        operation="GET /api/v1/alerts",
        headline=_alerts,
        parameters=("state", "service", "limit", "cursor"),
        page="/alerts",
        then="`get_alert` with an id",
    ),
    Tool(
        name="get_alert",
        title="One alert",
        description="Show one alert with each transition and its cause, and the runbook that says how to stop it.",
        operation="GET /api/v1/alerts/{alert_id}",
        headline=_alert,
        page="/alerts/{alert_id}",
        then="`get_runbook` with the slug at the end of the runbook's path",
    ),
)
