"""Ingest: batches of many senders become few durable inserts; every sender hears of its own.

Contract. `accept` returns when the rows are on disk: `kill -9` right after loses nothing. Rows of one call and
one day are stored in pieces of 16 MB, each whole or not at all; a call that fails may be repeated, and spans count once
by identity. How a flush is made is said in `flushing`.
One flush is under way at a time; the next begins at once when the last one began over 250 ms ago. While others fill
whole flushes, a workspace with little goes by an express lane, whose flushes are small and wait for no large one.
Measured: see benchmarks/RESULTS.md, ingest and flood.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable

from tidegate.kernel import IdFactory, WorkspaceId
from tidegate.telemetry.errors import IngestFullError
from tidegate.telemetry.flushing import MAX_FLUSH_ROWS, Delivery, Flusher, Lane
from tidegate.telemetry.model import Batch
from tidegate.telemetry.ports import BatchStore, Listener, TouchLedger

MAX_WAITING_ROWS = 131_072  # about 260 MB: beyond this, senders wait
MAX_WAITING_ROWS_PER_WORKSPACE = 32_768  # a second and a half of one flood: more would only take memory
_EXPRESS_ROWS = 1_024
_BYTES_A_ROW = 1_024


class IngestService:
    """Takes rows from doors and stores them; `run` must be running."""

    def __init__(
        self,
        *,
        store: BatchStore,
        touches: TouchLedger,
        ids: IdFactory,
        listener: Listener,
        gate: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._flusher = Flusher(store=store, touches=touches, ids=ids, listener=listener)
        self._lane = Lane(self._flusher, monotonic=monotonic)
        self._express = Lane(self._flusher, monotonic=monotonic)
        self._gate = gate
        self._rows_waiting: defaultdict[WorkspaceId, int] = defaultdict(int)

    @property
    def stored_rows(self) -> int:
        """Rows stored by this process, duplicates included: a counter of its own runtime."""
        return self._flusher.stored_rows

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
        before = self._rows_waiting[workspace]
        waiting = sum(self._rows_waiting.values())
        # One body may be larger than what waits of others, as long as it is alone.
        if (before and before + weight > MAX_WAITING_ROWS_PER_WORKSPACE) or waiting + weight > MAX_WAITING_ROWS:
            raise IngestFullError
        delivery = Delivery(workspace, batch, weight, asyncio.get_running_loop().create_future())
        # A sender that hangs up does not take its rows back: they wait, and are stored with the flush they joined.
        delivery.done.add_done_callback(lambda _: self._make_room(delivery))
        self._rows_waiting[workspace] = before + weight
        is_small = before + weight <= _EXPRESS_ROWS
        lane = self._express if is_small and waiting - before >= MAX_FLUSH_ROWS else self._lane
        lane.add(delivery)
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

    def _make_room(self, delivery: Delivery) -> None:
        self._rows_waiting[delivery.workspace] -= delivery.weight
        if not self._rows_waiting[delivery.workspace]:
            del self._rows_waiting[delivery.workspace]

    async def run(self) -> None:
        """Flush until cancelled; what waits by then is not stored, and its senders hear of it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lane.run())
            group.create_task(self._express.run())
