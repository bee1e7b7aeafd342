"""Signals that come from a fixed schedule, and the only history that they can lead to."""

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from tidegate.alerts.model import Alert, AlertKey, Transition, advance, judge
from tidegate.alerts.rules import BUILT_IN_RULES
from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import NANO_PER_USD, Dimension, Family, GroupTotals, ListedRows, SignalScope, SubjectRows, Totals

STEP_COUNT = 400
STEP = timedelta(minutes=1)  # the watch takes a minute for no gap, and silences of a whole window fit into the schedule
BEGINNING = datetime(2026, 2, 7, tzinfo=UTC)
SUBJECTS = [(service, tenant) for service in ("api", "web") for tenant in (None, "blue", "green")]


def moment_of(step: int) -> datetime:
    return BEGINNING + step * STEP


def step_after(evaluated_at: datetime | None) -> int:
    return 0 if evaluated_at is None else (evaluated_at - BEGINNING) // STEP + 1


class Schedule:
    """A `SignalReader` that knows one workspace; what it answers depends on its seed and the window's end alone."""

    def __init__(self, seed: int, workspace: WorkspaceId) -> None:
        self.workspace = workspace
        self._totals: Mapping[tuple[Family, str, str | None], list[Totals]] = {
            (family, service, tenant): _course(random.Random(f"{seed} {family} {service} {tenant}"))
            for family in Family
            for service, tenant in SUBJECTS
        }

    def at(self, step: int, family: Family, service: str, tenant: str | None) -> Totals:
        return self._totals[family, service, tenant][step]

    async def groups(self, workspaces: Collection[WorkspaceId], family: Family, window: TimeRange) -> list[GroupTotals]:
        step = (window.end - BEGINNING) // STEP
        return [
            GroupTotals(self.workspace, service, tenant, totals)
            for service, tenant in SUBJECTS
            if self.workspace in workspaces and (totals := self.at(step, family, service, tenant)).count
        ]

    async def counted_rows(
        self,
        workspaces: Collection[WorkspaceId],
        families: Collection[Family],
        window: TimeRange,
        dimensions: Sequence[Dimension],
    ) -> Sequence[SubjectRows]:
        if tuple(dimensions) != ("service", "tenant"):
            return []
        return [ListedRows({family: await self.groups(workspaces, family, window) for family in families})]

    async def timed_rows(
        self,
        workspaces: Collection[WorkspaceId],
        families: Collection[Family],
        window: TimeRange,
        dimensions: Sequence[Dimension],
    ) -> Sequence[SubjectRows]:
        return []

    async def telemetry_rows(self, workspaces: Collection[WorkspaceId], window: TimeRange) -> Sequence[SubjectRows]:
        return []

    async def totals(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, *, scope: SignalScope
    ) -> Totals:
        raise NotImplementedError

    async def totals_by(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, *, by: Dimension, scope: SignalScope
    ) -> dict[str, Totals]:
        raise NotImplementedError


def expected_history(schedule: Schedule) -> dict[AlertKey, list[list[Transition]]]:
    """Return the transitions of each episode of each key, as one uninterrupted evaluation makes them."""
    history: dict[AlertKey, list[list[Transition]]] = {}
    for rule in BUILT_IN_RULES:
        if not rule.is_plainly_grouped:
            continue  # the schedule has no rows of these
        for service, tenant in SUBJECTS:
            key = AlertKey(schedule.workspace, rule.code, service, tenant)
            alert: Alert | None = None
            flaps: tuple[datetime, ...] = ()
            for step in range(STEP_COUNT):
                judgement = judge(rule, schedule.at(step, rule.family, service, tenant))
                change = advance(rule, alert, judgement, key=key, now=moment_of(step), flaps=flaps)
                if change is None:
                    continue
                if change.is_new:
                    history.setdefault(key, []).append([])
                history[key][-1] += change.transitions
                alert = change.alert if change.alert.is_open else None
                flaps = change.alert.flaps
    return history


def _course(generator: random.Random) -> list[Totals]:
    """Return totals that stay good, bad, thin or silent for a while, some of the silences longer than a window."""
    course: list[Totals] = []
    while len(course) < STEP_COUNT:
        course += [_totals(generator.choice(["good", "bad", "thin", "silent"]))] * generator.choice([1, 2, 5, 20])
    return course[:STEP_COUNT]


def _totals(mood: str) -> Totals:
    count = {"good": 100, "bad": 100, "thin": 5, "silent": 0}[mood]
    bad = {"good": 1, "bad": 30, "thin": 3, "silent": 0}[mood]
    return Totals(
        count=count,
        failure_count=bad,
        unauthorized_count=bad,
        failed_count=bad,
        policy_blocked_count=bad,
        validation_error_count=bad,
        priced_count=count,
        cost_nano_usd=bad * 3 * NANO_PER_USD,
    )
