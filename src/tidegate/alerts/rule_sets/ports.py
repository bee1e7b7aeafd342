"""What rules of workspaces need from the state store."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tidegate.alerts.rule_sets.model import RuleSet
from tidegate.audit import Deed
from tidegate.kernel import WorkspaceId


@dataclass(frozen=True, slots=True)
class NewRuleSet:
    """A file that is to count from now on."""

    name: str
    version: int
    body: bytes
    rule_count: int
    applied_at: datetime
    applied_by: str
    changed_codes: Collection[str]


class RuleSetStore(Protocol):
    """Keeps rule files by version."""

    async def list_sets(self, workspace: WorkspaceId) -> list[RuleSet]:
        """Return the newest version of each set, by name."""
        ...

    async def add_set(self, workspace: WorkspaceId, new: NewRuleSet, *, seen: Collection[RuleSet], deed: Deed) -> None:
        """Store a version, when codes changed, and the deed, in one transaction.

        Raises:
            RulesChangedError: the sets are not `seen` any more; nothing was stored.
        """
        ...
