"""Every trap of `tests/traps.py` through the real doors: tokens, cost, outcome and model, exactly."""

import time
from typing import Any

import pytest
from tests.e2e.server import Server, wait_until
from tests.traps import TRAPS, Trap, request_of

PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture(scope="module")
def read(server: Server) -> str:
    """Send all traps, and return a token that reads once they are counted."""
    assert server.cli("workspace", "create", "traps").returncode == 0
    ingest, token = server.token("ingest", "traps"), server.token("read", "traps")
    end_ns = time.time_ns()
    for delivery in range(max(trap.sent for trap in TRAPS)):
        wanted = [trap for trap in TRAPS if trap.sent > delivery]
        body = request_of(wanted, end_ns=end_ns, service="traps").SerializeToString()
        status, answer = server.call("POST", "/v1/traces", token=ingest, body=body, headers=PROTOBUF)
        assert status == 200, answer
    runs = sum(trap.runs for trap in TRAPS)

    def counted() -> bool:
        status, answer = server.get("/metrics/ai", token)
        return bool(status == 200 and answer["totals"]["runCount"] >= runs)

    wait_until(counted, what=f"{runs} runs counted")
    return token


def figures_of(server: Server, read: str, trap: Trap) -> dict[str, Any]:
    status, answer = server.get(f"/metrics/ai?workspaceId={trap.name}", read)
    assert status == 200, answer
    found: dict[str, Any] = answer
    return found


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_a_trap_is_counted_as_by_hand(server: Server, read: str, trap: Trap) -> None:
    found = figures_of(server, read, trap)
    totals = found["totals"]
    assert totals["runCount"] == trap.runs
    assert (totals["inputTokens"], totals["outputTokens"]) == (trap.input_tokens, trap.output_tokens)
    assert totals["cachedInputTokens"] == trap.cached
    assert totals["unpricedRunCount"] == (0 if trap.nano_usd is not None else trap.runs)
    assert round(totals["costUsd"] * 10**9) == (trap.nano_usd or 0)
    assert list(found["byModel"]) == [trap.model]
    assert found["outcomeCounts"] == {trap.outcome: trap.runs}


def test_there_are_at_least_24_traps_each_with_its_own_name() -> None:
    assert len({trap.name for trap in TRAPS}) == len(TRAPS) >= 24
