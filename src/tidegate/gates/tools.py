"""What agents ask of gates."""

from collections import Counter
from typing import Any, Final

from tidegate.edge.mcp import Tool

__all__ = ["TOOLS"]

_WORDS: Final = {"go": "GO", "hold": "HOLD", "no_go": "NO-GO"}


def _board(answer: Any) -> str:  # noqa: ANN401 - JSON
    verdicts = Counter(_WORDS.get(item["verdict"], "HOLD") for item in answer["items"])
    if not verdicts:
        return "There is no gate: nothing says that a release may go."
    counted = ", ".join(f"{verdicts[word]} {word}" for word in ("NO-GO", "HOLD", "GO") if verdicts[word])
    return f"{len(answer['items'])} gates: {counted}."


def _why(answer: Any) -> str:  # noqa: ANN401 - JSON
    checks = Counter(check["outcome"] for check in answer["checks"])
    counted = ", ".join(f"{count} {outcome}" for outcome, count in sorted(checks.items())) or "none"
    steps = len(answer["toReachGo"])
    to_go = f" {steps} steps would make it GO, the most urgent first." if steps else ""
    return f"{_WORDS.get(answer['verdict'], 'HOLD')}, decided {answer['decidedAt']}. Checks: {counted}.{to_go}"


def _decisions(answer: Any) -> str:  # noqa: ANN401 - JSON
    return f"{len(answer['items'])} decisions, the newest first."


def _waivers(answer: Any) -> str:  # noqa: ANN401 - JSON
    in_force = sum(waiver["isInForce"] for waiver in answer["items"])
    return f"{len(answer['items'])} waivers, {in_force} in force, the newest first. Only a person can give or end one."


TOOLS: Final = (
    Tool(
        name="get_launch_board",
        title="Launch board",
        description="Say for every gate whether the release may go, worst first, with one sentence each. Begin here.",
        operation="GET /api/v1/board",
        headline=_board,
        parameters=("release",),
        page="/",
        then="`explain_gate` with a gate that is not GO",
    ),
    Tool(
        name="explain_gate",
        title="Why a gate says what it says",
        description=(
            "Say what one gate says now: each check with number, bound and time, and the steps that would make it GO. "
            "Use it before you say anything about a release."
        ),
        operation="GET /release/dashboard",
        headline=_why,
        parameters=("gate", "release"),
        required=("gate",),
        page="/gates/{gate}",
        then="`find_alerts` when a live signal fails, `list_gate_decisions` for what it said before",
    ),
    Tool(
        name="list_gate_decisions",
        title="What a gate decided before",
        description="List the recorded decisions of one gate. Use it to find what changed since a release was GO.",
        operation="GET /api/v1/gates/{gate_id}/decisions",
        headline=_decisions,
        parameters=("release", "limit", "cursor"),
        page="/gates/{gate_id}",
        is_direct=False,
    ),
    Tool(
        name="diff_gate_decision",
        title="What changed since",
        description=(
            "Say what changed between a decision and the one before it, or the one you name: outcomes, evidence, "
            "waivers, bounds. Use it to find what made a release stop being GO."
        ),
        operation="GET /api/v1/gates/{gate_id}/decisions/{decision_id}/diff",
        headline=lambda answer: str(answer["sentence"]),
        parameters=("against",),
        page="/gates/{gate_id}",
        is_direct=False,
    ),
    Tool(
        name="list_waivers",
        title="Waivers",
        description="List what people accepted that does not pass: check, owner, reason, until when.",
        operation="GET /api/v1/waivers",
        headline=_waivers,
        parameters=("state", "limit", "cursor"),
        is_direct=False,
    ),
    Tool(
        name="get_gate",
        title="What a gate asks",
        description="Show the definition of one gate: its checks, owners and version.",
        operation="GET /api/v1/gates/{gate_id}",
        headline=lambda answer: f"{len(answer['checks'])} checks, version {answer['version']}.",
        page="/gates/{gate_id}",
        is_direct=False,
    ),
)
