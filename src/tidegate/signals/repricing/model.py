"""A recount as people see it: what is counted again, how far it is, and what it changed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RecountState(StrEnum):
    """How far a recount is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """Runs of one model in the range of a recount; a run of several models counts at the one it is counted under."""

    run_count: int = 0
    unpriced_count: int = 0
    cost_nano_usd: int = 0


@dataclass(frozen=True, slots=True)
class ModelDiff:
    """What a recount changed about one model."""

    model: str
    before: ModelFigures
    after: ModelFigures


@dataclass(frozen=True, slots=True)
class Recount:
    """One recount of a workspace."""

    id: str
    reason: str
    state: RecountState
    start: datetime | None
    """`None`: from the oldest that is stored raw."""
    end: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds_done: int
    seconds_total: int | None
    """Seconds with something to count; `None` before they are known."""
    models: Sequence[ModelDiff]
    """Complete when it is done; before, of what was counted again until now."""
    problem: str = ""
    """Why it failed."""
