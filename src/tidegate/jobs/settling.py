"""Ends of attempts, written together: while one batch is on its way, the next one gathers."""

import asyncio
from typing import Final

import structlog

from tidegate.jobs.model import Settled
from tidegate.jobs.ports import Ledger
from tidegate.kernel import UnavailableError

__all__ = ["Settler"]

_AGAIN_S: Final = 0.5
_log = structlog.get_logger("tidegate.jobs")


class Settler:
    """Writes what it is given in batches; while PostgreSQL is away it tries on, for what was done must not be lost."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._gathered: list[tuple[Settled, asyncio.Future[bool]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def settle(self, settled: Settled) -> bool:
        """Return whether the job was still ours, once its end is stored."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._gathered.append((settled, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await future

    async def _write(self) -> None:
        try:
            while self._gathered:
                batch, self._gathered = self._gathered, []
                await self._write_batch(batch)
        finally:
            self._writing = None

    async def _write_batch(self, batch: list[tuple[Settled, asyncio.Future[bool]]]) -> None:
        while True:
            try:
                ours = await self._ledger.settle([settled for settled, _ in batch])
            except UnavailableError as error:
                # Whether it was stored may be unknown. Then it is refused the second time, and nothing happens twice.
                _log.warning("ends of jobs are stored later", count=len(batch), cause=error.message)
                await asyncio.sleep(_AGAIN_S)
                continue
            except Exception as error:  # noqa: BLE001 - each attempt that waits for it hears of it
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                return
            for settled, future in batch:
                if not future.done():
                    future.set_result(settled.job.id in ours)
            return
