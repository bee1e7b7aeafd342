"""Made-up signals for page tests: what the rules say, which releases there were, and numbers over time."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from tests.pages.worlds import HARBOR, NOW

from tidegate.kernel import TimeRange, UnavailableError, WorkspaceId
from tidegate.signals import NANO_PER_USD, Dimension, Family, SignalScope, Totals
from tidegate.signals.explore import Bound, Burning, OpenAlert, ReleaseMark
from tidegate.signals.metric_points import PointsRow
from tidegate.signals.model import MICRO
from tidegate.testing import FakeSignals

QUARTER = timedelta(minutes=15)


def make_bound(
    code: str = "auth_failure_rate_high",
    *,
    family: Family = Family.AUTH,
    figure: str = "failureRate",
    threshold: float = 0.2,
    min_count: int = 20,
) -> Bound:
    return Bound(code, family, figure, threshold, "P1", min_count, QUARTER, f"/runbooks/{code}")


def make_open_alert(
    number: int = 1, *, family: Family = Family.AUTH, state: str = "firing", **changes: object
) -> OpenAlert:
    values: dict[str, object] = {
        "id": f"alr_{number:05d}",
        "code": "auth_failure_rate_high",
        "family": family,
        "severity": "P1",
        "service": "harbor-api",
        "tenant": None,
        "state": state,
        "sentence": "31.25% of 412 auth requests failed on service harbor-api in 15m; the bound is 20%.",
        "since": NOW - timedelta(minutes=4),
        "is_held": False,
    }
    return OpenAlert(**(values | changes))  # type: ignore[arg-type] # values by name


class FakeWatcher:
    """Two rules of sign-ins and what they found in the workspace `harbor`."""

    def __init__(self) -> None:
        self.rules = [
            make_bound(),
            make_bound("auth_unauthorized_spike", figure="unauthorizedCount", threshold=10, min_count=1),
        ]
        self.alerts: list[OpenAlert] = []
        self.is_watched = True
        self.is_away = False

    async def bounds(self, workspace: WorkspaceId, family: Family, *, tenant: str | None = None) -> Sequence[Bound]:
        del workspace, tenant
        return [rule for rule in self.rules if rule.family is family]

    async def burning(
        self, workspace: WorkspaceId, *, family: Family | None = None, tenant: str | None = None
    ) -> Burning:
        if self.is_away:
            raise UnavailableError("PostgreSQL does not answer. `tidegate doctor` says why.")
        found = [
            alert
            for alert in self.alerts
            if workspace == HARBOR and family in {None, alert.family} and tenant in {None, alert.tenant}
        ]
        return Burning(tuple(found), has_more=False, is_watched=self.is_watched)


class FakePoints:
    """Points of two metrics of the workspace `harbor`: CPU seconds that rise, a depth that swings."""

    def __init__(self) -> None:
        self.metrics: dict[str, list[tuple[datetime, float]]] = {}
        self.hidden_count = 0

    def fill(self) -> None:
        for minute in range(60):
            at = NOW - timedelta(minutes=minute, seconds=5)
            self.metrics.setdefault("process.cpu.time", []).insert(0, (at, 200.0 - 2 * minute))
            self.metrics.setdefault("queue.depth", []).insert(0, (at, float(minute % 7)))

    async def table(
        self,
        workspace: WorkspaceId,
        window: TimeRange,
        *,
        scope: SignalScope,
        by: Dimension | None = None,
        limit: int = 1_000,
    ) -> list[PointsRow]:
        found = self._found(workspace, window, scope)
        if by is None:
            return [_row(found, None, "")]
        keys = sorted({metric if by == "object" else "harbor" for metric, _, _ in found})[:limit]
        return [_row([each for each in found if by != "object" or each[0] == key], None, key) for key in keys]

    async def series(
        self,
        workspace: WorkspaceId,
        window: TimeRange,
        *,
        step_s: int,
        scope: SignalScope,
        by: Dimension | None = None,
        limit: int = 20,
    ) -> list[PointsRow]:
        rows = []
        for key in {row.key for row in await self.table(workspace, window, scope=scope, by=by, limit=limit)}:
            own = [each for each in self._found(workspace, window, scope) if by != "object" or each[0] == key]
            steps = sorted({int(at.timestamp()) // step_s * step_s for _, at, _ in own})
            rows += [
                _row([each for each in own if int(each[1].timestamp()) // step_s * step_s == step], step, key)
                for step in steps
            ]
        return rows

    async def distrusted_count(self, workspace: WorkspaceId, window: TimeRange, *, scope: SignalScope) -> int:
        return self.hidden_count

    def _found(
        self, workspace: WorkspaceId, window: TimeRange, scope: SignalScope
    ) -> list[tuple[str, datetime, float]]:
        return [
            (metric, at, value)
            for metric, points in self.metrics.items()
            for at, value in points
            if workspace == HARBOR and scope.object in {None, metric} and window.start <= at < window.end
        ]


def _row(points: list[tuple[str, datetime, float]], step: int | None, key: str) -> PointsRow:
    start = None if step is None else datetime.fromtimestamp(step, UTC)
    values = [value for _, _, value in points]
    metrics = {metric for metric, _, _ in points}
    if len(metrics) != 1:
        return PointsRow(start, key, len(points), 0, None, None, None, None, None, "")
    increase = values[-1] - values[0] if metrics <= {"process.cpu.time", "order.ms"} else None
    mean = sum(values) / len(values)
    observed = 4.0 if metrics == {"order.ms"} else None  # a histogram: its values are those of its sum
    return PointsRow(start, key, len(points), 0, values[-1], min(values), max(values), mean, increase, "s", observed)


class FakeMarks:
    def __init__(self) -> None:
        self.releases: list[ReleaseMark] = []

    async def between(self, workspace: WorkspaceId, window: TimeRange) -> Sequence[ReleaseMark]:
        return [mark for mark in self.releases if workspace == HARBOR and window.start <= mark.at < window.end]


class FakeVersions:
    """How often each topic changed; turned by hand."""

    def __init__(self) -> None:
        self.found: dict[WorkspaceId, dict[str, int]] = {}
        self.asked: list[set[WorkspaceId]] = []
        self.is_away = False

    async def versions(self, workspaces: Collection[WorkspaceId]) -> Mapping[WorkspaceId, Mapping[str, int]]:
        self.asked.append(set(workspaces))
        if self.is_away:
            raise UnavailableError("PostgreSQL does not answer.")
        return {workspace: dict(self.found.get(workspace, {})) for workspace in workspaces}

    def raise_topic(self, topic: str, workspace: WorkspaceId = HARBOR) -> None:
        versions = self.found.setdefault(workspace, {})
        versions[topic] = versions.get(topic, 0) + 1


def fill(signals: FakeSignals, *, tenant: str = "acme", route: str = "/login") -> None:
    """Count an hour of sign-ins, of which more fail for the last twenty minutes, and some runs."""
    for minute in range(60):
        at = NOW - timedelta(minutes=minute, seconds=5)
        failed = 6 if minute < 20 else 1
        totals = Totals(count=40 + minute % 7, failure_count=failed, unauthorized_count=failed // 2)
        signals.add(HARBOR, Family.AUTH, at, totals, service="harbor-api", tenant=tenant, route=route)
        signals.add(HARBOR, Family.REQUEST, at, totals, service="harbor-api", tenant=tenant, route=route)
        runs = Totals(count=5, failed_count=minute % 3 == 0, priced_count=5, cost_nano_usd=NANO_PER_USD // 20)
        signals.add(HARBOR, Family.AI_RUN, at, runs, service="harbor-ai", tenant="zephyr", model="gpt-5")
        used = Totals(count=2, amount_count=2, amount_micro=50 * MICRO, limit_micro=10_000 * MICRO)
        for meter in ("tokens", "runs"):
            signals.add(HARBOR, Family.USAGE, at, used, service="harbor-ai", tenant=tenant, object=meter)
