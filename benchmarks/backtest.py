"""Claim: three days of a hundred tenants are tried with a dozen rules in a second of processor time.

What the engine answers is made here, as columns of the same shape: a count for each tenant, minute and outcome. Reading
these columns, judging every minute, grouping, silences and pages are what is measured; the statement itself is not.
"""

import argparse
import asyncio
import gc
import resource
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.harness import Figure, Report, at_most
from tidegate.alerts.backtest.model.outcome import Backtest, Trial
from tidegate.alerts.backtest.service import BacktestService
from tidegate.alerts.model import Rule
from tidegate.alerts.paging.model import Route, Routing, Silence
from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import Dimension, Family, StepRows
from tidegate.signals.past_reader import CountedSteps
from tidegate.storage.native import Columns, Words
from tidegate.testing import FakeClock

WORKSPACE = WorkspaceId("bench")
END = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAYS, TENANTS, STEP_S = 3, 100, 60
_BAR_S = 1.0
_FIGURES = ("auth.failureRate", "auth.failureCount", "auth.unauthorizedCount", "auth.requestCount")
_WINDOWS = ("5m", "15m", "30m")


def rule_file() -> bytes:
    """Return a dozen rules: four figures over three windows, with times and bounds of their own."""
    entries = []
    for number in range(12):
        figure, window = _FIGURES[number % 4], _WINDOWS[number // 4]
        minutes = int(window[:-1])
        bound = {0: 0.2, 1: 8 * minutes, 2: 12 * minutes, 3: 60 * minutes}[number % 4]
        entries.append(
            f"{{code: rule_{number}, severity: {'P1' if number % 4 == 0 else 'P2'}, signal: {figure}, "
            f"threshold: {bound}, window: {window}, for: {number % 3}m, keepFiringFor: {number % 2}m, "
            f"runbook: auth_failure_rate_high}}"
        )
    return (
        f"{{apiVersion: tidegate/v1, kind: Rules, metadata: {{name: bench}}, rules: [{', '.join(entries)}]}}".encode()
    )


class Recorded:
    """What the engine would answer: of every tenant in every minute good and bad sign-ins."""

    def __init__(self, tenants: int, days: int) -> None:
        self.row_count = 0
        self._tenants = tenants
        random = np.random.default_rng(7)
        steps = days * 86_400 // STEP_S + 120
        # Each tenant has some hours of trouble: an hour in forty, at its own time.
        trouble = np.repeat(random.random((tenants, steps // 60 + 1)) < 0.025, 60, axis=1)[:, :steps]
        self._good = random.poisson(20, (tenants, steps))
        self._bad = random.poisson(np.where(trouble, 12, 0.3))

    def with_replayed(self) -> "Recorded":
        return self

    async def finest_step_s(self, *_: object) -> int:
        return STEP_S

    async def counted_steps(
        self, workspace: WorkspaceId, families: Collection[Family], window: TimeRange, dimensions: Sequence[Dimension],
        *, step_s: int,
    ) -> StepRows:  # fmt: skip
        del workspace, families, dimensions
        steps = int(window.length.total_seconds()) // step_s
        parts = []
        for outcome, counts in enumerate((self._good, self._bad)):
            tenant, step = np.nonzero(counts[:, -steps:])
            parts.append((tenant, step, np.full(len(step), outcome), counts[:, -steps:][tenant, step]))
        tenant, step, outcome, count = (np.concatenate(column) for column in zip(*parts, strict=True))
        rows = len(step)
        self.row_count += rows
        nothing = np.zeros(rows, np.int32)
        constant = {"family": "auth", "detail": "", "score": "", "by_service": "api", "workspace": WORKSPACE}
        words = {name: Words([word], nothing) for name, word in constant.items()}
        words["outcome"] = Words(["success", "failure"], outcome.astype(np.int32))
        words["by_tenant"] = Words([f"tenant-{one}" for one in range(self._tenants)], tenant.astype(np.int32))
        numbers = {name: np.zeros(rows, np.uint8) for name in ("has_object", "is_request", "replayed")}
        numbers["status"] = np.where(outcome == 1, 401, 200).astype(np.uint16)
        numbers |= {"by_step": step.astype(np.uint32), "weight_sum": count * 1000, "sampled_sum": count * 0}
        return CountedSteps(Columns(rows, numbers, words))

    async def timed_steps(self, *_: object, **__: object) -> StepRows:
        raise NotImplementedError

    async def telemetry_steps(self, *_: object, **__: object) -> StepRows:
        raise NotImplementedError


class NoMore:
    async def list_rules(self, *_: object) -> list[Rule]:
        return []


class Paging:
    async def routing(self, *_: object) -> Routing:
        return Routing(Route("{}", channels=("pager",), group_by=("alertname", "service")))

    async def silences(self, *_: object, **__: object) -> list[Silence]:
        return []


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(recorded: Recorded, days: int, rounds: int) -> tuple[float, Backtest]:
    """Return the least processor seconds of one trial, answer as JSON included, and what it found."""
    from tidegate.alerts.backtest.schemas import BacktestOut

    service = BacktestService(reader=recorded, rules=NoMore(), paging=Paging(), clock=FakeClock(END))
    trial = Trial(rule_file(), END - timedelta(days=days), END)
    best = float("inf")
    found = await service.replay(WORKSPACE, replace(trial, start=END - timedelta(hours=1)))  # what is imported lazily
    for _ in range(rounds):
        gc.collect()
        before = cpu_s()
        found = await service.replay(WORKSPACE, trial)
        BacktestOut.of(found).model_dump_json(by_alias=True)
        best = min(best, cpu_s() - before)
    return best, found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backtest", description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--tenants", type=int, default=TENANTS)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    took, found = asyncio.run(measure(Recorded(options.tenants, options.days), options.days, options.rounds))
    what = f"12 rules x {options.tenants} tenants x {options.days} days of minutes"
    Report(
        "backtest",
        [
            at_most(what, took, _BAR_S, unit="s CPU", digits=2),
            Figure("Transitions", f"{len(found.moves):,}"),
            Figure("Notices", f"{len(found.pages.pages):,}"),
        ],
        None,
        {"lookCount": found.look_count, "transitionCount": len(found.moves)},
    ).show()


if __name__ == "__main__":
    main()
