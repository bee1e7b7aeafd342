"""`freeze`: not inside a freeze window, or an accepted exception."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal, Protocol

from tidegate.gates.check_files import CheckFile
from tidegate.gates.kinds.subjects import services_of
from tidegate.gates.model import BudgetFreeze, Check, CheckResult, FreezeSpec, FreezeWindow, measure_freeze
from tidegate.gates.ports import Catalogues
from tidegate.kernel import WorkspaceId
from tidegate.releases import Release

__all__ = ["FreezeCalendar", "FreezeCheckFile", "FreezeReader", "FreezeSource"]


class FreezeCheckFile(CheckFile):
    """Not inside a freeze window, or an accepted exception."""

    kind: Literal["freeze"]
    budgets: bool = True
    """Whether a freeze that the policy of an objective set counts as well."""

    def read(self, place: str, catalogues: Catalogues) -> FreezeSpec:  # noqa: ARG002 - names nothing of the catalogues
        return FreezeSpec(is_with_budgets=self.budgets, service=self.service)


class FreezeCalendar(Protocol):
    async def list_coming(self, workspace: WorkspaceId, *, now: datetime) -> tuple[FreezeWindow, ...]:
        """Return the windows that are not lifted and not over at `now`, or not as they were set."""
        ...


class FreezeReader(Protocol):
    async def list_open(
        self, workspace: WorkspaceId, services: Collection[str], *, now: datetime
    ) -> tuple[BudgetFreeze, ...]:
        """Return the services that the policy of an objective freezes at `now`."""
        ...


class FreezeSource:
    """Measures `freeze` checks with the calendar of the workspace and what objectives froze."""

    def __init__(self, *, calendar: FreezeCalendar, budgets: FreezeReader) -> None:
        self._calendar = calendar
        self._budgets = budgets

    async def measure(self, workspace: WorkspaceId, check: Check, release: Release, *, now: datetime) -> CheckResult:
        spec = check.spec
        assert isinstance(spec, FreezeSpec)  # noqa: S101 - sources are chosen by kind
        windows = await self._calendar.list_coming(workspace, now=now)
        services = [own.service for own in services_of(spec.service, release)]
        budgets = await self._budgets.list_open(workspace, services, now=now) if spec.is_with_budgets else ()
        return measure_freeze(check, release.id, windows, budgets, now=now)
