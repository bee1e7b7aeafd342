"""What receiving evaluations needs."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from tidegate.kernel import WorkspaceId


class EvaluationSink(Protocol):
    """Stores rows of `raw_logs` durably, as intake does."""

    async def accept(self, workspace: WorkspaceId, rows: Sequence[Mapping[str, object]]) -> None:
        """Store `rows`; returns when they are durable.

        Raises:
            TooManyRequestsError: too much waits; nothing was stored.
            UnavailableError: the engines do not answer; sending again is safe.
        """
        ...


class ContentPolicy(Protocol):
    """What may be kept of what was said."""

    def attribute(self, key: str, value: str) -> str | None:
        """Return what is stored of `value`, `None` when nothing is."""
        ...
