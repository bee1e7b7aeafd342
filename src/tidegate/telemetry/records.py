"""What the readers of log records and metric points share: what is known of a body besides what it says. Pure."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from tidegate.kernel import WorkspaceId
from tidegate.telemetry.values import AttributePolicy

__all__ = ["Arrival", "RecordPolicy", "Refusals", "Start"]


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


class Start(NamedTuple):
    """Where in its body a piece of it begins: places in what is told to senders count from here."""

    resource: int = 0
    scope: int = 0
    record: int = 0

    def scope_of(self, resource: int) -> int:
        """Return the place of the first scope of `resource` in the piece."""
        return self.scope if resource == self.resource else 0

    def record_of(self, resource: int, scope: int) -> int:
        """Return the place of the first record of `scope` in the piece."""
        return self.record if (resource, scope) == (self.resource, self.scope) else 0


_WHOLE: Final = Start()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What is known of a body, or of a piece of one, besides what it says."""

    workspace: WorkspaceId
    received_ns: int
    policy: RecordPolicy
    refusals: Refusals = field(default_factory=Refusals)
    seen: dict[bytes, int] = field(default_factory=dict)
    """How often each record came in this body, by its digest."""
    start: Start = _WHOLE
