"""What agents ask of deliveries."""

from typing import Final

from tidegate.edge.mcp import Tool

__all__ = ["TOOLS"]

TOOLS: Final = (
    Tool(
        name="find_deliveries",
        title="Deliveries",
        description=(
            "List what was sent to channels, the newest first: delivered, pending or dead, with the last answer. "
            "Use it when somebody says that no page arrived."
        ),
        operation="GET /api/v1/deliveries",
        headline=lambda answer: f"{len(answer['items'])} deliveries.",
        parameters=("state", "channel", "limit", "cursor"),
        then="`get_delivery` with an id",
    ),
    Tool(
        name="get_delivery",
        title="One delivery",
        description="Show one delivery with each attempt and what the receiver answered.",
        operation="GET /api/v1/deliveries/{delivery_id}",
        headline=lambda _: "The delivery:",
        is_direct=False,
    ),
    Tool(
        name="replay_delivery",
        title="Send a delivery again",
        description="Send a dead or delivered notice again under its id; receivers that keep ids know it.",
        operation="POST /api/v1/deliveries/{delivery_id}/replay",
        headline=lambda _: "It is under way again.",
        is_direct=False,
        is_writing=True,
        then="`get_delivery` with the same id",
    ),
)
