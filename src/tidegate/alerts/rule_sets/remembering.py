"""The rules of workspaces for those who ask often: read once for each change of them."""

from collections.abc import Sequence
from typing import Final, Protocol

from tidegate.alerts.model import Rule
from tidegate.kernel import WorkspaceId
from tidegate.kernel.remembered import Remembered

__all__ = ["RememberedRules"]

_RULES_KEPT: Final = 50_000  # 1 KB each


class _Sets(Protocol):
    async def change_count(self) -> int: ...


class _Rules(Protocol):
    async def list_rules(self, workspace: WorkspaceId) -> list[Rule]: ...


class RememberedRules:
    """Keeps the promise of `CountingRules`: asks how often rules were set, and reads files only when that changed."""

    def __init__(self, rules: _Rules, sets: _Sets) -> None:
        self._rules = rules
        self._sets = sets
        self._kept: Remembered[WorkspaceId, tuple[int, Sequence[Rule]]] = Remembered(max_weight=_RULES_KEPT)

    async def list_rules(self, workspace: WorkspaceId) -> Sequence[Rule]:
        count = await self._sets.change_count()  # first: what is set meanwhile is read again next time
        kept = self._kept.find(workspace)
        if kept is not None and kept[0] == count:
            return kept[1]
        found = await self._rules.list_rules(workspace)
        self._kept.add(workspace, (count, found), weight=len(found))
        return found
