"""Looking up names, in threads of its own.

The system's look-up cannot be given up: a name whose servers stall keeps a thread for half a minute, long after the
call gave up waiting. So these threads are no one else's, and one name has two of them at most.
"""

import asyncio
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

__all__ = ["NameThreads"]

_THREADS: Final = 16
_OF_ONE_NAME: Final = 2


class NameThreads(AbstractResolver):
    """Asks the system where a name leads; each time anew."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="egress-names")
        self._under_way: Counter[str] = Counter()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if self._under_way[host] >= _OF_ONE_NAME:
            raise OSError("look-ups of this name are under way")
        loop = asyncio.get_running_loop()
        self._under_way[host] += 1
        looking = self._pool.submit(_look_up, host, port, family)
        looking.add_done_callback(lambda _: loop.call_soon_threadsafe(self._done, host))
        return await asyncio.shield(asyncio.wrap_future(looking))

    async def close(self) -> None:
        """Keep the threads: they serve the next call."""

    def _done(self, host: str) -> None:
        self._under_way[host] -= 1
        if not self._under_way[host]:
            del self._under_way[host]


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [
        ResolveResult(
            hostname=host,
            host=str(place[0]),
            port=port,
            family=kind,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, protocol, _, place in found
    ]
