"""What agents ask of objectives."""

from collections import Counter
from typing import Any, Final

from tidegate.edge.mcp import Tool

__all__ = ["TOOLS"]

_WORDS: Final = {"met": "met", "exhausted": "exhausted", "no_data": "without data"}
_STATES: Final = {"open": "may go", "frozen": "are frozen", "excepted": "are frozen, with an exception"}


def _slo(answer: Any) -> str:  # noqa: ANN401 - JSON
    budget, left = answer["budget"], answer["budget"]["leftShare"]
    much = "How much of the budget is left is not known" if left is None else f"{left:.1%} of the budget is left"
    burning = len([one for one in answer["burning"] if one["tenant"] is None])
    releases = _STATES.get(answer["policy"]["state"], "are frozen or not: nobody knows")
    return (
        f"{much}, the budget is {_WORDS.get(budget['state'], 'unknown')}; {burning} pairs of windows of the service "
        f"burn too fast. By its policy releases {releases}."
    )


def _slos(answer: Any) -> str:  # noqa: ANN401 - JSON
    states = Counter(_WORDS.get(item["budget"]["state"], "unknown") for item in answer["items"])
    counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
    frozen = sum(item["policy"]["state"] in {"frozen", "excepted"} for item in answer["items"])
    return f"Objectives: {counted}; {frozen} freeze releases." + (" There are more." if answer["nextCursor"] else "")


TOOLS: Final = (
    Tool(
        name="get_slo",
        title="One objective",
        description=(
            "Say how much of an objective's error budget is left, how fast it burns in each window, which tenants used "
            "most of it, and whether releases are frozen because of it. Unknown is not good."
        ),
        operation="GET /api/v1/objectives/{objective}",
        headline=_slo,
        parameters=("limit", "cursor"),
        page="/slos/{objective}",
        then="`find_alerts` when it burns, `list_freezes` for what its policy did before",
    ),
    Tool(
        name="list_slos",
        title="Objectives",
        description="List the objectives with what is left of their error budgets, what burns and what is frozen.",
        operation="GET /api/v1/objectives",
        headline=_slos,
        parameters=("service", "limit", "cursor"),
        page="/slos",
        then="`get_slo` with a name",
        is_direct=False,
    ),
    Tool(
        name="list_freezes",
        title="Freezes of releases",
        description="Say when an objective froze releases and why, when that was lifted, and who made exceptions.",
        operation="GET /api/v1/objectives/{objective}/freezes",
        headline=lambda answer: f"{len(answer['events'])} events, {len(answer['exceptions'])} exceptions count now.",
        page="/slos/{objective}",
        is_direct=False,
    ),
)
