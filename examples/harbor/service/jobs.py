"""Work behind the requests: a bounded queue in memory, one worker, retries, and a place for what never works.

Delivery is at most once: what waits when harbor stops is lost, as everything that it keeps is.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count

from opentelemetry.context import Context, get_current
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, set_span_in_context

from examples.harbor.faults import Fault

logger = logging.getLogger("harbor.jobs")

WAITING_MAX = 200
ATTEMPTS_MAX = 3
RETRY_AFTER_S = 0.05
# One of forty jobs finds its index locked and goes through on its second attempt: a day without retries is no day.
LOCKED_EACH = 40
# With the fault on, each job with this number never works: far above the share that a rule allows.
POISONED_EACH = 3
SYSTEM = "harbor"


class Queue(StrEnum):
    INDEXING = "documents.index"
    ACCESS = "access.sync"


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done, to what, and for whom."""

    subject: str
    workspace_id: str
    attributes: Mapping[str, str]


class JobError(Exception):
    """The work could not be done this time; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class _Job:
    queue: Queue
    task: Task
    number: int
    waiting_since: float
    context: Context
    is_poisoned: bool
    attempt: int = 1


Work = Callable[[Task], Coroutine[None, None, str]]
"""Does the work and returns the stage that it ended in. Raises `JobError`."""


class Jobs:
    def __init__(self, *, tracer: Tracer, is_on: Callable[[Fault], bool], work: Mapping[Queue, Work]) -> None:
        self._tracer = tracer
        self._is_on = is_on
        self._work = work
        self._waiting: asyncio.Queue[_Job] = asyncio.Queue(WAITING_MAX)
        self._numbers = count(1)
        self._last_at: dict[tuple[Queue, str], float] = {}
        self.dead: list[Task] = []

    def is_due(self, queue: Queue, subject: str, *, every_s: float) -> bool:
        """Tell whether `subject` has not had its turn for `every_s`; a yes counts as its turn."""
        now = time.monotonic()
        if now - self._last_at.get((queue, subject), -every_s) < every_s:
            return False
        self._last_at[queue, subject] = now
        return True

    def enqueue(self, queue: Queue, task: Task) -> None:
        """Put the task at the end; when too much waits it is given up at once, and said."""
        with self._tracer.start_as_current_span(
            f"send {queue}", kind=SpanKind.PRODUCER, attributes=_named(queue, task, "send")
        ) as span:
            number = next(self._numbers)
            is_poisoned = self._is_on(Fault.DEAD_LETTERS) and number % POISONED_EACH == 0
            context = set_span_in_context(span, get_current())
            try:
                self._waiting.put_nowait(_Job(queue, task, number, time.monotonic(), context, is_poisoned))
            except asyncio.QueueFull:
                span.set_attribute("error.type", "queue_full")
                span.set_status(Status(StatusCode.ERROR, "too much waits"))
                logger.exception("job given up: too much waits")

    async def work_until_cancelled(self) -> None:
        while True:
            await self._attempt(await self._waiting.get())

    async def _attempt(self, job: _Job) -> None:
        with self._tracer.start_as_current_span(
            f"process {job.queue}",
            context=job.context,
            kind=SpanKind.CONSUMER,
            attributes={
                **_named(job.queue, job.task, "process"),
                "tidegate.attempt": job.attempt,
                "tidegate.wait_ms": round((time.monotonic() - job.waiting_since) * 1000, 3),
            },
        ) as span:
            try:
                self._fail_when_it_shall(job)
                span.set_attribute("tidegate.pipeline.stage", await self._work[job.queue](job.task))
                span.set_attribute("tidegate.outcome", "done")
            except JobError as error:
                is_last = job.attempt >= ATTEMPTS_MAX
                span.set_attribute("tidegate.outcome", "dead_letter" if is_last else "retry")
                span.set_attribute("error.type", error.code)
                span.set_status(Status(StatusCode.ERROR, error.code))
                self._give_up(job) if is_last else self._try_later(job)

    def _fail_when_it_shall(self, job: _Job) -> None:
        if job.is_poisoned:
            raise JobError("document_unreadable")
        if job.number % LOCKED_EACH == 0 and job.attempt == 1:
            raise JobError("index_locked")

    def _try_later(self, job: _Job) -> None:
        again = replace(job, attempt=job.attempt + 1, waiting_since=time.monotonic())
        asyncio.get_running_loop().call_later(RETRY_AFTER_S * job.attempt, self._put_again, again)

    def _put_again(self, job: _Job) -> None:
        try:
            self._waiting.put_nowait(job)
        except asyncio.QueueFull:
            self._give_up(job)

    def _give_up(self, job: _Job) -> None:
        # Somebody may look at them; a demo that runs for days must not grow without end.
        self.dead = [*self.dead, job.task][-WAITING_MAX:]
        logger.error("job given up", extra={"facts": {"queue": job.queue, "subject": job.task.subject}})


def _named(queue: Queue, task: Task, operation: str) -> dict[str, str]:
    return {
        **task.attributes,
        "messaging.system": SYSTEM,
        "messaging.destination.name": queue,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }
