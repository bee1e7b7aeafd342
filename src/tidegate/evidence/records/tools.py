"""What agents ask of evidence, and bring."""

from typing import Any, Final

from tidegate.edge.mcp import Tool

__all__ = ["TOOLS"]


def _state(answer: Any) -> str:  # noqa: ANN401 - JSON
    counts = "gates may count it" if answer["counts"] else "gates do not count it"
    accepted = "another person accepted it" if answer["isAccepted"] else "nobody else has accepted it"
    return f"Evidence {answer['id']}: {counts}; {accepted}."


TOOLS: Final = (
    Tool(
        name="find_evidence",
        title="Evidence",
        description=(
            "List evidence that was offered to gates, the newest receipt first, by kind, release, commit or service. "
            "Use it to see what a gate that holds is still owed."
        ),
        operation="GET /api/v1/evidence",
        headline=lambda answer: f"{len(answer['items'])} pieces of evidence.",
        parameters=("kind", "release", "commit", "service", "limit", "cursor"),
        is_direct=False,
        then="`get_evidence` with an id",
    ),
    Tool(
        name="get_evidence",
        title="One piece of evidence",
        description="Show one piece of evidence: what is counted in it, its reviews and signatures, whether it counts.",
        operation="GET /api/v1/evidence/{evidence_id}",
        headline=_state,
        page="/evidence/{evidence_id}",
        is_direct=False,
    ),
    Tool(
        name="attach_evidence",
        title="Attach evidence",
        description=(
            "Offer a document, report or link as evidence; it is marked as an agent's when an agent's token brings it. "
            "Reviewing is for people: ask one."
        ),
        operation="POST /api/v1/evidence",
        headline=_state,
        content=("evidence", "application/json"),
        is_direct=False,
        is_writing=True,
        then="`get_evidence` with the id",
    ),
)
