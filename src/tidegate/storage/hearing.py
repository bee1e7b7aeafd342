"""Hearing PostgreSQL's NOTIFY: only ever a wake-up, for what is said while the connection is away is not heard."""

import asyncio
from collections.abc import Callable
from typing import Final

import asyncpg
import structlog

__all__ = ["hear"]

_AGAIN_S: Final = 1.0
_log = structlog.get_logger("tidegate.storage")


async def hear(dsn: str, channel: str, on_heard: Callable[[], None]) -> None:
    """Call `on_heard` whenever somebody notifies `channel`; until cancelled."""
    while True:
        try:
            await _hear_until_lost(dsn, channel, on_heard)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            _log.info("not listening", channel=channel, reason=repr(error))
        await asyncio.sleep(_AGAIN_S)


async def _hear_until_lost(dsn: str, channel: str, on_heard: Callable[[], None]) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda *_: lost.set())
        await connection.add_listener(channel, lambda *_: on_heard())
        on_heard()  # what was said before
        await lost.wait()
    finally:
        connection.terminate()
