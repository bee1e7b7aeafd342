"""What was counted in each step of a long time, by subject: what rules are tried over."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.model import Family
from tidegate.signals.ports import Dimension
from tidegate.signals.subjects import Where
from tidegate.storage.native import Numbers

__all__ = ["MAX_STEP_ROWS", "NO_STEPS", "StepReader", "StepRows", "Stepped"]

MAX_STEP_ROWS: Final = 3_000_000  # of one statement; 60 bytes each


@dataclass(frozen=True, slots=True)
class Stepped:
    """Sums by subject and step, a row for each pair of which something was counted."""

    places: Sequence[tuple[WorkspaceId, tuple[str, ...]]]
    """Workspace, and the values of the dimensions that were asked for, without the tenant."""
    place: Numbers
    """By subject, its position in `places`."""
    tenants: Sequence[str]
    tenant: Numbers
    """By subject, its position in `tenants`; -1 for all tenants together, events without one included."""
    subject: Numbers
    """By row, the position of its subject."""
    step: Numbers
    """By row, counted from the start of what was asked for."""
    sums: Mapping[str, Numbers]
    """By row, as they add up."""
    thousandths: frozenset[str] = frozenset()
    """Sums that are whole numbers only once those of a window are added, divided by 1000 and rounded down."""
    bucket: Numbers | None = None
    """By row, where durations are counted: `sums` has `weight` and `spent_us`."""


NO_STEPS: Final = Stepped((), np.zeros(0, np.int64), (), np.zeros(0, np.int64), np.zeros(0, np.int64),
                          np.zeros(0, np.int64), {})  # fmt: skip


class StepRows(Protocol):
    """What one statement found."""

    @property
    def row_count(self) -> int:
        """How many rows were read; more than `MAX_STEP_ROWS`: not all of them."""
        ...

    def of(self, family: Family, group_by: Sequence[Dimension], where: Where, fields: Collection[str]) -> Stepped:
        """Return the subjects of `family` by `group_by`, counting only what `where` lets through."""
        ...


class StepReader(Protocol):
    """What trying rules asks of signals; replayed rows are left out. `window` begins and ends where steps do.

    Raises:
        UnavailableError: the telemetry engine does not answer for the moment.
    """

    def with_replayed(self) -> "StepReader":
        """Return what reads replayed rows like all others."""
        ...

    async def finest_step_s(self, workspace: WorkspaceId, window: TimeRange) -> int:
        """Return how fine `window` can be read throughout: 1, 60 or 3600 seconds."""
        ...

    async def counted_steps(
        self, workspace: WorkspaceId, families: Collection[Family], window: TimeRange, dimensions: Sequence[Dimension],
        *, step_s: int,
    ) -> StepRows: ...  # fmt: skip

    async def timed_steps(
        self, workspace: WorkspaceId, families: Collection[Family], window: TimeRange, dimensions: Sequence[Dimension],
        *, step_s: int,
    ) -> StepRows: ...  # fmt: skip

    async def telemetry_steps(self, workspace: WorkspaceId, window: TimeRange, *, step_s: int) -> StepRows: ...
