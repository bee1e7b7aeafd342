"""What the supervisor looks after between events: the ballast on the disk and the size of its children's logs."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tidegate.app.supervisor.events import LOG_BYTES, EventLog, trim
from tidegate.storage.disk import Ballast

_EVERY_S = 2.0  # at 20,000 spans/s some 20 MB are written meanwhile: what the watermark keeps is a hundred times that


async def keep_house(ballast: Ballast, logs: Sequence[Path], events: EventLog) -> None:
    """Look every two seconds until cancelled; costs 50 µs each time."""
    while True:
        done = ballast.keep()
        if done is not None:
            events.emit(f"ballast.{done}")
        for log in logs:
            if trim(log, LOG_BYTES):
                events.emit("log.trimmed", log=log.name)
        await asyncio.sleep(_EVERY_S)
