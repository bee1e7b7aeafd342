"""Counting: raw rows become runs and counts, exactly, however and how often they arrive.

Contract. The touch ledger says which seconds of which workspace changed. One closing: read the touches, *then* the raw
rows; count the touched seconds whole, from rows deduplicated by identity; write the runs under a new version, then the
counts, and with them which seconds have it; then, in one PostgreSQL transaction, raise the watermark and forget the
touches. Readers take the newest version at or below the watermark. A crash anywhere leaves the touches: the seconds are
counted again, and what was half written stays invisible. When two processes close at once, the one that finds the
watermark moved publishes nothing and begins again.

A run belongs to the second in which its topmost span ended, so a span that arrives may change other seconds than its
own: those whose runs differ from what was published are counted again too. Hot seconds go first and at once, old ones
in slices, so that late rows hold up nothing (`choosing`). Under load a closing rests until it pays; what brings a surge
of failures, denials or leaks (`surges`) is counted without that rest, at most twice a second.
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import structlog

from tidegate.kernel import Clock, TidegateError, WorkspaceId
from tidegate.signals.affected import PublishedRuns
from tidegate.signals.apart import apart
from tidegate.signals.choosing import choose
from tidegate.signals.counting import Counts, count_events, count_runs
from tidegate.signals.kept import SURE_S
from tidegate.signals.ports import PriceBook, PriceBooks, Seconds, Touch, TouchedSeconds, Touches
from tidegate.signals.recent import rows_in
from tidegate.signals.recounts import NotedProgress
from tidegate.signals.roller import old_seconds, widened
from tidegate.signals.run_costs import Prices
from tidegate.signals.runs import Runs, find_runs
from tidegate.signals.spans import sort_spans
from tidegate.signals.spans_read import SpanReads, SpanRows, is_in
from tidegate.signals.surges import Surges
from tidegate.storage.native import Columns, Numbers

_log = structlog.get_logger("tidegate.closer")

IDLE_RETRY_S: Final = 1.0
_MAX_SECONDS_A_STATEMENT: Final = 600  # they are bound in the request's URL, which has 64 kB; the rest follows at once

_REST: Final = 4.0
# A closing costs the engine 40 CPU-ms before it reads a row, and the evaluation after it 20: under load it rests as
# long as it may. What is stored as one begins waits for the rest and two closings, in all less than a second.
_LONGEST_REST_S: Final = 0.6
_SHORTEST_REST_S: Final = 0.2
_AFTER_SECOND_S: Final = 0.45  # intake rests a quarter of a second between two flushes, and stores one in a tenth
_QUIET_S: Final = (
    0.3  # longer than intake rests between two flushes: without one for so long there is nothing to wait for
)
_HURRY_EVERY_S: Final = (
    0.5  # a closing costs 0.1 CPU-s at 5,000 rows/s: whoever sends trouble in waves costs two a second
)
_LOAD_ROWS: Final = 500  # a closing; fewer are counted again as soon as they change
_LARGE_ROWS: Final = 4_000  # in one second: a twentieth of a processor second to count again for each row that is late
_WORTH_OF: Final = 20
_REDO_EVERY_S: Final = 4.0
_REDO_REST: Final = 3.0  # late rows take a quarter of the time at most, whatever they ask for
_REDO_SLICE_S: Final = 1.0  # hot seconds wait for a slice to end
_IDLE_AFTER_S: Final = 5.0  # without a hot second for so long nobody waits for one: a replay is counted at full pace
_IDLE_SLICE_S: Final = 2.0
_FIRST_SLICE: Final = 16
_SMALLEST_SLICE: Final = 8  # what is searched around them costs as much for fewer


class CountWriter(SpanRows, Protocol):
    """Reads raw rows and writes counts under a version; nobody sees them before the watermark rises."""

    async def hours_without_minutes(
        self, seconds: Seconds, *, watermark: int
    ) -> Mapping[WorkspaceId, Collection[int]]: ...

    async def logs(self, seconds: Seconds) -> Columns: ...

    async def add_runs(self, runs: Runs, which: Numbers, seconds: Seconds, *, version: int) -> None: ...

    async def add_counts(self, counts: Counts, workspaces: Collection[WorkspaceId], *, version: int) -> None: ...


class Chore(Protocol):
    """Work that may wait; each step takes half a second at most."""

    async def step(self, watermark: int) -> bool:
        """Do some, with counts published up to `watermark`; return whether there may be more."""
        ...


class NoPrices:
    """Knows no price: every run that brings no cost of its own is unpriced."""

    async def books_of(self, workspaces: Collection[WorkspaceId]) -> Mapping[WorkspaceId, PriceBook]:
        del workspaces
        return {}


@dataclass(slots=True)
class RollupCloser:
    """Counts what was touched; `run` must be running in one process."""

    touches: Touches
    counts: CountWriter
    clock: Clock
    prices: PriceBooks = field(default_factory=NoPrices)
    chores: Sequence[Chore] = ()
    """What is done between closings, while nothing hot waits."""
    on_published: "asyncio.Event" = field(default_factory=asyncio.Event)
    """Set after each publication; the alert evaluator waits for it."""
    reads: SpanReads = field(init=False)
    _published: PublishedRuns = field(default_factory=PublishedRuns)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _surges: Surges = field(default_factory=Surges)
    _has_surge: bool = False
    """Whether what is being confirmed brings one."""
    _hurry: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while a surge is stored and not counted."""
    _hurried_at: float = -_HURRY_EVERY_S
    _has_more: bool = False
    _is_late: bool = False
    """Whether the last closing counted old seconds."""
    _watermark: int | None = None
    _row_count: int = 0
    """Spans that the last closing read."""
    _most: int = _MAX_SECONDS_A_STATEMENT
    """Seconds that are counted at once."""
    _slice: int = _FIRST_SLICE
    _redo_at: float = 0.0
    _hot_at: float = 0.0

    def __post_init__(self) -> None:
        self.reads = SpanReads(self.counts)

    def wake(self) -> None:
        """Say that something was stored."""
        if self._has_surge:
            self._has_surge = False
            self._hurry.set()
        self._wake.set()

    def keep(self, flush_id: str, spans: Sequence[Columns], /) -> None:
        """Hear that a flush of this process is stored: its spans need not be read."""
        self.reads.fresh.keep(flush_id, spans)
        self._has_surge = self._surges.note(spans) or self._has_surge

    async def run(self) -> None:
        """Close whatever is touched until cancelled. At start there may be touches of an earlier life."""
        while True:
            self._wake.clear()
            try:
                while await self._close_timed() or await self.step():
                    pass
            except TidegateError as error:
                _log.warning("closing waits", reason=error.message)
            except Exception:  # noqa: BLE001 - the top of a task that must go on; the traceback is logged
                _log.exception("closing failed")
            try:
                await asyncio.wait_for(self._wake.wait(), IDLE_RETRY_S)
            except TimeoutError:
                continue

    async def _close_timed(self) -> bool:
        """Close once, then rest: a hot second is counted less often.

        What waits already is counted at once: figures of all workspaces wait for the last of it.
        """
        started = time.monotonic()
        if self._hurry.is_set():
            self._hurry.clear()
            self._hurried_at = started
        may_redo = started >= self._redo_at
        found = await self.close_once(may_redo=may_redo, is_patient=True)
        took = time.monotonic() - started
        if found and may_redo and not self._is_late:
            await self._redo()
        if found and not self._has_more:
            is_loaded = self._row_count >= _LOAD_ROWS
            now_s = self.clock.now().timestamp()
            await self._rest(_until_next(now_s) if is_loaded else min(_REST * took, _LONGEST_REST_S))
        return found

    async def _redo(self) -> None:
        """Count old seconds although there are hot ones all the time: the newest were just counted."""
        has_more = self._has_more
        if not await self.close_once(may_count_hot=False, is_patient=True):
            self._redo_at = time.monotonic() + _REDO_EVERY_S
        self._has_more = has_more

    async def _rest(self, seconds: float) -> None:
        """Rest for `seconds`, or until nothing was stored for a while, or a surge was: that is counted at once."""
        until = time.monotonic() + seconds
        while (left := self._rest_left(until)) > 0:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), min(_QUIET_S, left))
            except TimeoutError:
                return
            with suppress(TimeoutError):  # not once for each flush
                await asyncio.wait_for(self._hurry.wait(), min(_QUIET_S / 3, max(self._rest_left(until), 0)))

    def _rest_left(self, until: float) -> float:
        end = min(until, self._hurried_at + _HURRY_EVERY_S) if self._hurry.is_set() else until
        return end - time.monotonic()

    async def close_once(self, *, may_count_hot: bool = True, may_redo: bool = True, is_patient: bool = False) -> bool:
        """Count what is touched now and publish it; `False` when nothing was.

        Old seconds are counted when there is nothing hot to count, and `may_redo`; with `is_patient` those that may
        soon be touched again wait.

        Raises:
            UnavailableError: an engine does not answer; nothing was published.
        """
        started = time.monotonic()
        backlog = await self.touches.read()
        if backlog is None:
            self._watermark = None
            self._forget()
            return False
        self._watermark = backlog.watermark
        if not backlog.is_own:
            self._forget()
        self.reads.hear(backlog.touches)
        await self.reads.meet(backlog.touches, int(self.clock.now().timestamp()))
        touched = choose(
            backlog,
            limit=self._most if may_count_hot else 0,
            redo_limit=self._slice if may_redo else None,
            is_patient=is_patient,
            worth=self._worth,
        )
        self._has_more = touched is not None and touched.has_more
        if touched is None:
            if may_count_hot:
                await self.touches.caught_up(backlog.read_at)
                await self.reads.rest(int(self.clock.now().timestamp()))
            return False
        self._is_late = touched.is_late
        try:
            await self._count(touched)
        except TidegateError:
            # Of minutes of a flood at once the engine may have too much, and would have as much the next time.
            self._most = max(_count_of(touched.seconds) // 2, 1)
            if touched.is_late:
                self._slice = max(self._slice // 2, 1)
                self._pace(_REDO_SLICE_S)
            raise
        self._most = min(2 * self._most, _MAX_SECONDS_A_STATEMENT)
        self.on_published.set()
        if touched.is_late:
            self._pace(time.monotonic() - started)
        else:
            self._hot_at = time.monotonic()
        return True

    def _worth(self, workspace: WorkspaceId, second: int) -> int:
        """Return how many new rows make it worth while to count a second again at once."""
        counted = self.reads.traces.count_of(workspace, second)
        return counted // _WORTH_OF if counted >= _LARGE_ROWS else 0

    async def step(self) -> bool:
        """Do one step of the chores; `False` when none has anything to do, or another process counts."""
        for chore in self.chores:
            if self._watermark is not None and await chore.step(self._watermark):
                return True
        return False

    async def recount(self, touched: TouchedSeconds, noted: NotedProgress) -> None:
        """Count seconds again that nobody touched, and store how far that is; part of `SliceCounter`."""
        await self._count(touched, noted)
        self.on_published.set()

    def _pace(self, took: float) -> None:
        """After a slice of old seconds: how large the next may be, and when."""
        now = time.monotonic()
        is_idle = now - self._hot_at > _IDLE_AFTER_S
        wanted = _IDLE_SLICE_S if is_idle else _REDO_SLICE_S
        if took < wanted:
            self._slice = min(self._slice * 2, _MAX_SECONDS_A_STATEMENT)
        elif took > 2 * wanted and self._slice > _SMALLEST_SLICE:
            self._slice //= 2
        self._redo_at = now + (took if is_idle else max(_REDO_EVERY_S, _REDO_REST * took))

    async def _count(self, touched: TouchedSeconds, noted: NotedProgress | None = None) -> None:
        version = await self.touches.next_version()
        found = await self.prices.books_of(list(touched.seconds))
        prices = Prices({str(workspace): book for workspace, book in found.items()})
        try:
            now_s = int(self.clock.now().timestamp())  # one moment a closing: a later one would be one more read
            whole = await self._widened(touched.seconds, touched.watermark)
            counts = await self._counted(whole, now_s, touched.touches)
            runs, seconds = await self._runs_through(whole, prices, watermark=touched.watermark, now_s=now_s)
            which = await apart(_add_runs, counts, runs, seconds)
            await self.counts.add_runs(runs, which, seconds, version=version)
            await self.counts.add_counts(counts, sorted({*whole, *seconds}), version=version)
            progress = noted(runs, which) if noted is not None else None
            await self.touches.publish(touched, version=version, progress=progress)
            self.reads.settle(touched)
        except BaseException:
            self._forget()  # it may have been published after all, or another process did
            raise
        self._published.remember(
            runs, which, [(workspace, one) for workspace, found in seconds.items() for one in found]
        )

    def _forget(self) -> None:
        self._published.forget()
        self.reads.forget()

    async def _counted(self, seconds: Seconds, now_s: int, touches: Sequence[Touch]) -> Counts:
        """Return the counts of all events in `seconds`."""
        spans, logs = await self.reads.touched(seconds, now_s, touches), await self.counts.logs(seconds)
        self._row_count = spans.row_count + logs.row_count
        return await apart(_counts_of, spans, logs, seconds)

    async def _widened(self, seconds: Seconds, watermark: int) -> Seconds:
        """Return `seconds`, and with old ones the stored rest of their minute: their own counts may be dropped."""
        now_s = self.clock.now().timestamp()
        old = old_seconds(seconds, now_s)
        if not old:
            return seconds
        in_doubt = old_seconds(old, now_s, age_s=SURE_S)
        hours = await self.counts.hours_without_minutes(in_doubt, watermark=watermark) if in_doubt else {}
        stored = await self.counts.stored_seconds(widened(old, hours))
        return {workspace: sorted({*found, *stored.get(workspace, ())}) for workspace, found in seconds.items()}

    async def _runs_through(
        self, touched: Seconds, prices: Prices, *, watermark: int, now_s: int
    ) -> tuple[Runs, Seconds]:
        """Return runs, all of those in the returned seconds among them: `touched` and what changed with them."""
        runs = await apart(find_runs, await self.reads.linked(touched, now_s), prices)
        seconds = self._published.affected(runs, touched)
        if _count_of(seconds) > _count_of(touched):
            seconds = await self._widened(seconds, watermark)
            runs = await apart(find_runs, await self.reads.linked(seconds, now_s), prices)
        return runs, seconds


# What follows takes tenths of a second in all under load: in a thread, so that requests are answered meanwhile.


def _counts_of(spans: Columns, logs: Columns, seconds: Seconds) -> Counts:
    counts = Counts()
    for columns, kind in ((spans, "span"), (logs, "log")):
        if columns.row_count:
            rows = sort_spans(columns).distinct_rows()
            count_events(counts, columns, rows[rows_in(columns, seconds)[rows]], kind)
    counts.mark("published", seconds)
    return counts


def _add_runs(counts: Counts, runs: Runs, seconds: Seconds) -> Numbers:
    """Count those of `runs` that ended in `seconds`, and return which they are."""
    which = np.flatnonzero(is_in(runs.spans, seconds, runs.root))
    count_runs(counts, runs, which)
    counts.mark("published.ai_run", seconds)
    return which


def _until_next(now_s: float) -> float:
    """Return how long to rest under load: the next closing begins when a second is over and its last rows are there."""
    left = _AFTER_SECOND_S - now_s % 1
    return left if left >= _SHORTEST_REST_S else left + 1


def _count_of(seconds: Seconds) -> int:
    return sum(map(len, seconds.values()))
