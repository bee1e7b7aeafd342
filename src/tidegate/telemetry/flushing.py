"""One lane of flushes: what waits in it is stored together, one flush at a time.

Order of a flush: announce the touched seconds (PostgreSQL) → insert (engine, synced, under a token) → confirm. A crash
between any two leaves an announcement, which another process adopts: a second counted twice over is counted the same.
An insert that outlives its caller's patience is counted too: what is in doubt is counted at once and again later.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from tidegate.kernel import IdFactory, InvalidInputError, TidegateError, UnavailableError, WorkspaceId
from tidegate.storage.native import Columns
from tidegate.telemetry.fair_queue import FairQueue
from tidegate.telemetry.model import Batch, Signal
from tidegate.telemetry.ports import BatchStore, Listener, TouchLedger

FLUSH_INTERVAL_S = 0.25  # 50-row inserts every 20 ms took 29 % of a core: at most four a second
MAX_FLUSH_ROWS = 8_192  # about 4 MB; larger inserts stall readers
_NANO_PER_DAY = 86_400 * 10**9
_RETRY_S = 1.0
_FLUSH_LIMIT_S = 20.0  # a killed engine is back within 10 s

_STOPPING = UnavailableError("tidegate is stopping. Send the same batch again.")

_log = structlog.get_logger("tidegate.ingest")


@dataclass(slots=True)
class Delivery:
    """Rows of one body that wait."""

    workspace: WorkspaceId
    batch: Batch
    weight: int
    """In ordinary rows: those of a kilobyte."""
    done: "asyncio.Future[None]" = field(repr=False)


class Flusher:
    """What all lanes of a process share."""

    def __init__(
        self,
        *,
        store: BatchStore,
        touches: TouchLedger,
        ids: IdFactory,
        listener: Listener,
    ) -> None:
        self.store = store
        self.touches = touches
        self.ids = ids
        self.listener = listener
        self.stored_rows = 0
        self._is_adopted = False
        self._adoption = asyncio.Lock()

    async def adopt_once(self) -> None:
        """Adopt what others left, before the first announcement of this process: it must not adopt its own."""
        async with self._adoption:
            if not self._is_adopted:
                await self.touches.adopt()
                self._is_adopted = True


class Lane:
    """`run` must be running."""

    def __init__(self, flusher: Flusher, *, monotonic: Callable[[], float]) -> None:
        self._flusher = flusher
        self._monotonic = monotonic
        self._waiting: FairQueue[Delivery] = FairQueue()
        self._wake = asyncio.Event()
        self._unconfirmed: dict[str, list[WorkspaceId]] = {}

    def add(self, delivery: Delivery) -> None:
        self._waiting.add(delivery)
        self._wake.set()

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
        await self._flusher.adopt_once()
        for flush_id, workspaces in list(self._unconfirmed.items()):
            if flush_id == stored:
                await self._flusher.touches.confirm(flush_id, workspaces)
            else:
                await self._flusher.touches.confirm_in_doubt(flush_id, workspaces)
            del self._unconfirmed[flush_id]
            self._flusher.listener.wake()

    def _take_batch(self) -> list[Delivery]:
        batch = self._waiting.take(MAX_FLUSH_ROWS)
        if not self._waiting:
            self._wake.clear()
        return batch

    async def _flush_apart(self, batch: Sequence[Delivery]) -> None:
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

    async def _flush(self, batch: Sequence[Delivery]) -> None:
        if not batch:
            return
        flush_id = self._flusher.ids.new_id("flu")
        seconds: defaultdict[WorkspaceId, Counter[int]] = defaultdict(Counter)
        days: defaultdict[tuple[Signal, int], list[tuple[WorkspaceId, Batch]]] = defaultdict(list)
        for delivery in batch:
            seconds[delivery.workspace].update(delivery.batch.seconds)
            # One insert, one partition (a day of arrival): only then is it one part, stored whole or not at all.
            day = delivery.batch.received_ns // _NANO_PER_DAY
            days[delivery.batch.signal, day].append((delivery.workspace, delivery.batch))
        await self._announce(flush_id, seconds)
        spans: list[Columns] = []
        for (signal, day), batches in days.items():
            spans += await self._flusher.store.add(batches, signal=signal, token=f"{flush_id}-{signal}-{day}")
            self._flusher.stored_rows += sum(one.row_count for _, one in batches)
        self._flusher.listener.keep(flush_id, spans)
        await self._settle_touches(stored=flush_id)

    async def _announce(self, flush_id: str, seconds: Mapping[WorkspaceId, Mapping[int, int]]) -> None:
        """Announce a flush; without an answer it may have been announced all the same, and figures would wait for it.

        What was refused was not: it would be refused again, and hold up every flush to come.
        """
        self._unconfirmed[flush_id] = sorted(seconds)
        try:
            await self._flusher.touches.announce(flush_id, seconds)
        except Exception as error:
            if not isinstance(error, UnavailableError):
                del self._unconfirmed[flush_id]
            raise


def _settle(batch: Sequence[Delivery], error: TidegateError | None) -> None:
    for delivery in batch:
        if delivery.done.done():
            continue
        if error is None:
            delivery.done.set_result(None)
        else:
            delivery.done.set_exception(error)
            delivery.done.exception()  # a sender that hung up does not read it; asyncio would complain of that
