"""Made-up signals for page tests: what the rules say, which releases there were, and numbers over time."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from tests.pages.worlds import HARBOR, NOW

from tidegate.kernel import TimeRange, UnavailableError, WorkspaceId
from tidegate.signals import NANO_PER_USD, Family, Totals
from tidegate.signals.explore import Bound, Burning, OpenAlert, ReleaseMark
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

    def bounds(self, family: Family) -> Sequence[Bound]:
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
