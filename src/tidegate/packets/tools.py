"""What agents ask of packets."""

from typing import Final

from tidegate.edge.mcp import Tool

__all__ = ["TOOLS"]

_WORDS: Final = {"go": "GO", "hold": "HOLD", "no_go": "NO-GO"}

TOOLS: Final = (
    Tool(
        name="get_evidence_packet",
        title="Packet of a decision",
        description=(
            "Say what the signed packet of a decision holds: verdict, checks, evidence, waivers, digest, keys. "
            "Use it to tell an auditor which file proves a decision; the file itself is downloaded by a person."
        ),
        operation="GET /api/v1/gates/{gate_id}/decisions/{decision_id}/packet",
        headline=lambda answer: (
            f"{_WORDS.get(answer['verdict'], 'HOLD')} on {answer['checkCount']} checks and {answer['evidenceCount']} "
            f"pieces of evidence; {answer['sizeBytes']} bytes, signed by {len(answer['keys'])} keys."
        ),
        page="/gates/{gate_id}/decisions/{decision_id}/packet",
        is_direct=False,
    ),
)
