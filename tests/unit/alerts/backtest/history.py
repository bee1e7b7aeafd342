"""Counts by step that both ways of judging read: as the windows of live evaluation, and as steps."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

import numpy as np

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import Dimension, Family, Grouped, Stepped, StepRows, SubjectRows, Totals, Where
from tidegate.signals.quantiles import durations_by_group

Subject = tuple[str, str | None, str]
"""Service, tenant, route."""
_NAMES = [field.name for field in fields(Totals)]


@dataclass
class History:
    """One workspace: by second that a step begins with, the totals of subjects, and buckets of durations."""

    workspace: WorkspaceId
    step_s: int
    counts: dict[int, dict[Subject, Totals]]
    times: dict[int, dict[str, dict[int, int]]]
    """By step and service, how many requests took as long as a bucket says."""

    async def counted_rows(
        self, workspaces: Collection[WorkspaceId], families: Collection[Family], window: TimeRange,
        dimensions: Sequence[Dimension],
    ) -> Sequence[SubjectRows]:  # fmt: skip
        return [_Window(self, self._between(window))]

    async def timed_rows(
        self, workspaces: Collection[WorkspaceId], families: Collection[Family], window: TimeRange,
        dimensions: Sequence[Dimension],
    ) -> Sequence[SubjectRows]:  # fmt: skip
        return [_TimedWindow(self, self._between(window))]

    async def telemetry_rows(self, workspaces: Collection[WorkspaceId], window: TimeRange) -> Sequence[SubjectRows]:
        return []

    def with_replayed(self) -> "History":
        return self

    async def finest_step_s(self, workspace: WorkspaceId, window: TimeRange) -> int:
        return self.step_s

    async def counted_steps(
        self, workspace: WorkspaceId, families: Collection[Family], window: TimeRange, dimensions: Sequence[Dimension],
        *, step_s: int,
    ) -> StepRows:  # fmt: skip
        assert step_s == self.step_s
        return _Steps(self, window)

    async def timed_steps(
        self, workspace: WorkspaceId, families: Collection[Family], window: TimeRange, dimensions: Sequence[Dimension],
        *, step_s: int,
    ) -> StepRows:  # fmt: skip
        return _TimedSteps(self, window)

    async def telemetry_steps(self, workspace: WorkspaceId, window: TimeRange, *, step_s: int) -> StepRows:
        return _Steps(History(workspace, step_s, {}, {}), window)

    def _between(self, window: TimeRange) -> range:
        """Return the steps that begin within `window`."""
        start, end = int(window.start.timestamp()), int(window.end.timestamp())
        return range(start + -start % self.step_s, end, self.step_s)


def _keyed(found: dict[Subject, Totals], group_by: Sequence[str], where: Where) -> dict[tuple[object, ...], Totals]:
    """Return totals by service, further dimensions and tenant, those of all tenants under `None`."""
    sums: defaultdict[tuple[object, ...], Totals] = defaultdict(Totals)
    for (service, tenant, route), totals in found.items():
        named = {"service": service, "tenant": tenant or "", "route": route}
        if not all(is_meant(named.get(dimension, "")) for dimension, is_meant in where):
            continue
        values = tuple(named.get(name, "") for name in group_by if name != "tenant")
        sums[values, None] += totals
        if tenant is not None and "tenant" in group_by:
            sums[values, tenant] += totals
    return sums


def _grouped(
    history: History, keyed: dict[tuple[object, ...], object]
) -> tuple[list[object], list[int], list[str], list[int]]:
    places: dict[object, int] = {}
    tenants: dict[str, int] = {}
    place = [places.setdefault((history.workspace, values), len(places)) for values, _ in keyed]
    tenant = [-1 if one is None else tenants.setdefault(one, len(tenants)) for _, one in keyed]
    return list(places), place, list(tenants), tenant


class _Window:
    def __init__(self, history: History, steps: range) -> None:
        self._history = history
        self._sums: defaultdict[Subject, Totals] = defaultdict(Totals)
        for step in steps:
            for subject, totals in history.counts.get(step, {}).items():
                self._sums[subject] += totals

    def of(self, family: Family, group_by: Sequence[Dimension], where: Where, fields: Collection[str]) -> Grouped:
        keyed = {
            key: totals
            for key, totals in _keyed(self._sums, group_by, where).items()
            if any(getattr(totals, name) for name in fields)
        }
        places, place, tenants, tenant = _grouped(self._history, keyed)
        sums = {name: np.array([getattr(one, name) for one in keyed.values()], np.int64) for name in fields}
        return Grouped(places, np.array(place, np.int64), tenants, np.array(tenant, np.int64), sums)


class _TimedWindow:
    def __init__(self, history: History, steps: range) -> None:
        self._history = history
        self._steps = steps

    def of(self, family: Family, group_by: Sequence[Dimension], where: Where, fields: Collection[str]) -> Grouped:
        rows = [
            (service, bucket, count)
            for step in self._steps
            for service, buckets in self._history.times.get(step, {}).items()
            for bucket, count in buckets.items()
        ]
        services = sorted({service for service, _, _ in rows})
        found = durations_by_group(
            np.array([services.index(service) for service, _, _ in rows], np.int64),
            np.array([bucket for _, bucket, _ in rows], np.int64),
            np.array([count * 1000 for _, _, count in rows], np.int64),
            np.array([bucket * count * 1000 for _, bucket, count in rows], np.int64),
        )
        known = sorted(found)
        sums = {name: np.array([getattr(found[one], name) for one in known], float)
                for name in ("mean_ms", "p50_ms", "p95_ms", "p99_ms")}  # fmt: skip
        sums["count"] = np.array([found[one].count for one in known], np.int64)
        places = [(self._history.workspace, (service,)) for service in services]
        return Grouped(places, np.array(known, np.int64), (), np.full(len(known), -1, np.int64), sums)


class _Steps:
    def __init__(self, history: History, window: TimeRange) -> None:
        self._history = history
        self._window = window
        self.row_count = 0

    def of(self, family: Family, group_by: Sequence[Dimension], where: Where, fields: Collection[str]) -> Stepped:
        start, end = int(self._window.start.timestamp()), int(self._window.end.timestamp())
        rows = []
        for second, found in self._history.counts.items():
            if start <= second < end:
                step = (second - start) // self._history.step_s
                rows += [(key, step, totals) for key, totals in _keyed(found, group_by, where).items()]
        keyed: dict[tuple[object, ...], int] = {}
        subject = [keyed.setdefault(key, len(keyed)) for key, _, _ in rows]
        places, place, tenants, tenant = _grouped(self._history, keyed)
        sums = {
            name: np.array(
                [getattr(one, name) * (1000 if name.endswith("count") else 1) for _, _, one in rows], np.int64
            )
            for name in fields
        }
        return Stepped(places, np.array(place, np.int64), tenants, np.array(tenant, np.int64),
                       np.array(subject, np.int64), np.array([step for _, step, _ in rows], np.int64), sums,
                       frozenset(name for name in fields if name.endswith("count")))  # fmt: skip


class _TimedSteps(_Steps):
    def of(self, family: Family, group_by: Sequence[Dimension], where: Where, fields: Collection[str]) -> Stepped:
        start, end = int(self._window.start.timestamp()), int(self._window.end.timestamp())
        rows = [
            (service, (second - start) // self._history.step_s, bucket, count)
            for second, found in self._history.times.items()
            if start <= second < end
            for service, buckets in found.items()
            for bucket, count in buckets.items()
        ]
        services = sorted({row[0] for row in rows})
        column = [np.array([row[place] for row in rows], np.int64) for place in (1, 2, 3)]
        return Stepped(
            [(self._history.workspace, (service,)) for service in services], np.arange(len(services)), (),
            np.full(len(services), -1, np.int64), np.array([services.index(row[0]) for row in rows], np.int64),
            column[0], {"weight": column[2] * 1000, "spent_us": column[1] * column[2] * 1000}, bucket=column[1],
        )  # fmt: skip
