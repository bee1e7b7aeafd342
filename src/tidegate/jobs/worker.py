"""Runs jobs: claims what is due, renews the leases of what runs, and settles what has ended.

Contract of this part:
- A job runs at least once; at most one attempt of it is settled. The worker asks the ledger for work whenever it is
  woken (`wake`: NOTIFY, or a place that became free), every 20 ms while there was any within the last second, and every
  second otherwise. A lost wake-up costs that second and nothing else.
- Leases are renewed at a third, all with one statement. What turns out to be somebody else's is stopped at once; what
  it has done meanwhile is refused when it is settled.
- A stop claims nothing more, lets what runs end for a moment, and gives the rest back uncounted.
- One workspace has at most `of_one` of the places: receivers of one that stall leave room for the others.
"""

import asyncio
import random as randomness
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from tidegate.jobs.backoff import Backoff
from tidegate.jobs.contents import json_of, reason_of
from tidegate.jobs.errors import LeaseLostError
from tidegate.jobs.model import Claimed, Dead, Done, Handler, JobId, Outcome, Release, Retry, Settled
from tidegate.jobs.ports import Ledger
from tidegate.jobs.settling import Settler
from tidegate.kernel import Clock, TidegateError, UnavailableError

__all__ = ["Worker"]

_HOT_S: Final = 0.02
_IDLE_S: Final = 1.0
_STAYS_HOT_S: Final = 1.0
_LEASE: Final = timedelta(seconds=30)  # store.LEASE; a test pins them together
_GRACE: Final = timedelta(seconds=3)  # less than what the supervisor waits for a child that was told to stop
_TIME_LIMIT: Final = timedelta(minutes=5)  # ten times the longest HTTP request that egress allows
_EFFECT_TRIES: Final = 5
_log = structlog.get_logger("tidegate.jobs")


@dataclass(eq=False)
class _Held:
    """One attempt that runs here."""

    job: Claimed
    task: "asyncio.Task[None] | None" = None
    is_settling: bool = False


