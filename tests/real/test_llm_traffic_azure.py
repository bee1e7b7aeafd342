"""An hour of production LLM requests: counted once each, tokens exact."""

from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.real.conftest import find_input
from tests.real.sender import Replayer

pytestmark = pytest.mark.real

REQUESTS, INPUT_TOKENS, OUTPUT_TOKENS = 8_819, 18_059_974, 245_896
FROM, TO = "2023-11-16T18:17:00Z", "2023-11-16T19:15:00Z"
PEAK, PEAK_END, PEAK_REQUESTS = "2023-11-16T18:31:00Z", "2023-11-16T18:32:00Z", 585
MINUTES = 45  # in which there is a request at all


@pytest.fixture
def trace() -> Path:
    return find_input("llm-traffic-azure", "AzureLLMInferenceTrace_code.csv")


def test_requests_and_tokens_are_exact_however_often_they_are_sent(
    replayer: Replayer, trace: Path, tmp_path: Path
) -> None:
    assert replayer.replay(trace, "azure-llm", "--model", "gpt-4o")["spans"] == REQUESTS
    replayer.replay(trace, "azure-llm", "--model", "gpt-4o", "--restart")
    replayer.wait_stored(spans=REQUESTS)
    replayer.send_marker(tmp_path)
    replayer.wait_counted("ai", "runCount", REQUESTS + 1)  # and the marker
    figures = replayer.window("ai", FROM, TO)
    assert figures["runCount"] == REQUESTS
    assert (figures["inputTokens"], figures["outputTokens"]) == (INPUT_TOKENS, OUTPUT_TOKENS)
    assert figures["distrustedCount"] == 0
    peak = replayer.window("ai", PEAK, PEAK_END)
    assert (peak["from"], peak["to"], peak["runCount"]) == (PEAK, PEAK_END, PEAK_REQUESTS)
    found = replayer.get(f"/api/v1/signals/ai_run/series?{urlencode({'from': FROM, 'to': TO, 'step': '1m'})}")
    counts = dict(zip(found["starts"], found["lines"][0]["figures"]["runCount"], strict=True))
    assert (found["stepS"], sum(counts.values()), sum(map(bool, counts.values()))) == (60, REQUESTS, MINUTES)
    assert max(counts.items(), key=lambda each: each[1]) == (PEAK, PEAK_REQUESTS)


def test_rebased_the_hour_ends_now(replayer: Replayer, trace: Path) -> None:
    replayer.replay(trace, "azure-llm", "--rebase", "now", "--limit", "1000")
    replayer.wait_stored(spans=999)
    replayer.wait_counted("ai", "runCount", 999)
    assert replayer.totals("ai")["replayedCount"] == 999
    # Replayed rows are no ground for a live page.
    assert replayer.get("/alerts/ai")["alerts"] == []
