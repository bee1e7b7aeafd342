"""What agents ask of incidents: they read; people lead them."""

from typing import Any, Final

from tidegate.edge.mcp import Tool

__all__ = ["TOOLS"]


def _incident(answer: Any) -> str:  # noqa: ANN401 - JSON
    incident = answer["incident"]
    return (
        f"{incident['severity']}, {incident['state']}, opened {incident['openedAt']}: {len(answer['alerts'])} alerts, "
        f"{len(answer['timeline'])} recorded events, {len(answer['gates'])} gates, {len(answer['similar'])} like it."
    )


def _statistics(answer: Any) -> str:  # noqa: ANN401 - JSON
    counted = answer["all"]
    return f"{counted['count']} incidents; {counted['openCount']} are open and left out of the times to resolve."


TOOLS: Final = (
    Tool(
        name="find_incidents",
        title="Incidents",
        description="List incidents, the newest first: state, severity, commander, services, times. Filters fit all.",
        operation="GET /api/v1/incidents",
        headline=lambda answer: f"{len(answer['items'])} incidents.",
        parameters=("state", "severity", "service", "tenant", "code", "limit", "cursor"),
        page="/incidents",
        then="`get_incident` with an id",
        is_direct=False,
    ),
    Tool(
        name="get_incident",
        title="One incident",
        description=(
            "Show one incident: its alerts, the timeline from recorded events, each with its id, gates that read its "
            "alerts, and past incidents like it with how long they took."
        ),
        operation="GET /api/v1/incidents/{incident_id}",
        headline=_incident,
        page="/incidents/{incident_id}",
        is_direct=False,
    ),
    Tool(
        name="get_incident_statistics",
        title="How long incidents took",
        description="Say how long it took to acknowledge and to resolve the incidents of a period; open ones apart.",
        operation="GET /api/v1/incidents/statistics",
        headline=_statistics,
        parameters=("from", "to", "by"),
        page="/incidents",
        is_direct=False,
    ),
)
