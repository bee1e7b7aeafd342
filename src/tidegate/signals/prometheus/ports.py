"""What answers in Prometheus's words are made of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.promql.series import Series
from tidegate.signals.model import Family, SignalScope, Totals
from tidegate.signals.prometheus.demands import Demand
from tidegate.storage.native import Columns

__all__ = ["CountsReader", "PointsReader", "Within"]


@dataclass(frozen=True, slots=True)
class Within:
    """What a caller is narrowed to; `None` for all. It is put to every statement, whatever the question says."""

    services: frozenset[str] | None = None
    environments: frozenset[str] | None = None

    @property
    def scopes(self) -> list[SignalScope]:
        """The parts that make up what may be read."""
        services = [None] if self.services is None else sorted(self.services)
        environments = [None] if self.environments is None else sorted(self.environments)
        return [SignalScope(service=one, environment=other) for one in services for other in environments]


class CountsReader(Protocol):
    """Counts, exact, up to what is published."""

    async def resolution_s(self, workspace: WorkspaceId, window: TimeRange, *, step_s: int = 3_600) -> int: ...

    async def grouped(  # noqa: PLR0913 - the parts of a statement
        self,
        workspace: WorkspaceId,
        names: Collection[str],
        columns: str,
        window: TimeRange,
        *,
        more: str,
        tail: str,
        parameters: Mapping[str, object],
        coarsest_s: int,
    ) -> Columns: ...

    async def totals(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, *, scope: SignalScope
    ) -> Totals: ...

    async def distrusted(
        self, workspace: WorkspaceId, window: TimeRange, *, scope: SignalScope
    ) -> Mapping[str, int]: ...


class PointsReader(Protocol):
    """Metric points, each once, believable ones that say a number."""

    async def series(self, workspace: WorkspaceId, demand: Demand, within: Within) -> list[Series]: ...

    async def values(self, workspace: WorkspaceId, column: str, window: TimeRange, within: Within) -> list[str]: ...
