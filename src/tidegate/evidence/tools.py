"""What agents ask of evidence, and bring."""

from typing import Any, Final

from tidegate.edge.mcp import Tool

__all__ = ["TOOLS"]


def _report(answer: Any) -> str:  # noqa: ANN401 - JSON
    return f"Report {answer['id']}."


TOOLS: Final = (
    Tool(
        name="report_check",
        title="Report what CI found",
        description=(
            "Hand in a report of one suite for one commit (JUnit, NUnit, TRX, Mocha, RSpec, Dart, Go); gates that ask "
            "for it are judged anew. "
            "A report of the same run replaces nothing: the newest counts."
        ),
        operation="POST /api/v1/ci/reports",
        headline=_report,
        parameters=("suite", "commit", "service", "runId", "repository", "format"),
        content=("report", "application/xml"),
        is_writing=True,
        then="`explain_gate` with the gate that asks for it",
    ),
    Tool(
        name="get_ci_report",
        title="The latest CI report",
        description="Show the newest report of a suite for a commit.",
        operation="GET /api/v1/ci/reports/latest",
        headline=_report,
        parameters=("suite", "commit", "service"),
        is_direct=False,
    ),
)
