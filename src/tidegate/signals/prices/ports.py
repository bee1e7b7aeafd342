"""What prices need: a place for the versions that workspaces set, and what tells that any of them changed."""

from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.kernel import WorkspaceId
from tidegate.signals.prices.model import Overrides, PriceEntry


class PriceStore(Protocol):
    """Versions are only ever added; the newest counts."""

    async def find_overrides(self, workspace: WorkspaceId) -> Overrides:
        """Return what counts now; version 0 before the first."""
        ...

    async def add_overrides(
        self, workspace: WorkspaceId, entries: tuple[PriceEntry, ...], *, version: int, applied_at: datetime, deed: Deed
    ) -> Overrides:
        """Store `entries` as `version`, and record it.

        Raises:
            PricesChangedError: there is such a version already.
        """
        ...


class PriceChanges(Protocol):
    """Tells whether a book that was made is still good."""

    async def change_count(self) -> int:
        """Return how often prices were set, over the whole installation."""
        ...
