"""What is used of quotas, without an engine; keeps the promises of `UsageStore`."""

import asyncio
from collections import Counter
from collections.abc import Mapping

from tidegate.edge.quotas import Quota
from tidegate.identity.quotas.model import DayQuota, Grant
from tidegate.kernel import UnavailableError, WorkspaceId


class FakeUsage:
    """Counts in memory; `is_away` makes it unavailable."""

    def __init__(self) -> None:
        self.used: Counter[tuple[WorkspaceId, DayQuota]] = Counter()
        self.refused: Counter[tuple[WorkspaceId, str, Quota]] = Counter()
        self.asked_count = 0
        self.is_away = False

    async def take(self, workspace: WorkspaceId, of: DayQuota, *, limit: int, least: int, most: int) -> Grant:
        self._answer()
        self.asked_count += 1
        await asyncio.sleep(0)  # others go on meanwhile, as with a real one
        left = max(limit - self.used[workspace, of], 0)
        amount = 0 if left < least else min(most, left)
        self.used[workspace, of] += amount
        return Grant(amount, left - amount)

    async def give_back(self, workspace: WorkspaceId, of: DayQuota, amount: int) -> None:
        self._answer()
        self.used[workspace, of] = max(self.used[workspace, of] - amount, 0)

    async def add_refusals(self, workspace: WorkspaceId, refused: Mapping[tuple[str, Quota], int]) -> None:
        self._answer()
        for (subject, quota), count in refused.items():
            self.refused[workspace, subject, quota] += count

    def _answer(self) -> None:
        if self.is_away:
            raise UnavailableError("The state store does not answer.")
