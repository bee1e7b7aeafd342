"""What a job is, and how an attempt at it ends."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NewType, TypeAlias

from tidegate.kernel import WorkspaceId
from tidegate.kernel.canonical import JsonValue

if TYPE_CHECKING:
    from tidegate.storage.database import Connection

__all__ = [
    "Claimed",
    "Dead",
    "Done",
    "Handler",
    "Job",
    "JobCounts",
    "JobId",
    "JobState",
    "NewJob",
    "Outcome",
    "Release",
    "Retry",
    "Settled",
]

JobId = NewType("JobId", str)
"""`job_…`: the same for all attempts, and after a replay."""


class JobState(StrEnum):
    """Where a job stands; the words are those of the table."""

    SCHEDULED = "scheduled"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is to be done."""

    kind: str
    """Which handler runs it: `deliveries.send`."""
    payload: Mapping[str, JsonValue]
    """At most 64 KB of JSON; ids rather than what they stand for."""
    key: str | None = None
    """At most one job of a workspace, kind and key is unfinished: adding it again is the same job.

    The payload stays the first one's, and `run_at` moves earlier only. Added again while it runs, it runs once more.
    """
    run_at: datetime | None = None
    """Not before; `None` is now."""
    max_attempts: int = 12
    priority: int = 0
    """Higher ones first among the due ones of one workspace."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """One attempt at a job, ours for as long as the lease is renewed."""

    id: JobId
    workspace: WorkspaceId
    kind: str
    key: str | None
    payload: Mapping[str, JsonValue]
    attempt: int
    """1 is the first since the job was added, added again while it ran, or replayed."""
    added_at: datetime
    run_at: datetime
    max_attempts: int
    fence: int = 0
    """Counts every claim of this job; only the latest settles it."""


@dataclass(frozen=True, slots=True)
class Done:
    """The job is finished."""

    result: Mapping[str, JsonValue] | None = None
    """Kept with the job for as long as the job is kept."""
    also: "Callable[[Connection], Awaitable[None]] | None" = None
    """Runs under the job's workspace in the transaction that finishes it: what it writes happens exactly once.

    When it raises, nothing of it stands and the attempt ends as one that raised. It talks to PostgreSQL only: the
    transaction stays open as long as it runs.
    """


@dataclass(frozen=True, slots=True)
class Retry:
    """The attempt failed, another may succeed; after the last one the job is dead."""

    reason: str
    after: timedelta | None = None
    """`None`: as long as the backoff of the kind says."""


@dataclass(frozen=True, slots=True)
class Dead:
    """No further attempt would succeed; the job is kept for people to look at and to replay."""

    reason: str


Outcome: TypeAlias = Done | Retry | Dead
Handler: TypeAlias = Callable[[Claimed], Awaitable[Outcome]]
"""Runs one attempt, at least once a job. An exception is a `Retry` with its text, masked."""


@dataclass(frozen=True, slots=True)
class Release:
    """The attempt was given back, and does not count: the worker stops."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How an attempt ended, with the wait decided."""

    job: Claimed
    outcome: Outcome | Release
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as people see it in a list; its payload is for its handler alone."""

    id: JobId
    kind: str
    key: str | None
    state: JobState
    attempt: int
    max_attempts: int
    added_at: datetime
    run_at: datetime
    finished_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class JobCounts:
    """The jobs of one kind in one workspace."""

    kind: str
    waiting: int
    running: int
    dead: int
    oldest_wait_s: float
    """Since when the oldest due job has been due; 0 when none is."""
