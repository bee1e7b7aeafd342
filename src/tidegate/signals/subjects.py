"""Subjects of rules: every service, tenant, route … of a window with its sums, as columns."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.model import Family, GroupTotals
from tidegate.signals.ports import Dimension
from tidegate.storage.native import Numbers

__all__ = ["NO_SUBJECTS", "Grouped", "ListedRows", "SubjectReader", "SubjectRows", "Where"]

Where = Sequence[tuple[Dimension, Callable[[str], bool]]]
"""Which values of dimensions are meant."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """Subjects and their sums. Where tenants are told apart, all of them together are subjects of their own."""

    places: Sequence[tuple[WorkspaceId, tuple[str, ...]]]
    """Workspace, and the values of the dimensions that were asked for, without the tenant."""
    place: Numbers
    """By row, its position in `places`."""
    tenants: Sequence[str]
    tenant: Numbers
    """By row, its position in `tenants`; -1 for all tenants together, events without one included."""
    sums: Mapping[str, Numbers]
    """By field of `Totals` or `Durations`."""

    def __len__(self) -> int:
        return len(self.place)


NO_SUBJECTS: Final = Grouped((), np.zeros(0, np.int64), (), np.zeros(0, np.int64), {})


class SubjectRows(Protocol):
    """What one statement found."""

    def of(self, family: Family, group_by: Sequence[Dimension], where: Where, fields: Collection[str]) -> Grouped:
        """Return the subjects of `family` by `group_by`, counting only what `where` lets through."""
        ...


class SubjectReader(Protocol):
    """What evaluating rules asks of signals; replayed rows are left out. Each answers for all workspaces.

    Raises:
        UnavailableError: the telemetry engine does not answer for the moment.
    """

    async def counted_rows(
        self,
        workspaces: Collection[WorkspaceId],
        families: Collection[Family],
        window: TimeRange,
        dimensions: Sequence[Dimension],
    ) -> Sequence[SubjectRows]:
        """Return what was counted in `window`; several answers are about different workspaces."""
        ...

    async def timed_rows(
        self,
        workspaces: Collection[WorkspaceId],
        families: Collection[Family],
        window: TimeRange,
        dimensions: Sequence[Dimension],
    ) -> Sequence[SubjectRows]:
        """Return how long events of `window` took; tenants have none."""
        ...

    async def telemetry_rows(self, workspaces: Collection[WorkspaceId], window: TimeRange) -> Sequence[SubjectRows]:
        """Return by service how many spans and log records there are: `count`, and `distrusted_count` of them.

        Distrusted ones count when they came in: the time they claim may lie anywhere.
        """
        ...


class ListedRows:
    """Groups that are there already, as `SubjectRows`; they know services and tenants and nothing else."""

    def __init__(self, groups: Mapping[Family, Sequence[GroupTotals]]) -> None:
        self._groups = groups

    def of(self, family: Family, group_by: Sequence[Dimension], where: Where, fields: Collection[str]) -> Grouped:
        groups = [
            group
            for group in self._groups.get(family, ())
            if (group.tenant is None or "tenant" in group_by)
            and all(is_meant(getattr(group, dimension, None) or "") for dimension, is_meant in where)
        ]
        if not groups or not {*group_by} <= {"service", "tenant"}:
            return NO_SUBJECTS
        places: dict[tuple[WorkspaceId, tuple[str, ...]], int] = {}
        tenants: dict[str, int] = {}
        place = [places.setdefault((group.workspace, (group.service,)), len(places)) for group in groups]
        tenant = [-1 if one.tenant is None else tenants.setdefault(one.tenant, len(tenants)) for one in groups]
        sums = {name: np.array([getattr(group.totals, name) for group in groups]) for name in fields}
        return Grouped(list(places), np.array(place), list(tenants), np.array(tenant), sums)
