"""What stands below gates, told what to say."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tidegate.edge.caller import Caller, Role, Scope
from tidegate.gates.model import QuietReading
from tidegate.kernel import TimeRange, UnauthenticatedError, UnavailableError, WorkspaceId
from tidegate.signals import Dimension, Family, GroupTotals, SignalScope, Totals

NOW = datetime(2026, 2, 7, 14, 2, 11, tzinfo=UTC)
HEALTHY = {
    Family.AUTH: Totals(count=400, success_count=390, failure_count=10),
    Family.AI_RUN: Totals(count=100, priced_count=100, cost_nano_usd=5_000_000_000, success_count=99, failed_count=1),
    Family.REQUEST: Totals(count=1000, success_count=1000),
}


@dataclass
class FakeSignals:
    """Keeps the promises of `SignalReader` for one workspace."""

    by_family: Mapping[Family, Totals] = field(default_factory=lambda: dict(HEALTHY))
    services: Collection[str] = ("harbor",)
    versions: Collection[str] = ()
    is_away: bool = False
    scopes: list[SignalScope] = field(default_factory=list)

    async def totals(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, *, scope: SignalScope
    ) -> Totals:
        if self.is_away:
            raise UnavailableError("The telemetry engine does not answer for the moment. Try again.")
        self.scopes.append(scope)
        return self.by_family.get(family, Totals()) if scope.service in self.services else Totals()

    async def totals_by(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, *, by: Dimension, scope: SignalScope
    ) -> dict[str, Totals]:
        assert by == "release"
        return {version: Totals(count=1) for version in self.versions}

    async def groups(self, workspaces: Collection[WorkspaceId], family: Family, window: TimeRange) -> list[GroupTotals]:
        raise NotImplementedError


@dataclass
class FakeQuiet:
    """Keeps the promises of `QuietReader`; unless told, watched for a day and quiet."""

    reading: QuietReading | None = None

    async def read_quiet(
        self, workspace: WorkspaceId, codes: Collection[str], services: Collection[str], *, since: datetime
    ) -> QuietReading:
        now = datetime.now(UTC)
        return self.reading or QuietReading((), None, now, now - timedelta(days=1))


@dataclass
class FakeAuthenticator:
    """Knows tokens that say who they are: `write:w-1`."""

    async def caller_of_token(self, token: str) -> Caller:
        scope, _, workspace = token.partition(":")
        if not workspace:
            raise UnauthenticatedError("nobody known")
        return Caller(WorkspaceId(workspace), Scope(scope), f"tok_{scope}", by_session=False)

    async def caller_of_session(self, session: str) -> Caller:
        """Know sessions that say whose they are: `usr_ann:approver:w-1`, proven just now."""
        member, _, rest = session.partition(":")
        role, _, workspace = rest.partition(":")
        if not workspace:
            raise UnauthenticatedError("nobody known")
        return Caller(
            WorkspaceId(workspace),
            Scope.WRITE,
            f"ses_{member}",
            by_session=True,
            member=member,
            role=Role(role),
            proven_at=datetime.now(UTC),
        )
