"""What agents ask of releases."""

from typing import Final

from tidegate.edge.mcp import Tool

__all__ = ["TOOLS"]

TOOLS: Final = (
    Tool(
        name="list_releases",
        title="Releases",
        description="List the releases that were announced, the newest first.",
        operation="GET /api/v1/releases",
        headline=lambda answer: f"{len(answer['items'])} releases.",
        parameters=("limit", "cursor"),
        is_direct=False,
    ),
)
