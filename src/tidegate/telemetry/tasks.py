"""Telemetry in the background: touches that nobody confirmed, and news of what other processes stored."""

import asyncio
from collections.abc import Callable

import asyncpg
import structlog

from tidegate.kernel import TidegateError
from tidegate.telemetry.ports import TouchLedger
from tidegate.telemetry.store import CHANNEL

__all__ = ["hear_touches", "sweep_touches"]

_log = structlog.get_logger("tidegate.ingest")
_SWEEP_S = 5.0  # what it finds is a minute old
_HEAR_AGAIN_S = 1.0


async def sweep_touches(ledger: TouchLedger) -> None:
    """Sweep every few seconds until cancelled."""
    while True:
        await asyncio.sleep(_SWEEP_S)
        try:
            await ledger.sweep()
        except TidegateError as error:
            _log.warning("touches were not swept", reason=error.message)


async def hear_touches(dsn: str, on_stored: Callable[[], None]) -> None:
    """Call `on_stored` whenever another process has stored something; until cancelled.

    Only a wake-up: counting also goes round by itself once a second, so what is missed while the connection is away
    is late and not lost.
    """
    while True:
        try:
            await _hear_until_lost(dsn, on_stored)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            _log.info("not listening for touches", reason=repr(error))
        await asyncio.sleep(_HEAR_AGAIN_S)


async def _hear_until_lost(dsn: str, on_stored: Callable[[], None]) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda *_: lost.set())
        await connection.add_listener(CHANNEL, lambda *_: on_stored())
        await lost.wait()
    finally:
        connection.terminate()
