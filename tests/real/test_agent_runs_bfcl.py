"""66,300 graded runs of 39 models: failures and broken contracts at the very rates of their grades."""

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.real.conftest import find_input
from tests.real.sender import Replayer

pytestmark = pytest.mark.real

RUNS, MODELS = 66_300, 39
FIRING = (30, 32)
"""Models, and alerts of them."""
BROKEN = ("ast_decoder", "type_error", "executable_decoder")
START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LIMIT, FEWEST, WINDOW = 0.05, 20, 5
RULES = f"""
apiVersion: tidegate/v1
kind: Rules
metadata: {{name: contracts}}
rules:
  - {{code: contract_broken, severity: P2, signal: ai_run.schemaMismatchRate, threshold: {LIMIT}, minCount: {FEWEST},
     window: {WINDOW}m, groupBy: [service, model], runbook: schema_mismatch_rate_high}}
"""


def is_broken(run: dict[str, str]) -> bool:
    return run["valid"] == "0" and run["error_type"].startswith(BROKEN)


def fires_by_the_data(runs: Sequence[dict[str, str]]) -> dict[str, list[datetime]]:
    """Return by model when a window of whole minutes first held too many broken outputs, from the grades alone.

    Runs begin ten a second in the order of the file and count when they end. An alert is over when a window that
    holds enough runs is below the limit, or when there has been no answer for as long as the window.
    """
    by_minute: defaultdict[str, defaultdict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for number, run in enumerate(runs):
        at_s = number / 10 + float(run["latency_s"] or 0)
        cell = by_minute[run["model"]][int(at_s // 60)]
        cell[0] += 1
        cell[1] += is_broken(run)
    found: dict[str, list[datetime]] = {}
    for model, cells in by_minute.items():
        is_open, silent = False, 0
        for minute in range(min(cells), max(cells) + 2 * WINDOW + 1):
            window = [cells[one] for one in range(minute - WINDOW + 1, minute + 1) if one in cells]
            total, broken = (sum(one[place] for one in window) for place in (0, 1))
            silent = 0 if total >= FEWEST else silent + 1
            if total >= FEWEST and broken / total >= LIMIT:
                if not is_open:
                    found.setdefault(model, []).append(START + minute * MINUTE + timedelta(seconds=59))
                is_open = True
            elif total >= FEWEST or silent > WINDOW:
                is_open = False
    return found


def fired_by_the_rule(found: Any) -> dict[str, list[datetime]]:
    fired: dict[str, list[datetime]] = {}
    for one in found["episodes"]:
        assert one["firedAt"] is not None
        fired.setdefault(one["labels"]["model"], []).append(datetime.fromisoformat(one["firedAt"]))
    return {model: sorted(times) for model, times in fired.items()}


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

    found = replayer.backtest(RULES, "2026-01-05T00:00:00Z", "2026-01-05T02:30:00Z")
    expected = fires_by_the_data(runs)
    assert fired_by_the_rule(found) == expected
    assert (len(expected), sum(map(len, expected.values()))) == FIRING
