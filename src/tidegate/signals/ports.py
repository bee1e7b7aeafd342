"""Signals over exact windows."""

from collections.abc import Collection
from typing import Literal, Protocol

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.model import Family, GroupTotals, SignalScope, Totals

Dimension = Literal["route", "status", "error_code", "model", "tenant", "service", "outcome"]


class SignalReader(Protocol):
    """What others ask of signals. Exact: every stored span counts once, wherever it stands between raw and rollup."""

    async def totals(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, *, scope: SignalScope
    ) -> Totals:
        """Return the totals of `window`, or of all retained rows when it is `None`.

        Raises:
            UnavailableError: the telemetry engine does not answer for the moment.
        """
        ...

    async def totals_by(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, *, by: Dimension, scope: SignalScope
    ) -> dict[str, Totals]:
        """The same, split by one dimension; at most 1,000 keys, largest first."""
        ...

    async def groups(self, workspaces: Collection[WorkspaceId], family: Family, window: TimeRange) -> list[GroupTotals]:
        """Return every service and every (service, tenant) with events in `window`, for all workspaces in one statement."""
        ...
