"""Connections that only take room: a caller who does not say what it wants is cut off."""

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["ImpatientProtocol", "raise_file_limit"]

_HEAD_WITHIN_S = 10.0  # a head is a kilobyte; exporters themselves give up after 10 s
MAX_CONNECTIONS = 4_000  # beyond it 503 at once; each takes some 20 kB
_FILES = 2 * MAX_CONNECTIONS


class ImpatientProtocol(HttpToolsProtocol):
    """HTTP as the server speaks it, but a head must be complete within ten seconds of its connection or first byte.

    Between requests the server's own keep-alive bound holds; bodies have a bound at their door.
    """

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as the base class has it
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_timer is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(_HEAD_WITHIN_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def raise_file_limit() -> None:
    """Allow this process as many files as connections need, within what its user may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
