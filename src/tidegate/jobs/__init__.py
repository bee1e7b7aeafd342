"""What is done later and must not be lost: a durable ledger of jobs, and the worker that runs them."""

from tidegate.jobs.backoff import Backoff
from tidegate.jobs.errors import (
    JobInvalidError,
    JobKeyTakenError,
    JobNotDeadError,
    JobNotFoundError,
    JobPayloadTooLargeError,
)
from tidegate.jobs.model import (
    Claimed,
    Dead,
    Done,
    Handler,
    Job,
    JobCounts,
    JobId,
    JobState,
    NewJob,
    Outcome,
    Retry,
)
from tidegate.jobs.ports import JobStore, Ledger, Outbox
from tidegate.jobs.service import JobService
from tidegate.jobs.store import PostgresJobs, PostgresLedger, PostgresOutbox
from tidegate.jobs.worker import Worker

__all__ = [
    "Backoff",
    "Claimed",
    "Dead",
    "Done",
    "Handler",
    "Job",
    "JobCounts",
    "JobId",
    "JobInvalidError",
    "JobKeyTakenError",
    "JobNotDeadError",
    "JobNotFoundError",
    "JobPayloadTooLargeError",
    "JobService",
    "JobState",
    "JobStore",
    "Ledger",
    "NewJob",
    "Outbox",
    "Outcome",
    "PostgresJobs",
    "PostgresLedger",
    "PostgresOutbox",
    "Retry",
    "Worker",
]
