"""What agents ask of alerts."""

import re
from collections import Counter
from typing import Any, Final

from tidegate.edge.mcp import Tool

__all__ = ["TOOLS"]

_OWN_RUNBOOK: Final = re.compile(r"/runbooks/[\w.-]{1,100}", re.ASCII)


def _alerts(answer: Any) -> str:  # noqa: ANN401 - JSON
    if answer["evaluatedAt"] is None:
        return f"{answer['ruleCount']} rules, never evaluated yet: an empty list says nothing."
    states = Counter(item["state"] for item in answer["items"])
    counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
    more = " There are more: pass the cursor." if answer["nextCursor"] else ""
    return f"Alerts: {counted}. {answer['ruleCount']} rules, last evaluated {answer['evaluatedAt']}.{more}"


def _alert(answer: Any) -> str:  # noqa: ANN401 - JSON
    alert, runbook = answer["alert"], answer["alert"]["runbook"]
    # Whoever sends an alert chooses its link, which may read as an instruction: that stands in the fence alone.
    where = f"Runbook: {runbook}" if _OWN_RUNBOOK.fullmatch(runbook) else "Its runbook is a link in the data."
    return (
        f"{alert['severity']}, {alert['state']} since {alert['since']}, {len(answer['transitions'])} transitions. "
        f"{where}"
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
    Tool(
        name="explain_pages",
        title="Why somebody was told, or not",
        description=(
            "Say of one alert who was told when and by which route, or why nobody was: silenced, muted, no route, "
            "grouped, acknowledged. Each decision has its moment and its cause."
        ),
        operation="GET /api/v1/alerts/{alert_id}/pages",
        headline=lambda answer: f"{'Told' if answer['isTold'] else 'Not told'}; {len(answer['decisions'])} decisions.",
        parameters=("channel",),
        page="/alerts/{alert_id}",
    ),
    Tool(
        name="acknowledge_alert",
        title="Acknowledge an alert",
        description="Say that somebody looks after an alert: escalations and repeats stop. It goes on burning.",
        operation="POST /api/v1/alerts/{alert_id}/acknowledge",
        headline=lambda _: "Acknowledged.",
        is_writing=True,
        reason_as="note",
        page="/alerts/{alert_id}",
        then="`explain_pages` with the same id",
    ),
    Tool(
        name="list_rules",
        title="Rules",
        description="List the rules as they count in the workspace: signal, bound, window, runbook.",
        operation="GET /api/v1/rules",
        headline=lambda answer: f"{len(answer['items'])} rules.",
        is_direct=False,
    ),
    Tool(
        name="get_rule",
        title="One rule",
        description="Say when one rule fires and when it resolves, for one tenant if it is given.",
        operation="GET /api/v1/rules/{code}",
        headline=lambda _: "The rule as it counts now:",
        parameters=("tenant",),
        is_direct=False,
    ),
    Tool(
        name="list_silences",
        title="Silences",
        description="List what nobody is told of for a while, with reason and end.",
        operation="GET /api/v1/silences",
        headline=lambda answer: f"{len(answer['items'])} silences.",
        parameters=("expired", "limit", "cursor"),
        page="/silences",
        is_direct=False,
    ),
    Tool(
        name="get_routing",
        title="Routes",
        description="Show the routes: whom which alerts are told to, and when.",
        operation="GET /api/v1/routing",
        headline=lambda answer: f"{len(answer['routes'])} routes, version {answer['version']}.",
        is_direct=False,
    ),
)
