"""What quotas need from the state store."""

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from tidegate.audit import Deed
from tidegate.edge.quotas import Quota, QuotasSet
from tidegate.identity.quotas.model import Counts, DayQuota, Grant
from tidegate.kernel import WorkspaceId


class QuotaStore(Protocol):
    """What is set. `subject` is a token's id, empty for the whole workspace."""

    async def get_set(self, workspace: WorkspaceId, subject: str) -> QuotasSet: ...

    async def set_own(
        self, workspace: WorkspaceId, subject: str, changes: Mapping[Quota, int | None], *, by: str, deed: Deed
    ) -> None:
        """Set what is named, and clear what is `None`, together with what is recorded of it."""
        ...

    async def get_counts(self, workspace: WorkspaceId, subject: str, *, day: date) -> Counts: ...


class UsageStore(Protocol):
    """What of a day's quota is used, by all processes together."""

    async def take(self, workspace: WorkspaceId, of: DayQuota, *, limit: int, least: int, most: int) -> Grant:
        """Take up to `most`, or nothing when there is less than `least`.

        Raises:
            UnavailableError: nobody can say for the moment; nothing was taken, or is lost for that day.
        """
        ...

    async def give_back(self, workspace: WorkspaceId, of: DayQuota, amount: int) -> None:
        """Say that so much was taken in advance and not used."""
        ...

    async def add_refusals(self, workspace: WorkspaceId, refused: Mapping[tuple[str, Quota], int]) -> None:
        """Count refusals, by subject and quota."""
        ...
