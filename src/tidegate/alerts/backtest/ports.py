"""What trying rules needs, in its own words."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from tidegate.alerts.model import Rule
from tidegate.alerts.paging.model import Routing, Silence
from tidegate.kernel import WorkspaceId


class RuleShelf(Protocol):
    """The rules that count in a workspace."""

    async def list_rules(self, workspace: WorkspaceId) -> list[Rule]:
        """Return all, those that ship included, by code."""
        ...


class PagingNow(Protocol):
    """Who is told at the moment, and what is not."""

    async def routing(self, workspace: WorkspaceId) -> Routing: ...

    async def silences(self, workspace: WorkspaceId, *, ending_after: datetime) -> Sequence[Silence]: ...
