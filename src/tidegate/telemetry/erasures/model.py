"""What is erased, and how far it is. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tidegate.kernel import WorkspaceId


class ErasureKind(StrEnum):
    """By what rows are chosen."""

    TRACE = "trace"
    TENANT = "tenant"


class ErasureState(StrEnum):
    RUNNING = "running"
    """Rows are being deleted."""
    HELD = "held"
    """The rows are gone; copies that come late are erased as well."""
    OVER = "over"
    """The rows are gone, and no sender can still have copies of them."""
    REFUSED = "refused"
    """Who asked for it may not have it done any more; no row was deleted."""


@dataclass(frozen=True, slots=True)
class Found:
    """How much is stored; copies of a row count, until the engine has merged them."""

    spans: int = 0
    logs: int = 0
    points: int = 0
    runs: int = 0
    seconds: int = 0
    """In how many seconds the rows lie: as many are counted again."""

    @property
    def is_nothing(self) -> bool:
        return not (self.spans or self.logs or self.points or self.runs)


@dataclass(frozen=True, slots=True)
class Target:
    """Which rows are meant."""

    kind: ErasureKind
    subject: str
    """The trace's id, or the tenant's name."""
    until: datetime
    """Of a tenant, what ended or came in up to here: what it does later is a new matter."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """One request to erase, and how far it is."""

    workspace: WorkspaceId
    id: str
    target: Target
    reason: str
    requested_by: str
    state: ErasureState
    found: Found
    seconds_done: int
    batch: int
    held_until: datetime
    finished_at: datetime | None

    @property
    def requested_at(self) -> datetime:
        return self.target.until

    @property
    def progress(self) -> float:
        """From 0 to 1; what came in meanwhile makes it no less than done."""
        if self.state is ErasureState.REFUSED:
            return 0.0
        if self.finished_at is not None:
            return 1.0
        return min(0.99, self.seconds_done / self.found.seconds) if self.found.seconds else 0.0
