"""What rules of workspaces need from the state store."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tidegate.alerts.rule_sets.model import LastAnswer, RuleSet
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
    asked_codes: Collection[str] = ()
    """Those among them that ask a server of others from now on."""


class NamedSources(Protocol):
    """The servers of others that a workspace has named; `prom_sources` keeps it."""

    async def list_names(self, workspace: WorkspaceId) -> frozenset[str]: ...


class RuleSetStore(Protocol):
    """Keeps rule files by version."""

    async def list_sets(self, workspace: WorkspaceId) -> list[RuleSet]:
        """Return the newest version of each set, by name."""
        ...

    async def find_answer(self, workspace: WorkspaceId, code: str) -> LastAnswer | None:
        """Return what a server of others answered last to a rule that asks one."""
        ...

    async def add_set(self, workspace: WorkspaceId, new: NewRuleSet, *, seen: Collection[RuleSet], deed: Deed) -> None:
        """Store a version, when codes changed, and the deed, in one transaction.

        Raises:
            RulesChangedError: the sets are not `seen` any more; nothing was stored.
        """
        ...
