"""What others ask of signals, and what counting needs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.model import Durations, Family, GroupTotals, SeriesPoint, SignalScope, Totals
from tidegate.signals.runs import Run, TraceSpan

Dimension = Literal[
    "service", "environment", "release", "tenant", "route", "status", "error_code", "model", "provider", "outcome",
    "object", "detail", "source",
]  # fmt: skip


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
        """Return every service and every (service, tenant) with events in `window`.

        One statement for all workspaces.
        """
        ...


class SeriesReader(Protocol):
    """What pages ask of signals beyond totals."""

    async def series(  # noqa: PLR0913 - what a chart is about
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
        """Return the totals of each bucket of `step_s` seconds that has events, in order of time.

        Buckets begin at multiples of the step since 1970. Split, the `limit` largest keys of the window are told apart
        and the others left out.
        """
        ...

    async def quantiles(
        self,
        workspace: WorkspaceId,
        family: Family,
        window: TimeRange,
        *,
        scope: SignalScope,
        by: Dimension | None = None,
    ) -> dict[str, Durations]:
        """Return how long events of `window` took, by the values of a dimension; the key of all together is empty."""
        ...


@dataclass(frozen=True, slots=True)
class TouchedSeconds:
    """What one closing has to count, and the touches that it settles."""

    seconds: frozenset[tuple[WorkspaceId, int]]
    flushes: Mapping[WorkspaceId, Sequence[str]]
    """Flushes whose touches were read; each has seconds among `seconds`, and perhaps more that are left for later."""
    watermark: int
    """How far counting was published when the touches were read."""
    is_all: bool
    """Whether nothing else was waiting."""
    read_at: datetime


class Touches(Protocol):
    """The touch ledger, as the closer sees it."""

    async def read(self, *, limit: int) -> TouchedSeconds:
        """Return touches of stored flushes, at most `limit` seconds."""
        ...

    async def caught_up(self, at: datetime) -> None:
        """Say that counting went round at this moment and found nothing."""
        ...

    async def next_version(self) -> int:
        """Return a version higher than every one before."""
        ...

    async def publish(self, touched: TouchedSeconds, *, version: int) -> None:
        """Raise the watermark to `version` and forget what was settled, in one transaction.

        Raises:
            ConflictError: another process published since `touched` was read; nothing was changed.
        """
        ...


class RawSpans(Protocol):
    """Stored spans, each once."""

    async def traces_through(self, seconds: Mapping[WorkspaceId, Sequence[int]]) -> list[TraceSpan]:
        """Return all believable spans of the traces that have a GenAI span ending in one of `seconds`."""
        ...


class RollupWriter(Protocol):
    """Writes counts under a version; nobody sees them before the watermark rises."""

    async def count_spans(self, seconds: Mapping[WorkspaceId, Sequence[int]], *, version: int) -> None:
        """Count spans, requests and sign-ins of these seconds from raw."""
        ...

    async def publish(
        self,
        runs: Sequence[Run],
        seconds: Mapping[WorkspaceId, Sequence[int]],
        run_seconds: Mapping[WorkspaceId, Sequence[int]],
        *,
        version: int,
    ) -> None:
        """Write the runs, and which seconds have `version`: those of spans, and those of runs; in one piece, last."""
        ...
