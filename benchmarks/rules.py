"""Claim: a thousand rules over ten thousand tenants are judged in a second of processor time.

Rules read six families over five windows. What the engine answers is made here, as columns of the same shape; reading
them and judging them is what is measured. One tenant in twenty is beyond every bound that it meets,
so that with all rules at work half a million alerts are open.
"""

import argparse
import asyncio
import gc
import random
import resource
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from tests.unit.alerts.fakes import FakeStores

from benchmarks.harness import Figure, Report, at_most
from benchmarks.prometheus_rules import find_prometheus, measure_prometheus
from tidegate.alerts import AlertEvaluator, Severity
from tidegate.alerts.figures import MEASURES
from tidegate.alerts.model import Alert, AlertKey, AlertState, Change, Rule
from tidegate.kernel import AlertId, RandomIds, TimeRange, WorkspaceId
from tidegate.signals import Dimension, Family, SubjectRows
from tidegate.signals.grouped import CountedRows
from tidegate.storage.native import Columns, Words
from tidegate.testing import FakeClock

FAMILIES = (Family.REQUEST, Family.AUTH, Family.TENANT, Family.AI_RUN, Family.TOOL_CALL, Family.DELIVERY)
WINDOWS = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 15, 30, 60))
FIGURES = {
    Family.REQUEST: ("failureRate", "failureCount"),
    Family.AUTH: ("failureRate", "failureCount"),
    Family.TENANT: ("deniedRate", "deniedCount"),
    Family.AI_RUN: ("failureRate", "failedCount"),
    Family.TOOL_CALL: ("timeoutRate", "timeoutCount"),
    Family.DELIVERY: ("failureRate", "failedCount"),
}
_BAD = {  # outcome, detail and status of an event that counts as bad
    Family.REQUEST: ("", "", 500), Family.AUTH: ("failure", "", 0), Family.TENANT: ("", "role", 0),
    Family.AI_RUN: ("failed", "", 0), Family.TOOL_CALL: ("timeout", "", 0), Family.DELIVERY: ("failed", "", 0),
}  # fmt: skip
_GOOD = {
    Family.REQUEST: ("", "", 200), Family.AUTH: ("success", "", 0), Family.TENANT: ("", "", 0),
    Family.AI_RUN: ("ok", "", 0), Family.TOOL_CALL: ("ok", "", 0), Family.DELIVERY: ("ok", "", 0),
}  # fmt: skip
WORKSPACE = WorkspaceId("bench")
_START = datetime(2026, 11, 20, 12, tzinfo=UTC)
_BAR_S, _ACTIVE_BAR_MS = 1.0, 150.0
_PEER_RULES = 100  # all thousand would take the peer minutes


