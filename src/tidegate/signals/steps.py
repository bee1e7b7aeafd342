"""What who keeps counts in memory asks for: sums step by step, and which minutes changed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals.model import DurationsPoint, Family, SignalScope

__all__ = ["StepCounts", "StepSums", "StepWords", "is_milli"]


class StepWords(Protocol):
    """A column of texts: `words[codes[row]]`."""

    @property
    def words(self) -> Sequence[str]: ...

    @property
    def codes(self) -> Any: ...  # noqa: ANN401 - an array of whole numbers


@dataclass(frozen=True, slots=True)
class StepSums:
    """One row for each workspace, service, environment, tenant and step that has events of a family."""

    step: Any
    """Unix second at which it begins, as an array."""
    words: Mapping[str, StepWords]
    """`workspace`, `service`, `environment`, `tenant`; a tenant is empty where none was named."""
    fields: Mapping[str, Any]
    """By field of `Totals`, arrays; a field without events is left out. Counts of events are in thousandths."""


class StepCounts(Protocol):
    """Counts of many workspaces, published up to a watermark."""

    async def watermark(self, workspaces: Collection[WorkspaceId]) -> int:
        """Return up to which version counts may be read.

        Raises:
            UnavailableError: telemetry waits too long to be counted.
        """
        ...

    async def changed(
        self, workspaces: Collection[WorkspaceId], *, since: int, watermark: int
    ) -> Mapping[WorkspaceId, Collection[int]]:
        """Return the minutes, as Unix seconds, of which something was published above `since`."""
        ...

    async def sums(  # noqa: PLR0913 - a question and its parts
        self,
        workspaces: Collection[WorkspaceId],
        family: Family,
        window: TimeRange,
        *,
        step_s: int,
        watermark: int,
        services: Collection[str],
        steps: Sequence[int] | None = None,
        by_tenant: bool = True,
    ) -> StepSums:
        """Return the sums of `family` in `window`, or in some `steps` of it; replayed rows are left out."""
        ...

    async def duration_series(
        self, workspace: WorkspaceId, family: Family, window: TimeRange, *, step_s: int, scope: SignalScope
    ) -> list[DurationsPoint]:
        """Return how long events took in each step that has some."""
        ...


def is_milli(field: str) -> bool:
    """Return whether a field of `Totals` is summed in thousandths of events."""
    return field == "count" or (field.endswith("_count") and field != "sampled_count")
