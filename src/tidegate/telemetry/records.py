"""What the readers of log records and metric points share: what is known of a body besides what it says. Pure."""

from dataclasses import dataclass, field
from typing import Protocol

from tidegate.kernel import WorkspaceId
from tidegate.telemetry.values import AttributePolicy

__all__ = ["Arrival", "RecordPolicy", "Refusals"]


class RecordPolicy(AttributePolicy, Protocol):
    """What may be kept of a record: the policy of content and secrets."""

    def text(self, text: str) -> str:
        """Return what is stored of a body."""
        ...


@dataclass(slots=True)
class Refusals:
    """Records that were refused alone: how many, and what was wrong with the first."""

    count: int = 0
    first: str = ""

    def add(self, words: str, *, count: int = 1) -> None:
        self.count += count
        self.first = self.first or words


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What is known of a body besides what it says."""

    workspace: WorkspaceId
    received_ns: int
    policy: RecordPolicy
    refusals: Refusals = field(default_factory=Refusals)
