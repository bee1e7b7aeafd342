"""A hundred complete customer-service runs: runs, tool calls and tool errors as they are in the messages."""

import pytest
from tests.real.conftest import find_input
from tests.real.sender import Replayer

pytestmark = pytest.mark.real

RUNS, TOOL_CALLS, TOOL_ERRORS = 100, 621, 63


def test_runs_tool_calls_and_tool_errors_are_counted(replayer: Replayer) -> None:
    path = find_input("agent-runs-tau", "gpt-4o-airline.json.gz")
    totals = replayer.replay(path, "tau", "--start", "2026-01-05T00:00:00Z", "--model", "gpt-4o")
    assert totals["spans"] == RUNS + TOOL_CALLS
    replayer.wait_stored(spans=RUNS + TOOL_CALLS)
    replayer.wait_counted("ai", "runCount", RUNS)
    tools = replayer.wait_counted("tool_call", "callCount", TOOL_CALLS)
    assert tools["failedCount"] == TOOL_ERRORS
    assert tools["okCount"] == TOOL_CALLS - TOOL_ERRORS
