"""What receiving evaluations needs."""

from typing import Protocol

from tidegate.kernel import WorkspaceId
from tidegate.telemetry.model import Batch


class Ingest(Protocol):
    """Where rows go: telemetry's own intake."""

    async def accept(self, workspace: WorkspaceId, batch: Batch) -> None:
        """Store the batch; returns when it is durable.

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
