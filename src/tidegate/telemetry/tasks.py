"""Telemetry in the background: touches that nobody confirmed, and news of what other processes stored."""

import asyncio
from collections.abc import Callable

import structlog

from tidegate.kernel import TidegateError
from tidegate.storage.hearing import hear
from tidegate.telemetry.ports import TouchLedger
from tidegate.telemetry.store import CHANNEL

__all__ = ["hear_touches", "sweep_touches"]

_log = structlog.get_logger("tidegate.ingest")
_SWEEP_S = 5.0  # what it finds is a minute old


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
    await hear(dsn, CHANNEL, on_stored)
