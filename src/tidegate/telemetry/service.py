"""Ingest: batches of many senders become few durable inserts; every sender hears of its own.

Contract. `accept` returns when the rows are on disk: `kill -9` right after loses nothing. Rows of one call and
one day are stored in pieces of 16 MB, each whole or not at all; a call that fails may be repeated, and spans count once
by identity.
Order of a flush: announce the touched seconds (PostgreSQL) → insert (engine, synced, under a token) → confirm. A crash
between any two leaves an announcement, which another process adopts: a second counted twice over is counted the same.
An insert that outlives its caller's patience is counted too: what is in doubt is counted at once and again later.
One flush is under way at a time; the next begins at once when the last one began over 250 ms ago. Measured ceiling:
see benchmarks/RESULTS.md, ingest.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from tidegate.kernel import IdFactory, InvalidInputError, TidegateError, UnavailableError, WorkspaceId
from tidegate.telemetry.errors import IngestFullError
from tidegate.telemetry.fair_queue import FairQueue
from tidegate.telemetry.model import Batch, Signal
from tidegate.telemetry.ports import BatchStore, TouchLedger

FLUSH_INTERVAL_S = 0.25  # 50-row inserts every 20 ms took 29 % of a core: at most four a second
MAX_FLUSH_ROWS = 8_192  # about 4 MB; larger inserts stall readers
MAX_WAITING_ROWS = 131_072  # about 130 MB of Python objects: beyond this, senders wait
MAX_WAITING_ROWS_PER_WORKSPACE = 65_536  # half: one flood leaves room for the others
_BYTES_A_ROW = 1_024
_NANO_PER_DAY = 86_400 * 10**9
_RETRY_S = 1.0
_FLUSH_LIMIT_S = 20.0  # a killed engine is back within 10 s

_STOPPING = UnavailableError("tidegate is stopping. Send the same batch again.")

_log = structlog.get_logger("tidegate.ingest")


@dataclass(slots=True)
class _Delivery:
    workspace: WorkspaceId
    batch: Batch
    weight: int
    """In ordinary rows: those of a kilobyte."""
    done: "asyncio.Future[None]" = field(repr=False)


class IngestService:
    """Takes rows from doors and stores them; `run` must be running."""

    def __init__(
        self,
        *,
        store: BatchStore,
        touches: TouchLedger,
        ids: IdFactory,
        on_stored: Callable[[], None],
        gate: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._touches = touches
        self._ids = ids
        self._on_stored = on_stored
        self._gate = gate
        self._monotonic = monotonic
        self._waiting: FairQueue[_Delivery] = FairQueue()
        self._rows_waiting: defaultdict[WorkspaceId, int] = defaultdict(int)
        self._wake = asyncio.Event()
        self._adopted = False
        self._unconfirmed: dict[str, list[WorkspaceId]] = {}
        self.stored_rows = 0
        """Rows stored by this process, duplicates included: a counter of its own runtime."""

    async def accept(self, workspace: WorkspaceId, batch: Batch) -> None:
        """Store what one body brought, all of `workspace`; returns when it is durable.

        Raises:
            IngestFullError: too much is waiting; nothing of this call was stored.
            InvalidInputError: the engine cannot read a row of this call.
            UnavailableError: the engines do not answer, or intake is stopped; sending again is safe.
        """
        self.refuse_if_full(workspace)
        if not batch.row_count:
            return
        weight = max(batch.row_count, batch.size_bytes // _BYTES_A_ROW)
        mine = self._rows_waiting[workspace] + weight
        if mine > MAX_WAITING_ROWS_PER_WORKSPACE or sum(self._rows_waiting.values()) + weight > MAX_WAITING_ROWS:
            raise IngestFullError
        delivery = _Delivery(workspace, batch, weight, asyncio.get_running_loop().create_future())
        # A sender that hangs up does not take its rows back: they wait, and are stored with the flush they joined.
        delivery.done.add_done_callback(lambda _: self._make_room(delivery))
        self._rows_waiting[workspace] = mine
        self._waiting.add(delivery)
        self._wake.set()
        await asyncio.shield(delivery.done)

    def refuse_if_full(self, workspace: WorkspaceId) -> None:
        """Say what `accept` would say to a body of any size: before one is read, which costs more than to refuse it.

        Raises:
            IngestFullError: too much of `workspace` is waiting.
            UnavailableError: intake is stopped.
        """
        self._gate()
        if self._rows_waiting.get(workspace, 0) >= MAX_WAITING_ROWS_PER_WORKSPACE:
            raise IngestFullError

    def _make_room(self, delivery: _Delivery) -> None:
        self._rows_waiting[delivery.workspace] -= delivery.weight
        if not self._rows_waiting[delivery.workspace]:
            del self._rows_waiting[delivery.workspace]

    async def run(self) -> None:
        """Flush until cancelled; what waits by then is not stored, and its senders hear of it."""
        try:
            await self._flush_what_waits()
        finally:
            _settle(self._waiting.take(self._waiting.weight), _STOPPING)

    async def _flush_what_waits(self) -> None:
        last_began = -FLUSH_INTERVAL_S
        while True:
            await self._wait_for_work()
            pause = last_began + FLUSH_INTERVAL_S - self._monotonic()
            if pause > 0 and self._waiting.weight < MAX_FLUSH_ROWS:
                await asyncio.sleep(pause)
            last_began = self._monotonic()
            batch = self._take_batch()
            try:
                # An engine that neither answers nor refuses must not hold up every sender for ever.
                async with asyncio.timeout(_FLUSH_LIMIT_S):
                    await self._settle_touches()
                    await self._flush_apart(batch)
            except TidegateError as error:
                _settle(batch, error)
            except TimeoutError:
                _log.warning("flush took too long", limitS=_FLUSH_LIMIT_S)
                _settle(batch, UnavailableError("Storing takes too long. Send the same batch again."))
            except asyncio.CancelledError:
                _settle(batch, _STOPPING)
                raise
            except Exception:  # noqa: BLE001 - the top of a task that must go on; the traceback is logged
                _log.exception("flush failed unexpectedly")
                _settle(batch, UnavailableError("Storing failed unexpectedly; the log says why. Send the batch again."))
            else:
                _settle(batch, None)

    async def _wait_for_work(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), _RETRY_S if self._unconfirmed else None)
        except TimeoutError:
            return  # nothing came in, but seconds of an earlier flush still have to be confirmed

    async def _settle_touches(self, *, stored: str | None = None) -> None:
        """Confirm the flush that was `stored`, and those whose outcome is unknown: they may be, or will be yet."""
        if not self._adopted:
            await self._touches.adopt()
            self._adopted = True
        for flush_id, workspaces in list(self._unconfirmed.items()):
            if flush_id == stored:
                await self._touches.confirm(flush_id, workspaces)
            else:
                await self._touches.confirm_in_doubt(flush_id, workspaces)
            del self._unconfirmed[flush_id]
            self._on_stored()

    def _take_batch(self) -> list[_Delivery]:
        batch = self._waiting.take(MAX_FLUSH_ROWS)
        if not self._waiting:
            self._wake.clear()
        return batch

    async def _flush_apart(self, batch: Sequence[_Delivery]) -> None:
        """Flush together; when the engine cannot read a row, each alone: its neighbours must not pay for it."""
        try:
            await self._flush(batch)
        except InvalidInputError:
            if len(batch) == 1:
                raise
            for delivery in batch:
                try:
                    await self._flush([delivery])
                except InvalidInputError as error:
                    _settle([delivery], error)
                else:
                    _settle([delivery], None)

    async def _flush(self, batch: Sequence[_Delivery]) -> None:
        if not batch:
            return
        flush_id = self._ids.new_id("flu")
        seconds: defaultdict[WorkspaceId, set[int]] = defaultdict(set)
        days: defaultdict[tuple[Signal, int], list[tuple[WorkspaceId, Batch]]] = defaultdict(list)
        for delivery in batch:
            seconds[delivery.workspace] |= delivery.batch.seconds
            # One insert, one partition (a day of arrival): only then is it one part, stored whole or not at all.
            day = delivery.batch.received_ns // _NANO_PER_DAY
            days[delivery.batch.signal, day].append((delivery.workspace, delivery.batch))
        await self._touches.announce(flush_id, {workspace: sorted(found) for workspace, found in seconds.items()})
        self._unconfirmed[flush_id] = sorted(seconds)
        for (signal, day), batches in days.items():
            await self._store.add(batches, signal=signal, token=f"{flush_id}-{signal}-{day}")
            self.stored_rows += sum(one.row_count for _, one in batches)
        await self._settle_touches(stored=flush_id)


def _settle(batch: Sequence[_Delivery], error: TidegateError | None) -> None:
    for delivery in batch:
        if delivery.done.done():
            continue
        if error is None:
            delivery.done.set_result(None)
        else:
            delivery.done.set_exception(error)
            delivery.done.exception()  # a sender that hung up does not read it; asyncio would complain of that
