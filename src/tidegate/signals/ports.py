"""What others ask of signals, and what counting needs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.model import Durations, DurationsPoint, Family, GroupTotals, SeriesPoint, SignalScope, Totals
from tidegate.signals.prices.calls import Calls
from tidegate.storage.native import Numbers

Dimension = Literal[
    "service", "environment", "release", "tenant", "route", "status", "error_code", "model", "provider", "outcome",
    "object", "detail", "source",
]  # fmt: skip


class SignalReader(Protocol):
    """What others ask of signals. Exact: every stored row counts once, wherever it stands between raw and rollup.

    A window begins and ends at whole seconds; where only minutes or hours are left it is widened to whole ones.
    `SeriesReader.resolution_s` says so beforehand.
    """

    async def totals(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, *, scope: SignalScope
    ) -> Totals:
        """Return the totals of `window`, or of all retained rows when it is `None`.

        Raises:
            UnavailableError: the telemetry engine does not answer for the moment.
        """
        ...

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
        """The same, split by one dimension; at most `limit` keys, largest first."""
        ...

    async def groups(self, workspaces: Collection[WorkspaceId], family: Family, window: TimeRange) -> list[GroupTotals]:
        """Return every service and every (service, tenant) with events in `window`, replayed rows left out.

        One statement for all workspaces.
        """
        ...


class SeriesReader(Protocol):
    """What pages ask of signals beyond totals."""

    async def resolution_s(self, workspace: WorkspaceId, window: TimeRange, *, step_s: int = 3_600) -> int:
        """Return how fine `window` can be read in steps of `step_s`: it is widened to whole buckets of that length.

        Raises:
            UnavailableError: the telemetry engine does not answer for the moment, or counting is behind.
        """
        ...

    async def series(  # noqa: PLR0913 - a question and its six parts
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
        """Return totals of steps of `step_s`, of the `limit` largest keys of `by`; empty steps are left out."""
        ...

    async def quantiles(
        self,
        workspace: WorkspaceId,
        family: Family,
        window: TimeRange | None,
        *,
        scope: SignalScope,
        by: Dimension | None = None,
    ) -> dict[str, Durations]:
        """Return durations by key, under the key '' when `by` is `None`. Tenants have none: they are not kept."""
        ...


class LookingAtMore(Protocol):
    """What pages ask beyond one family's totals."""

    async def every_total(
        self, workspace: WorkspaceId, window: TimeRange, *, scope: SignalScope
    ) -> dict[Family, tuple[Totals, Durations | None]]:
        """Return what `totals` and `quantiles` say of every family but `runtime`, in three statements."""
        ...

    async def every_series(
        self, workspace: WorkspaceId, window: TimeRange, *, step_s: int, scope: SignalScope
    ) -> dict[Family, list[SeriesPoint]]:
        """Return what `series` says of every family but `runtime`, in one statement."""
        ...

    async def duration_series(  # noqa: PLR0913 - a question and its six parts
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
        """Return durations of steps of `step_s`, of the `limit` largest keys of `by`; empty steps are left out.

        Tenants have none: they are not kept.
        """
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """All that is retained of one family."""

    totals: Totals
    splits: Mapping[Dimension, Mapping[str, Totals]]
    buckets: Sequence[tuple[float, int]]
    """Events by the upper bound of how long they took, in milliseconds, ascending; not cumulative."""
    spent_s: float


class PriceBook(Protocol):
    """The prices of one workspace at one moment."""

    @property
    def version(self) -> str:
        """Names the prices: equal versions quote equally."""
        ...

    def costs(self, calls: Calls, /) -> Numbers:
        """Return the cost of each call in billionths of a dollar, -1 where it has no price; never raises."""
        ...


class PriceBooks(Protocol):
    """Where prices come from."""

    async def books_of(self, workspaces: Collection[WorkspaceId]) -> Mapping[WorkspaceId, PriceBook]: ...


@dataclass(frozen=True, slots=True)
class Touch:
    """Which seconds of a workspace one flush changed and are not counted again yet."""

    workspace: WorkspaceId
    flush_id: str
    announced_s: float
    seconds: Sequence[int]
    row_counts: Sequence[int | None] = ()
    """How many rows the flush has in each of `seconds`, as far as that is known."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be counted again."""

    touches: Sequence[Touch]
    watermark: int
    """How far counting was published when the touches were read."""
    is_all: bool
    """Whether these are all that wait."""
    read_at: datetime
    is_own: bool = False
    """Whether nobody but the reader published since it did: what it remembers of rows holds."""


@dataclass(frozen=True, slots=True)
class TouchedSeconds:
    """What one closing counts, and the touches that it settles."""

    seconds: "Seconds"
    flushes: Mapping[WorkspaceId, Sequence[str]]
    """Flushes whose touches were read; each has seconds among `seconds`, and perhaps more that are left for later."""
    watermark: int
    read_at: datetime | None
    """When the touches were read; `None` when nothing that was touched is counted."""
    has_more: bool = False
    touches: Sequence[Touch] = ()
    """All that wait; none when these are not all there are."""
    is_late: bool = False
    """Nobody waits for them: seconds that were counted before, or were long over when they were touched."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recount is after a closing; stored in the transaction that publishes it."""

    workspace: WorkspaceId
    recount_id: str
    position: int
    seconds_done: int
    """By this closing."""
    models: Mapping[str, Mapping[str, int]]


class Touches(Protocol):
    """The touch ledger, as the closer sees it."""

    async def read(self) -> Backlog | None:
        """Return touches of stored flushes: of each workspace the newest and the oldest, if there are very many.

        `None` while another process counts.
        """
        ...

    async def caught_up(self, at: datetime) -> None:
        """Say that counting went round at this moment and found nothing that is new."""
        ...

    async def next_version(self) -> int:
        """Return a version higher than every one before.

        Raises:
            ConflictError: another process counts now.
        """
        ...

    async def publish(self, touched: TouchedSeconds, *, version: int, progress: Progress | None = None) -> None:
        """Raise the watermark to `version`, forget what was settled and note progress, in one transaction.

        Raises:
            ConflictError: another process published since `touched` was read; nothing was changed.
        """
        ...


Seconds = Mapping[WorkspaceId, Sequence[int]]
"""In ascending order."""
Ranges = Mapping[WorkspaceId, Sequence[tuple[int, int]]]
"""The ends do not belong to them."""
