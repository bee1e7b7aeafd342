"""Where spans are read: those of all bodies that came together are taken apart together.

Reading costs two milliseconds, and six microseconds a span: many bodies one by one would take the whole processor. So
what comes within 60 ms is read at once, in turns between workspaces; whoever sends alone waits for nobody, and what is
read waits for the next flush anyway. Measured: see benchmarks/RESULTS.md, ingest.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np

from tidegate.kernel import WorkspaceId
from tidegate.telemetry.fair_queue import FairQueue
from tidegate.telemetry.pieces import MAX_CHUNK_BYTES, MAX_CHUNK_SPANS
from tidegate.telemetry.sent import Sent
from tidegate.telemetry.span_columns import Extent
from tidegate.telemetry.span_reading import SpanReader
from tidegate.telemetry.spans import read_together

_PAUSE_S: Final = 0.06
_MOST_AT_ONCE: Final = 2 * MAX_CHUNK_SPANS  # 14 ms: twice as many as of one body
_BYTES_A_SPAN: Final = MAX_CHUNK_BYTES // MAX_CHUNK_SPANS


@dataclass(slots=True)
class _Order:
    workspace: WorkspaceId
    sent: Sent
    weight: int
    done: "asyncio.Future[Extent | None]" = field(repr=False)


class ReadingRoom:
    """Reads spans of many bodies together. One a process."""

    def __init__(self, reader: SpanReader, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._reader = reader
        self._monotonic = monotonic
        self._waiting: FairQueue[_Order] = FairQueue()
        self._work: asyncio.Task[None] | None = None
        self._last_began = -_PAUSE_S

    async def read(self, workspace: WorkspaceId, sent: Sent) -> Extent | None:
        """Return where the good ones of `sent` stand, `None` when there are none; the others are refused."""
        weight = max(len(sent), sum(map(len, sent.raw_spans)) // _BYTES_A_SPAN)
        order = _Order(workspace, sent, weight, asyncio.get_running_loop().create_future())
        self._waiting.add(order)
        if self._work is None or self._work.done():
            self._work = asyncio.get_running_loop().create_task(self._read_waiting())
        return await order.done

    async def _read_waiting(self) -> None:
        while self._waiting:
            pause = self._last_began + _PAUSE_S - self._monotonic()
            # With many waiting there is nothing to wait for, but others want their turn.
            await asyncio.sleep(max(pause, 0) if self._waiting.weight < _MOST_AT_ONCE else 0)
            self._last_began = self._monotonic()
            # A sender that has hung up sends again: nobody waits for what it sent here.
            orders = [order for order in self._waiting.take(_MOST_AT_ONCE) if not order.done.done()]
            for order, extent in zip(orders, _read(orders, self._reader), strict=True):
                if isinstance(extent, Exception):
                    order.done.set_exception(extent)
                else:
                    order.done.set_result(extent)


def _read(orders: Sequence[_Order], reader: SpanReader) -> Sequence[Extent | Exception | None]:
    """Return where the good spans of each order stand; what fails together is read alone: neighbours must not pay."""
    everything = Sent()
    for order in orders:
        everything.add(order.sent)
    try:
        columns, rows = read_together(everything, reader)
    except Exception as error:  # noqa: BLE001 - its sender hears of it
        return [error] if len(orders) == 1 else [_read([order], reader)[0] for order in orders]
    if columns is None:
        return [None] * len(orders)
    bounds = np.searchsorted(rows, np.cumsum([0, *(len(order.sent) for order in orders)])).tolist()
    return [Extent(columns, start, stop) if stop > start else None for start, stop in pairwise(bounds)]