def make_rules(count: int) -> list[Rule]:
    """Return rules that differ in their bounds, so that no answer serves two of them."""
    rules = []
    for number in range(count):
        family, window = FAMILIES[number % 6], WINDOWS[number // 6 % 5]
        figure = FIGURES[family][number // 30 % 2]
        threshold = 0.05 + number / 100_000 if figure.endswith("Rate") else 20 + number // 60
        rules.append(
            Rule(f"rule_{number}", Severity.P2, family, MEASURES[family][figure], threshold,
                 "{value} of {count} events were bad", "auth_failure_rate_high", window=window, min_count=20)
        )  # fmt: skip
    return rules


class Tenants:
    """What the engine would answer: of every tenant good and bad events of every family."""

    def __init__(self, count: int, share: float) -> None:
        self.count = count
        self.bad = {family: set(random.Random(7).sample(range(count), int(count * share))) for family in FAMILIES}
        self._names = [f"tenant-{number:05}" for number in range(count)]
        self._made: Columns | None = None

    def name(self, number: int) -> str:
        return self._names[number]

    def turn(self, count: int) -> None:
        """Let so many tenants that were bad be good, and as many that were good be bad."""
        for bad in self.bad.values():
            leaving = sorted(bad)[:count]
            coming = [number for number in range(self.count) if number not in bad][:count]
            bad -= set(leaving)
            bad |= set(coming)
        self._made = None

    async def counted_rows(
        self,
        workspaces: Collection[WorkspaceId],
        families: Collection[Family],
        window: TimeRange,
        dimensions: Sequence[Dimension],
    ) -> Sequence[SubjectRows]:
        del workspaces, families, window, dimensions
        if self._made is None:
            self._made = self._columns()
        # A statement answers in new arrays and lists: nothing that was worked out for the last one is found again.
        words = {name: Words(list(one.words), one.codes) for name, one in self._made.words.items()}
        return [CountedRows(replace(self._made, words=words))]

    async def timed_rows(self, *_: object) -> Sequence[SubjectRows]:
        return []

    async def telemetry_rows(self, *_: object) -> Sequence[SubjectRows]:
        return []

    def _columns(self) -> Columns:
        words: dict[str, dict[str, int]] = {name: {} for name in ("family", "outcome", "detail")}
        parts: dict[str, list[np.ndarray]] = {}
        for family in FAMILIES:
            is_bad = np.isin(np.arange(self.count), sorted(self.bad[family]))
            for outcome, weight in (
                (_GOOD[family], np.where(is_bad, 900, 1_000)),
                (_BAD[family], np.where(is_bad, 100, 1)),
            ):
                row = {"family": family.value, "outcome": outcome[0], "detail": outcome[1]}
                for name, word in row.items():
                    code = words[name].setdefault(word, len(words[name]))
                    parts.setdefault(name, []).append(np.full(self.count, code, np.int32))
                parts.setdefault("status", []).append(np.full(self.count, outcome[2], np.uint16))
                parts.setdefault("weight_sum", []).append(weight.astype(np.uint64) * 1_000)
                parts.setdefault("tenant", []).append(np.arange(self.count, dtype=np.int32))
        joined = {name: np.concatenate(found) for name, found in parts.items()}
        rows = len(joined["tenant"])
        nothing = np.zeros(rows, np.int32)
        flags = {name: np.zeros(rows, np.uint8) for name in ("has_object", "is_request", "replayed")}
        zeros = np.zeros(rows, np.uint64)
        numbers = {
            **flags, "status": joined["status"], "weight_sum": joined["weight_sum"],
            **{f"{name}_sum": zeros for name in ("sampled", "priced", "cost_nano_usd")},
        }  # fmt: skip
        return Columns(
            rows,
            numbers,
            {
                **{name: Words(list(codes), joined[name]) for name, codes in words.items()},
                "score": Words([""], nothing),
                "workspace": Words([WORKSPACE], nothing),
                "by_service": Words(["shop"], nothing),
                "by_tenant": Words(self._names, joined["tenant"]),
            },
        )


class Kept(FakeStores):
    """Holds alerts that are open already, and stores at no cost: what is measured is judging."""

    def __init__(self, alerts: Sequence[Alert] = ()) -> None:
        super().__init__(workspaces={WORKSPACE: _START})
        self._alerts = alerts

    async def list_open_alerts(self) -> list[Alert]:
        return list(self._alerts)

    async def add_changes(self, workspace: WorkspaceId, changes: Sequence[Change], *, fence: int) -> None:
        del workspace, changes, fence


def open_alerts(rules: Sequence[Rule], tenants: Tenants) -> list[Alert]:
    """Return what stands open when nothing has moved for a while."""
    names = {family: [tenants.name(number) for number in sorted(bad)] for family, bad in tenants.bad.items()}
    return [
        Alert(AlertId("alr"), AlertKey(WORKSPACE, rule.code, "shop", tenant), rule.family, rule.severity, rule.runbook,
              AlertState.FIRING, 0.1, rule.threshold, 1_000, "It burns.", _START, 2, fired_at=_START)
        for rule in rules
        for tenant in names[rule.family]
    ]  # fmt: skip


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(evaluator: AlertEvaluator, clock: FakeClock, rounds: int) -> tuple[float, int]:
    """Return the least processor seconds of an evaluation, and how many changes all of them made."""
    best, changes = float("inf"), 0
    for _ in range(rounds):
        clock.advance(timedelta(seconds=1))
        before = cpu_s()
        done = await evaluator.evaluate_once(clock.now())
        best = min(best, cpu_s() - before)
        changes += len(done.changes) if done is not None else 0
    return best, changes


def new_evaluator(rules: Sequence[Rule], tenants: Tenants, stores: object, clock: FakeClock) -> AlertEvaluator:
    return AlertEvaluator(
        rules=rules,
        reader=tenants,
        alerts=stores,
        watch=stores,
        clock=clock,
        ids=RandomIds(),  # type: ignore[arg-type]
    )


async def judging(rules: Sequence[Rule], tenants: Tenants, rounds: int) -> tuple[float, int]:
    """Return processor seconds of an evaluation in which nothing moves, and the open alerts."""
    clock = FakeClock(_START)
    opened = open_alerts(rules, tenants)
    evaluator = new_evaluator(rules, tenants, Kept(opened), clock)
    await evaluator.evaluate_once(clock.now())  # reads them; later ones find them where they are
    gc.collect()
    gc.freeze()
    took, moved = await measure(evaluator, clock, rounds)
    assert moved == 0, moved
    return took, len(opened)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules", description=__doc__)
    parser.add_argument("--rules", type=int, default=1_000)
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--share", type=float, default=0.05, help="of tenants, beyond the bounds")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rules, tenants = make_rules(options.rules), Tenants(options.tenants, options.share)
    took, opened = asyncio.run(judging(rules, tenants, options.rounds))
    few = make_rules(20)
    took_few, opened_few = asyncio.run(judging(few, Tenants(options.tenants, options.share), options.rounds))
    figures = [
        at_most(f"{len(rules)} rules x {tenants.count} tenants, {opened} open", took, _BAR_S, unit="s CPU", digits=2),
        at_most(f"{opened_few} open alerts", took_few * 1_000, _ACTIVE_BAR_MS, unit="ms CPU", digits=0),
    ]
    if find_prometheus() is not None:
        same = make_rules(_PEER_RULES)
        ours, opened_same = asyncio.run(judging(same, Tenants(options.tenants, options.share), options.rounds))
        peer, active = measure_prometheus(_PEER_RULES, options.tenants, options.share)
        figures += [
            Figure(f"{_PEER_RULES} rules, {opened_same} open", f"{ours * 1_000:.0f} ms CPU"),
            Figure(f"Prometheus, {_PEER_RULES} rules, {active} active", f"{peer * 1_000:.0f} ms CPU"),
            Figure("Prometheus by ours", f"{peer / ours:.0f}", "≥ 50", peer >= 50 * ours),
        ]
    Report("rules", figures, None, {"openAlerts": opened}).show()


if __name__ == "__main__":
    main()