class Worker:
    """Runs jobs of the kinds that it has handlers for; jobs of other kinds wait for a worker that has them."""

    def __init__(  # noqa: PLR0913 - one argument a decision
        self,
        *,
        ledger: Ledger,
        handlers: Mapping[str, Handler],
        clock: Clock,
        concurrency: int = 64,
        of_one: int | None = None,
        backoffs: Mapping[str, Backoff] | None = None,
        lease: timedelta = _LEASE,
        grace: timedelta = _GRACE,
        time_limit: timedelta = _TIME_LIMIT,
        random: Callable[[], float] = randomness.random,
    ) -> None:
        self._ledger = ledger
        self._handlers = dict(handlers)
        self._clock = clock
        self._concurrency = concurrency
        self._of_one = of_one or max(1, concurrency // 4)
        self._backoffs = backoffs or {}
        self._lease, self._grace, self._time_limit = lease, grace, time_limit
        self._random = random
        self._settler = Settler(ledger)
        self._wake = asyncio.Event()
        self._held: dict[tuple[JobId, int], _Held] = {}  # strong references: the loop has none to its tasks
        self._claiming: asyncio.Task[list[Claimed]] | None = None
        self._is_failing = False

    @property
    def running_count(self) -> int:
        """How many attempts run here now."""
        return len(self._held)

    def wake(self) -> None:
        """Say that there may be work."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; then stop as the contract above says."""
        renewing = asyncio.create_task(self._renew_leases())
        try:
            await self._work()
        finally:
            await self._stop()
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing

    async def run_once(self) -> int:
        """Claim once, run what was claimed to its end, and return how many attempts that were.

        Raises:
            UnavailableError: PostgreSQL does not answer.
        """
        claimed = await self._claim(self._concurrency - len(self._held))
        tasks = [self._start(job) for job in claimed]
        await asyncio.gather(*tasks)
        return len(tasks)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        hot_until = 0.0
        while True:
            self._wake.clear()
            room = self._concurrency - len(self._held)
            claimed = await self._claim_safely(room) if room > 0 else []
            for job in claimed:
                self._start(job)
            if claimed:
                hot_until = loop.time() + _STAYS_HOT_S
            await self._wait(_HOT_S if loop.time() < hot_until else _IDLE_S)

    async def _wait(self, at_most_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._wake.wait()

    async def _claim_safely(self, room: int) -> list[Claimed]:
        try:
            claimed = await self._claim(room)
        except TidegateError as error:
            if not self._is_failing:
                _log.warning("no jobs are claimed for the moment", cause=error.message)
            self._is_failing = True
            return []
        self._is_failing = False
        return claimed

    async def _claim(self, room: int) -> list[Claimed]:
        if not self._handlers:
            return []
        busy = Counter(held.job.workspace for held in self._held.values())
        # Shielded: a claim that is stored and not heard of would keep its jobs until their leases run out.
        self._claiming = asyncio.create_task(
            self._ledger.claim(self._handlers.keys(), limit=room, of_one=self._of_one, busy=busy)
        )
        claimed = await asyncio.shield(self._claiming)
        self._claiming = None
        return claimed

    def _start(self, job: Claimed) -> "asyncio.Task[None]":
        held = _Held(job)
        self._held[job.id, job.fence] = held
        held.task = asyncio.create_task(self._attempt(held), name=f"{job.kind} {job.id}")
        return held.task

    async def _attempt(self, held: _Held) -> None:
        try:
            outcome = await self._outcome_of(held.job)
            held.is_settling = True
            if not await self._settle(held.job, outcome):
                _log.warning("job was given to somebody else", job=held.job.id, kind=held.job.kind)
        except Exception:  # noqa: BLE001 - the top of a job: its lease runs out and it is tried again
            _log.exception("job was not settled", job=held.job.id, kind=held.job.kind)
        finally:
            self._held.pop((held.job.id, held.job.fence), None)
            self._wake.set()

    async def _outcome_of(self, job: Claimed) -> Outcome:
        """Run the handler; whatever goes wrong in it is another attempt."""
        try:
            async with asyncio.timeout(self._time_limit.total_seconds()) as limit:
                outcome = await self._handlers[job.kind](job)
            if isinstance(outcome, Done) and outcome.result is not None:
                json_of(outcome.result)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # ours: the worker stops, or the job is somebody else's
            return Retry(reason_of(error))
        except Exception as error:  # noqa: BLE001 - the top of a job; the reason is kept with it
            if limit.expired():
                return Retry(f"It took longer than {self._time_limit.total_seconds():g} s and was stopped.")
            _log.warning("job failed", job=job.id, kind=job.kind, attempt=job.attempt, exc_info=error)
            return Retry(reason_of(error))
        return outcome

    async def _settle(self, job: Claimed, outcome: Outcome) -> bool:
        if isinstance(outcome, Done) and outcome.also is not None:
            try:
                return await self._settle_with_effects(job, outcome)
            except Exception as error:  # noqa: BLE001 - of the handler's making, as if it had raised in its body
                _log.warning("effects of a job failed", job=job.id, kind=job.kind, exc_info=error)
                outcome = Retry(reason_of(error))
        settled = self._settled(job, outcome)
        if isinstance(outcome, Dead) or (isinstance(outcome, Retry) and job.attempt >= job.max_attempts):
            _log.warning("job is dead", job=job.id, kind=job.kind, attempt=job.attempt, reason=outcome.reason)
        return await self._settler.settle(settled)

    async def _settle_with_effects(self, job: Claimed, outcome: Done) -> bool:
        for tries_left in reversed(range(_EFFECT_TRIES)):
            try:
                async with self._ledger.settling(Settled(job, outcome)) as connection:
                    assert outcome.also is not None  # noqa: S101 - asked by the caller
                    await outcome.also(connection)
            except LeaseLostError:
                return False
            except UnavailableError:
                # Whether it was committed may be unknown. If so, the next try is refused: nothing happens twice.
                if not tries_left:
                    raise
                await asyncio.sleep(_HOT_S)
            else:
                return True
        return False

    def _settled(self, job: Claimed, outcome: Outcome) -> Settled:
        if not isinstance(outcome, Retry):
            return Settled(job, outcome)
        backoff = self._backoffs.get(job.kind, Backoff())
        after = backoff.after(job.attempt, random=self._random) if outcome.after is None else outcome.after
        return Settled(job, outcome, max(after, timedelta(0)))

    async def _renew_leases(self) -> None:
        every_s = self._lease.total_seconds() / 3
        pause_s = every_s
        while True:
            await asyncio.sleep(pause_s)
            pause_s = every_s
            held = list(self._held.values())
            if not held:
                continue
            try:
                ours = await self._ledger.renew([one.job for one in held])
            except TidegateError as error:
                _log.warning("leases are renewed later", count=len(held), cause=error.message)
                pause_s = every_s / 10
                continue
            for one in held:
                if one.job.id not in ours and not one.is_settling and one.task is not None:
                    _log.warning("job was given to somebody else", job=one.job.id, kind=one.job.kind)
                    one.task.cancel()

    async def _stop(self) -> None:
        """Let what runs end for a moment, and give the rest back."""
        released: list[Claimed] = []
        if self._claiming is not None:
            with suppress(TidegateError):
                released += await self._claiming
            self._claiming = None
        tasks = {one.task: one for one in self._held.values() if one.task is not None}
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=self._grace.total_seconds())
            released += [tasks[task].job for task in unfinished]
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        if released:
            with suppress(TidegateError):  # their leases run out
                await self._ledger.settle([Settled(job, Release()) for job in released])
