"""Fakes that keep the promises of the ports; shipped to users, used by our own tests."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from tidegate.kernel import TimeRange, UnavailableError, WorkspaceId
from tidegate.signals import Dimension, Durations, DurationsPoint, Family, GroupTotals, SeriesPoint, SignalScope, Totals

__all__ = ["CountingIds", "FakeClock", "FakeSignals"]


class FakeClock:
    """A clock that stands still until it is turned."""

    def __init__(self, now: datetime = datetime(2026, 2, 7, 14, 0, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by


class CountingIds:
    """Ids that count upwards: `alr_00001`, `alr_00002`."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):05d}"


@dataclass(frozen=True, slots=True)
class _Counted:
    workspace: WorkspaceId
    family: Family
    at: datetime
    values: Mapping[str, str]
    totals: Totals
    duration_ms: float


@dataclass
class FakeSignals:
    """A `SignalReader` over what was added to it; `is_away` makes it unavailable, `finest_s` is how fine it reads."""

    counted: list[_Counted] = field(default_factory=list)
    is_away: bool = False
    finest_s: int = 1

    def add(
        self,
        workspace: WorkspaceId,
        family: Family,
        at: datetime,
        totals: Totals,
        *,
        duration_ms: float = 100.0,
        **values: str,
    ) -> None:
        """Count `totals` at a moment; `values` are those of dimensions: `service="api"`, `object="search"`."""
        self.counted.append(_Counted(workspace, family, at, values, totals, duration_ms))

    async def totals(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, *, scope: SignalScope
    ) -> Totals:
        return sum((each.totals for each in self._found(workspace, family, window, scope)), Totals())

    async def totals_by(
        self,
        workspace: WorkspaceId,
        family: Family,
        window: TimeRange | None,
        *,
        by: Dimension,
        scope: SignalScope,
        limit: int = 1_000,
    ) -> dict[str, Totals]:
        sums: defaultdict[str, Totals] = defaultdict(Totals)
        for each in self._found(workspace, family, window, scope):
            sums[each.values.get(by, "")] += each.totals
        ordered = sorted(sums.items(), key=lambda item: (-item[1].count, item[0]))
        return dict(ordered[:limit])

    async def resolution_s(self, workspace: WorkspaceId, window: TimeRange, *, step_s: int = 3_600) -> int:
        del workspace, window, step_s
        return self.finest_s

    async def series(  # noqa: PLR0913 - as the port
        self,
        workspace: WorkspaceId,
        family: Family,
        window: TimeRange,
        *,
        step_s: int,
        by: Dimension | None = None,
        scope: SignalScope,
        limit: int = 20,
    ) -> list[SeriesPoint]:
        largest = await self.totals_by(workspace, family, window, by=by, scope=scope, limit=limit) if by else {"": None}
        sums: defaultdict[tuple[int, str], Totals] = defaultdict(Totals)
        for each in self._found(workspace, family, window, scope):
            key = each.values.get(by, "") if by else ""
            second = int(each.at.timestamp())
            if key in largest:
                sums[second - second % step_s, key] += each.totals
        return [
            SeriesPoint(datetime.fromtimestamp(second, UTC), key, totals)
            for (second, key), totals in sorted(sums.items())
        ]

    async def every_total(
        self, workspace: WorkspaceId, window: TimeRange, *, scope: SignalScope
    ) -> dict[Family, tuple[Totals, Durations | None]]:
        return {
            family: (
                await self.totals(workspace, family, window, scope=scope),
                (await self.quantiles(workspace, family, window, scope=scope)).get(""),
            )
            for family in Family
        }

    async def every_series(
        self, workspace: WorkspaceId, window: TimeRange, *, step_s: int, scope: SignalScope
    ) -> dict[Family, list[SeriesPoint]]:
        return {family: await self.series(workspace, family, window, step_s=step_s, scope=scope) for family in Family}

    async def duration_series(  # noqa: PLR0913 - as the port
        self,
        workspace: WorkspaceId,
        family: Family,
        window: TimeRange,
        *,
        step_s: int,
        by: Dimension | None = None,
        scope: SignalScope,
        limit: int = 20,
    ) -> list[DurationsPoint]:
        largest = await self.totals_by(workspace, family, window, by=by, scope=scope, limit=limit) if by else {"": None}
        found: defaultdict[tuple[int, str], list[float]] = defaultdict(list)
        for each in self._found(workspace, family, window, scope):
            key, second = each.values.get(by, "") if by else "", int(each.at.timestamp())
            if key in largest:
                found[second - second % step_s, key] += [each.duration_ms] * each.totals.count
        return [
            DurationsPoint(datetime.fromtimestamp(second, UTC), key, _durations(sorted(values)))
            for (second, key), values in sorted(found.items())
            if values
        ]

    async def quantiles(
        self,
        workspace: WorkspaceId,
        family: Family,
        window: TimeRange,
        *,
        scope: SignalScope,
        by: Dimension | None = None,
    ) -> dict[str, Durations]:
        found: defaultdict[str, list[float]] = defaultdict(list)
        for each in self._found(workspace, family, window, scope):
            key = each.values.get(by, "") if by else ""
            found[key] += [each.duration_ms] * each.totals.count
        return {key: _durations(sorted(values)) for key, values in found.items() if values}

    async def groups(self, workspaces: Collection[WorkspaceId], family: Family, window: TimeRange) -> list[GroupTotals]:
        sums: defaultdict[tuple[WorkspaceId, str, str | None], Totals] = defaultdict(Totals)
        for workspace in workspaces:
            for each in self._found(workspace, family, window, SignalScope()):
                service, tenant = each.values.get("service", ""), each.values.get("tenant")
                for key in {(workspace, service, None), (workspace, service, tenant)}:
                    sums[key] += each.totals
        return [GroupTotals(*key, totals) for key, totals in sums.items()]

    def _found(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, scope: SignalScope
    ) -> Iterator[_Counted]:
        if self.is_away:
            raise UnavailableError("The telemetry engine does not answer for the moment.")
        for each in self.counted:
            is_inside = window is None or window.start <= each.at < window.end
            is_meant = all(
                wanted is None or each.values.get(name, "") == wanted
                for name in ("service", "environment", "release", "tenant", "object")
                for wanted in [getattr(scope, name)]
            )
            if each.workspace == workspace and each.family is family and is_inside and is_meant:
                yield each


def _durations(values: list[float]) -> Durations:
    def at(share: float) -> float:
        return values[min(int(share * len(values)), len(values) - 1)]

    return Durations(len(values), sum(values) / len(values), at(0.5), at(0.95), at(0.99))
