"""What agents ask of runbooks."""

from typing import Final

from tidegate.edge.mcp import Resource, Tool

__all__ = ["RESOURCES", "TOOLS"]

TOOLS: Final = (
    Tool(
        name="get_runbook",
        title="A runbook",
        description="Read one runbook: what the alert means, first looks, how to stop it, who to tell.",
        operation="GET /api/v1/runbooks/{slug}",
        headline=lambda _: "The runbook's text:",
        page="/runbooks/{slug}",
        is_direct=False,
    ),
    Tool(
        name="list_runbooks",
        title="Runbooks",
        description="List the runbooks there are.",
        operation="GET /api/v1/runbooks",
        headline=lambda answer: f"{len(answer['items'])} runbooks.",
        page="/runbooks",
        is_direct=False,
    ),
)
RESOURCES: Final = (
    Resource(
        template="tidegate://runbooks/{slug}",
        title="Runbook",
        description="What an alert means and how to stop it.",
        operation="GET /api/v1/runbooks/{slug}",
    ),
)
