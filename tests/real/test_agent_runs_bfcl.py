"""66,300 graded runs of 39 models: failures and broken contracts at the very rates of their grades."""

import csv
import gzip
from collections import Counter

import pytest
from tests.real.conftest import find_input
from tests.real.sender import Replayer

pytestmark = pytest.mark.real

RUNS, MODELS = 66_300, 39
BROKEN = ("ast_decoder", "type_error", "executable_decoder")


def test_failures_and_broken_contracts_are_counted_as_they_were_graded(replayer: Replayer) -> None:
    path = find_input("agent-runs-bfcl", "runs.csv.gz")
    with gzip.open(path, "rt", newline="") as file:
        runs = list(csv.DictReader(file))
    wrong = [run for run in runs if run["valid"] == "0"]
    broken = sum(run["error_type"].startswith(BROKEN) for run in wrong)
    tokens = [sum(int(run[name] or 0) for run in runs) for name in ("input_tokens", "output_tokens")]

    assert replayer.replay(path, "bfcl", "--start", "2026-01-05T00:00:00Z")["spans"] == RUNS
    replayer.wait_stored(spans=RUNS)
    replayer.wait_counted("ai", "runCount", RUNS)
    body = replayer.get("/metrics/ai?from=2026-01-05T00:00:00Z&to=2026-01-05T02:00:00Z")
    figures = body["window"]
    assert figures["runCount"] == RUNS
    assert (figures["failedCount"], figures["validationErrorCount"]) == (len(wrong) - broken, broken)
    assert figures["failureRate"] == pytest.approx((len(wrong) - broken) / RUNS)
    assert figures["schemaMismatchRate"] == pytest.approx(broken / RUNS)
    assert [figures["inputTokens"], figures["outputTokens"]] == tokens
    per_model = Counter(run["model"] for run in runs)
    assert len(per_model) == MODELS
    by = "from=2026-01-05T00:00:00Z&to=2026-01-05T02:00:00Z&by=model&limit=100"
    rows = replayer.get(f"/api/v1/signals/ai_run/by?{by}")["items"]
    assert {row["key"]: row["figures"]["runCount"] for row in rows} == dict(per_model)
